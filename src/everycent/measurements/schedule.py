"""Which intervals are due: derived from what is covered so far, never remembered by a timer.

Intervals are half-open and lie on people's clocks. Steps of up to an hour are even and counted from
local midnight, so a day on which clocks change has 23 or 25 hours of them. Steps of several hours are
cut by the clock on the wall, days at midnight, weeks on Monday, months on the first. The first interval
is shorter when a measurement starts inside one, and the last one when it ends there.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple

from everycent.kernel import calendar
from everycent.kernel.calendar import Cycle, Interval, Repeated, Skipped, local_date, start_of_day
from everycent.kernel.errors import Invalid
from everycent.kernel.period import Period

_SHORT = re.compile(r"([1-9][0-9]{0,3}) ?(m|min|minutes?|h|hours?|d|s|seconds?)")
_MINUTES_OF_A_DAY = 24 * 60
_LONGEST_DELAY = timedelta(days=31)


class Every(NamedTuple):
    """How long an interval is: a number of `minutes` that divides an hour or a day, or whole days or
    months as `interval`."""

    minutes: int
    interval: Interval | None = None


def parse_every(text: str) -> Every:
    """'15m', '1h', '6h', '1d', 'day', 'week', '1 month', 'quarter' …

    Raises Invalid `measurement.bad_every`.
    """
    match = _SHORT.fullmatch(text)
    if match is None or match[2] == "d":
        try:
            return Every(0, calendar.parse_interval(f"{match[1]} days" if match else text))
        except Invalid as unknown:
            raise _bad_every(text) from unknown
    if match[2].startswith("s"):
        raise _bad_every(text)
    minutes = int(match[1]) * (60 if match[2].startswith("h") else 1)
    if minutes == _MINUTES_OF_A_DAY:
        return Every(0, Interval(0, 1))
    if 60 % minutes and (minutes % 60 or _MINUTES_OF_A_DAY % minutes):
        raise _bad_every(text)
    return Every(minutes)


def _bad_every(text: str) -> Invalid:
    return Invalid(
        "measurement.bad_every",
        f"{text[:40]!r} is not how often something can be measured",
        field="every",
        value=text,
        hint="use minutes that divide an hour (15m), hours that divide a day (1h, 6h), or whole days,"
        " weeks or months (1d, week, 1 month)",
    )


def parse_delay(text: str) -> timedelta:
    """How long to wait after the end of an interval: '90s', '5m', '2h', '1d'; 31 days at the most.

    Raises Invalid `measurement.bad_delay`.
    """
    match = _SHORT.fullmatch(text)
    if match is not None:
        seconds = {"s": 1, "m": 60, "h": 3600, "d": 86_400}[match[2][0]]
        delay = timedelta(seconds=int(match[1]) * seconds)
        if delay <= _LONGEST_DELAY:
            return delay
    raise Invalid(
        "measurement.bad_delay",
        f"{text[:40]!r} is not a time to wait",
        field="delay",
        value=text,
        hint="write it like 90s, 5m, 2h or 1d; 31 days at the most",
    )


class Schedule(NamedTuple):
    """When intervals begin and end, and how long after its end one may be measured."""

    every: Every
    time_zone: str
    starts_at: datetime
    ends_at: datetime | None
    delay: timedelta


def due_intervals(schedule: Schedule, covered_until: datetime, as_of: datetime) -> Iterator[Period]:
    """The intervals after `covered_until` that may be measured by `as_of`, in order, without a gap."""
    start = covered_until
    while schedule.ends_at is None or start < schedule.ends_at:
        end = _end_of(schedule, start)
        if end + schedule.delay > as_of:
            return
        yield Period(start, end)
        start = end


def next_due_at(schedule: Schedule, covered_until: datetime) -> datetime | None:
    """When the interval after `covered_until` may be measured; None when there is none."""
    if schedule.ends_at is not None and covered_until >= schedule.ends_at:
        return None
    return _end_of(schedule, covered_until) + schedule.delay


def _end_of(schedule: Schedule, start: datetime) -> datetime:
    if schedule.every.interval is None:
        end = _next_mark(schedule.every.minutes, schedule.time_zone, start)
    else:
        first_day = local_date(schedule.starts_at, schedule.time_zone)
        end = _next_boundary(_cycle(first_day, schedule.every.interval, schedule.time_zone), start)
    return end if schedule.ends_at is None else min(end, schedule.ends_at)


def _cycle(first_day: date, interval: Interval, time_zone: str) -> Cycle:
    """Months are cut on the first and weeks on Monday; other spans of days are counted from the start."""
    anchor_day = 1 if interval.months or interval.days % 7 == 0 else None
    return calendar.anchored(first_day, interval, anchor_day, time_zone)


def _next_boundary(cycle: Cycle, after: datetime) -> datetime:
    n = cycle.index(local_date(after, cycle.zone))
    while True:
        n += 1
        # Where a zone left a day out, two boundaries are one instant.
        boundary = start_of_day(cycle.boundary(n), cycle.zone)
        if boundary > after:
            return boundary


def _next_mark(minutes: int, time_zone: str, after: datetime) -> datetime:
    day = local_date(after, time_zone)
    while True:
        marks = _marks(minutes, day, time_zone)
        if marks[-1] > after:
            return marks[bisect_right(marks, after)]
        day += timedelta(days=1)


@lru_cache(maxsize=4096)
def _marks(minutes: int, day: date, time_zone: str) -> tuple[datetime, ...]:
    """The boundaries inside a local day, and its end."""
    begin = start_of_day(day, time_zone)
    end = start_of_day(day + timedelta(days=1), time_zone)
    inside: list[datetime] = []
    if minutes <= 60:
        step = timedelta(minutes=minutes)
        while (mark := begin + step * (len(inside) + 1)) < end:
            inside.append(mark)
    else:
        for passed in range(minutes, _MINUTES_OF_A_DAY, minutes):
            wall = datetime.combine(day, time(passed // 60))
            mark = calendar.resolve_wall(wall, time_zone, Skipped.LATER, Repeated.FIRST)
            if (inside[-1] if inside else begin) < mark < end:
                inside.append(mark)
    return (*inside, end)
