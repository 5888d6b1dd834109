"""Which periods are due: derived from what is covered so far, never remembered.

Prices in advance are due when their period begins, the others when it has ended. A contract that
starts or ends inside a period is billed for a shorter one, by local days.
"""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from everycent.kernel.calendar import Cycle, local_date
from everycent.kernel.period import Period


class Due(NamedTuple):
    """A period to be billed, the instant at which it fell due, the full period of which it is a part,
    and its share of that."""

    period: Period
    due_at: datetime
    share: Fraction
    whole: Period


@lru_cache(maxsize=65536)
def due_periods(
    cycle: Cycle,
    covered_until: datetime,
    ends_at: datetime | None,
    as_of: datetime,
    *,
    in_advance: bool,
) -> tuple[Due, ...]:
    """The periods after `covered_until` that are due by `as_of`, in order, without a gap.

    Many contracts share their cycle and are billed up to the same instant: the answer is kept.
    """
    found = []
    start = covered_until
    while ends_at is None or start < ends_at:
        first_day = local_date(start, cycle.zone)
        n = cycle.index(first_day)
        full = cycle.period(n)
        end = full.end if ends_at is None else min(full.end, ends_at)
        due_at = start if in_advance else end
        if due_at > as_of:
            break
        period = Period(start, end)
        found.append(Due(period, due_at, _share(cycle, n, period, full), full))
        start = end
    return tuple(found)


def cut_off(cycle: Cycle, start: datetime, ends_at: datetime) -> Due:
    """What is left of the period that began at `start` when its phase ends at `ends_at`, inside it or
    before: due at that end. Nothing at all may be left."""
    n = cycle.index(local_date(start, cycle.zone))
    full = cycle.period(n)
    left = Period(start, max(start, ends_at))
    return Due(left, ends_at, _share(cycle, n, left, full), full)


def _share(cycle: Cycle, n: int, part: Period, full: Period) -> Fraction:
    if part == full:
        return Fraction(1)
    # The boundaries' own dates: where a zone left a day out, the first instant is the next day's.
    first, last = cycle.boundary(n), cycle.boundary(n + 1)
    begins = first if part.start == full.start else local_date(part.start, cycle.zone)
    ends = last if part.end == full.end else local_date(part.end, cycle.zone)
    return Fraction((ends - begins).days, (last - first).days)
