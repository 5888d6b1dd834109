"""The second engine (`everycent.recount`) as the tests of aggregations ask it.

It takes records as they were sent, brings them into the order that the product keeps, and tells a meter
in the words in which an invoice freezes it. The calculation itself is the engine's.
"""

import hashlib
import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from fractions import Fraction
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from everycent.recount import aggregate, belonging, clock
from everycent.recount.belonging import Record

HOLIDAY = 7


class Raw(NamedTuple):
    """A record as it was sent."""

    source: str
    id: str
    subject: str
    meter: str
    at: datetime
    value: str
    dimensions: Mapping[str, str]


class Bands(NamedTuple):
    """Rules in order: (band, kinds of days, first minute, minute after the last). Monday is 0, Sunday 6,
    a holiday 7."""

    zone: str
    rules: Sequence[tuple[str, Sequence[int], int, int]]
    rest: str
    holidays: Sequence[date] = ()


class Segments(NamedTuple):
    """Rules in order: (segment, the values that each named dimension may have)."""

    rules: Sequence[tuple[str, Mapping[str, Sequence[str]]]]
    rest: str


class Meter(NamedTuple):
    """How records become one number; the words are those of the catalogue file."""

    aggregation: str
    bands: Bands | None = None
    band: str | None = None
    segments: Segments | None = None
    segment: str | None = None
    window_minutes: int | None = None
    each: str | None = None
    then: str | None = None
    percentile: str | None = None
    distinct: str | None = None
    granularity: str | None = None
    level: str = "changes"
    carries: bool = True
    digits: int | None = None


class Asked(NamedTuple):
    """A span of time, the full period of which it is a part, a clock, and when the contract began."""

    start: datetime
    end: datetime
    whole_start: datetime
    whole_end: datetime
    zone: str = "UTC"
    since: datetime | None = None


def answer(records: Iterable[Raw], meter: Meter, asked: Asked) -> Fraction:
    """The value of the meter over the span, from the records of one subject and raw meter."""
    known = [plain(record) for record in sorted(once(records), key=_moment)]
    return aggregate.answer(known, series(meter), aggregate.Asked(*asked)).value


def once(records: Iterable[Raw]) -> list[Raw]:
    """Each (source, id) once: the first one that came."""
    first: dict[tuple[str, str], Raw] = {}
    for record in records:
        first.setdefault((record.source, record.id), record)
    return list(first.values())


def plain(record: Raw) -> Record:
    """The record as the engine takes it."""
    return Record(record.at, Fraction(record.value), record.dimensions)


def belongs(record: Raw, meter: Meter) -> bool:
    """Whether the record lies in the meter's band and segment."""
    return bool(belonging.belonging([plain(record)], series(meter)))


def start_of(day: date, zone: str) -> datetime:
    """The first instant of a local day."""
    return clock.start_of(day, ZoneInfo(zone))


def series(meter: Meter) -> dict[str, Any]:
    """The meter in the words of a frozen line."""
    told = meter._asdict() | {"bands": None, "segments": None}
    if meter.bands is not None:
        rules = [
            {"band": band, "days": list(days), "start": first, "end": after}
            for band, days, first, after in meter.bands.rules
        ]
        holidays = {"dates": [day.isoformat() for day in meter.bands.holidays]}
        told["bands"] = {
            "time_zone": meter.bands.zone, "rules": rules, "rest": meter.bands.rest,
            "holidays": holidays,
        }  # fmt: skip
    if meter.segments is not None:
        cases = [
            {"segment": name, "dimensions": list(wanted.items())}
            for name, wanted in meter.segments.rules
        ]
        told["segments"] = {"rules": cases, "rest": meter.segments.rest}
    return told


def _moment(record: Raw) -> tuple[datetime, bytes]:
    """Order of time; at one instant the order of a hash over source and id, which is always the same."""
    named = f"{record.source}\0{record.id}".encode()
    told = record.id.encode()
    near = [zlib.crc32(part) % 65536 for part in (told[:8], told[:-4])]
    lead = b"".join(number.to_bytes(2, "big") for number in near)
    return record.at, lead + hashlib.blake2b(named, digest_size=12).digest()
