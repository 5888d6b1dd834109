"""Boundaries keep their anchor, and days begin where the wall clock says they do.

Dates and clock changes are written out; those that others published carry the published case's id.
"""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from everycent.kernel.calendar import (
    Cycle,
    Interval,
    Repeated,
    Skipped,
    add_months,
    anchored,
    days_in_month,
    local_date,
    parse_interval,
    resolve_wall,
    start_of_day,
    zone,
)
from everycent.kernel.errors import Invalid

day = date.fromisoformat


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# --- zones ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "winter", "summer"),
    [
        ("UTC", "+00:00", "+00:00"),
        ("UTC+01:00", "+01:00", "+01:00"),
        ("UTC-03:30", "-03:30", "-03:30"),
        ("UTC+14:00", "+14:00", "+14:00"),
        ("UTC-14:00", "-14:00", "-14:00"),
        ("Europe/Zagreb", "+01:00", "+02:00"),
        ("America/Argentina/Buenos_Aires", "-03:00", "-03:00"),
        ("Asia/Kathmandu", "+05:45", "+05:45"),
        ("Etc/GMT+1", "-01:00", "-01:00"),
        ("Australia/Lord_Howe", "+11:00", "+10:30"),
    ],
)
def test_a_zone_has_its_offset_in_january_and_in_july(name, winter, summer):
    assert utc("2026-01-15").astimezone(zone(name)).isoformat().endswith(winter)
    assert utc("2026-07-15").astimezone(zone(name)).isoformat().endswith(summer)


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "Mars/Olympus",
        "europe/zagreb",
        "Europe",
        "Europe/",
        "/Europe/Zagreb",
        "../Europe/Zagreb",
        "Europe/../Europe/Zagreb",
        "Europe/Zagreb\n",
        "Europe/Zagreb\0",
        "zone.tab",
        "leapseconds",
        "localtime",
        "posixrules",
        "Factory",
        "posix/Europe/Zagreb",
        "right/Europe/Zagreb",
        "UTC+1",
        "UTC+01",
        "UTC+0100",
        "UTC+01:60",
        "UTC+14:01",
        "UTC-15:00",
        "UTC+99:99",
        "UTC+٠١:00",
        "A" * 5000,
    ],
)
def test_a_name_that_is_no_time_zone_is_refused(name):
    with pytest.raises(Invalid) as refused:
        zone(name)
    assert refused.value.code == "zone.unknown"
    assert refused.value.field == "time_zone"
    assert len(refused.value.message) < 400


# --- wall-clock times -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wall", "name", "instant"),
    [
        ("2026-03-29T01:59:59.999999", "Europe/Zagreb", "2026-03-29T00:59:59.999999"),
        ("2026-03-29T03:00", "Europe/Zagreb", "2026-03-29T01:00"),
        ("2026-10-25T01:59:59", "Europe/Zagreb", "2026-10-24T23:59:59"),
        ("2026-10-25T03:00", "Europe/Zagreb", "2026-10-25T02:00"),
        ("2026-03-29T02:30", "UTC", "2026-03-29T02:30"),
        ("2026-03-29T02:30", "UTC+01:00", "2026-03-29T01:30"),
        ("2018-11-04T01:00", "America/Sao_Paulo", "2018-11-04T03:00"),
        ("2026-01-01T00:00", "Asia/Kathmandu", "2025-12-31T18:15"),
    ],
)
def test_a_wall_time_that_comes_once_is_one_instant_under_every_choice(wall, name, instant):
    for skipped in Skipped:
        for repeated in Repeated:
            read = resolve_wall(datetime.fromisoformat(wall), name, skipped, repeated)
            assert read == utc(instant)
            assert read.tzinfo is UTC


@pytest.mark.parametrize(
    ("wall", "name", "later"),
    [
        ("2026-03-29T02:00", "Europe/Zagreb", "2026-03-29T01:00"),
        ("2026-03-29T02:30", "Europe/Zagreb", "2026-03-29T01:30"),
        ("2026-03-29T02:59:59.999999", "Europe/Zagreb", "2026-03-29T01:59:59.999999"),
        ("2026-03-08T02:30", "America/New_York", "2026-03-08T07:30"),
        ("2026-10-04T02:15", "Australia/Lord_Howe", "2026-10-03T15:45"),
        ("2018-11-04T00:00", "America/Sao_Paulo", "2018-11-04T03:00"),
        ("2024-03-31T00:30", "Asia/Beirut", "2024-03-30T22:30"),
        ("2011-12-30T12:00", "Pacific/Apia", "2011-12-30T22:00"),
    ],
)
def test_a_skipped_time_is_refused_unless_later_is_chosen(wall, name, later):
    for repeated in Repeated:
        with pytest.raises(Invalid) as refused:
            resolve_wall(datetime.fromisoformat(wall), name, Skipped.REFUSE, repeated)
        assert refused.value.code == "time.skipped"
        moved = resolve_wall(datetime.fromisoformat(wall), name, Skipped.LATER, repeated)
        assert moved == utc(later)


