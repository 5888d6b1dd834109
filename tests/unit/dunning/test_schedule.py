"""When collections are due, on the clock of a place."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycent.dunning.schedule import Schedule, checked, due_instants, next_instant
from everycent.kernel.errors import Invalid
from everycent.kernel.period import instant_text, parse_instant

ZAGREB = "Europe/Zagreb"


def due(cron: str, after: str, until: str, zone: str = ZAGREB) -> list[str]:
    span = parse_instant(after, "after"), parse_instant(until, "until")
    return [instant_text(at) for at in due_instants(Schedule(cron, zone), *span)]


@pytest.mark.parametrize(
    ("cron", "after", "until", "expected"),
    [
        ("0 6 1 * *", "2026-01-01T05:00:00Z", "2026-04-01T04:00:00Z",
         ["2026-02-01T05:00:00Z", "2026-03-01T05:00:00Z", "2026-04-01T04:00:00Z"]),
        ("0 6 1 * *", "2026-01-01T04:59:59Z", "2026-01-01T05:00:00Z", ["2026-01-01T05:00:00Z"]),
        ("0 6 29 feb *", "2025-01-01T00:00:00Z", "2028-12-31T00:00:00Z", ["2028-02-29T05:00:00Z"]),
        ("0 0 31 * *", "2026-01-01T00:00:00Z", "2026-05-31T00:00:00Z",
         ["2026-01-30T23:00:00Z", "2026-03-30T22:00:00Z", "2026-05-30T22:00:00Z"]),
        ("15,45 8-10/2 * * mon-fri", "2026-06-05T05:00:00Z", "2026-06-08T06:30:00Z",
         ["2026-06-05T06:15:00Z", "2026-06-05T06:45:00Z", "2026-06-05T08:15:00Z",
          "2026-06-05T08:45:00Z", "2026-06-08T06:15:00Z"]),
        ("0 12 1 * sun", "2026-07-30T00:00:00Z", "2026-08-09T23:00:00Z",
         ["2026-08-01T10:00:00Z", "2026-08-02T10:00:00Z", "2026-08-09T10:00:00Z"]),
        ("0 12 * * 7", "2026-08-01T00:00:00Z", "2026-08-03T00:00:00Z", ["2026-08-02T10:00:00Z"]),
        # 29 March 2026: 02:00 becomes 03:00. 25 October 2026: 03:00 becomes 02:00.
        ("30 2 * * *", "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z",
         ["2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"]),
        ("30 2,3 * * *", "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z", ["2026-03-29T01:30:00Z"]),
        ("30 2 * * *", "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z", ["2026-10-25T00:30:00Z"]),
        ("30 * * * *", "2026-03-29T00:00:00Z", "2026-03-29T02:00:00Z",
         ["2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"]),
        ("30 * * * *", "2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z",
         ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"]),
    ],
)  # fmt: skip
def test_a_schedule_comes_at_its_instants(cron, after, until, expected):
    assert due(cron, after, until) == expected


@given(
    st.integers(0, 37 * 365 * 24 * 60),
    st.integers(0, 60 * 24 * 40),
    st.integers(0, 60 * 24 * 40),
    st.sampled_from(["0 6 * * *", "30 2 1,15 * *", "*/20 * * * *", "59 23 * * sat"]),
    st.sampled_from([ZAGREB, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]),
)
def test_spans_that_meet_have_every_instant_once(start, first, second, cron, zone):
    begins = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(minutes=start)
    middle, end = begins + timedelta(minutes=first), begins + timedelta(minutes=first + second)
    schedule = Schedule(cron, zone)
    whole = list(due_instants(schedule, begins, end))
    parts = [*due_instants(schedule, begins, middle), *due_instants(schedule, middle, end)]
    assert parts == whole == sorted(set(whole))


@given(st.integers(2000, 2036), st.sampled_from([ZAGREB, "America/New_York", "Pacific/Apia"]))
def test_a_time_of_day_comes_once_on_every_day_of_a_year(year, zone):
    begins = datetime(year, 1, 1, 12, tzinfo=UTC)
    ends = datetime(year + 1, 1, 1, 12, tzinfo=UTC)
    found = list(due_instants(Schedule("30 2 * * *", zone), begins, ends))
    # Samoa had no 30 December 2011, and its clock went ahead by that very day.
    assert len(found) == (ends - begins).days


@pytest.mark.parametrize(
    ("cron", "zone", "code"),
    [
        ("0 6 1 *", "UTC", "dunning.bad_cron"),
        ("60 6 1 * *", "UTC", "dunning.bad_cron"),
        ("0 6 0 * *", "UTC", "dunning.bad_cron"),
        ("0 6 * 13 *", "UTC", "dunning.bad_cron"),
        ("0 6 * * 8", "UTC", "dunning.bad_cron"),
        ("0 6 5-1 * *", "UTC", "dunning.bad_cron"),
        ("*/0 6 1 * *", "UTC", "dunning.bad_cron"),
        ("0 6 1 foo *", "UTC", "dunning.bad_cron"),
        ("0 6 ١ * *", "UTC", "dunning.bad_cron"),
        ("@monthly", "UTC", "dunning.bad_cron"),
        ("0 6 30 2 *", "UTC", "dunning.cron_never"),
        ("0 6 1 * *", "Mars/Base", "zone.unknown"),
    ],
)
def test_what_is_no_schedule_is_refused(cron, zone, code):
    with pytest.raises(Invalid) as refusal:
        checked(Schedule(cron, zone))
    assert refusal.value.code == code


def test_the_next_instant_is_found_years_ahead():
    after = datetime(2025, 1, 1, tzinfo=UTC)
    assert next_instant(Schedule("0 0 29 2 *"), after) == datetime(2028, 2, 29, tzinfo=UTC)
