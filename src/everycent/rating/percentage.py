"""A percentage of events, each with its own fee: free ones, fixed amounts, a minimum and a maximum."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from functools import reduce

from everycent.catalog.price import Percentage
from everycent.kernel.money import EXACT
from everycent.rating.charge import Step
from everycent.rating.step import Steps, hundredth, per_unit_step, percent_step

_ZERO = Decimal(0)


def percentage(scheme: Percentage, values: Sequence[Decimal]) -> Steps:
    """What the events cost, in the order in which they happened: none of the values is below zero.

    Events are told by what decides their fee: the allowance, the percentage and the fixed amount, the
    minimum, or the maximum.
    """
    paying = list(_paying_parts(scheme, values))
    free = EXACT.subtract(_sum(values), _sum(paying))
    factor, fixed = hundredth(scheme.percent), Decimal(scheme.fixed_amount)
    low = None if scheme.minimum is None else Decimal(scheme.minimum)
    high = None if scheme.maximum is None else Decimal(scheme.maximum)
    plain_taken, raised, cut = [], 0, 0
    for taken in paying:
        fee = EXACT.fma(taken, factor, fixed)
        if low is not None and fee < low:
            raised += 1
        elif high is not None and fee > high:
            cut += 1
        else:
            plain_taken.append(taken)
    found: list[tuple[Step, Decimal]] = []
    if scheme.free_events is not None or scheme.free_total is not None:
        found.append(per_unit_step("free of charge", free, "0"))
    found.append(percent_step("percentage", _sum(plain_taken), scheme.percent))
    if fixed:
        count = Decimal(len(plain_taken))
        found.append(per_unit_step("fixed amount per event", count, scheme.fixed_amount))
    if raised and scheme.minimum is not None:
        found.append(per_unit_step("events at the minimum", Decimal(raised), scheme.minimum))
    if cut and scheme.maximum is not None:
        found.append(per_unit_step("events at the maximum", Decimal(cut), scheme.maximum))
    return tuple(step for step, _ in found), _sum(amount for _, amount in found)


def _paying_parts(scheme: Percentage, values: Iterable[Decimal]) -> Iterator[Decimal]:
    """The part that pays of each event that is not free."""
    is_open = scheme.free_events is not None or scheme.free_total is not None
    bound = None if scheme.free_total is None else Decimal(scheme.free_total)
    used, running = 0, _ZERO
    for value in values:
        running = EXACT.add(running, value)
        if is_open and used == scheme.free_events:
            is_open = False
        if not is_open:
            yield value
        elif bound is None or running <= bound:
            used += 1
        else:
            is_open = False
            yield EXACT.subtract(running, bound)


def _sum(values: Iterable[Decimal]) -> Decimal:
    return reduce(EXACT.add, values, _ZERO)
