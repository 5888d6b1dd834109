"""Calendars: where billing periods begin and end on people's wall clocks.

Boundaries are local dates counted from one anchor (never chained from the one before, so an anchor
on the 31st gives 28 February and then 31 March again). Each becomes the first instant of that
local date. Wall-clock times that do not exist or exist twice are refused unless a choice is named.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from enum import StrEnum
from functools import lru_cache
from importlib import resources
from typing import NamedTuple
from zoneinfo import ZoneInfo

from everycent.kernel.errors import Invalid
from everycent.kernel.period import Period

_FIXED_ZONE = re.compile(r"UTC(?:([+-])([0-9]{2}):([0-9]{2}))?")
_NAMED_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}")
_NO_PLACE = re.compile(r"(Factory|localtime|posixrules)|(posix|right)/.*")
"""Names some hosts' zone databases hold beside places: the host's own zone, clocks with leap seconds."""
_INTERVAL = re.compile(r"(?:([1-9][0-9]{0,2}) )?(day|week|month|quarter|half_year|year)s?")
_ZONES = resources.files("tzdata.zoneinfo")
_MONTHS = {"month": 1, "quarter": 3, "half_year": 6, "year": 12}
_DAYS = {"day": 1, "week": 7}


@lru_cache(maxsize=1024)
def zone(name: str, field: str = "time_zone") -> tzinfo:
    """The time zone of an IANA name ('Europe/Zagreb') or of a fixed offset ('UTC+01:00').

    Raises Invalid `zone.unknown`.
    """
    fixed = _FIXED_ZONE.fullmatch(name)
    if fixed:
        sign, hours, minutes = fixed.groups()
        offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
        # Roll-ups count by quarter hours; every zone in use since 2000 differs from UTC by whole ones.
        if offset <= timedelta(hours=14) and int(minutes or 0) in (0, 15, 30, 45):
            return timezone(-offset if sign == "-" else offset, name)
    elif _NAMED_ZONE.fullmatch(name) and not _NO_PLACE.fullmatch(name):
        # The rules come from the pinned tzdata package and not from the host, so that a period begins
        # at the same instant on every machine.
        try:
            with _ZONES.joinpath(*name.split("/")).open("rb") as rules:
                return ZoneInfo.from_file(rules, key=name)
        except (ValueError, OSError):
            pass  # unknown names and folders of the zone database end in the refusal below
    raise Invalid(
        "zone.unknown",
        f"{name[:60]!r} is not a time zone",
        field=field,
        value=name,
        hint="use an IANA name such as Europe/Zagreb, or a fixed offset such as UTC+01:00",
    )


class Skipped(StrEnum):
    """What to do with a wall-clock time that the clock jumps over in spring."""

    REFUSE = "refuse"
    LATER = "later"


class Repeated(StrEnum):
    """What to do with a wall-clock time that comes twice in autumn."""

    REFUSE = "refuse"
    FIRST = "first"
    SECOND = "second"


def resolve_wall(wall: datetime, name: str, skipped: Skipped, repeated: Repeated) -> datetime:
    """The UTC instant of a naive wall-clock time in the zone `name`.

    A skipped or repeated time is refused (Invalid `time.skipped`, `time.repeated`) unless the caller
    chose: LATER moves a skipped 02:30 to 03:30, FIRST and SECOND pick one of two.
    """
    tz = zone(name)
    first = wall.replace(tzinfo=tz, fold=0)
    second = wall.replace(tzinfo=tz, fold=1)
    if first.utcoffset() == second.utcoffset():
        return first.astimezone(UTC)
    exists = first.astimezone(UTC).astimezone(tz).replace(tzinfo=None) == wall
    if not exists:
        if skipped is Skipped.LATER:
            return first.astimezone(UTC)
        raise Invalid(
            "time.skipped",
            f"{wall.isoformat()} does not exist in {name}: the clock jumps over it",
            field="at",
            value=wall.isoformat(),
            hint="correct the time, or choose --on-skipped later",
        )
    if repeated is Repeated.REFUSE:
        raise Invalid(
            "time.repeated",
            f"{wall.isoformat()} comes twice in {name} when the clock is set back",
            field="at",
            value=wall.isoformat(),
            hint="add an offset to the time, or choose --on-repeated first or second",
        )
    return (first if repeated is Repeated.FIRST else second).astimezone(UTC)


@lru_cache(maxsize=65536)
def day_between(text: str, field: str, first_year: int, last_year: int) -> date:
    """A local date in one of these years. Raises Invalid `date.malformed`, `date.out_of_range`."""
    try:
        found = date.fromisoformat(text)
    except ValueError as error:
        raise Invalid(
            "date.malformed",
            f"{text[:40]!r} is not a date",
            field=field,
            value=text,
            hint="write it like 2026-03-01",
        ) from error
    if not first_year <= found.year <= last_year:
        raise Invalid(
            "date.out_of_range",
            f"{found} is not between {first_year} and {last_year}",
            field=field,
            value=text,
        )
    return found


def start_of_day(day: date, name: str) -> datetime:
    """The first instant (UTC) of a local date; where midnight is skipped, the first that exists."""
    wall = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - a wall-clock time on purpose
    tz = zone(name)
    at = wall.replace(tzinfo=tz, fold=0).astimezone(UTC)
    if at.astimezone(tz).replace(tzinfo=None) == wall:
        return at
    # In a gap, fold=1 reads the offset after the jump: its wall-clock reading is before midnight,
    # and the jump itself is the day's first instant.
    before, after = wall.replace(tzinfo=tz, fold=1).astimezone(UTC), at
    second = timedelta(seconds=1)
    while after - before > second:
        middle = before + (after - before) // (2 * second) * second
        if middle.astimezone(tz).date() >= day:
            after = middle
        else:
            before = middle
    return after


@lru_cache(maxsize=65536)
def local_date(at: datetime, name: str) -> date:
    """The date on the wall in zone `name` at the instant `at`."""
    return at.astimezone(zone(name)).date()


class Interval(NamedTuple):
    """A whole number of months or of days."""

    months: int
    days: int

    def __str__(self) -> str:
        for unit, size in reversed(_MONTHS.items()):
            if self.months and self.months % size == 0:
                return _count_text(self.months // size, unit)
        for unit, size in reversed(_DAYS.items()):
            if self.days % size == 0:
                return _count_text(self.days // size, unit)
        raise AssertionError("an interval has months or days")


def _count_text(count: int, unit: str) -> str:
    return unit if count == 1 else f"{count} {unit}s"


def parse_interval(text: str) -> Interval:
    """'month', 'quarter', 'half_year', 'year', 'week', 'day', or a multiple such as '2 months'.

    Raises Invalid `interval.unknown`.
    """
    match = _INTERVAL.fullmatch(text)
    if not match:
        raise Invalid(
            "interval.unknown",
            f"{text[:40]!r} is not a billing interval",
            field="interval",
            value=text,
            hint="use day, week, month, quarter, half_year or year, or a multiple such as '2 months'",
        )
    count, unit = int(match[1] or 1), match[2]
    return Interval(count * _MONTHS.get(unit, 0), count * _DAYS.get(unit, 0))


def add_months(day: date, months: int) -> date:
    """The same day of the month `months` later, or that month's last day when it is shorter."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    month += 1
    return date(year, month, min(day.day, days_in_month(year, month)))


