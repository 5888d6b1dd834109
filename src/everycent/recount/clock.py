"""Clocks on walls: which local day an instant belongs to, and billing periods counted from an anchor."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from importlib import resources
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)
_QUARTER = timedelta(minutes=15)
_EARLIEST_MIDNIGHT = timedelta(hours=15)
_FIXED = re.compile(r"UTC(?:([+-])(\d\d):(\d\d))?")


def clock_of(zone: str) -> tzinfo:
    """The clock of a zone, by the rules that come with the program, or of a fixed offset."""
    fixed = _FIXED.fullmatch(zone)
    if fixed:
        sign, hours, minutes = fixed.groups("0")
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        return timezone(-offset if sign == "-" else offset)
    with resources.files("tzdata.zoneinfo").joinpath(*zone.split("/")).open("rb") as rules:
        return ZoneInfo.from_file(rules, key=zone)


def instant(text: str) -> datetime:
    """An instant as it is frozen."""
    return datetime.fromisoformat(text).astimezone(UTC)


def day_of(at: datetime, clock: tzinfo) -> date:
    """The date on the wall."""
    return at.astimezone(clock).date()


def start_of(day: date, clock: tzinfo) -> datetime:
    """The first instant of a local day, found by looking at the clock every quarter of an hour."""
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) - _EARLIEST_MIDNIGHT
    while day_of(at, clock) < day:
        at += _QUARTER
    return at


def days_of(start: datetime, end: datetime, clock: tzinfo) -> list[date]:
    """The local days that have any part in a span."""
    first, last = day_of(start, clock), day_of(end - MICROSECOND, clock)
    return [first + n * DAY for n in range((last - first).days + 1)]


class Full(NamedTuple):
    """A full billing period: its instants, and the dates at which it begins and ends."""

    start: datetime
    end: datetime
    first: date
    after: date


def full_period(contract: Mapping[str, Any], at: datetime) -> Full:
    """The full billing period that holds an instant, counted one by one from the contract's anchor."""
    clock = clock_of(contract["zone"])
    day = day_of(at, clock)
    n = 0
    while _boundary(contract, n) > day:
        n -= 1
    while _boundary(contract, n + 1) <= day:
        n += 1
    first, after = _boundary(contract, n), _boundary(contract, n + 1)
    return Full(start_of(first, clock), start_of(after, clock), first, after)


def _boundary(contract: Mapping[str, Any], n: int) -> date:
    """The n-th date at which a period begins; the last day of a month that is too short."""
    anchor = date.fromisoformat(contract["anchor"])
    if not contract["months"]:
        return anchor + timedelta(days=n * int(contract["days"]))
    return months_after(anchor, n * contract["months"])


def months_after(day: date, months: int) -> date:
    """The same day of a later month; the last one of a month that is too short."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    first = date(year, month + 1, 1)
    last = (first + 31 * DAY).replace(day=1) - DAY
    return min(first + (day.day - 1) * DAY, last)
