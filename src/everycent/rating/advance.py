"""Quantities that are paid in advance and changed within the period, such as seats."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction

from everycent.catalog.proration import Decrease


def moves(
    quantities: Iterable[tuple[Decimal, Fraction]],
    cost: Callable[[Decimal], Decimal | Fraction],
    decrease: Decrease = Decrease.CREDIT,
) -> list[Fraction]:
    """The exact amount of each change of a quantity, the first being the start: (cost now − cost before) ×
    the part of the period that is left.

    `quantities` come with that part in order of time; `cost` is what a quantity costs for a full period.
    With KEEP nothing is given back, and what counts as before is the highest quantity so far.
    """
    found = []
    before = Fraction(0)
    for number, (quantity, share) in enumerate(quantities):
        now = Fraction(cost(quantity))
        difference = now - before if number else now
        if decrease is Decrease.KEEP:
            difference = max(difference, Fraction(0))
            now = max(now, before)
        found.append(difference * share)
        before = now
    return found
