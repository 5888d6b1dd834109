"""A line of an invoice as it is discounted, taxed and paid."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from everycent.recount.exact import ZERO, rounded

Plain = Mapping[str, Any]
"""A part of a frozen event: what JSON can say, with numbers that are not whole as texts."""


class Sold(NamedTuple):
    """A line with what its price comes to, its taxes (category, percentage), whether the price includes
    them, and what it keeps of a discount; it is the line with this number."""

    line_no: int
    amount: int
    rates: tuple[tuple[str, str], ...]
    has_tax: bool
    kept: Fraction | None
    corrects: bool
    order: tuple[Any, ...]

    @property
    def percent(self) -> Fraction:
        """All its taxes together."""
        return sum((Fraction(percent) for _, percent in self.rates), ZERO)

    def contained(self, amount: int) -> int:
        """What an amount contains of taxes by itself, in whole units."""
        if not self.has_tax:
            return 0
        return int(rounded(amount * self.percent / (100 + self.percent), 0, "half_up"))


def sold(line: Plain, amount: int) -> Sold:
    """A frozen line as it is discounted and taxed. Lines are taken in the order of what they say: by
    taxes, the larger first, by contract, item and time."""
    percents = line.get("waived_percent") or line.get("tax_percent")
    categories = line["charge"]["product"]["tax_category"].split("+")
    rates = () if percents is None else zip(categories, percents.split("+"), strict=True)
    told = tuple(rates)
    has_tax = bool(line["charge"]["price"].get("includes_tax", False))
    kept = line.get("kept")
    order = (
        tuple((category, Fraction(percent)) for category, percent in told), has_tax, -amount,
        line["subscription"], line["item_no"], line["starts_at"],
    )  # fmt: skip
    return Sold(
        line["line_no"], amount, told, has_tax, None if kept is None else Fraction(*kept),
        line.get("corrects") is not None, order,
    )  # fmt: skip