@pytest.mark.parametrize(
    ("wall", "name", "first", "second"),
    [
        ("2026-10-25T02:00", "Europe/Zagreb", "2026-10-25T00:00", "2026-10-25T01:00"),
        ("2026-10-25T02:59:59", "Europe/Zagreb", "2026-10-25T00:59:59", "2026-10-25T01:59:59"),
        ("2026-11-01T01:30", "America/New_York", "2026-11-01T05:30", "2026-11-01T06:30"),
        ("2026-04-05T01:45", "Australia/Lord_Howe", "2026-04-04T14:45", "2026-04-04T15:15"),
        ("2022-11-06T00:00", "America/Havana", "2022-11-06T04:00", "2022-11-06T05:00"),
        ("2019-02-16T23:30", "America/Sao_Paulo", "2019-02-17T01:30", "2019-02-17T02:30"),
    ],
)
def test_a_repeated_time_is_refused_unless_one_of_the_two_is_chosen(wall, name, first, second):
    moment = datetime.fromisoformat(wall)
    for skipped in Skipped:
        with pytest.raises(Invalid) as refused:
            resolve_wall(moment, name, skipped, Repeated.REFUSE)
        assert refused.value.code == "time.repeated"
        assert resolve_wall(moment, name, skipped, Repeated.FIRST) == utc(first)
        assert resolve_wall(moment, name, skipped, Repeated.SECOND) == utc(second)


# --- days -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "name", "on", "start", "hours"),
    [
        ("plain day", "Europe/Zagreb", "2026-03-28", "2026-03-27T23:00", "24"),
        ("spring forward", "Europe/Zagreb", "2026-03-29", "2026-03-28T23:00", "23"),
        ("fall back", "Europe/Zagreb", "2026-10-25", "2026-10-24T22:00", "25"),
        ("spring forward", "America/New_York", "2026-03-08", "2026-03-08T05:00", "23"),
        ("fall back", "America/New_York", "2026-11-01", "2026-11-01T04:00", "25"),
        ("half an hour back", "Australia/Lord_Howe", "2026-04-05", "2026-04-04T13:00", "24.5"),
        ("half an hour on", "Australia/Lord_Howe", "2026-10-04", "2026-10-03T13:30", "23.5"),
        ("midnight skipped", "America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00", "23"),
        ("eve of 23:00 twice", "America/Sao_Paulo", "2019-02-16", "2019-02-16T02:00", "25"),
        ("midnight skipped", "Asia/Beirut", "2024-03-31", "2024-03-30T22:00", "23"),
        ("midnight skipped", "Africa/Cairo", "2023-04-28", "2023-04-27T22:00", "23"),
        ("midnight skipped", "America/Asuncion", "2023-10-01", "2023-10-01T04:00", "23"),
        ("midnight skipped", "America/Santiago", "2024-09-08", "2024-09-08T04:00", "23"),
        ("midnight skipped", "America/Havana", "2022-03-13", "2022-03-13T05:00", "23"),
        ("midnight skipped", "Asia/Tehran", "2022-03-22", "2022-03-21T20:30", "23"),
        ("midnight skipped", "Atlantic/Azores", "2026-03-29", "2026-03-29T01:00", "23"),
        ("23:30 to 00:00", "Asia/Pyongyang", "2018-05-04", "2018-05-03T15:30", "23.5"),
        ("23:30 to 00:30", "America/Toronto", "1919-03-31", "1919-03-31T04:30", "23.5"),
        ("midnight twice", "America/Havana", "2022-11-06", "2022-11-06T04:00", "25"),
        ("midnight twice", "Atlantic/Azores", "2026-10-25", "2026-10-25T00:00", "25"),
        ("back at 00:01", "America/St_Johns", "2006-10-29", "2006-10-29T02:30", "25"),
        ("a date left out", "Pacific/Apia", "2011-12-29", "2011-12-29T10:00", "24"),
        ("the date that never was", "Pacific/Apia", "2011-12-30", "2011-12-30T10:00", "0"),
        ("a date left out", "Pacific/Apia", "2011-12-31", "2011-12-30T10:00", "24"),
        ("offset of seconds", "Africa/Monrovia", "1972-01-07", "1972-01-07T00:44:30", None),
        ("fixed offset", "UTC+05:45", "2026-03-29", "2026-03-28T18:15", "24"),
        ("fixed offset", "UTC-12:00", "2026-03-29", "2026-03-29T12:00", "24"),
        ("UTC", "UTC", "2026-03-29", "2026-03-29T00:00", "24"),
    ],
)
def test_a_day_begins_at_its_first_instant(what, name, on, start, hours):
    begins = start_of_day(day(on), name)
    assert begins == utc(start), what
    if hours is not None:
        length = start_of_day(day(on) + timedelta(days=1), name) - begins
        assert length / timedelta(minutes=1) == 60 * int(hours.split(".")[0]) + (
            30 if hours.endswith(".5") else 0
        )


