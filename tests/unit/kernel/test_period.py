"""Periods hold their start and not their end; instants are read and written in one way."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from everycent.kernel.errors import Invalid
from everycent.kernel.period import Period, instant_text, parse_instant, period


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


JANUARY = Period(at("2026-01-01"), at("2026-02-01"))


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2025-12-31T23:59:59.999999", False),
        ("2026-01-01T00:00:00", True),
        ("2026-01-31T23:59:59.999999", True),
        ("2026-02-01T00:00:00", False),
    ],
)
def test_a_period_holds_its_start_and_not_its_end(moment, inside):
    assert JANUARY.contains(at(moment)) is inside


@pytest.mark.parametrize(
    ("start", "end", "common"),
    [
        ("2026-01-10", "2026-01-20", ("2026-01-10", "2026-01-20")),
        ("2025-12-10", "2026-03-20", ("2026-01-01", "2026-02-01")),
        ("2026-01-20", "2026-03-20", ("2026-01-20", "2026-02-01")),
        ("2025-12-20", "2026-01-02", ("2026-01-01", "2026-01-02")),
        ("2026-02-01", "2026-03-01", None),
        ("2025-12-01", "2026-01-01", None),
        ("2027-01-01", "2027-02-01", None),
    ],
)
def test_two_periods_share_what_lies_in_both(start, end, common):
    other = Period(at(start), at(end))
    expected = Period(at(common[0]), at(common[1])) if common else None
    assert JANUARY.overlap(other) == expected
    assert other.overlap(JANUARY) == expected


def test_a_checked_period_is_turned_to_utc():
    zagreb = timezone(timedelta(hours=1))
    made = period(datetime(2026, 1, 1, 1, tzinfo=zagreb), datetime(2026, 2, 1, 1, tzinfo=zagreb))
    assert made == JANUARY
    assert made.start.tzinfo is UTC


@pytest.mark.parametrize(
    ("start", "end", "code"),
    [
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "period.empty"),
        ("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z", "period.empty"),
        ("2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00", "period.empty"),
        ("2026-01-01T00:00:00", "2026-01-02T00:00:00Z", "period.naive"),
        ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00", "period.naive"),
        ("2026-01-02T00:00:00", "2026-01-01T00:00:00", "period.naive"),
    ],
)
def test_an_empty_or_naive_period_is_refused(start, end, code):
    with pytest.raises(Invalid) as refused:
        period(datetime.fromisoformat(start), datetime.fromisoformat(end))
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        ("2026-03-01T00:00:00+00:00", "2026-03-01T00:00:00Z"),
        ("2026-03-01T00:00:00+01:00", "2026-02-28T23:00:00Z"),
        ("2026-03-01T00:00:00.000001+00:00", "2026-03-01T00:00:00.000001Z"),
        ("2026-03-01T00:00:00.5+00:00", "2026-03-01T00:00:00.500000Z"),
    ],
)
def test_an_instant_is_written_in_utc_with_z(moment, text):
    assert instant_text(datetime.fromisoformat(moment)) == text


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-03-01T00:00:00Z", "2026-03-01T00:00:00"),
        ("2026-03-01T00:00:00+01:00", "2026-02-28T23:00:00"),
        ("2026-03-01T00:00:00-03:30", "2026-03-01T03:30:00"),
        ("2026-03-01T00:00:00-00:00", "2026-03-01T00:00:00"),
        ("2026-03-01 00:00:00.25Z", "2026-03-01T00:00:00.250000"),
        ("2026-03-01T00:00Z", "2026-03-01T00:00:00"),
    ],
)
def test_an_instant_with_an_offset_is_read(text, utc):
    assert parse_instant(text, "at") == at(utc)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "time.malformed"),
        ("yesterday", "time.malformed"),
        ("2026-02-29T00:00:00Z", "time.malformed"),
        ("2026-03-01T24:00:00Z", "time.malformed"),
        ("2026-03-01T00:00:60Z", "time.malformed"),
        ("2026-03-01T00:00:00Zx", "time.malformed"),
        ("0001-01-01T00:00:00+01:00", "time.malformed"),
        ("9999-12-31T23:59:59-01:00", "time.malformed"),
        ("２026-03-01T00:00:00Z", "time.malformed"),
        ("x" * 10_000, "time.malformed"),
        ("2026-03-01T00:00:00", "time.naive"),
        ("2026-03-01", "time.naive"),
        ("0001-01-01T00:00:00", "time.naive"),
    ],
)
def test_text_that_names_no_instant_is_refused(text, code):
    with pytest.raises(Invalid) as refused:
        parse_instant(text, "started_at")
    assert refused.value.code == code
    assert refused.value.field == "started_at"
    assert len(refused.value.message) < 100
