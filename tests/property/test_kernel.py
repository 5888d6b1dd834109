"""What holds of money, numbers, ids and calendars for every value, not only for the ones in tables.

The clock changes of every time zone between 2000 and 2037 are found once, by reading the zone's offset
week by week; the calendar is then tried on all of them.
"""

from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_DOWN,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    ROUND_UP,
    Context,
    Decimal,
)
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from zoneinfo import available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everycent.kernel import currency, ids
from everycent.kernel.calendar import (
    Cycle,
    Interval,
    Repeated,
    Skipped,
    local_date,
    parse_interval,
    resolve_wall,
    start_of_day,
    zone,
)
from everycent.kernel.errors import Invalid
from everycent.kernel.money import (
    MINOR_LIMIT,
    Money,
    Rounding,
    major,
    round_decimal,
    rounded,
    split,
)
from everycent.kernel.period import instant_text, parse_instant
from everycent.kernel.quantity import MAX_PLACES, as_decimal, parse_decimal, plain

often = settings(deadline=None, max_examples=300)
seldom = settings(deadline=None, max_examples=150)

DECIMAL_MODES = {
    Rounding.HALF_EVEN: ROUND_HALF_EVEN,
    Rounding.HALF_UP: ROUND_HALF_UP,
    Rounding.HALF_DOWN: ROUND_HALF_DOWN,
    Rounding.UP: ROUND_UP,
    Rounding.DOWN: ROUND_DOWN,
    Rounding.CEILING: ROUND_CEILING,
    Rounding.FLOOR: ROUND_FLOOR,
}
MIRRORED = {Rounding.CEILING: Rounding.FLOOR, Rounding.FLOOR: Rounding.CEILING}
HALVES = {Rounding.HALF_EVEN, Rounding.HALF_UP, Rounding.HALF_DOWN}
WIDE = Context(prec=200)
NO_PLACES = {"Factory", "localtime"}
ZONES = sorted(available_timezones() - NO_PLACES)
QUARTER = timedelta(minutes=15)

modes = st.sampled_from(Rounding)
places = st.integers(-12, 12)
decimals = st.builds(
    lambda digits, scale: Decimal(digits).scaleb(-scale, context=WIDE),
    st.integers(-(10**38), 10**38) | st.integers(-2000, 2000),
    st.integers(0, MAX_PLACES),
)
fractions = st.fractions(max_denominator=10**6) | st.builds(Fraction, decimals)
minor = st.integers(1 - MINOR_LIMIT, MINOR_LIMIT - 1)
weights = st.lists(
    st.integers(0, 10**6) | st.fractions(0, 1000, max_denominator=366), min_size=1, max_size=12
).filter(any)
dates = st.dates(date(2000, 1, 1), date(2037, 12, 30))
zones = st.sampled_from(ZONES) | st.sampled_from(["UTC", "UTC+05:45", "UTC-12:00", "UTC+14:00"])
intervals = st.builds(Interval, st.integers(1, 24), st.just(0)) | st.builds(
    Interval, st.just(0), st.integers(1, 60)
)
cycles = st.builds(Cycle, dates, intervals, zones)


# --- splitting --------------------------------------------------------------------------------


@often
@given(minor, weights)
def test_a_split_loses_nothing_and_is_fair_within_one_unit(total, given_weights):
    shares = split(total, given_weights)
    assert sum(shares) == total
    whole = sum(given_weights)
    for share, weight in zip(shares, given_weights, strict=True):
        assert abs(share - Fraction(weight) * total / whole) < 1
        assert weight or share == 0


@often
@given(minor, weights, st.fractions(Fraction(1, 100), 100))
def test_a_split_depends_on_the_proportions_alone_and_mirrors(total, given_weights, scale):
    shares = split(total, given_weights)
    assert shares == split(total, [weight * scale for weight in given_weights])
    assert shares == [-share for share in split(-total, given_weights)]


@often
@given(minor, weights)
def test_a_larger_weight_never_gets_less_and_ties_go_to_the_earlier(total, given_weights):
    ranked = sorted(
        range(len(given_weights)), key=lambda i: (given_weights[i], -i)
    )  # the earlier of two equals counts as the larger
    shares = split(abs(total), given_weights)
    assert [shares[i] for i in ranked] == sorted(shares)


# --- rounding ---------------------------------------------------------------------------------


@often
@given(decimals, places, modes)
def test_rounding_equals_quantize_for_decimals_and_for_fractions(value, scale, mode):
    unit = Decimal(1).scaleb(-scale)
    expected = value.quantize(unit, rounding=DECIMAL_MODES[mode], context=WIDE)
    assert round_decimal(value, scale, mode) == expected
    assert round_decimal(Fraction(value), scale, mode) == expected