@pytest.mark.parametrize(
    ("instant", "name", "on"),
    [
        ("2026-03-28T22:59:59.999999", "Europe/Zagreb", "2026-03-28"),
        ("2026-03-28T23:00", "Europe/Zagreb", "2026-03-29"),
        ("2026-01-01T00:00", "America/New_York", "2025-12-31"),
        ("2026-01-01T00:00", "UTC+14:00", "2026-01-01"),
        ("2026-01-01T00:00", "UTC-00:30", "2025-12-31"),
    ],
)
def test_an_instant_has_the_date_that_is_on_the_wall(instant, name, on):
    assert local_date(utc(instant), name) == day(on)


# --- intervals and months ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "months", "days", "shown"),
    [
        ("day", 0, 1, "day"),
        ("10 days", 0, 10, "10 days"),
        ("week", 0, 7, "week"),
        ("2 weeks", 0, 14, "2 weeks"),
        ("14 days", 0, 14, "2 weeks"),
        ("month", 1, 0, "month"),
        ("1 month", 1, 0, "month"),
        ("2 months", 2, 0, "2 months"),
        ("quarter", 3, 0, "quarter"),
        ("3 months", 3, 0, "quarter"),
        ("half_year", 6, 0, "half_year"),
        ("year", 12, 0, "year"),
        ("12 months", 12, 0, "year"),
        ("18 months", 18, 0, "3 half_years"),
        ("999 years", 11988, 0, "999 years"),
    ],
)
def test_an_interval_is_read_and_shown_in_its_largest_unit(text, months, days, shown):
    assert parse_interval(text) == Interval(months, days)
    assert str(parse_interval(text)) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "monthly",
        "0 months",
        "-1 month",
        "01 months",
        "1000 days",
        "1.5 years",
        "2  weeks",
        " month",
        "month\n",
        "Month",
        "hour",
        "2 months 3 days",
        "٢ months",
        "x" * 5000,
    ],
)
def test_anything_else_is_no_interval(text):
    with pytest.raises(Invalid) as refused:
        parse_interval(text)
    assert refused.value.code == "interval.unknown"
    assert len(refused.value.message) < 100


@pytest.mark.parametrize(
    ("year", "month", "days"),
    [
        (2024, 1, 31),
        (2024, 2, 29),
        (2023, 2, 28),
        (2000, 2, 29),
        (1900, 2, 28),
        (2100, 2, 28),
        (2024, 4, 30),
        (2024, 6, 30),
        (2024, 8, 31),
        (2024, 9, 30),
        (2024, 11, 30),
        (2024, 12, 31),
    ],
)
def test_a_month_has_its_days(year, month, days):
    assert days_in_month(year, month) == days


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2026-01-31", 0, "2026-01-31"),
        ("2026-01-31", 1, "2026-02-28"),
        ("2024-01-31", 1, "2024-02-29"),
        ("2026-01-31", 2, "2026-03-31"),
        ("2026-01-31", 12, "2027-01-31"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2024-02-29", 48, "2028-02-29"),
        ("2026-12-15", 1, "2027-01-15"),
        ("2026-01-15", -1, "2025-12-15"),
        ("2026-03-31", -1, "2026-02-28"),
        ("2026-12-31", -12, "2025-12-31"),
    ],
)
def test_months_later_is_the_same_day_or_the_last_of_a_shorter_month(start, months, end):
    assert add_months(day(start), months) == day(end)


