"""Commitments: what is missing to an agreed minimum of everything that a plan charges for a period."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction

from everycent.catalog.proration import CommitmentRounding
from everycent.kernel.currency import exponent
from everycent.kernel.money import Rounding, rounded


def true_up(
    commitment: Decimal,
    charged: Iterable[Decimal | Fraction],
    currency: str,
    share: Fraction = Fraction(1),
    how: CommitmentRounding = CommitmentRounding.APART,
) -> int:
    """The minor units that are missing to the part of the commitment (major units) that the period has; 0
    where nothing is. `charged` are the exact amounts that count towards it.

    APART rounds the part of the commitment and each amount, half up, and subtracts; ONCE rounds what is
    left.
    """
    due = Fraction(commitment) * share
    if how is CommitmentRounding.ONCE:
        left = due - sum((Fraction(each) for each in charged), Fraction(0))
        return max(0, rounded(left, currency, Rounding.HALF_UP).minor)
    counted = sum(rounded(Fraction(each), currency, Rounding.HALF_UP).minor for each in charged)
    return max(0, rounded(due, currency, Rounding.HALF_UP).minor - counted)


def interim(
    totals: Iterable[int],
    thresholds: Iterable[Decimal],
    currency: str,
    repeat: Decimal | None = None,
) -> list[int]:
    """What to bill ahead of the end of a period whenever its use has reached a threshold (major units):
    for each of the running `totals` (minor units) the total less what was billed before, or 0.

    Beyond the highest threshold each further `repeat` is one. The bill of the period takes off what these
    come to.
    """
    scale = 10 ** exponent(currency)
    bounds = sorted(int(Fraction(each) * scale) for each in thresholds)
    step = None if repeat is None else int(Fraction(repeat) * scale)
    billed = reached = 0
    found = []
    for total in totals:
        now = _reached(total, bounds, step)
        found.append(total - billed if now > reached else 0)
        if now > reached:
            reached, billed = now, total
    return found


def _reached(total: int, bounds: list[int], step: int | None) -> int:
    """How many thresholds a total has reached."""
    count = sum(1 for bound in bounds if bound <= total)
    if step is not None and step > 0 and count == len(bounds):
        count += (total - (bounds[-1] if bounds else 0)) // step
    return count
