"""Answers: what windows, samples and levels make of the usage of a request."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest

from everycent.catalog.meter import Aggregation, Granularity, Level, Series
from everycent.consumption import answers
from everycent.consumption.answers import Counted, Said, Standing
from everycent.consumption.usage import Request, Usage
from everycent.kernel.period import Period

A = Aggregation
MARCH = Period(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
NOTHING = Usage(1, 2, 3)


def at(day, hour=0):
    return datetime(2026, 3, day, hour, tzinfo=UTC)


COUNTED = Counted(3, Decimal(10), Decimal(-1), Decimal(8), at(4), Decimal(3))


@pytest.mark.parametrize(
    ("aggregation", "then", "value", "peak", "peak_at"),
    [
        (A.WINDOWED, A.SUM, "10", None, None),
        (A.WINDOWED, A.MIN, "-1", None, None),
        (A.WINDOWED, A.MAX, "8", None, at(4)),
        (A.WINDOWED, A.AVERAGE, "10/3", None, None),
        (A.PERCENTILE, None, "3", None, None),
        (A.PEAK, None, None, Decimal(8), at(4)),
    ],
)
def test_windows_become_one_number(aggregation, then, value, peak, peak_at):
    series = Series("m", "u", aggregation, window_minutes=60, then=then)
    found = answers.with_counted(NOTHING, series, COUNTED)
    expected = None if value is None else Fraction(value)
    assert (found.value, found.peak, found.peak_at) == (expected, peak, peak_at)
    assert found.counted == 3


def before(unit, total, day, value, key=b"1", operation=None):
    dimensions = {"user": unit} | ({"operation": operation} if operation else {})
    return Standing(dimensions, Decimal(total), at(day), Decimal(value), key)


@pytest.mark.parametrize(
    ("level", "standing", "said", "opening", "value"),
    [
        (Level.CHANGES, [], [], "0", "0"),
        (Level.CHANGES, [before("a", 3, 1, 2), before("b", 4, 2, 9)], [], "7", "7"),
        (Level.SETS, [before("a", 3, 2, 2), before("b", 4, 1, 9)], [], "2", "2"),
        # at one instant the keys decide
        (Level.SETS, [before("a", 3, 1, 2, b"2"), before("b", 4, 1, 9, b"1")], [], "2", "2"),
        (Level.CHANGES, [before("a", 3, 1, 2)], [(31, "31")], "3", "4"),
        (Level.SETS, [before("a", 3, 1, 2)], [(31, "33")], "2", "3"),
    ],
)
def test_a_weighted_sum_stands_on_what_was_there_before(level, standing, said, opening, value):
    series = Series("m", "u", A.WEIGHTED_SUM, granularity=Granularity.DAY, level=level)
    records = [Said(at(day), Decimal(amount), {}) for day, amount in said]
    found = answers.with_level(NOTHING, Request("s", series, MARCH), standing, records)
    assert (found.opening_level, found.value) == (Decimal(opening), Fraction(value))
    assert found.counted == len(said)


@pytest.mark.parametrize(
    ("granularity", "value"),
    [
        (None, "3"),
        # b the whole month, c from the 16th on, d on the 31st, at noon for half of a day
        (Granularity.SECOND, "95/62"),
        (Granularity.DAY, "48/31"),
    ],
)
def test_units_stand_on_what_was_there_before(granularity, value):
    series = Series("m", "u", A.UNITS, distinct="user", granularity=granularity)
    standing = [
        before("a", 1, 1, 1, b"1"),
        before("a", 1, 2, 1, b"1", "remove"),
        before("b", 1, 1, 1),
    ]
    said = [
        Said(at(16), Decimal(1), {"user": "c"}),
        Said(at(20), Decimal(1), {"region": "eu"}),
        Said(at(31), Decimal(1), {"user": "a", "operation": "remove"}),
        Said(at(31, 12), Decimal(1), {"user": "d", "operation": "add"}),
    ]
    found = answers.with_level(NOTHING, Request("s", series, MARCH), standing, said)
    assert (found.opening_level, found.counted) == (1, 3)
    assert found.value == Fraction(value)
