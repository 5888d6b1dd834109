"""Time-of-use bands: which part of the day a quarter hour belongs to, by the clock of one zone.

Every instant is in exactly one band: the first rule that covers its wall-clock reading decides, and
`rest` is everything else. A set with a holiday calendar knows eight kinds of days: a holiday is no
weekday, so only rules that name it (`hol`) or that name no days at all apply on it.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import lru_cache

import msgspec

from everycent.catalog.holidays import Holidays, is_holiday
from everycent.kernel import calendar
from everycent.kernel.errors import Invalid
from everycent.kernel.period import Period

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOLIDAY = 7
"""The kind of day that a holiday is, beside the weekdays 0 to 6."""
_HOLIDAY_NAME = "hol"
_RULE = re.compile(
    r"(?:(?P<days>[a-z]{3}(?:[-,][a-z]{3}){0,15}) )?"
    r"(?P<start>[0-2][0-9]:[0-5][0-9])-(?P<end>[0-2][0-9]:[0-5][0-9])"
)
_QUARTER = 15
_DAY_MINUTES = 24 * 60


class BandRule(msgspec.Struct, frozen=True):
    """On these kinds of days (0 is Monday, 7 a holiday) the minutes from `start` up to `end` belong to
    `band`."""

    band: str
    days: tuple[int, ...]
    start: int
    end: int


class Bands(msgspec.Struct, frozen=True, omit_defaults=True, cache_hash=True):
    """A set of bands on the clock of `time_zone` (an IANA zone or a fixed offset)."""

    key: str
    time_zone: str
    rules: tuple[BandRule, ...]
    rest: str
    holidays: Holidays | None = None

    def names(self) -> set[str]:
        """All bands."""
        return {rule.band for rule in self.rules} | {self.rest}


def parse_rules(
    band: str, text: str, field: str, *, with_holidays: bool = False
) -> tuple[BandRule, ...]:
    """'07:00-21:00', 'mon-fri 07:00-21:00', 'sat,sun,hol 00:00-24:00'; over midnight: '22:00-06:00'.

    A window over midnight starts on the days named. `with_holidays` says whether the set has a holiday
    calendar: then a span without days is for holidays too, and a window over midnight may not name
    days, as the day after it may be of another kind. Raises Invalid `bands.malformed`,
    `bands.no_holidays`, `bands.over_midnight`.
    """
    match = _RULE.fullmatch(text)
    start, end = (_minutes(match[part]) if match else None for part in ("start", "end"))
    days = _days(match["days"], with_holidays) if match else None
    if start is None or end is None or days is None or start == end:
        raise Invalid(
            "bands.malformed",
            f"{text[:60]!r} is not a daily time span",
            field=field,
            value=text,
            hint="write 07:00-21:00, mon-fri 07:00-21:00 or sat,sun 07:00-21:00, in quarter hours",
        )
    if HOLIDAY in days and not with_holidays:
        raise Invalid(
            "bands.no_holidays",
            f"{text[:60]!r} is about holidays, and the bands have no calendar",
            field=field,
            value=text,
            hint="add `holidays:` with the key of one of the calendars",
        )
    if start < end:
        return (BandRule(band, days, start, end),)
    if not end:
        return (BandRule(band, days, start, _DAY_MINUTES),)
    if with_holidays and match is not None and match["days"]:
        raise Invalid(
            "bands.over_midnight",
            f"{text[:60]!r} goes over midnight, and the day after may be a holiday or none",
            field=field,
            value=text,
            hint="cut it at midnight and name the days of both parts: fri 22:00-24:00, sat 00:00-06:00",
        )
    after = days if with_holidays else tuple(sorted((day + 1) % 7 for day in days))
    return (BandRule(band, days, start, _DAY_MINUTES), BandRule(band, after, 0, end))


def _minutes(text: str) -> int | None:
    minutes = int(text[:2]) * 60 + int(text[3:])
    return minutes if minutes <= _DAY_MINUTES and minutes % _QUARTER == 0 else None


def _days(text: str | None, with_holidays: bool) -> tuple[int, ...] | None:
    """The kinds of days of 'mon-fri,hol'; all of them without a text; None for what is no days."""
    if text is None:
        return tuple(range(8 if with_holidays else 7))
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if part == _HOLIDAY_NAME:
            found.add(HOLIDAY)
        elif first in _DAYS and (last or first) in _DAYS:
            start, end = _DAYS.index(first), _DAYS.index(last or first)
            found.update((start + n) % 7 for n in range((end - start) % 7 + 1))
        else:
            return None
    return tuple(sorted(found))


def day_kind(bands: Bands, day: date) -> int:
    """What a local day counts as: its weekday (0 is Monday), or HOLIDAY."""
    if bands.holidays is not None and is_holiday(bands.holidays, day):
        return HOLIDAY
    return day.weekday()


def band_at(bands: Bands, kind: int, minute: int) -> str:
    """The band of a wall-clock reading on a kind of day."""
    for rule in bands.rules:
        if kind in rule.days and rule.start <= minute < rule.end:
            return rule.band
    return bands.rest


@lru_cache(maxsize=4096)
def spans(bands: Bands, band: str, period: Period) -> tuple[Period, ...]:
    """The parts of `period` that lie in `band`, in order and as long as they can be."""
    found: list[Period] = []
    day = calendar.local_date(period.start, bands.time_zone)
    last = calendar.local_date(period.end, bands.time_zone)
    while day <= last:
        for span in _day_spans(bands, band, day):
            part = span.overlap(period)
            if part is None:
                continue
            if found and found[-1].end == part.start:
                found[-1] = Period(found[-1].start, part.end)
            else:
                found.append(part)
        day += timedelta(days=1)
    return tuple(found)


@lru_cache(maxsize=65536)
def _day_spans(bands: Bands, band: str, day: date) -> tuple[Period, ...]:
    """The parts of a local day in the band, quarter hour by quarter hour of real time."""
    zone = calendar.zone(bands.time_zone)
    at = calendar.start_of_day(day, bands.time_zone)
    end = calendar.start_of_day(day + timedelta(days=1), bands.time_zone)
    kind = day_kind(bands, day)
    step = timedelta(minutes=_QUARTER)
    ordinary = end - at == timedelta(days=1)
    minute = 0
    found: list[Period] = []
    while at < end:
        if not ordinary:
            local = at.astimezone(zone)
            minute = local.hour * 60 + local.minute
        if band_at(bands, kind, minute) == band:
            if found and found[-1].end == at:
                found[-1] = Period(found[-1].start, at + step)
            else:
                found.append(Period(at, at + step))
        minute += _QUARTER
        at += step
    return tuple(found)
