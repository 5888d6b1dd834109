"""Requests: the pieces, windows and rows that answer them."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycent.catalog.bands import Bands, parse_rules
from everycent.catalog.meter import Aggregation, Granularity, Level, Series
from everycent.consumption import requests
from everycent.consumption.usage import BEGINNING, Request
from everycent.kernel import calendar
from everycent.kernel.errors import Broken
from everycent.kernel.period import Period

A = Aggregation
QUARTER = timedelta(minutes=15)
DAY = timedelta(days=1)
ZONES = ["Europe/Zagreb", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]
BANDS = Bands("b", "Europe/Zagreb", parse_rules("day", "07:00-21:00", "f"), "night")
IDS = {("subject", "s"): 7, ("meter", "m"): 8}
MARCH = Period(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))


def utc(day, hour=0, minute=0, micros=0):
    return datetime(2026, 3, day, hour, minute, 0, micros, tzinfo=UTC)


@st.composite
def periods(draw):
    zone = draw(st.sampled_from(ZONES))
    first = date(2026, 1, 1) + draw(st.integers(0, 364)) * DAY
    start = calendar.start_of_day(first, zone) + draw(st.integers(0, 95)) * QUARTER
    return Period(start, start + draw(st.integers(1, 40 * 96)) * QUARTER), zone


def each_quarter(period, minutes, zone, *, is_rate=False):
    """Each quarter hour of the period with the beginning of its window."""
    days = requests.windows_of(period, minutes, zone, is_rate=is_rate)
    assert all(one.end == other.start for one, other in pairwise(days))
    return [
        (at, day.window_of(at))
        for day in days
        for n in range((day.end - day.start) // QUARTER)
        if period.start <= (at := day.start + n * QUARTER) < period.end
    ]


@given(periods(), st.sampled_from([15, 30, 60, 120, 180, 240, 360, 480, 720, 1440]), st.booleans())
def test_windows_cover_each_quarter_hour_once_and_stay_within_a_local_day(found, minutes, is_rate):
    period, zone = found
    windows = each_quarter(period, minutes, zone, is_rate=is_rate)
    width = timedelta(minutes=minutes)
    assert [bucket for bucket, _ in windows] == [
        period.start + n * QUARTER for n in range((period.end - period.start) // QUARTER)
    ]
    starts = [window for _, window in windows]
    assert starts == sorted(starts)
    for bucket, window in windows:
        assert period.start <= window <= bucket
        day = calendar.local_date(bucket, zone)
        assert calendar.local_date(window, zone) == day
        begins, ends = (calendar.start_of_day(d, zone) for d in (day, day + DAY))
        if window != period.start:
            assert (window - begins) % width == timedelta()
        if bucket - window >= width:  # the last one of a long day, and what is left of it
            assert not is_rate
            assert ends - begins > DAY
            assert ends - window < 2 * width


@pytest.mark.parametrize(
    ("day", "zone", "minutes", "is_rate", "expected"),
    [
        # how many quarter hours each window of the day has
        (date(2026, 3, 2), "Europe/Zagreb", 360, False, [24, 24, 24, 24]),
        (date(2026, 3, 29), "Europe/Zagreb", 360, False, [24, 24, 24, 20]),
        (date(2026, 10, 25), "Europe/Zagreb", 360, False, [24, 24, 24, 28]),
        (date(2026, 10, 25), "Europe/Zagreb", 360, True, [24, 24, 24, 24, 4]),
        (date(2026, 10, 25), "Europe/Zagreb", 1440, False, [100]),
        (date(2026, 10, 25), "Europe/Zagreb", 1440, True, [96, 4]),
        (date(2026, 3, 29), "Europe/Zagreb", 1440, False, [92]),
        (date(2026, 10, 25), "Europe/Zagreb", 60, False, [4] * 25),
        (date(2026, 4, 5), "Australia/Lord_Howe", 60, False, [4] * 23 + [6]),
        (date(2026, 4, 5), "Australia/Lord_Howe", 60, True, [4] * 24 + [2]),
        (date(2026, 10, 4), "Australia/Lord_Howe", 60, False, [4] * 23 + [2]),
        (date(2026, 10, 4), "Asia/Kathmandu", 720, False, [48, 48]),
    ],
)
def test_windows_of_a_day(day, zone, minutes, is_rate, expected):
    period = Period(calendar.start_of_day(day, zone), calendar.start_of_day(day + DAY, zone))
    starts = [w for _, w in each_quarter(period, minutes, zone, is_rate=is_rate)]
    assert [starts.count(start) for start in dict.fromkeys(starts)] == expected


def test_a_period_cuts_its_windows_off():
    found = each_quarter(Period(utc(1, 1), utc(1, 3)), 120, "UTC")
    assert [window for _, window in found] == [utc(1, 1)] * 4 + [utc(1, 2)] * 4


@pytest.mark.parametrize("micros", [15_000_000, 60_000_000])
def test_a_span_that_does_not_lie_on_quarter_hours_is_refused(micros):
    beside = MARCH.start + timedelta(microseconds=micros)
    for period in (
        Period(beside, MARCH.end),
        Period(MARCH.start, MARCH.end + (beside - MARCH.start)),
    ):
        with pytest.raises(Broken) as refused:
            requests.pieces_of_request(Series("m", "u", A.SUM), period)
        assert refused.value.code == "usage.unaligned"


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [
        (A.COUNT, True), (A.SUM, True), (A.MIN, True), (A.MAX, True), (A.AVERAGE, True),
        (A.LATEST, True), (A.UNIQUE, True), (A.UNITS, False), (A.WEIGHTED_SUM, False),
        (A.WINDOWED, False), (A.PERCENTILE, False), (A.PEAK, False), (A.COUNTER, False),
    ],
)  # fmt: skip
def test_days_answer_what_does_not_depend_on_the_time_of_day(aggregation, expected):
    assert requests.is_by_days(Series("m", "u", aggregation)) is expected


@pytest.mark.parametrize(
    ("bands", "zone", "expected"),
    [(None, "Asia/Kathmandu", "Asia/Kathmandu"), (BANDS, "Asia/Kathmandu", "Europe/Zagreb")],
)
def test_windows_are_cut_on_the_clock_of_the_bands_or_else_of_the_customer(bands, zone, expected):
    series = Series("m", "u", A.PEAK, bands=bands, band="day", window_minutes=60)
    assert requests.zone_of(series, zone) == expected


def test_requests_over_the_same_time_share_their_pieces_and_windows():
    wanted = [
        Request(
            "s", Series("m", "u", aggregation, window_minutes=minutes, percentile=percentile), MARCH
        )
        for aggregation, minutes, percentile in [
            (A.SUM, None, None),
            (A.COUNT, None, None),
            (A.PEAK, 60, None),
            (A.PERCENTILE, 60, "95"),
            (A.WINDOWED, 60, None),
            (A.PERCENTILE, None, "99.9"),
        ]
    ]
    rows, spans, windows, refused = requests.rows_of(wanted, IDS)
    assert refused == {}
    assert [row[:4] for row in rows] == [(n, 7, 8, 0 if n < 2 else 1) for n in range(6)]
    days = [date(2026, 3, 1) + timedelta(days=n) for n in range(32)]  # the one of its end is in it
    assert spans == [(0, *MARCH, True, None), *((1, *MARCH, False, day) for day in days)]
    # a rate has windows of its own
    assert [row[5] for row in rows] == [None, None, 0, 1, 1, None]
    assert len(windows) == 2 * 31
    assert [row[9] for row in rows[3:]] == [Decimal(95), None, Decimal("99.9")]


def test_records_are_needed_of_whole_days_where_they_are_wanted_one_by_one():
    request = Request("s", Series("m", "u", A.SUM), MARCH)
    assert list(requests.uses_of_records([request], IDS)) == []
    itemized = [request, request._replace(is_itemized=True)]
    assert list(requests.uses_of_records(itemized, IDS)) == [(1, 7, 8, *MARCH)]
    rows = requests.rows_of(itemized, IDS, by_records=True)
    assert {span[3] for span in rows.spans} == {False}


def test_a_request_that_can_not_be_answered_is_refused_alone():
    series = Series("m", "u", A.SUM)
    beside = Period(MARCH.start + timedelta(minutes=1), MARCH.end)
    wanted = [
        Request("s", series, MARCH),
        Request("x", series, MARCH),
        Request("s", series, beside),
    ]
    rows = requests.rows_of(wanted, IDS)
    assert [row[0] for row in rows.requests] == [0]
    assert {n: refusal.code for n, refusal in rows.refused.items()} == {
        1: "usage.unknown_name", 2: "usage.unaligned",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("level", "carries", "expected"),
    [
        # whether a row is an opening, and whether the last record alone tells it
        (Level.CHANGES, True, [(False, False), (True, False)]),
        (Level.SETS, True, [(False, False), (True, True)]),
        (Level.SETS, False, [(False, False)]),
    ],
)
def test_the_opening_of_a_level_is_a_request_of_its_own(level, carries, expected):
    series = Series(
        "m", "u", A.WEIGHTED_SUM, granularity=Granularity.SECOND, level=level, carries=carries
    )
    rows = requests.rows_of([Request("s", series, Period(utc(2, 5), MARCH.end))], IDS)
    assert [(row[12], row[4]) for row in rows.requests] == expected
    if carries:
        assert [span for span in rows.spans if span[0] == 1] == [
            (1, BEGINNING, utc(2), True, None),
            (1, utc(2), utc(2, 5), False, utc(2).date()),
        ]


EDGES = [
    # windows of minutes, clock             instant        the next beginning of a window
    (None, "UTC", utc(2, 5, 7), utc(2, 5, 7)),
    (10, "Asia/Kathmandu", utc(2, 5, 15), utc(2, 5, 20)),
    (10, "UTC", utc(2, 5, 20), utc(2, 5, 20)),
    (30, "Asia/Kathmandu", utc(2, 5), utc(2, 5, 15)),
    (120, "Europe/Zagreb", utc(2, 5), utc(2, 5)),
    (120, "Europe/Zagreb", utc(2, 6), utc(2, 7)),
    (1440, "Europe/Zagreb", utc(29, 3), utc(29, 22)),  # a day of 23 hours
]


@pytest.mark.parametrize(("minutes", "zone", "at", "expected"), EDGES)
def test_a_window_belongs_to_the_time_in_which_it_begins(minutes, zone, at, expected):
    aggregation = A.SUM if minutes is None else A.WINDOWED
    series = Series("m", "u", aggregation, window_minutes=minutes)
    assert requests.edge_of(series, at, zone) == expected
