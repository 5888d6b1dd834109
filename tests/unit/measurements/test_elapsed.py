"""Elapsed time is exact, knows that days have 23 to 25 hours, and adds up to the last digit."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from everycent.kernel.period import Period, parse_instant
from everycent.measurements.elapsed import elapsed, level_over
from everycent.measurements.measurement import TimeUnit

ZAGREB = "Europe/Zagreb"


def period(start: str, end: str) -> Period:
    return Period(parse_instant(start, "start"), parse_instant(end, "end"))


DAY = ("2026-01-01T23:00Z", "2026-01-02T23:00Z")
SPRING = ("2026-03-28T23:00Z", "2026-03-29T22:00Z")
AUTUMN = ("2026-10-24T22:00Z", "2026-10-25T23:00Z")


@pytest.mark.parametrize(
    ("unit", "span", "expected"),
    [
        (TimeUnit.HOURS, DAY, "24"),
        (TimeUnit.HOURS, SPRING, "23"),
        (TimeUnit.HOURS, AUTUMN, "25"),
        (TimeUnit.DAYS, DAY, "1"),
        (TimeUnit.DAYS, SPRING, "1"),
        (TimeUnit.DAYS, AUTUMN, "1"),
        (TimeUnit.DAYS, ("2026-03-01T23:00Z", "2026-03-31T22:00Z"), "30"),
        (TimeUnit.DAYS, ("2026-01-01T23:00Z", "2026-01-02T11:00Z"), "0.5"),
        (TimeUnit.DAYS, ("2011-12-29T10:00Z", "2011-12-30T10:00Z"), "1"),
        (TimeUnit.MINUTES, SPRING, "1380"),
        (TimeUnit.SECONDS, ("2026-01-01T00:00Z", "2026-01-01T00:00:00.000001Z"), "0.000001"),
        (TimeUnit.INTERVALS, DAY, "1"),
        (TimeUnit.INTERVALS, SPRING, "1"),
        (TimeUnit.HOURS, ("2026-01-01T00:00Z", "2026-01-01T00:15Z"), "0.25"),
    ],
)
def test_a_whole_interval_has_the_time_that_passed(unit, span, expected):
    whole = period(*span)
    zone = "Pacific/Apia" if span[0].startswith("2011") else ZAGREB
    assert elapsed(unit, whole, whole, zone) == Decimal(expected)


def test_a_part_of_an_interval_is_that_share_of_it():
    whole = period("2026-01-01T00:00Z", "2026-01-01T01:00Z")
    part = period("2026-01-01T00:45Z", "2026-01-01T01:00Z")
    assert elapsed(TimeUnit.INTERVALS, part, whole, "UTC") == Decimal("0.25")


@pytest.mark.parametrize("unit", TimeUnit)
@pytest.mark.parametrize("span", [DAY, SPRING, AUTUMN])
@pytest.mark.parametrize("pieces", [3, 7, 11])
def test_parts_add_up_to_the_whole_to_the_last_digit(unit, span, pieces):
    whole = period(*span)
    length = whole.end - whole.start
    marks = [whole.start + length * n // pieces for n in range(pieces)] + [whole.end]
    parts = [elapsed(unit, Period(*pair), whole, ZAGREB) for pair in pairwise(marks)]
    assert sum(parts) == elapsed(unit, whole, whole, ZAGREB)


def test_three_times_twenty_minutes_are_one_hour():
    start = datetime(2026, 1, 1, tzinfo=UTC)
    marks = [start + timedelta(minutes=20 * n) for n in range(4)]
    whole = Period(marks[0], marks[3])
    parts = [elapsed(TimeUnit.HOURS, Period(*pair), whole, "UTC") for pair in pairwise(marks)]
    assert sum(parts) == 1
    assert parts[0] != Decimal(1) / 3  # it has eighteen places and no more


def test_a_level_is_multiplied_with_the_time_that_it_held():
    whole = period("2026-01-01T00:00Z", "2026-01-01T00:20Z")
    assert level_over(Decimal(30), TimeUnit.HOURS, whole, whole, "UTC") == 10
    assert level_over(Decimal("-1.5"), TimeUnit.MINUTES, whole, whole, "UTC") == -30
