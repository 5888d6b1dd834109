"""Slots: hours, days and months on a clock, each instant in exactly one; rows that share all records."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycent.catalog.meter import Aggregation, Level, Series
from everycent.consumption import slots
from everycent.consumption.slots import By, Held, Kind
from everycent.kernel.calendar import local_date, start_of_day
from everycent.kernel.errors import Invalid

ZONES = ["UTC", "Europe/Zagreb", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]
SUM = Series("calls", "call", Aggregation.SUM)


def labels(by: By, first: str, last: str, zone: str) -> list[str]:
    start, end = (start_of_day(date.fromisoformat(day), zone) for day in (first, last))
    found = slots.slots_of(by, start, end, zone)
    chart = slots.charted("s", "m", slots.shown_as(SUM), by, zone, None, found, [])
    return [slots.label(chart, slot) for slot in found]


DAYS = [
    # zone                  day on which the clock changes   hours
    ("Europe/Zagreb", "2026-03-29", 23),
    ("Europe/Zagreb", "2026-10-25", 25),
    ("America/New_York", "2026-03-08", 23),
    ("Europe/Zagreb", "2026-06-01", 24),
    ("Asia/Kathmandu", "2026-06-01", 24),
]


@pytest.mark.parametrize(("zone", "day", "hours"), DAYS)
def test_a_day_has_as_many_hours_as_it_has(zone, day, hours):
    after = (date.fromisoformat(day) + timedelta(days=1)).isoformat()
    assert len(labels(By.HOUR, day, after, zone)) == hours


def test_an_hour_that_comes_twice_is_told_by_its_offset():
    found = labels(By.HOUR, "2026-10-25", "2026-10-26", "Europe/Zagreb")
    assert found[2:4] == ["2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00"]


def test_days_and_months_are_those_on_the_wall():
    assert labels(By.DAY, "2026-02-27", "2026-03-02", "Europe/Zagreb") == [
        "2026-02-27", "2026-02-28", "2026-03-01",
    ]  # fmt: skip
    assert labels(By.MONTH, "2025-12-31", "2026-02-02", "Europe/Zagreb") == [
        "2025-12", "2026-01", "2026-02",
    ]  # fmt: skip


instants = st.integers(0, 10 * 366 * 24 * 60).map(
    lambda minutes: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


@given(st.sampled_from(By), instants, st.timedeltas(timedelta(seconds=1), timedelta(days=40)),
       st.sampled_from(ZONES))  # fmt: skip
def test_slots_touch_the_span_leave_nothing_out_and_never_overlap(by, start, length, zone):
    end = start + length
    found = slots.slots_of(by, start, end, zone)
    assert found[0].start <= start < found[0].end
    assert found[-1].start < end <= found[-1].end
    assert all(a.end == b.start for a, b in pairwise(found))
    for slot in found:
        last = slot.end - timedelta(microseconds=1)
        assert (slot.start.minute % 15, slot.start.second, slot.start.microsecond) == (0, 0, 0)
        first_day, last_day = (local_date(at, zone) for at in (slot.start, last))
        if by is By.MONTH:
            assert (first_day.year, first_day.month) == (last_day.year, last_day.month)
        else:
            assert first_day == last_day
        if by is By.HOUR:
            assert slot.end - slot.start <= timedelta(hours=1)


REFUSED = [
    (By.DAY, timedelta(0), "chart.empty"),
    (By.HOUR, timedelta(days=100), "chart.too_many_slots"),
    (By.DAY, timedelta(days=3000), "chart.too_many_slots"),
]


@pytest.mark.parametrize(("by", "length", "code"), REFUSED)
def test_a_chart_of_nothing_or_of_far_too_much_is_refused(by, length, code):
    start = datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(Invalid) as refused:
        slots.slots_of(by, start, start + length, "UTC")
    assert refused.value.code == code


def held(number: int, name: str, total: str) -> Held:
    return Held(number, name, Decimal(total))


def charted(rows: list[Held], *, dimension: str | None = "region", size: int = 2) -> slots.Chart:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    found = slots.slots_of(By.DAY, start, start + timedelta(days=size), "UTC")
    return slots.charted("s", "m", slots.shown_as(SUM), By.DAY, "UTC", dimension, found, rows)


def test_the_eight_largest_have_a_row_each_and_the_rest_one_together():
    rows = [held(0, f"v{n}", str(n)) for n in range(1, 12)] + [held(1, "", "5"), held(1, "v1", "1")]
    chart = charted(rows)
    assert [(row.kind, row.name) for row in chart.rows] == [
        *((Kind.VALUE, f"v{n}") for n in range(11, 3, -1)), (Kind.OTHER, ""), (Kind.NONE, ""),
    ]  # fmt: skip
    assert chart.rows[-2].values == (Decimal(6), Decimal(1))
    assert chart.rows[-1].values == (None, Decimal(5))
    assert slots.total_of(chart) == Decimal(72)


def test_a_slot_without_records_is_empty_and_not_zero():
    assert charted([held(1, "", "0")], dimension=None).rows[0].values == (None, Decimal(0))
    assert charted([], dimension=None).rows == ()
    assert slots.total_of(charted([])) == 0


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(["", *"abcdefghijklmn"]), st.integers(-9, 9)),
        unique_by=lambda row: row[:2],
    )
)
def test_every_value_is_in_exactly_one_row(rows):
    chart = charted([held(n, name, str(total)) for n, name, total in rows], size=4)
    assert len(chart.rows) <= slots.TOP + 2
    for number in range(4):
        shown = [row.values[number] for row in chart.rows if row.values[number] is not None]
        expected = [total for n, _, total in rows if n == number]
        assert (sum(shown), bool(shown)) == (sum(expected), bool(expected))
    assert slots.total_of(chart) == sum(total for *_, total in rows)


SUM_OF = Aggregation.SUM
SHOWN = [
    # aggregation, more                                         shown of a slot      adds up
    (Aggregation.SUM, {}, "sum of values", True),
    (Aggregation.COUNT, {}, "number of records", True),
    (Aggregation.UNIQUE, {"distinct": "user"}, "number of records", True),
    (Aggregation.UNITS, {"distinct": "user"}, "number of records", True),
    (Aggregation.MIN, {}, "lowest value", False),
    (Aggregation.MAX, {}, "highest value", False),
    (Aggregation.PERCENTILE, {"percentile": "95"}, "percentile 95", False),
    (Aggregation.LATEST, {}, "last value", False),
    (Aggregation.AVERAGE, {}, "average value", False),
    (Aggregation.COUNTER, {}, "last reading", False),
    (Aggregation.WEIGHTED_SUM, {"level": Level.SETS}, "last level", False),
    (Aggregation.WEIGHTED_SUM, {"level": Level.CHANGES}, "sum of values", True),
    (Aggregation.WINDOWED, {"window_minutes": 60, "each": SUM_OF}, "sum of values", True),
    (
        Aggregation.WINDOWED,
        {"window_minutes": 60, "each": Aggregation.MAX},
        "sum of 60-minute windows",
        True,
    ),
    (
        Aggregation.WINDOWED,
        {"window_minutes": 30, "each": SUM_OF, "then": Aggregation.AVERAGE},
        "average of 30-minute windows",
        False,
    ),
    (Aggregation.PEAK, {"window_minutes": 60}, "highest 60-minute average", False),
    (Aggregation.PEAK, {"window_minutes": 5}, "highest 5-minute average", False),
]


@pytest.mark.parametrize(("aggregation", "more", "what", "adds_up"), SHOWN)
def test_every_aggregation_says_what_is_shown_of_it(aggregation, more, what, adds_up):
    found = slots.shown_as(Series("m", "u", aggregation, **more))
    assert (found.what, found.adds_up) == (what, adds_up)


def test_every_aggregation_is_told():
    assert {row[0] for row in SHOWN} == set(Aggregation)


SPLITS = [
    (Aggregation.SUM, {}, True),
    (Aggregation.UNIQUE, {"distinct": "user"}, True),
    (Aggregation.WINDOWED, {"window_minutes": 60, "each": SUM_OF}, True),
    (Aggregation.WINDOWED, {"window_minutes": 60, "each": Aggregation.MAX}, False),
    (Aggregation.AVERAGE, {}, False),
    (Aggregation.PEAK, {"window_minutes": 60}, False),
]


@pytest.mark.parametrize(("aggregation", "more", "splits"), SPLITS)
def test_a_dimension_splits_what_adds_up_over_its_values(aggregation, more, splits):
    assert slots.shown_as(Series("m", "u", aggregation, **more)).splits is splits