def days_in_month(year: int, month: int) -> int:
    """28 to 31."""
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


class Cycle(NamedTuple):
    """Recurring boundaries: `anchor` is number 0, each further one an interval on, in zone `zone`."""

    anchor: date
    interval: Interval
    zone: str

    def boundary(self, n: int) -> date:
        """The n-th boundary date, counted from the anchor."""
        if self.interval.months:
            return add_months(self.anchor, n * self.interval.months)
        return self.anchor + timedelta(days=n * self.interval.days)

    def index(self, day: date) -> int:  # type: ignore[override]  # not a tuple's index
        """The number of the last boundary on or before `day`."""
        if self.interval.months:
            months = (day.year - self.anchor.year) * 12 + day.month - self.anchor.month
            n = months // self.interval.months + 1
        else:
            n = (day - self.anchor).days // self.interval.days + 1
        while self.boundary(n) > day:
            n -= 1
        return n

    def about(self, first: date, last: date) -> int:
        """How many boundaries lie between two days, give or take one; without looking for any."""
        if self.interval.months:
            months = (last.year - first.year) * 12 + last.month - first.month
            return max(0, months // self.interval.months)
        return max(0, (last - first).days // self.interval.days)

    def period(self, n: int) -> Period:
        """The n-th period as instants."""
        return Period(
            start_of_day(self.boundary(n), self.zone), start_of_day(self.boundary(n + 1), self.zone)
        )


def anchored(start: date, interval: Interval, anchor_day: int | None, zone_name: str) -> Cycle:
    """The cycle of a contract that starts on `start`.

    Without `anchor_day` it runs from the start's own day. With one (1 to 31), months are cut on that
    day, clamped in short months; weeks on that ISO weekday (1 is Monday). Raises Invalid.
    """
    if anchor_day is None:
        return Cycle(start, interval, zone_name)
    if interval.months:
        if not 1 <= anchor_day <= 31:
            raise _bad_anchor(anchor_day, "a day of the month, 1 to 31")
        # January has 31 days, so the wish is kept whole; calendar quarters and years follow from it.
        return Cycle(date(start.year, 1, anchor_day), interval, zone_name)
    if interval.days % 7 == 0 and 1 <= anchor_day <= 7:
        back = (start.isoweekday() - anchor_day) % 7
        return Cycle(start - timedelta(days=back), interval, zone_name)
    raise _bad_anchor(anchor_day, "a weekday, 1 (Monday) to 7, and the interval whole weeks")


def _bad_anchor(value: int, wanted: str) -> Invalid:
    return Invalid(
        "anchor.out_of_range",
        f"{value} can't be an anchor day here",
        field="anchor_day",
        value=value,
        hint=f"it must be {wanted}",
    )
