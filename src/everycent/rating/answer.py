"""What a request comes to, and its trace: all that leads to the amount, every number as exact text."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import msgspec

from everycent.catalog.price import Flat, Price, needs_events
from everycent.kernel.errors import Invalid
from everycent.kernel.money import EXACT, rounded
from everycent.kernel.money import plain as money_text
from everycent.kernel.quantity import as_decimal, plain
from everycent.rating.events import total
from everycent.rating.marginal import Marginal, Used, marginal
from everycent.rating.priced import Priced
from everycent.rating.prorated import is_prorated
from everycent.rating.quantity import converted
from everycent.rating.request import Request

_MAX_MONEY = 10**12


class Rated(NamedTuple):
    """What a request comes to. `measured` is all use so far, and `quantity` what was priced of it (None
    where the price has no quantity or looks at the events)."""

    request: Request
    measured: Decimal
    quantity: Decimal | None
    found: Marginal


def rate(request: Request) -> Rated:
    """What the request comes to, rounded to the currency.

    Raises Invalid `price.…` and `money.too_large` with the field, the latter beyond 10^12 too.
    """
    price, place = request.price, request.place
    before, after = request.before, _joined(request.before, request.used)
    measured, quantity = _sum(after), None
    if _has_quantity(price, after):
        quantity = converted(measured, price.quantity_rounding)
        after = quantity
        if before is not None:
            before = converted(_sum(before), price.quantity_rounding)
    field = f"{place}{'quantity' if isinstance(request.used, Decimal) else 'events'}"
    if isinstance(price.scheme, Flat):
        field = f"{place}price.flat.amount"
    try:
        found = marginal(
            price,
            before if request.billed is None else request.billed,
            after,
            request.currency,
            request.share,
            is_last=request.is_last,
        )
        if abs(Fraction(found.after.exact)) > _MAX_MONEY:
            raise Invalid(
                "money.too_large", "it comes to more than 10^12", value=found.after.amount
            )
    except Invalid as refusal:
        if refusal.code == "money.too_large":
            refusal.field, refusal.message = field, f"{field}: {refusal.message}"
            refusal.hint = (
                "check the price and the quantity: an amount has at most 10^12 major units"
            )
        raise
    return Rated(request, measured, quantity, found)


def _has_quantity(price: Price, used: Used) -> bool:
    """Whether the price looks at nothing but a quantity."""
    if isinstance(price.scheme, Flat) or needs_events(price.scheme):
        return False
    return isinstance(used, Decimal) or not is_prorated(used)


def _joined(before: Used | None, used: Used) -> Used:
    """All use so far, that of before first."""
    if before is None:
        return used
    if isinstance(before, Decimal):
        return EXACT.add(before, _sum(used))
    return (*before, *(() if isinstance(used, Decimal) else used))


def _sum(used: Used) -> Decimal:
    return used if isinstance(used, Decimal) else total(used)


def trace(rated: Rated) -> dict[str, Any]:
    """The amount, and what it is made of from the quantity on. What plays no part is null."""
    request, found = rated.request, rated.found
    price = request.price
    used = request.used
    total = rounded(found.after.exact, request.currency, price.amount_rounding)
    return {
        "price": price.key,
        "currency": request.currency,
        "amount": money_text(found.net),
        "minor": found.net.minor,
        "measured": None if isinstance(price.scheme, Flat) else plain(rated.measured),
        "events": len(used) if not isinstance(used, Decimal) else None,
        "conversion": msgspec.to_builtins(price.quantity_rounding),
        "quantity": None if rated.quantity is None else plain(rated.quantity),
        "share": str(request.share) if request.share != 1 else None,
        **_priced_data(found.after),
        "rounding": price.amount_rounding.value,
        "total": money_text(total),
        "before": None if found.before is None else _priced_data(found.before),
        "billed": money_text(found.billed),
    }


def _priced_data(told: Priced) -> dict[str, Any]:
    return {
        "steps": [msgspec.to_builtins(step) for step in told.steps],
        "sum": plain(told.amount),
        "limit": None if told.limit is None else told.limit.value,
        "exact": exact_text(told.exact),
    }


def exact_text(value: Decimal | Fraction) -> str:
    """Plain digits where the number ends, else the fraction, e.g. '100/3'."""
    if isinstance(value, Decimal):
        return plain(value)
    shown = as_decimal(value)
    return plain(shown) if Fraction(shown) == value else str(value)