# --- cycles -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("anchor", "interval", "first", "boundaries"),
    [
        ("2023-01-28", "month", 0, "2023-01-28 2023-02-28 2023-03-28 2023-04-28"),
        ("2023-01-29", "month", 0, "2023-01-29 2023-02-28 2023-03-29 2023-04-29"),
        ("2024-01-29", "month", 0, "2024-01-29 2024-02-29 2024-03-29 2024-04-29"),
        ("2023-01-30", "month", 0, "2023-01-30 2023-02-28 2023-03-30 2023-04-30"),
        ("2023-01-31", "month", 0, "2023-01-31 2023-02-28 2023-03-31 2023-04-30"),
        ("2023-01-31", "month", 12, "2024-01-31 2024-02-29 2024-03-31 2024-04-30"),
        ("2023-01-31", "month", -2, "2022-11-30 2022-12-31 2023-01-31 2023-02-28"),
        ("2024-02-29", "year", 0, "2024-02-29 2025-02-28 2026-02-28 2027-02-28 2028-02-29"),
        ("2024-02-29", "month", 0, "2024-02-29 2024-03-29 2024-04-29"),
        ("2023-11-30", "quarter", 0, "2023-11-30 2024-02-29 2024-05-30 2024-08-30 2024-11-30"),
        ("2026-08-31", "half_year", 0, "2026-08-31 2027-02-28 2027-08-31 2028-02-29"),
        ("2025-12-31", "2 months", 0, "2025-12-31 2026-02-28 2026-04-30 2026-06-30"),
        ("2026-12-28", "week", 0, "2026-12-28 2027-01-04 2027-01-11"),
        ("2024-02-22", "2 weeks", -1, "2024-02-08 2024-02-22 2024-03-07"),
        ("2024-02-28", "day", 0, "2024-02-28 2024-02-29 2024-03-01"),
    ],
)
def test_boundaries_are_counted_from_the_anchor(anchor, interval, first, boundaries):
    cycle = Cycle(day(anchor), parse_interval(interval), "UTC")
    expected = [day(text) for text in boundaries.split()]
    numbers = range(first, first + len(expected))
    assert [cycle.boundary(n) for n in numbers] == expected
    assert [cycle.index(boundary) for boundary in expected] == list(numbers)
    assert [cycle.index(boundary - timedelta(days=1)) + 1 for boundary in expected] == list(numbers)


@pytest.mark.parametrize("anchor_day", [28, 29, 30, 31])
def test_an_anchor_at_the_month_end_does_not_drift_in_a_hundred_years(anchor_day):
    cycle = Cycle(date(2000, 1, anchor_day), parse_interval("month"), "UTC")
    for n in range(1200):
        boundary = cycle.boundary(n)
        assert boundary.day == min(anchor_day, days_in_month(boundary.year, boundary.month))


@pytest.mark.parametrize(
    ("case", "start", "interval", "anchor_day", "first", "boundaries"),
    [
        (
            "PR-004",
            *("2024-01-30", "month", None, 0),
            "2024-01-30 2024-02-29 2024-03-30 2024-04-30 2024-05-30",
        ),
        ("PR-005", "2024-01-31", "half_year", None, 0, "2024-01-31 2024-07-31 2025-01-31"),
        ("PR-006", "2024-01-31", "year", None, 0, "2024-01-31 2025-01-31"),
        ("PR-045", "2016-05-01", "month", 15, 3, "2016-04-15 2016-05-15 2016-06-15"),
        ("PR-045", "2016-07-15", "month", 10, 6, "2016-07-10 2016-08-10"),
        (
            "PR-049",
            *("2012-03-02", "month", 31, 1),
            "2012-02-29 2012-03-31 2012-04-30 2012-05-31 2012-06-30 2012-07-31",
        ),
        ("PR-052", "2025-05-30", "month", 31, 3, "2025-04-30 2025-05-31"),
        ("PR-055", "2017-01-31", "month", 31, 0, "2017-01-31 2017-02-28 2017-03-31 2017-04-30"),
        ("PR-057", "2017-03-31", "month", 31, 2, "2017-03-31 2017-04-30"),
        ("PR-084", "2018-01-01", "month", 15, -1, "2017-12-15 2018-01-15 2018-02-15"),
    ],
)
def test_published_boundaries_come_out(case, start, interval, anchor_day, first, boundaries):
    cycle = anchored(day(start), parse_interval(interval), anchor_day, "UTC")
    expected = [day(text) for text in boundaries.split()]
    assert [cycle.boundary(first + n) for n in range(len(expected))] == expected, case


