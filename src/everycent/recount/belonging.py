"""Which records belong to a part of a meter: its band of the day, holidays among them, and its segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta, tzinfo
from fractions import Fraction
from typing import Any, NamedTuple

from everycent.recount.clock import clock_of

_HOLIDAY = 7
_MARCH_DAYS = 31


class Record(NamedTuple):
    """A raw record that counts: when it was, what it says, and its dimensions."""

    at: datetime
    value: Fraction
    dimensions: Mapping[str, str]


def belonging(records: Sequence[Record], series: Mapping[str, Any]) -> list[Record]:
    """Those of the records that lie in the band and the segment of a series, if it has any."""
    bands, segments = series.get("bands"), series.get("segments")
    if bands is not None and series.get("band") is not None:
        clock = clock_of(bands["time_zone"])
        records = [r for r in records if band_of(bands, r.at, clock) == series["band"]]
    if segments is not None and series.get("segment") is not None:
        records = [r for r in records if segment_of(segments, r.dimensions) == series["segment"]]
    return list(records)


def band_of(bands: Mapping[str, Any], at: datetime, clock: tzinfo) -> str:
    """The band of an instant: what the clock on the wall shows decides, and the first rule that holds."""
    wall = at.astimezone(clock)
    holidays = bands.get("holidays")
    is_holiday = holidays is not None and _is_holiday(holidays, wall.date())
    kind = _HOLIDAY if is_holiday else wall.weekday()
    minute = wall.hour * 60 + wall.minute
    for rule in bands["rules"]:
        if kind in rule["days"] and rule["start"] <= minute < rule["end"]:
            return str(rule["band"])
    return str(bands["rest"])


def segment_of(segments: Mapping[str, Any], dimensions: Mapping[str, str]) -> str:
    """The segment of the first rule of which every dimension has one of its values."""
    for rule in segments["rules"]:
        if all(
            name in dimensions and dimensions[name] in told for name, told in rule["dimensions"]
        ):
            return str(rule["segment"])
    return str(segments["rest"])


def _is_holiday(holidays: Mapping[str, Any], day: date) -> bool:
    told = [holidays.get(name, ()) for name in ("dates", "yearly", "easter")]
    if day.isoformat() in told[0] or day.isoformat()[5:] in told[1]:
        return True
    return any(easter(day.year) + timedelta(days=days) == day for days in told[2])


def easter(year: int) -> date:
    """Easter Sunday, as Knuth works it out (The Art of Computer Programming, 1.3.2, exercise 14)."""
    golden, century = year % 19 + 1, year // 100 + 1
    left_out = 3 * century // 4 - 12
    moon = (8 * century + 5) // 25 - 5
    sunday = 5 * year // 4 - left_out - 10
    epact = (11 * golden + 20 + moon - left_out) % 30
    if (epact == 25 and golden > 11) or epact == 24:
        epact += 1
    full_moon = 44 - epact if epact <= 23 else 74 - epact
    day = full_moon + 7 - (sunday + full_moon) % 7
    return date(year, 3, day) if day <= _MARCH_DAYS else date(year, 4, day - _MARCH_DAYS)