@often
@given(fractions, places, modes)
def test_the_error_of_rounding_stays_below_one_unit_or_at_a_half(value, scale, mode):
    error = abs(Fraction(round_decimal(value, scale, mode)) - value) * Fraction(10) ** scale
    assert error <= Fraction(1, 2) if mode in HALVES else error < 1


@often
@given(fractions, fractions, places, modes)
def test_rounding_keeps_the_order(one, other, scale, mode):
    smaller, larger = sorted((one, other))
    assert round_decimal(smaller, scale, mode) <= round_decimal(larger, scale, mode)


@often
@given(fractions | decimals, places, modes)
def test_a_credit_rounds_like_the_charge_it_mirrors(value, scale, mode):
    mirrored = round_decimal(value, scale, MIRRORED.get(mode, mode))
    opposite = value.copy_negate() if isinstance(value, Decimal) else -value
    assert round_decimal(opposite, scale, mode) == mirrored.copy_negate()


@often
@given(fractions, places, modes)
def test_rounding_twice_is_rounding_once(value, scale, mode):
    once = round_decimal(value, scale, mode)
    assert round_decimal(once, scale, mode) == once


@often
@given(minor, st.sampled_from(currency.codes()), modes)
def test_money_passes_through_major_units_unchanged(units, code, mode):
    assert rounded(major(Money(units, code)), code, mode) == Money(units, code)


# --- adding -----------------------------------------------------------------------------------


@often
@given(minor, minor, minor, st.sampled_from(["EUR", "JPY", "KWD"]))
def test_adding_money_is_associative_and_commutative_and_undone_by_subtracting(a, b, c, code):
    one, two, three = Money(a, code), Money(b, code), Money(c, code)
    assert (one + two) + three == one + (two + three)
    assert one + two == two + one
    assert (one + two) - two == one
    assert one - two == one + -two
    assert one + -one == Money(0, code)


# --- numbers, ids and instants as text --------------------------------------------------------


def outcome(read, *given_text):
    """What reading gives: the value, or the code of the refusal. Nothing else may come out."""
    try:
        return read(*given_text)
    except Invalid as refused:
        return refused.code


@often
@given(decimals.filter(lambda value: abs(value) < 10**20))
def test_a_decimal_survives_being_shown_and_read(value):
    shown = plain(value)
    assert parse_decimal(shown, "number") == value
    assert plain(parse_decimal(shown, "number")) == shown


@often
@given(st.text() | st.from_regex(r"-?[0-9]{1,22}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?"))
def test_text_is_a_bounded_decimal_or_is_refused(text):
    value = outcome(parse_decimal, text, "number")
    if isinstance(value, str):
        assert value in ("number.malformed", "number.out_of_range")
    else:
        assert value.is_finite()
        assert abs(value) < 10**20
        assert -MAX_PLACES <= value.as_tuple().exponent <= 0


@often
@given(st.fractions(-(10**9), 10**9))
def test_a_fraction_as_a_decimal_is_right_to_the_last_place(value):
    assert abs(Fraction(as_decimal(value)) - value) <= Fraction(1, 2 * 10**MAX_PLACES)


@often
@given(st.uuids(), st.sampled_from([ids.CUSTOMER, ids.INVOICE, ids.EVENT]))
def test_an_id_survives_being_shown_and_read(value, prefix):
    shown = ids.show(prefix, value)
    assert ids.parse(prefix, shown, "id") == value
    assert len(shown) == len(prefix) + 27


@often
@given(st.uuids(), st.uuids())
def test_ids_sort_alike_as_numbers_and_as_text(one, other):
    assert (one < other) == (ids.show("inv", one) < ids.show("inv", other))


@often
@given(st.text() | st.from_regex(r"inv_[0-9a-z]{26}", fullmatch=True))
def test_text_is_an_id_or_is_refused(text):
    value = outcome(ids.parse, "inv", text, "id")
    assert value == "id.malformed" or ids.show("inv", value) == text


@often
@given(st.datetimes(timezones=st.timezones()))
def test_an_instant_survives_being_written_and_read(moment):
    try:
        at = moment.astimezone(UTC)
    except OverflowError:
        return  # an hour before the year 1 or after the year 9999
    assert parse_instant(instant_text(at), "at") == at


@often
@given(
    st.text()
    | st.from_regex(
        r"[0-9]{4}-[0-1][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](Z|[+-][0-2][0-9]:[0-5][0-9])",
        fullmatch=True,
    )
)
def test_text_is_an_instant_in_utc_or_is_refused(text):
    value = outcome(parse_instant, text, "at")
    assert value in ("time.malformed", "time.naive") or value.tzinfo is UTC


