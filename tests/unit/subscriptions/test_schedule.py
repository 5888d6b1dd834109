"""Which periods are due, in advance and in arrears, and which share of a full period each one is."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest

from everycent.kernel.calendar import anchored, local_date, parse_interval, start_of_day
from everycent.subscriptions.schedule import due_periods

ZAGREB = "Europe/Zagreb"


def due(
    start, as_of, *, interval="month", anchor_day=None, end=None, zone=ZAGREB, in_advance=False
):
    """The due periods as (first day, day after, share), by the days on the wall."""
    start, as_of = date.fromisoformat(start), date.fromisoformat(as_of)
    cycle = anchored(start, parse_interval(interval), anchor_day, zone)
    ends_at = None if end is None else start_of_day(date.fromisoformat(end), zone)
    found = due_periods(
        cycle, start_of_day(start, zone), ends_at, start_of_day(as_of, zone), in_advance=in_advance
    )
    return [
        (f"{local_date(p.start, zone)} {local_date(p.end, zone)}", str(share))
        for p, _, share, *_ in found
    ]


@pytest.mark.parametrize(
    ("start", "more", "as_of", "expected"),
    [
        ("2026-01-01", {}, "2026-01-31", []),
        ("2026-01-01", {}, "2026-02-01", [("2026-01-01 2026-02-01", "1")]),
        ("2026-01-16", {"anchor_day": 1}, "2026-03-01",
         [("2026-01-16 2026-02-01", "16/31"), ("2026-02-01 2026-03-01", "1")]),
        ("2026-01-16", {"anchor_day": 16}, "2026-02-16", [("2026-01-16 2026-02-16", "1")]),
        ("2026-01-16", {"anchor_day": 20}, "2026-02-20",
         [("2026-01-16 2026-01-20", "4/31"), ("2026-01-20 2026-02-20", "1")]),
        # anchors that some months don't have
        ("2026-01-31", {}, "2026-05-31",
         [("2026-01-31 2026-02-28", "1"), ("2026-02-28 2026-03-31", "1"),
          ("2026-03-31 2026-04-30", "1"), ("2026-04-30 2026-05-31", "1")]),
        ("2028-01-30", {}, "2028-03-30",
         [("2028-01-30 2028-02-29", "1"), ("2028-02-29 2028-03-30", "1")]),
        ("2026-02-10", {"anchor_day": 31}, "2026-03-31",
         [("2026-02-10 2026-02-28", "18/28"), ("2026-02-28 2026-03-31", "1")]),
        ("2026-02-28", {"anchor_day": 29}, "2026-03-29", [("2026-02-28 2026-03-29", "1")]),
        ("2028-02-28", {"anchor_day": 30}, "2028-03-30",
         [("2028-02-28 2028-02-29", "1/30"), ("2028-02-29 2028-03-30", "1")]),
        ("2024-02-29", {"interval": "year"}, "2028-02-29",
         [("2024-02-29 2025-02-28", "1"), ("2025-02-28 2026-02-28", "1"),
          ("2026-02-28 2027-02-28", "1"), ("2027-02-28 2028-02-29", "1")]),
        ("2026-11-29", {"interval": "quarter"}, "2027-05-29",
         [("2026-11-29 2027-02-28", "1"), ("2027-02-28 2027-05-29", "1")]),
        # other intervals
        ("2026-02-10", {"interval": "quarter", "anchor_day": 1}, "2026-04-01",
         [("2026-02-10 2026-04-01", "50/90")]),
        ("2026-02-10", {"interval": "half_year", "anchor_day": 1}, "2026-07-01",
         [("2026-02-10 2026-07-01", "141/181")]),
        ("2028-03-01", {"interval": "year", "anchor_day": 1}, "2029-01-01",
         [("2028-03-01 2029-01-01", "306/366")]),
        ("2026-01-07", {"interval": "week", "anchor_day": 1}, "2026-01-19",
         [("2026-01-07 2026-01-12", "5/7"), ("2026-01-12 2026-01-19", "1")]),
        ("2026-01-07", {"interval": "2 weeks"}, "2026-02-04",
         [("2026-01-07 2026-01-21", "1"), ("2026-01-21 2026-02-04", "1")]),
        ("2026-03-28", {"interval": "day"}, "2026-03-30",
         [("2026-03-28 2026-03-29", "1"), ("2026-03-29 2026-03-30", "1")]),
        ("2026-01-01", {"interval": "10 days"}, "2026-01-21",
         [("2026-01-01 2026-01-11", "1"), ("2026-01-11 2026-01-21", "1")]),
        # an end inside of a period, on a boundary, and in the first period
        ("2026-01-01", {"end": "2026-02-15"}, "2026-09-01",
         [("2026-01-01 2026-02-01", "1"), ("2026-02-01 2026-02-15", "14/28")]),
        ("2026-01-01", {"end": "2026-02-15"}, "2026-02-14", [("2026-01-01 2026-02-01", "1")]),
        ("2026-01-01", {"end": "2026-02-01"}, "2026-09-01", [("2026-01-01 2026-02-01", "1")]),
        ("2026-01-10", {"end": "2026-01-11", "anchor_day": 1}, "2026-01-11",
         [("2026-01-10 2026-01-11", "1/31")]),
        # days count, not hours: these months have an hour less and one more
        ("2026-03-29", {"anchor_day": 1}, "2026-04-01", [("2026-03-29 2026-04-01", "3/31")]),
        ("2026-10-25", {"anchor_day": 1}, "2026-11-01", [("2026-10-25 2026-11-01", "7/31")]),
        # in advance: due when the period begins
        ("2026-01-16", {"anchor_day": 1, "in_advance": True}, "2026-01-15", []),
        ("2026-01-16", {"anchor_day": 1, "in_advance": True}, "2026-01-16",
         [("2026-01-16 2026-02-01", "16/31")]),
        ("2026-01-16", {"anchor_day": 1, "in_advance": True}, "2026-02-01",
         [("2026-01-16 2026-02-01", "16/31"), ("2026-02-01 2026-03-01", "1")]),
        ("2026-01-01", {"end": "2026-02-15", "in_advance": True}, "2026-09-01",
         [("2026-01-01 2026-02-01", "1"), ("2026-02-01 2026-02-15", "14/28")]),
        # a zone that left a day out of the calendar
        ("2011-12-29", {"interval": "day", "zone": "Pacific/Apia"}, "2012-01-01",
         [("2011-12-29 2011-12-31", "1"), ("2011-12-31 2012-01-01", "1")]),
        ("2011-12-10", {"anchor_day": 30, "zone": "Pacific/Apia"}, "2011-12-31",
         [("2011-12-10 2011-12-31", "20/30")]),
        ("2011-12-30", {"end": "2012-01-10", "zone": "Pacific/Apia"}, "2012-01-10",
         [("2011-12-31 2012-01-10", "11/31")]),
    ],
)  # fmt: skip
def test_periods_fall_due(start, more, as_of, expected):
    assert due(start, as_of, **more) == [
        (period, str(Fraction(share))) for period, share in expected
    ]


@pytest.mark.parametrize(("microseconds", "periods"), [(-1, 0), (0, 1)])
def test_a_period_is_due_at_the_very_instant_at_which_it_ends(microseconds, periods):
    cycle = anchored(date(2026, 3, 1), parse_interval("month"), None, ZAGREB)
    end = datetime(2026, 3, 31, 22, tzinfo=UTC)  # the summer has begun meanwhile
    found = due_periods(
        cycle, start_of_day(date(2026, 3, 1), ZAGREB), None,
        end + timedelta(microseconds=microseconds), in_advance=False,
    )  # fmt: skip
    assert [(item.period.end, item.due_at) for item in found] == [(end, end)] * periods


def test_in_advance_is_due_at_the_start_and_in_arrears_at_the_end_of_the_same_periods():
    cycle = anchored(date(2026, 1, 16), parse_interval("month"), 1, ZAGREB)
    start = start_of_day(date(2026, 1, 16), ZAGREB)
    ends_at = start_of_day(date(2026, 4, 10), ZAGREB)
    later = start_of_day(date(2027, 1, 1), ZAGREB)
    advance = due_periods(cycle, start, ends_at, later, in_advance=True)
    arrears = due_periods(cycle, start, ends_at, later, in_advance=False)
    assert [item.period for item in advance] == [item.period for item in arrears]
    assert [item.due_at for item in advance] == [item.period.start for item in advance]
    assert [item.due_at for item in arrears] == [item.period.end for item in arrears]


def test_nothing_is_due_beyond_the_end_whatever_was_covered():
    cycle = anchored(date(2026, 1, 1), parse_interval("month"), None, "UTC")
    end, covered = datetime(2026, 1, 20, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    later = datetime(2030, 1, 1, tzinfo=UTC)
    for covered_until in (end, covered):
        assert due_periods(cycle, covered_until, end, later, in_advance=True) == ()
