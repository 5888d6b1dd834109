"""Time-of-use bands: which part of the day a quarter hour belongs to, by the clock of one zone.

Every instant is in exactly one band: the first rule that covers its wall-clock reading decides, and
`rest` is everything else.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import lru_cache

import msgspec

from everycent.kernel import calendar
from everycent.kernel.errors import Invalid
from everycent.kernel.period import Period

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_RULE = re.compile(
    r"(?:(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))? )?"
    r"(?P<start>[0-2][0-9]:[0-5][0-9])-(?P<end>[0-2][0-9]:[0-5][0-9])"
)
_QUARTER = 15
_DAY_MINUTES = 24 * 60


class BandRule(msgspec.Struct, frozen=True):
    """On these weekdays (0 is Monday) the minutes from `start` up to `end` belong to `band`."""

    band: str
    days: tuple[int, ...]
    start: int
    end: int


class Bands(msgspec.Struct, frozen=True):
    """A set of bands on the clock of `time_zone` (an IANA zone or a fixed offset)."""

    key: str
    time_zone: str
    rules: tuple[BandRule, ...]
    rest: str

    def names(self) -> set[str]:
        """All bands."""
        return {rule.band for rule in self.rules} | {self.rest}


def parse_rules(band: str, text: str, field: str) -> tuple[BandRule, ...]:
    """'07:00-21:00', 'mon-fri 07:00-21:00', 'sun 00:00-24:00'; over midnight: '22:00-06:00'.

    A window over midnight starts on the days named. Raises Invalid `bands.malformed`.
    """
    match = _RULE.fullmatch(text)
    start, end = (_minutes(match[part]) if match else None for part in ("start", "end"))
    days = _days(match["first"], match["last"]) if match else None
    if start is None or end is None or days is None or start == end:
        raise Invalid(
            "bands.malformed",
            f"{text[:60]!r} is not a daily time span",
            field=field,
            value=text,
            hint="write 07:00-21:00 or mon-fri 07:00-21:00, in quarter hours",
        )
    if start < end:
        return (BandRule(band, days, start, end),)
    after = tuple(sorted((day + 1) % 7 for day in days))
    spans = [BandRule(band, days, start, _DAY_MINUTES)]
    if end:
        spans.append(BandRule(band, after, 0, end))
    return tuple(spans)


def _minutes(text: str) -> int | None:
    minutes = int(text[:2]) * 60 + int(text[3:])
    return minutes if minutes <= _DAY_MINUTES and minutes % _QUARTER == 0 else None


def _days(first: str | None, last: str | None) -> tuple[int, ...] | None:
    if first is None:
        return tuple(range(7))
    if first not in _DAYS or (last or first) not in _DAYS:
        return None
    start, end = _DAYS.index(first), _DAYS.index(last or first)
    return tuple(sorted((start + n) % 7 for n in range((end - start) % 7 + 1)))


def band_at(bands: Bands, weekday: int, minute: int) -> str:
    """The band of a wall-clock reading."""
    for rule in bands.rules:
        if weekday in rule.days and rule.start <= minute < rule.end:
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
    weekday = day.weekday()
    step = timedelta(minutes=_QUARTER)
    ordinary = end - at == timedelta(days=1)
    minute = 0
    found: list[Period] = []
    while at < end:
        if not ordinary:
            local = at.astimezone(zone)
            minute = local.hour * 60 + local.minute
        if band_at(bands, weekday, minute) == band:
            if found and found[-1].end == at:
                found[-1] = Period(found[-1].start, at + step)
            else:
                found.append(Period(at, at + step))
        minute += _QUARTER
        at += step
    return tuple(found)
