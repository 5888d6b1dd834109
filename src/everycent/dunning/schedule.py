"""Schedule: when a collection is due, as a cron line on the clock of a time zone.

    minute  hour  day-of-month  month  day-of-week
    0       6     1             *      *              06:00 on the first of every month

A field is `*`, a number, a range `1-5`, a list `1,15`, each with a step `/2` if wanted; months and weekdays
also by their English names. Sunday is 0 or 7. As in cron, a day has to meet one of the two day fields where
both are told, and the one that is told otherwise.

Over clock changes: a time of day that is told comes once on each of its days. One that the clock jumps over
comes when the clock has jumped (02:30 becomes 03:30), one that comes twice is taken the first time. Where
the hour is `*` the line follows the hours that there are: one fewer in spring, one more in autumn.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple

import msgspec

from everycent.kernel.calendar import (
    Repeated,
    Skipped,
    days_in_month,
    local_date,
    resolve_wall,
    zone,
)
from everycent.kernel.errors import Invalid

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_PART = re.compile(
    r"(\*|[0-9]{1,2}|[a-z]{3})(?:-([0-9]{1,2}|[a-z]{3}))?(?:/([0-9]{1,2}))?", re.ASCII
)
_DAY = timedelta(days=1)
_HOURS = frozenset(range(24))


class Schedule(msgspec.Struct, frozen=True):
    """A cron line on the clock of `time_zone`."""

    cron: str = "0 6 1 * *"
    time_zone: str = "UTC"


class _Field(NamedTuple):
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


class _Line(NamedTuple):
    """A cron line that is understood. `either`: both day fields are told, and one of them is enough."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, ("", *_MONTHS)),
    _Field("day of the week", 0, 7, tuple(_WEEKDAYS)),
)


def checked(schedule: Schedule) -> Schedule:
    """The schedule when it can be kept. Raises Invalid `dunning.bad_cron`, `dunning.cron_never`,
    `zone.unknown`."""
    line = _parsed(schedule.cron)
    zone(schedule.time_zone)
    can_be = any(
        day <= days_in_month(2024, month)  # a leap year: the 29th of February comes
        for month in line.months
        for day in line.days
    )
    if not can_be and not line.either:
        raise Invalid(
            "dunning.cron_never",
            f"{schedule.cron!r} names a day that never comes",
            field="cron",
            value=schedule.cron,
        )
    return schedule


def due_instants(schedule: Schedule, after: datetime, until: datetime) -> Iterator[datetime]:
    """The instants of the schedule after `after` up to and with `until`, in order, in UTC. Raises as
    `checked`."""
    line = _parsed(schedule.cron)
    # One day on either side: a time that the clock jumps over at midnight belongs to the day before.
    day = local_date(after, schedule.time_zone) - _DAY
    last = local_date(until, schedule.time_zone)
    told: datetime = after
    while day <= last:
        if _is_on(line, day):
            for at in sorted(_of_day(line, day, schedule.time_zone)):
                if told < at <= until:
                    told = at
                    yield at
        day += _DAY


def _of_day(line: _Line, day: date, name: str) -> Iterator[datetime]:
    """The instants of a day. Two wall-clock times may lead to the same instant, which is then told once."""
    for hour in line.hours:
        for minute in line.minutes:
            wall = datetime.combine(day, time(hour, minute))
            first = resolve_wall(wall, name, Skipped.LATER, Repeated.FIRST)
            if line.hours != _HOURS:
                yield first
                continue
            if first.astimezone(zone(name)).replace(tzinfo=None) == wall:
                yield first
                yield resolve_wall(wall, name, Skipped.LATER, Repeated.SECOND)


def _is_on(line: _Line, day: date) -> bool:
    is_day, is_weekday = day.day in line.days, day.isoweekday() % 7 in line.weekdays
    is_right = is_day or is_weekday if line.either else is_day and is_weekday
    return day.month in line.months and is_right


@lru_cache(maxsize=64)
def _parsed(cron: str) -> _Line:
    """A cron line, understood. Raises Invalid `dunning.bad_cron`."""
    texts = cron.lower().split()
    if len(texts) != len(_FIELDS):
        raise _bad(cron, f"it has {len(texts)} fields, and there are {len(_FIELDS)}")
    minutes, hours, days, months, weekdays = (
        _values(text, field, cron) for text, field in zip(texts, _FIELDS, strict=True)
    )
    either = not texts[2].startswith("*") and not texts[4].startswith("*")
    return _Line(minutes, hours, days, months, frozenset(day % 7 for day in weekdays), either)


def _values(text: str, field: _Field, cron: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None or (match[1] == "*" and match[2]):
            raise _bad(cron, f"{part[:20]!r} is not understood as a {field.name}")
        step = int(match[3] or 1)
        if match[1] == "*":
            low, high = field.low, field.high
        else:
            low = _number(match[1], field, cron)
            high = _number(match[2], field, cron) if match[2] else field.high if match[3] else low
        if not step or low > high:
            raise _bad(cron, f"{part!r} leads nowhere")
        found.update(range(low, high + 1, step))
    return frozenset(found)


def _number(text: str, field: _Field, cron: str) -> int:
    found = field.names.index(text) if text in field.names else None
    if found is None and text.isdecimal():
        found = int(text)
    if found is None or not field.low <= found <= field.high:
        raise _bad(cron, f"{text} is no {field.name}: it is from {field.low} to {field.high}")
    return found


def _bad(cron: str, why: str) -> Invalid:
    return Invalid(
        "dunning.bad_cron",
        f"{cron[:80]!r} is not a schedule: {why}",
        field="cron",
        value=cron,
        hint="write minute, hour, day of the month, month, day of the week, such as '0 6 1 * *'",
    )


def next_instant(schedule: Schedule, after: datetime) -> datetime | None:
    """The next instant of the schedule after another one; None where there is none within 9 years."""
    until = after.astimezone(UTC) + timedelta(days=9 * 366)
    return next(due_instants(schedule, after, until), None)
