"""The section `coupons`: what may be taken off, and of what."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from decimal import Decimal

from everycent.catalog.coupon import Coupon
from everycent.catalog.document_refusals import (
    Strict,
    money_amount,
    placed,
    unknown,
    wrong,
)
from everycent.catalog.plan import Plan
from everycent.kernel import calendar
from everycent.kernel import currency as currencies
from everycent.kernel.quantity import parse_decimal, plain

_MAX_TIMES = 10_000
_MAX_LIMIT = 1_000_000_000
_MAX_PRIORITY = 1_000_000
_SCOPES = ("plans", "products", "prices")


class CouponShape(Strict):
    """An entry of `coupons`."""

    name: str | None = None
    percent: str | None = None
    amount: str | None = None
    currency: str | None = None
    times: int | None = None
    lasts: str | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    limit: int | None = None
    priority: int = 100
    combinable: bool = True
    plans: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    prices: tuple[str, ...] = ()


def coupon(
    key: str, given: CouponShape, products: Collection[str], plans: Mapping[str, Plan]
) -> Coupon:
    """A coupon whose plans, products and prices are known."""
    place = f"coupons.{key}"
    name = key if given.name is None else given.name
    if not name.strip() or len(name) > 200:
        raise wrong(f"{place}.name", "a name has 1 to 200 characters")
    if (given.percent is None) == (given.amount is None):
        raise wrong(place, "a coupon takes off either a percent or an amount", "give one of them")
    _check_range(given.times, 1, _MAX_TIMES, f"{place}.times")
    _check_range(given.limit, 1, _MAX_LIMIT, f"{place}.limit")
    _check_range(given.priority, 0, _MAX_PRIORITY, f"{place}.priority")
    if given.lasts is not None:
        placed(f"{place}.lasts", calendar.parse_interval, given.lasts)
    if (
        given.valid_from is not None
        and given.valid_until is not None
        and given.valid_until <= given.valid_from
    ):
        raise wrong(f"{place}.valid_until", "it is not after valid_from, so that it never holds")
    known: Mapping[str, Collection[str]] = {
        "plans": plans,
        "products": products,
        "prices": _prices(plans.values()),
    }
    scope = {kind: _named(getattr(given, kind), known[kind], kind, place) for kind in _SCOPES}
    return Coupon(
        key,
        name,
        _percent(given.percent, place),
        _amount(given, place),
        given.currency,
        given.times,
        given.lasts,
        given.valid_from,
        given.valid_until,
        given.limit,
        given.priority,
        given.combinable,
        scope["plans"],
        scope["products"],
        scope["prices"],
    )


def _percent(text: str | None, place: str) -> str | None:
    if text is None:
        return None
    percent = placed(f"{place}.percent", parse_decimal, text, f"{place}.percent")
    if not 0 < percent <= 100:
        raise wrong(f"{place}.percent", f"{text} is not more than 0 and up to 100")
    return plain(percent)


def _amount(given: CouponShape, place: str) -> str | None:
    """The fixed amount, which its currency can hold."""
    if given.amount is None:
        if given.currency is not None:
            raise wrong(f"{place}.currency", "a percentage has no currency")
        return None
    if given.currency is None:
        raise wrong(f"{place}.currency", "an amount needs a currency", "such as EUR")
    places = placed(f"{place}.currency", currencies.exponent, given.currency)
    amount = parse_decimal(money_amount(given.amount, f"{place}.amount"), f"{place}.amount")
    if amount <= 0:
        raise wrong(f"{place}.amount", "it must be more than 0")
    if amount != amount.quantize(Decimal(1).scaleb(-places)):
        raise wrong(f"{place}.amount", f"{given.currency} has {places} decimals")
    return plain(amount)


def _check_range(value: int | None, least: int, most: int, place: str) -> None:
    if value is not None and not least <= value <= most:
        raise wrong(place, f"{value} is not between {least} and {most}")


def _prices(plans: Iterable[Plan]) -> set[str]:
    """The keys of all prices, and those of matrices without their cells."""
    found: set[str] = set()
    for plan in plans:
        for item in plan.items:
            parts = item.price.key.split(".")
            found |= {".".join(parts[:n]) for n in range(1, len(parts) + 1)}
    return found


def _named(
    given: tuple[str, ...], known: Collection[str], kind: str, place: str
) -> tuple[str, ...]:
    for name in given:
        if name not in known:
            raise unknown(f"{place}.{kind}", kind.removesuffix("s"), name, known)
        if given.count(name) > 1:
            raise wrong(f"{place}.{kind}", f"{name} stands twice")
    return tuple(sorted(given))
