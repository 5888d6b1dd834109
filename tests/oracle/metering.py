"""A second, naive answer to every aggregation: what docs/aggregations.md says, slowly and exactly.

It shares no code with the product. It takes raw records and looks at each of them one by one: no
roll-ups, no spans, no quarter hours. Numbers are fractions and clocks are read with zoneinfo.
"""

import hashlib
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from math import ceil
from typing import NamedTuple
from zoneinfo import ZoneInfo

ZERO = Fraction(0)
MICROSECOND = timedelta(microseconds=1)
DAY = timedelta(days=1)
PLACES = 10**18
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
    known = sorted((r for r in once(records) if belongs(r, meter)), key=_moment)
    inside = [r for r in known if asked.start <= r.at < asked.end]
    before = [r for r in known if r.at < asked.start]
    match meter.aggregation:
        case "unique":
            return Fraction(len(_units_named(inside, str(meter.distinct))))
        case "units":
            return _units(before, inside, meter, asked)
        case "weighted_sum":
            return _weighted_sum(before if meter.carries else [], inside, meter, asked)
        case "windowed":
            windows = _windows(inside, meter, asked.zone)
            return SIMPLE[str(meter.then)](windows) if windows else ZERO
        case "percentile":
            values = _values(inside)
            if meter.window_minutes is not None:
                values = _windows(inside, meter, asked.zone)
            return _percentile(values, Fraction(str(meter.percentile)))
        case "peak":
            windows = _windows(inside, meter._replace(each="sum"), asked.zone)
            return max(windows, default=ZERO) * 60 / Fraction(meter.window_minutes or 0)
        case "counter":
            return _counter(known, meter, asked)
        case simple:
            return SIMPLE[simple](_values(inside)) if inside else ZERO


def once(records: Iterable[Raw]) -> list[Raw]:
    """Each (source, id) once: the first one that came."""
    first: dict[tuple[str, str], Raw] = {}
    for record in records:
        first.setdefault((record.source, record.id), record)
    return list(first.values())


def belongs(record: Raw, meter: Meter) -> bool:
    """Whether the record lies in the meter's band and segment."""
    if meter.bands is not None and band_of(meter.bands, record.at) != meter.band:
        return False
    return meter.segments is None or segment_of(meter.segments, record.dimensions) == meter.segment


def band_of(bands: Bands, at: datetime) -> str:
    """The band of an instant: what the wall clock shows decides."""
    wall = at.astimezone(ZoneInfo(bands.zone))
    kind = HOLIDAY if wall.date() in bands.holidays else wall.weekday()
    minute = wall.hour * 60 + wall.minute
    for band, kinds, first, after in bands.rules:
        if kind in kinds and first <= minute < after:
            return band
    return bands.rest


def segment_of(segments: Segments, dimensions: Mapping[str, str]) -> str:
    """The segment of the first rule that holds."""
    for segment, wanted in segments.rules:
        if all(name in dimensions and dimensions[name] in wanted[name] for name in wanted):
            return segment
    return segments.rest


def _moment(record: Raw) -> tuple[datetime, bytes]:
    """Order of time; at one instant the order of a hash over source and id, which is always the same."""
    named = f"{record.source}\0{record.id}".encode()
    told = record.id.encode()
    near = [zlib.crc32(part) % 65536 for part in (told[:8], told[:-4])]
    lead = b"".join(number.to_bytes(2, "big") for number in near)
    return record.at, lead + hashlib.blake2b(named, digest_size=12).digest()


def _values(records: Iterable[Raw]) -> list[Fraction]:
    return [Fraction(record.value) for record in records]


def _average(values: Sequence[Fraction]) -> Fraction:
    return sum(values, ZERO) / len(values)


SIMPLE: dict[str, Callable[[Sequence[Fraction]], Fraction]] = {
    "count": lambda values: Fraction(len(values)),
    "sum": lambda values: sum(values, ZERO),
    "min": min,
    "max": max,
    "average": _average,
    "latest": lambda values: values[-1],
}


def _windows(records: Sequence[Raw], meter: Meter, zone: str) -> list[Fraction]:
    """What each window with a record becomes, in order of time; averages are cut to 18 decimals."""
    clock = zone if meter.bands is None else meter.bands.zone
    windows: dict[object, list[Fraction]] = {}
    for record in records:
        windows.setdefault(_window_of(record.at, meter, clock), []).append(Fraction(record.value))
    found = [SIMPLE[str(meter.each)](values) for values in windows.values()]
    if meter.each == "average":
        found = [Fraction(int(value * PLACES), PLACES) for value in found]
    return found


def _window_of(at: datetime, meter: Meter, zone: str) -> object:
    width = timedelta(minutes=meter.window_minutes or 0)
    if width < timedelta(minutes=15):
        return (at - datetime(1970, 1, 1, tzinfo=UTC)) // width
    day = at.astimezone(ZoneInfo(zone)).date()
    midnight = start_of(day, zone)
    number = (at - midnight) // width
    if meter.aggregation != "peak":
        # A rest of the day that is shorter than a window belongs to the last one, but only when the
        # day is longer than others.
        most = max(DAY // width, (start_of(day + DAY, zone) - midnight) // width)
        number = min(number, most - 1)
    return day, number


@lru_cache(maxsize=10_000)
def start_of(day: date, zone: str) -> datetime:
    """The first instant of a local day, found by looking at the clock every quarter of an hour."""
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=15)
    while at.astimezone(ZoneInfo(zone)).date() < day:
        at += timedelta(minutes=15)
    return at


