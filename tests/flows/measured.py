"""What the tests of aggregations draw lots from: clocks, instants where mistakes hide, records, meters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import product
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from everycent.catalog import bands as product_bands
from everycent.catalog.holidays import Holidays
from everycent.catalog.meter import Aggregation, Granularity, Level, Series
from everycent.catalog.segments import SegmentRule, Segments
from everycent.consumption.usage import Request, Usage, Used
from everycent.kernel.period import Period
from everycent.metering.record import UsageRecord, canonical_dimensions, canonical_value
from everycent.rating.quantity import quantity
from tests.oracle import metering as oracle
from tests.oracle.metering import Asked, Meter, Raw

METER = "m"
DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)
MONTHS = [
    ("Europe/Zagreb", 2026, 3),
    ("Europe/Zagreb", 2026, 10),
    ("America/New_York", 2026, 3),
    ("America/New_York", 2026, 11),
    ("Australia/Lord_Howe", 2026, 4),
    ("Australia/Lord_Howe", 2026, 10),
    ("Asia/Kathmandu", 2026, 2),
    ("UTC", 2026, 12),
]
"""Both changes of the clock, by an hour and by half of one, an odd offset, and none."""
OFFSETS = [
    timedelta(),
    -MICROSECOND,
    MICROSECOND,
    timedelta(minutes=15),
    timedelta(minutes=-15),
    timedelta(minutes=7, seconds=3),
    timedelta(minutes=-15, microseconds=1),
    timedelta(minutes=30),
    timedelta(hours=-1),
    timedelta(hours=1, minutes=14, seconds=59, microseconds=999_999),
    timedelta(hours=5, minutes=31),
]
VALUES = [
    *("1", "2", "3", "5", "8", "0", "-1", "-4", "0.1", "0.25", "-2.5", "1000"),
    *("0.333333333333333333", "99999999999999999999.000000000000000001"),
]
_WEEK = tuple(range(8))


class World(NamedTuple):
    """A month on a clock, the span that is asked for, and the bands and segments there."""

    zone: str
    start: datetime
    end: datetime
    whole_start: datetime
    whole_end: datetime
    bands: oracle.Bands

    def asked(self, **more: Any) -> Asked:
        """The span as the oracle takes it."""
        return Asked(self.start, self.end, self.whole_start, self.whole_end, self.zone, **more)


SEGMENTS = oracle.Segments(
    [
        ("ours", {"region": ["eu"], "tier": ["a", "b"]}),
        ("ours", {"user": ["u1"]}),
        ("theirs", {"region": ["us", "asia"], "tier": ["a", "c"]}),
    ],
    "rest",
)


def changes_of_the_clock(start: datetime, end: datetime, zone: str) -> list[datetime]:
    """The instants in the span at which the clock is put back or on."""
    clock = ZoneInfo(zone)
    found = []
    at = start
    while at < end:
        after = at + timedelta(minutes=15)
        if at.astimezone(clock).utcoffset() != after.astimezone(clock).utcoffset():
            found.append(after)
        at = after
    return found


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A month and a span in it: all of it, a part from or up to some day, one day, or any hours."""
    zone, year, month = draw(st.sampled_from(MONTHS))
    first = date(year, month, 1)
    after = (first + 31 * DAY).replace(day=1)
    whole = oracle.start_of(first, zone), oracle.start_of(after, zone)
    kind = draw(st.sampled_from(["month", "month", "from", "until", "day", "hours"]))
    start, end = whole
    changes = changes_of_the_clock(*whole, zone)
    if kind == "from":
        start = oracle.start_of(first + 4 * DAY, zone)
    elif kind == "until":
        end = oracle.start_of(first + 19 * DAY, zone)
    elif kind == "day":
        at = changes[0] if changes else whole[0] + 3 * DAY
        day = at.astimezone(ZoneInfo(zone)).date()
        start, end = oracle.start_of(day, zone), oracle.start_of(day + DAY, zone)
    elif kind == "hours":
        start = whole[0] + draw(st.integers(0, 300)) * timedelta(minutes=15)
        end = start + draw(st.integers(1, 2000)) * timedelta(minutes=15)
    clock = draw(st.sampled_from([zone, zone, "Etc/GMT-1"]))
    busy = [(d, 495, 1185) for d in ((0, 1, 2, 3, 4),)]
    bands = oracle.Bands(
        clock,
        [
            ("night", _WEEK, 1320, 1440),
            ("night", _WEEK, 0, 345),
            *(("busy", *rule) for rule in busy),
            ("free", (6, oracle.HOLIDAY), 0, 1440),
        ],
        "rest",
        [first + n * DAY for n in (0, 7, 24)],
    )
    return World(zone, start, end, *whole, bands)