@pytest.mark.parametrize(
    ("case", "anchor", "on", "start", "end"),
    [
        ("PR-062", "2025-01-31", "2025-08-13", "2025-07-31", "2025-08-31"),
        ("PR-062", "2025-01-31", "2025-09-30", "2025-09-30", "2025-10-31"),
        ("PR-062", "2025-01-30", "2025-02-13", "2025-01-30", "2025-02-28"),
    ],
)
def test_published_periods_hold_the_day_asked_for(case, anchor, on, start, end):
    cycle = Cycle(day(anchor), parse_interval("month"), "UTC")
    n = cycle.index(day(on))
    assert (cycle.boundary(n), cycle.boundary(n + 1)) == (day(start), day(end)), case


def test_a_trial_of_local_days_ends_on_the_published_billing_day():
    """PR-057: thirty days from 1 March 23:30 in Los Angeles, over the change of the clock."""
    wall = datetime.fromisoformat("2017-03-01T23:30")
    at = resolve_wall(wall, "America/Los_Angeles", Skipped.REFUSE, Repeated.REFUSE)
    assert local_date(at, "America/Los_Angeles") + timedelta(days=30) == day("2017-03-31")


@pytest.mark.parametrize(
    ("name", "interval", "anchor", "n", "start", "end"),
    [
        ("Europe/Zagreb", "month", "2026-01-01", 2, "2026-02-28T23:00", "2026-03-31T22:00"),
        ("Europe/Zagreb", "month", "2026-01-01", 9, "2026-09-30T22:00", "2026-10-31T23:00"),
        ("Europe/Zagreb", "day", "2026-03-29", 0, "2026-03-28T23:00", "2026-03-29T22:00"),
        ("America/Sao_Paulo", "month", "2018-10-04", 1, "2018-11-04T03:00", "2018-12-04T02:00"),
        ("UTC+01:00", "month", "2026-01-01", 2, "2026-02-28T23:00", "2026-03-31T23:00"),
        ("UTC", "quarter", "2026-01-01", -1, "2025-10-01T00:00", "2026-01-01T00:00"),
    ],
)
def test_a_period_runs_from_local_midnight_to_local_midnight(name, interval, anchor, n, start, end):
    period = Cycle(day(anchor), parse_interval(interval), name).period(n)
    assert period == (utc(start), utc(end))


def test_a_year_of_hours_is_complete_over_both_clock_changes():
    cycle = Cycle(date(2026, 1, 1), parse_interval("month"), "Europe/Zagreb")
    hours = [(p.end - p.start) // timedelta(hours=1) for p in map(cycle.period, range(12))]
    assert hours == [744, 672, 743, 720, 744, 720, 744, 744, 720, 745, 720, 744]
    assert sum(hours) == 8760
    assert all(a.end == b.start for a, b in pairwise(map(cycle.period, range(13))))


@pytest.mark.parametrize(
    ("start", "interval", "anchor_day", "anchor"),
    [
        ("2026-05-20", "month", None, "2026-05-20"),
        ("2026-05-20", "week", None, "2026-05-20"),
        ("2026-05-20", "day", None, "2026-05-20"),
        ("2026-05-20", "month", 1, "2026-01-01"),
        ("2026-05-20", "month", 31, "2026-01-31"),
        ("2026-05-20", "quarter", 1, "2026-01-01"),
        ("2026-05-20", "year", 15, "2026-01-15"),
        ("2026-05-20", "week", 1, "2026-05-18"),
        ("2026-05-20", "week", 3, "2026-05-20"),
        ("2026-05-20", "week", 7, "2026-05-17"),
        ("2026-05-20", "2 weeks", 4, "2026-05-14"),
    ],
)
def test_a_contract_is_anchored_on_its_own_day_or_the_one_wished_for(
    start, interval, anchor_day, anchor
):
    cycle = anchored(day(start), parse_interval(interval), anchor_day, "Europe/Zagreb")
    assert cycle == Cycle(day(anchor), parse_interval(interval), "Europe/Zagreb")
    assert cycle.boundary(cycle.index(day(start))) <= day(start)


@pytest.mark.parametrize(
    ("interval", "anchor_day"),
    [
        ("month", 0),
        ("month", 32),
        ("month", -1),
        ("week", 0),
        ("week", 8),
        ("day", 1),
        ("10 days", 1),
    ],
)
def test_an_anchor_day_that_the_interval_does_not_have_is_refused(interval, anchor_day):
    with pytest.raises(Invalid) as refused:
        anchored(date(2026, 5, 20), parse_interval(interval), anchor_day, "UTC")
    assert refused.value.code == "anchor.out_of_range"
    assert refused.value.field == "anchor_day"