def _percentile(values: Sequence[Fraction], percent: Fraction) -> Fraction:
    if not values:
        return ZERO
    return sorted(values)[ceil(percent * len(values) / 100) - 1]


def _units_named(records: Iterable[Raw], dimension: str) -> set[str]:
    return {r.dimensions[dimension] for r in records if dimension in r.dimensions}


def _days(start: datetime, end: datetime, zone: str) -> list[date]:
    """The local days that have any part in the span."""
    first, last = (at.astimezone(ZoneInfo(zone)).date() for at in (start, end - MICROSECOND))
    return [first + n * DAY for n in range((last - first).days + 1)]


def _units(before: Sequence[Raw], inside: Sequence[Raw], meter: Meter, asked: Asked) -> Fraction:
    dimension = str(meter.distinct)
    total = ZERO
    for unit in sorted(_units_named([*before, *inside], dimension)):
        history = [r for r in [*before, *inside] if r.dimensions.get(dimension) == unit]
        times = _times_there(history, asked.end)
        total += _share(times, meter.granularity, asked)
    return total


def _times_there(history: Sequence[Raw], end: datetime) -> list[tuple[datetime, datetime]]:
    """When a unit was there: from each adding to the next removing."""
    times: list[tuple[datetime, datetime]] = []
    since = None
    for record in history:
        is_removed = record.dimensions.get("operation") == "remove"
        if is_removed and since is not None:
            times.append((since, record.at))
            since = None
        elif not is_removed and since is None:
            since = record.at
    if since is not None:
        times.append((since, end))
    return times


def _share(
    times: Sequence[tuple[datetime, datetime]], granularity: str | None, asked: Asked
) -> Fraction:
    # What ended just as the span began lies before it; by days the day of removing counts all the same.
    if granularity == "day":
        days = {
            day
            for begun, ended in times
            if ended >= asked.start
            for day in _days(max(begun, asked.start), max(ended, begun) + MICROSECOND, asked.zone)
        }
        own = days.intersection(_days(asked.start, asked.end, asked.zone))
        return Fraction(len(own), len(_days(asked.whole_start, asked.whole_end, asked.zone)))
    if granularity == "second":
        held = sum(
            (ended - max(begun, asked.start) for begun, ended in times if ended > asked.start),
            timedelta(),
        )
        return Fraction(held // MICROSECOND, (asked.whole_end - asked.whole_start) // MICROSECOND)
    return Fraction(any(ended > asked.start for _, ended in times))


def _weighted_sum(
    before: Sequence[Raw], inside: Sequence[Raw], meter: Meter, asked: Asked
) -> Fraction:
    def level(records: Sequence[Raw]) -> Fraction:
        values = _values(records)
        return (values[-1] if values else ZERO) if meter.level == "sets" else sum(values, ZERO)

    if meter.granularity == "day":
        total = ZERO
        for day in _days(asked.start, asked.end, asked.zone):
            until = start_of(day + DAY, asked.zone)
            total += level([*before, *(r for r in inside if r.at < until)])
        return total / len(_days(asked.whole_start, asked.whole_end, asked.zone))
    moments = [asked.start, *(record.at for record in inside), asked.end]
    area = ZERO
    for number in range(len(moments) - 1):
        held = (moments[number + 1] - moments[number]) // MICROSECOND
        area += level([*before, *inside[:number]]) * held
    return area / ((asked.whole_end - asked.whole_start) // MICROSECOND)


def _counter(known: Sequence[Raw], meter: Meter, asked: Asked) -> Fraction:
    """Readings in (start, end], standing on what the register showed when the contract began, or else
    on the first reading since then."""
    since = asked.since or asked.start
    readings = _believed(known)
    early = [r for r in readings if r.at <= since]
    later = [r for r in readings if since < r.at <= asked.start]
    shown = early[-1] if early else later[0] if later else None
    total = ZERO
    for reading in (r for r in readings if asked.start < r.at <= asked.end):
        if shown is not None and reading.dimensions.get("role") != "installed":
            used = Fraction(reading.value) - Fraction(shown.value)
            if used < 0 and meter.digits is not None and 2 * -used > 10**meter.digits:
                used += 10**meter.digits
            total += used
        shown = reading
    return total


def _believed(readings: Sequence[Raw]) -> list[Raw]:
    """In order of time, at one instant the removed device before the installed one; no estimates where
    the same register was really read at the same instant."""
    read = {
        (r.at, r.dimensions.get("register"))
        for r in readings
        if r.dimensions.get("kind") != "estimated"
    }
    rank = {"removed": 0, "": 1, "installed": 2}
    kept = [
        r
        for r in readings
        if r.dimensions.get("kind") != "estimated"
        or (r.at, r.dimensions.get("register")) not in read
    ]
    return sorted(kept, key=lambda r: (r.at, rank[r.dimensions.get("role", "")]))
