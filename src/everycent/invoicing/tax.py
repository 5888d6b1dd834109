"""Taxes: one amount per category and rate, on the sum of the lines, rounded once.

The rate is the one in force on the day of supply: the last day of a line's period, or the first
where it is billed in advance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

from msgspec.structs import replace

from everycent.catalog.plan import UNTAXED, Tax, TaxRate, rate_on
from everycent.invoicing.invoice import TaxAmount
from everycent.kernel.errors import Conflict
from everycent.kernel.money import EXACT, Rounding, checked, major, rounded


def rate_for(category: str, day: date, taxes: Mapping[str, Tax]) -> tuple[TaxRate, Rounding] | None:
    """The rate of a category on a day, None for what is untaxed.

    Raises Conflict `tax.no_rate` when the category has no rate on that day.
    """
    if category == UNTAXED:
        return None
    tax = taxes.get(category)
    rate = None if tax is None else rate_on(tax, day)
    if tax is None or rate is None:
        raise Conflict(
            "tax.no_rate",
            f"the tax category {category!r} has no rate on {day.isoformat()}",
            field="tax",
            value=category,
            hint="add the rate to the catalogue and bill again",
        )
    return rate, tax.rounding


def amounts(
    taxed: Iterable[tuple[str, TaxRate, Rounding, int]], currency: str
) -> tuple[TaxAmount, ...]:
    """The taxes of an invoice from its lines' (category, rate, rounding, net in minor units).

    Raises Invalid `money.too_large`.
    """
    # By the percentage and not by when it came into force: one that was renewed is still one rate.
    bases: dict[tuple[str, str], tuple[TaxRate, Rounding, int]] = {}
    for category, rate, rounding, net in taxed:
        first, _, base = bases.get((category, rate.percent), (rate, rounding, 0))
        bases[category, rate.percent] = (first, rounding, base + net)
    return tuple(
        _amount(TaxAmount(category, rate.percent, rate.since, rounding, base, 0), currency)
        for (category, _), (rate, rounding, base) in bases.items()
    )


def _amount(tax: TaxAmount, currency: str) -> TaxAmount:
    """The tax with what its percentage of the base comes to."""
    whole = major(checked(tax.base, currency))
    exact = EXACT.multiply(whole, Decimal(tax.percent)).scaleb(-2, EXACT)
    return replace(tax, amount=rounded(exact, currency, tax.rounding).minor)


def reduced(
    taxes: Iterable[TaxAmount], off: Mapping[tuple[str, str | None], int], currency: str
) -> tuple[TaxAmount, ...]:
    """The taxes on bases of which something is taken off, by category and percentage."""
    return tuple(
        _amount(replace(tax, base=tax.base - off.get((tax.category, tax.percent), 0)), currency)
        for tax in taxes
    )