def instants(world: World) -> st.SearchStrategy[datetime]:
    """Mostly on, or hardly beside, the edges of something."""
    hot = {world.start, world.end, world.whole_start, world.whole_end}
    for at in [world.start, world.end, *changes_of_the_clock(*world[1:3], world.zone)]:
        day = at.astimezone(ZoneInfo(world.zone)).date()
        hot |= {at, oracle.start_of(day, world.zone), oracle.start_of(day + DAY, world.zone)}
        hot.add(at.replace(hour=0, minute=0))
    edges = st.builds(
        lambda at, offset: at + offset, st.sampled_from(sorted(hot)), st.sampled_from(OFFSETS)
    )
    first, last = world.whole_start - 3 * DAY, world.whole_end + DAY
    anywhere = st.integers(0, (last - first) // MICROSECOND).map(lambda n: first + n * MICROSECOND)
    return st.one_of(edges, edges, anywhere)


_DIMENSIONS = st.builds(
    lambda *found: {
        name: value
        for name, value in zip(("region", "tier", "user", "operation"), found, strict=True)
        if value
    },
    st.sampled_from(["", "eu", "us", "asia"]),
    st.sampled_from(["", "a", "b", "c"]),
    st.sampled_from(["", "u1", "u2", "u3"]),
    st.sampled_from(["", "add", "remove", "remove"]),
)


@st.composite
def records(draw: st.DrawFn, world: World, max_size: int = 30) -> list[Raw]:
    """Records of one subject, many of them at one instant with others; their ids are their places."""
    moments = draw(st.lists(instants(world), min_size=1, max_size=12))
    when = st.sampled_from([world.start, *moments, *moments])
    rows = st.tuples(when, st.sampled_from(VALUES), _DIMENSIONS)
    few = draw(st.sampled_from([0, 10, 20]))
    found = draw(st.lists(rows, min_size=few, max_size=max_size))
    return [Raw("s", str(n), "x", METER, *row) for n, row in enumerate(found)]


def _detailed() -> list[Meter]:
    found = [
        Meter("windowed", window_minutes=minutes, each=each, then=then)
        for minutes, each, then in product(
            (1, 5, 10, 15, 30, 60, 120, 480, 1440),
            ("count", "sum", "min", "max", "average", "latest"),
            ("sum", "min", "max", "average"),
        )
    ]
    for percent in ("0.1", "50", "66.6", "95", "100"):
        found.append(Meter("percentile", percentile=percent))
        found.extend(
            Meter("percentile", percentile=percent, window_minutes=minutes, each=each)
            for minutes, each in product((1, 5, 10, 15, 60, 1440), ("sum", "max", "average"))
        )
    return found


SIMPLE = [
    *(Meter(name) for name in ("count", "sum", "min", "max", "average", "latest")),
    Meter("unique", distinct="user"),
]
PEAKS = [Meter("peak", window_minutes=minutes) for minutes in (15, 30, 60, 120, 1440)]
LEVELS = [
    *(Meter("units", distinct="user", granularity=g) for g in (None, "second", "day")),
    *(
        Meter("weighted_sum", granularity=granularity, level=level, carries=carries)
        for granularity, level, carries in product(
            ("second", "day"), ("changes", "sets"), (True, False)
        )
    ),
]
DETAILED = _detailed()


def parts(meter: Meter, world: World) -> list[Meter]:
    """The meter whole, in each band where it may have bands, and in each segment."""
    found = [meter]
    if meter.aggregation not in ("units", "weighted_sum"):
        found += in_bands(meter, world)
    return found + in_segments(meter)


def in_bands(meter: Meter, world: World) -> list[Meter]:
    """The meter in each band."""
    names = dict.fromkeys([*(rule[0] for rule in world.bands.rules), world.bands.rest])
    return [meter._replace(bands=world.bands, band=name) for name in names]


def in_segments(meter: Meter) -> list[Meter]:
    """The meter in each segment."""
    names = dict.fromkeys([*(name for name, _ in SEGMENTS.rules), SEGMENTS.rest])
    return [meter._replace(segments=SEGMENTS, segment=name) for name in names]


def always(world: World) -> list[Meter]:
    """Every simple meter and every level in all of its parts."""
    return [part for meter in SIMPLE + LEVELS for part in parts(meter, world)]


def detailed(world: World) -> st.SearchStrategy[Meter]:
    """One of the many others, or a part of it."""
    every = st.sampled_from(DETAILED + PEAKS * 20)
    return every.flatmap(lambda meter: st.sampled_from(parts(meter, world)))


def series(meter: Meter) -> Series:
    """The meter in the product's own words."""
    is_weighted = meter.aggregation == "weighted_sum"
    return Series(
        METER,
        "unit",
        Aggregation(meter.aggregation),
        bands=_bands(meter.bands),
        band=meter.band,
        window_minutes=meter.window_minutes,
        distinct=meter.distinct,
        digits=meter.digits,
        segments=_segments(meter.segments),
        segment=meter.segment,
        each=None if meter.each is None else Aggregation(meter.each),
        then=None if meter.then is None else Aggregation(meter.then),
        percentile=meter.percentile,
        granularity=None if meter.granularity is None else Granularity(meter.granularity),
        level=Level(meter.level) if is_weighted else None,
        carries=meter.carries,
    )


def _bands(given: oracle.Bands | None) -> product_bands.Bands | None:
    if given is None:
        return None
    rules = tuple(
        product_bands.BandRule(band, tuple(days), first, after)
        for band, days, first, after in given.rules
    )
    return product_bands.Bands(
        "b", given.zone, rules, given.rest, Holidays("h", tuple(given.holidays))
    )


def _segments(given: oracle.Segments | None) -> Segments | None:
    if given is None:
        return None
    rules = tuple(
        SegmentRule(name, tuple((k, tuple(v)) for k, v in sorted(wanted.items())))
        for name, wanted in given.rules
    )
    return Segments("s", rules, given.rest)


def request(meter: Meter, asked: Asked, subject: str) -> Request:
    """What is asked of the product."""
    return Request(
        subject,
        series(meter),
        Period(asked.start, asked.end),
        asked.since,
        Period(asked.whole_start, asked.whole_end),
        asked.zone,
    )


def usage_records(found: Iterable[Raw], prefix: str, subject: str) -> list[UsageRecord]:
    """Records as the product takes them in; the prefix makes their ids those of one example."""
    return [
        UsageRecord(
            r.source, f"{prefix}{r.id}", subject, r.meter, r.at.astimezone(UTC),
            canonical_value(r.value), canonical_dimensions(r.dimensions),
        )
        for r in found
    ]  # fmt: skip


def named(found: Sequence[Raw], prefix: str) -> list[Raw]:
    """The same records with the ids under which the product knows them."""
    return [record._replace(id=f"{prefix}{record.id}") for record in found]


def value_of(wanted: Request, usage: Usage) -> Fraction:
    """The value that a price would get, exactly."""
    told, _ = quantity(wanted.series, {"": Used(wanted, usage)}, None)
    part = told.parts[0]
    return Fraction(part.exact or part.value)


def expected(found: Iterable[Raw], meter: Meter, asked: Asked) -> Fraction:
    """What the oracle says, a peak carried to 18 decimals as it is documented."""
    value = oracle.answer(found, meter, asked)
    return Fraction(round(value * 10**18), 10**18) if meter.aggregation == "peak" else value