@often
@given(st.text() | st.from_regex(r"[A-Za-z+0-9:_/.-]{1,40}"))
def test_text_is_a_time_zone_or_is_refused(text):
    value = outcome(zone, text)
    assert value == "zone.unknown" or isinstance(value, tzinfo)


@often
@given(intervals)
def test_an_interval_survives_being_shown_and_read(interval):
    assert parse_interval(str(interval)) == interval


# --- calendars --------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def clock_changes(name: str) -> tuple[datetime, ...]:
    """The instants from 2000 to 2037 at which the zone's offset changes."""
    tz, found = zone(name), []
    at = datetime(2000, 1, 1, tzinfo=UTC)
    while at.year < 2038:
        later = at + timedelta(days=7)
        if at.astimezone(tz).utcoffset() != later.astimezone(tz).utcoffset():
            before, after = at, later
            while after - before > timedelta(seconds=1):
                middle = before + (after - before) // timedelta(seconds=2) * timedelta(seconds=1)
                same = middle.astimezone(tz).utcoffset() == at.astimezone(tz).utcoffset()
                before, after = (middle, after) if same else (before, middle)
            found.append(after)
        at = later
    return tuple(found)


def check_start(day: date, name: str) -> None:
    """The date's first instant: on it the wall shows the date, just before it an earlier one."""
    start = start_of_day(day, name)
    assert local_date(start - timedelta(microseconds=1), name) < day
    assert local_date(start, name) == day or never_was(day, name)
    assert (start - datetime(2000, 1, 1, tzinfo=UTC)) % QUARTER == timedelta(0)


def never_was(day: date, name: str) -> bool:
    """Whether the zone crossed the date line and left the date out."""
    return (day, name) in {
        (date(2011, 12, 30), "Pacific/Apia"),
        (date(2011, 12, 30), "Pacific/Fakaofo"),
    }


@pytest.mark.parametrize("initial", sorted({name[0] for name in ZONES}))
def test_around_every_clock_change_a_day_begins_at_its_first_instant_on_a_quarter_hour(initial):
    for name in (name for name in ZONES if name[0] == initial):
        for change in clock_changes(name):
            on = local_date(change, name)
            for days in (-1, 0, 1):
                check_start(on + timedelta(days=days), name)


@often
@given(dates, zones)
def test_a_day_begins_at_its_first_instant_on_a_quarter_hour(day, name):
    check_start(day, name)


@often
@given(cycles, st.integers(-60, 60))
def test_the_number_of_a_boundary_is_its_own(cycle, n):
    assert cycle.index(cycle.boundary(n)) == n
    assert cycle.boundary(n) < cycle.boundary(n + 1)


@often
@given(cycles, dates)
def test_every_day_lies_in_the_period_of_its_number(cycle, day):
    n = cycle.index(day)
    assert cycle.boundary(n) <= day < cycle.boundary(n + 1)


@seldom
@given(cycles, st.integers(-12, 12))
def test_periods_tile_time_without_gap_or_overlap(cycle, first):
    periods = [cycle.period(n) for n in range(first, first + 14)]
    for n, (left, right) in enumerate(pairwise(periods), first):
        assert left.end == right.start
        assert left.start < left.end or never_was(cycle.boundary(n), cycle.zone)
        assert left.overlap(right) is None


@seldom
@given(st.sampled_from(ZONES), st.data())
def test_a_wall_time_is_kept_to_unless_later_was_chosen(name, data):
    changes = clock_changes(name)
    near = data.draw(st.sampled_from(changes)) if changes else datetime(2026, 3, 1, tzinfo=UTC)
    minutes = data.draw(st.integers(-180, 180))
    tz = zone(name)
    wall = near.astimezone(tz).replace(tzinfo=None, fold=0) + timedelta(minutes=minutes)
    readings = {
        (skipped, repeated): outcome(resolve_wall, wall, name, skipped, repeated)
        for skipped in Skipped
        for repeated in Repeated
    }
    for (skipped, _), at in readings.items():
        if not isinstance(at, str):
            shown = at.astimezone(tz).replace(tzinfo=None)
            assert shown == wall or (skipped is Skipped.LATER and shown > wall)
    strict = readings[Skipped.REFUSE, Repeated.REFUSE]
    if strict == "time.skipped":
        assert all(readings[Skipped.REFUSE, repeated] == strict for repeated in Repeated)
        assert len({readings[Skipped.LATER, repeated] for repeated in Repeated}) == 1
    elif strict == "time.repeated":
        first = readings[Skipped.REFUSE, Repeated.FIRST]
        second = readings[Skipped.REFUSE, Repeated.SECOND]
        assert readings[Skipped.LATER, Repeated.REFUSE] == strict
        assert first < second
    else:
        assert set(readings.values()) == {strict}
