"""Levels: weighted sums and units, by seconds and by local days."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycent.catalog.meter import Granularity, Level
from everycent.consumption import levels
from everycent.consumption.levels import Change, Weighing
from everycent.kernel.calendar import start_of_day
from everycent.kernel.period import Period

SECOND, DAY = Granularity.SECOND, Granularity.DAY
CHANGES, SETS = Level.CHANGES, Level.SETS
MARCH = Period(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))


def at(day, hour=0, minute=0):
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def weighing(granularity, start=None, end=None, zone="UTC", whole=MARCH):
    return Weighing(Period(start or whole.start, end or whole.end), whole, granularity, zone)


@pytest.mark.parametrize(
    ("opening", "changes", "granularity", "level", "expected"),
    [
        ("0", [], SECOND, CHANGES, "0"),
        ("7", [], SECOND, CHANGES, "7"),
        ("7", [], DAY, SETS, "7"),
        ("0", [(at(1), "31")], SECOND, CHANGES, "31"),
        ("0", [(at(31), "31")], SECOND, CHANGES, "1"),
        ("0", [(at(31, 23, 59), "1")], SECOND, CHANGES, "1/44640"),
        ("2500", [(at(5), "-2000")], SECOND, CHANGES, "23500/31"),
        # a change counts from its own day on, at whatever hour
        ("0", [(at(31, 23, 59), "31")], DAY, CHANGES, "1"),
        ("0", [(at(1, 23, 59), "31")], DAY, CHANGES, "31"),
        ("5", [(at(2, 1), "31"), (at(2, 22), "-31")], DAY, CHANGES, "5"),
        # what is set replaces what was before
        ("100", [(at(1), "31")], SECOND, SETS, "31"),
        ("0", [(at(1), "31"), (at(30), "0")], SECOND, SETS, "29"),
        ("31", [(at(16, 12), "62")], SECOND, SETS, "93/2"),
        # on one day the last one holds
        ("0", [(at(1, 1), "900"), (at(1, 2), "31"), (at(2), "31")], DAY, SETS, "31"),
        ("0", [(at(1), "-31")], SECOND, CHANGES, "-31"),
    ],
)
def test_a_weighted_sum_is_the_average_of_the_level(opening, changes, granularity, level, expected):
    said = [Change(moment, Decimal(value)) for moment, value in changes]
    found = levels.weighted_sum(Decimal(opening), said, weighing(granularity), level)
    assert found == Fraction(expected)


@pytest.mark.parametrize(
    ("start", "end", "granularity", "expected"),
    [
        (at(5), None, SECOND, "27/31"),
        (at(5), None, DAY, "27/31"),
        (None, at(5), SECOND, "4/31"),
        (None, at(5), DAY, "4/31"),
        (None, at(5, 12), SECOND, "9/62"),
        # a day that has begun counts whole
        (None, at(5, 12), DAY, "5/31"),
    ],
)
def test_a_part_of_a_period_is_weighed_against_the_whole_of_it(start, end, granularity, expected):
    found = levels.weighted_sum(Decimal(1), [], weighing(granularity, start, end), CHANGES)
    assert found == Fraction(expected)


@pytest.mark.parametrize(
    ("day", "granularity", "expected"),
    [
        # the month has 743 hours: on 29 March the clock is put on at 2:00
        (30, SECOND, "48/743"),
        (29, SECOND, "71/743"),
        (30, DAY, "2/31"),
        (29, DAY, "3/31"),
    ],
)
def test_days_are_those_of_the_clock(day, granularity, expected):
    zone = "Europe/Zagreb"
    month = Period(start_of_day(MARCH.start.date(), zone), start_of_day(MARCH.end.date(), zone))
    change = Change(start_of_day(at(day).date(), zone), Decimal(1))
    weighed = Weighing(month, month, granularity, zone)
    assert levels.weighted_sum(Decimal(0), [change], weighed, CHANGES) == Fraction(expected)


_AMOUNTS = st.decimals(-1000, 1000, places=3)
_MOMENTS = st.integers(0, 31 * 86400 - 1).map(lambda n: MARCH.start + timedelta(seconds=n))
_SAID = st.lists(st.builds(Change, _MOMENTS, _AMOUNTS)).map(lambda found: sorted(found))
_CUTS = st.integers(1, 30).map(lambda day: at(day + 1))


@given(_AMOUNTS, _SAID, _CUTS, st.sampled_from([SECOND, DAY]), st.sampled_from([CHANGES, SETS]))
def test_two_parts_of_a_period_add_up_to_the_whole(opening, said, cut, granularity, level):
    before = [change for change in said if change.at < cut]
    after = [change for change in said if change.at >= cut]
    if level is SETS:
        carried = before[-1].value if before else opening
    else:
        carried = opening + sum((change.value for change in before), Decimal(0))
    first = levels.weighted_sum(opening, before, weighing(granularity, end=cut), level)
    second = levels.weighted_sum(carried, after, weighing(granularity, start=cut), level)
    assert first + second == levels.weighted_sum(opening, said, weighing(granularity), level)


@given(_AMOUNTS, _SAID)
def test_changes_and_the_levels_that_they_lead_to_say_the_same(opening, said):
    level, reached = opening, []
    for change in said:
        level += change.value
        reached.append(change._replace(value=level))
    for granularity in (SECOND, DAY):
        weighed = weighing(granularity)
        assert levels.weighted_sum(opening, said, weighed, CHANGES) == levels.weighted_sum(
            opening, reached, weighed, SETS
        )


def came(moment, unit="a"):
    return Change(moment, Decimal(1), unit)


def went(moment, unit="a"):
    return Change(moment, Decimal(1), unit, is_removal=True)


@pytest.mark.parametrize(
    ("opening", "changes", "granularity", "expected"),
    [
        ([], [], None, "0"),
        (["a", "b"], [], None, "2"),
        ([], [came(at(31, 23))], None, "1"),
        (["a"], [went(at(1, 0, 1))], None, "1"),
        ([], [came(at(2)), came(at(3)), came(at(4), "b")], None, "2"),
        # what goes as the period begins was not there in it; what was never there can't go
        (["a"], [went(at(1))], None, "0"),
        (["a"], [went(at(1)), came(at(9))], None, "1"),
        ([], [went(at(2))], None, "0"),
        (["a"], [went(at(16))], SECOND, "15/31"),
        ([], [came(at(16)), went(at(20, 12))], SECOND, "9/62"),
        (["a"], [went(at(2)), came(at(31)), came(at(31, 12))], SECOND, "2/31"),
        ([], [came(at(1)), went(at(1))], SECOND, "0"),
        # days on which it was there at all, those of coming and going included, each once
        ([], [came(at(16)), went(at(20, 12))], DAY, "5/31"),
        ([], [came(at(16, 23, 59)), went(at(17))], DAY, "2/31"),
        ([], [came(at(9)), went(at(9)), came(at(9, 1)), went(at(9, 2))], DAY, "1/31"),
        ([], [came(at(9)), went(at(9)), came(at(14)), went(at(14))], DAY, "2/31"),
        (["a", "b"], [went(at(31, 23), "b")], DAY, "2"),
        (["a"], [went(at(1))], DAY, "1/31"),
    ],
)
def test_units_count_while_they_are_there(opening, changes, granularity, expected):
    weighed = None if granularity is None else weighing(granularity)
    value, _ = levels.units(opening, changes, weighed, MARCH)
    assert value == Fraction(expected)


_COMINGS = st.lists(
    st.builds(Change, _MOMENTS, st.just(Decimal(1)), st.sampled_from("abc"), st.booleans())
).map(lambda found: sorted(found))


@given(st.sets(st.sampled_from("abcd")), _COMINGS, _CUTS)
def test_the_shares_of_units_in_two_parts_add_up_and_no_unit_counts_for_more_than_one(
    opening, changes, cut
):
    before = [change for change in changes if change.at < cut]
    after = [change for change in changes if change.at >= cut]
    there = set(opening)
    for change in before:
        (there.discard if change.is_removal else there.add)(change.unit)
    first, _ = levels.units(opening, before, weighing(SECOND, end=cut), Period(MARCH.start, cut))
    second, _ = levels.units(there, after, weighing(SECOND, start=cut), Period(cut, MARCH.end))
    whole, different = levels.units(opening, changes, weighing(SECOND), MARCH)
    assert first + second == whole
    by_days, _ = levels.units(opening, changes, weighing(DAY), MARCH)
    assert whole <= by_days <= different <= 4


def state(unit, day, key, operation=""):
    dimensions = {"user": unit} if unit else {}
    return dimensions | ({"operation": operation} if operation else {}), at(day), key


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], set()),
        ([state("a", 1, b"1")], {"a"}),
        ([state("a", 1, b"1", "add"), state("b", 2, b"2", "something")], {"a", "b"}),
        ([state("a", 1, b"1", "add"), state("a", 2, b"0", "remove")], set()),
        ([state("a", 3, b"0", "add"), state("a", 2, b"1", "remove")], {"a"}),
        # at one instant the keys decide
        ([state("a", 1, b"2", "remove"), state("a", 1, b"1", "add")], set()),
        ([state("a", 1, b"1", "remove"), state("a", 1, b"2", "add")], {"a"}),
        ([state("", 1, b"1"), state("", 2, b"2", "remove")], set()),
    ],
)
def test_units_are_there_when_their_last_record_does_not_remove_them(states, expected):
    for order in (states, states[::-1]):
        assert levels.opening_units(order, "user", levels.is_removal) == expected
