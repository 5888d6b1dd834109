"""Which periods are due: derived from what is covered so far, never remembered.

Prices in advance are due when their period begins, the others when it has ended. A contract that
starts or ends inside a period is billed for a shorter one, by the plan's rule of proration.
"""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from everycent.catalog.proration import DEFAULT, Proration
from everycent.kernel.calendar import Cycle, local_date
from everycent.kernel.period import Period
from everycent.subscriptions.proration import WHOLE, Edge, Part, counted


class Due(NamedTuple):
    """A period to be billed, the instant at which it fell due, the full period of which it is a part,
    and its share of that, in units of time of which a full period has so many. `is_last` where the
    contract has no more of that full period, or the period ends with it."""

    period: Period
    due_at: datetime
    share: Fraction
    whole: Period
    units: int = 1
    is_last: bool = True


class Sides(NamedTuple):
    """Whether the phase follows another one of its track without a gap, and is followed by one."""

    follows: bool = False
    is_followed: bool = False


ALONE = Sides()


@lru_cache(maxsize=65536)
def due_periods(
    cycle: Cycle,
    covered_until: datetime,
    ends_at: datetime | None,
    as_of: datetime,
    *,
    in_advance: bool,
    rule: Proration = DEFAULT,
    sides: Sides = ALONE,
    is_kept: bool = False,
) -> tuple[Due, ...]:
    """The periods after `covered_until` that are due by `as_of`, in order, without a gap. One that begins
    before `ends_at` is due as a whole if it `is_kept`: nothing of it would be given back.

    Many contracts share their cycle and are billed up to the same instant: the answer is kept.
    """
    found = []
    start = covered_until
    while ends_at is None or start < ends_at:
        first_day = local_date(start, cycle.zone)
        n = cycle.index(first_day)
        full = cycle.period(n)
        end = full.end if ends_at is None or is_kept else min(full.end, ends_at)
        due_at = start if in_advance else end
        if due_at > as_of:
            break
        period = Period(start, end)
        part = Part(period, *edges(period, full, sides))
        found.append(due_part(part, full, cycle, due_at, rule))
        start = end
    return tuple(found)


def due_part(part: Part, full: Period, cycle: Cycle, due_at: datetime, rule: Proration) -> Due:
    """A part of a full period as something that is due."""
    if part.period == full:
        return Due(full, due_at, WHOLE.share, full)
    units = counted(part, cycle, rule)
    is_last = part.ends is not Edge.CHANGE
    return Due(part.period, due_at, units.share, full, units.whole, is_last)


def edges(period: Period, full: Period, sides: Sides) -> tuple[Edge, Edge]:
    """What is on the two sides of a part of a full period."""
    before = Edge.CHANGE if sides.follows else Edge.END
    after = Edge.CHANGE if sides.is_followed else Edge.END
    return (
        Edge.BOUNDARY if period.start == full.start else before,
        Edge.BOUNDARY if period.end == full.end else after,
    )


def cut_off(
    cycle: Cycle,
    start: datetime,
    ends_at: datetime,
    rule: Proration = DEFAULT,
    sides: Sides = ALONE,
) -> Due:
    """What is left of the period that began at `start` when its phase ends at `ends_at`, inside it or
    before: due at that end. Nothing at all may be left."""
    full = cycle.period(cycle.index(local_date(start, cycle.zone)))
    left = Period(start, max(start, ends_at))
    if left.start == left.end:
        return Due(left, ends_at, Fraction(0), full)
    return due_part(Part(left, *edges(left, full, sides)), full, cycle, ends_at, rule)


def is_within(period: Period, span: Period, *, in_advance: bool) -> bool:
    """Whether what is charged for a period counts in a span: in advance where it begins, else where it
    ends."""
    if in_advance:
        return span.start <= period.start < span.end
    return span.start < period.end <= span.end
