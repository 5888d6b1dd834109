"""Due intervals lie on people's clocks, follow each other, and wait as long as they should."""

from datetime import UTC, datetime, timedelta

import pytest

from everycent.kernel.errors import Invalid
from everycent.kernel.period import parse_instant
from everycent.measurements.schedule import (
    Every,
    Schedule,
    due_intervals,
    next_due_at,
    parse_delay,
    parse_every,
)

ZAGREB = "Europe/Zagreb"
HOWE = "Australia/Lord_Howe"
NONE = timedelta(0)


def at(text: str) -> datetime:
    return parse_instant(text if "T" in text else f"{text}T00:00Z", "at")


def schedule(every, zone, starts, ends=None, delay=NONE) -> Schedule:
    return Schedule(parse_every(every), zone, at(starts), ends and at(ends), delay)


def told(s: Schedule, as_of: str, covered: str | None = None) -> list[str]:
    start = s.starts_at if covered is None else at(covered)
    found = due_intervals(s, start, at(as_of))
    return [f"{p.start:%m-%dT%H:%M}/{p.end:%m-%dT%H:%M}" for p in found]


@pytest.mark.parametrize(
    ("every", "zone", "starts", "ends", "as_of", "expected"),
    [
        # even steps
        ("15m", "UTC", "2026-01-01", None, "2026-01-01T00:30Z",
         ["01-01T00:00/01-01T00:15", "01-01T00:15/01-01T00:30"]),
        ("1h", "UTC", "2026-01-01", None, "2026-01-01T01:59Z", ["01-01T00:00/01-01T01:00"]),
        # nothing has ended
        ("1h", "UTC", "2026-01-01", None, "2026-01-01T00:59Z", []),
        ("1h", "UTC", "2026-01-01", None, "2025-06-01", []),
        # starts inside an interval: a shorter one, then on the clock
        ("1h", "UTC", "2026-01-01T00:20Z", None, "2026-01-01T02:00Z",
         ["01-01T00:20/01-01T01:00", "01-01T01:00/01-01T02:00"]),
        ("1d", ZAGREB, "2026-01-01T10:00Z", None, "2026-01-02T23:00Z",
         ["01-01T10:00/01-01T23:00", "01-01T23:00/01-02T23:00"]),
        ("1 month", "UTC", "2026-01-20", None, "2026-03-01",
         ["01-20T00:00/02-01T00:00", "02-01T00:00/03-01T00:00"]),
        ("week", "UTC", "2026-01-01", None, "2026-01-12",
         ["01-01T00:00/01-05T00:00", "01-05T00:00/01-12T00:00"]),
        ("2 days", "UTC", "2026-01-01", None, "2026-01-05",
         ["01-01T00:00/01-03T00:00", "01-03T00:00/01-05T00:00"]),
        # ends inside an interval, or on its end, or long ago
        ("1h", "UTC", "2026-01-01", "2026-01-01T01:30Z", "2026-02-01",
         ["01-01T00:00/01-01T01:00", "01-01T01:00/01-01T01:30"]),
        ("1h", "UTC", "2026-01-01", "2026-01-01T01:00Z", "2026-02-01", ["01-01T00:00/01-01T01:00"]),
        # days on which clocks change: 23 and 25 hours
        ("1d", ZAGREB, "2026-03-28T23:00Z", None, "2026-03-29T22:00Z", ["03-28T23:00/03-29T22:00"]),
        ("1d", ZAGREB, "2026-10-24T22:00Z", None, "2026-10-25T23:00Z", ["10-24T22:00/10-25T23:00"]),
        # several hours are cut by the wall: 00, 06, 12, 18
        ("6h", ZAGREB, "2026-03-28T23:00Z", None, "2026-03-29T22:00Z",
         ["03-28T23:00/03-29T04:00", "03-29T04:00/03-29T10:00", "03-29T10:00/03-29T16:00",
          "03-29T16:00/03-29T22:00"]),
        ("12h", ZAGREB, "2026-10-24T22:00Z", None, "2026-10-25T23:00Z",
         ["10-24T22:00/10-25T11:00", "10-25T11:00/10-25T23:00"]),
        # the wall's 02:00 is jumped over: the interval ends when the clock has jumped
        ("2h", ZAGREB, "2026-03-28T23:00Z", None, "2026-03-29T02:00Z",
         ["03-28T23:00/03-29T01:00", "03-29T01:00/03-29T02:00"]),
        # months and their ends
        ("month", ZAGREB, "2026-02-28T23:00Z", None, "2026-04-30T22:00Z",
         ["02-28T23:00/03-31T22:00", "03-31T22:00/04-30T22:00"]),
        ("quarter", "UTC", "2026-02-15", None, "2026-07-01",
         ["02-15T00:00/04-01T00:00", "04-01T00:00/07-01T00:00"]),
        # a day that a zone left out: 30 December 2011 never was in Apia
        ("1d", "Pacific/Apia", "2011-12-29T10:00Z", None, "2011-12-31T10:00Z",
         ["12-29T10:00/12-30T10:00", "12-30T10:00/12-31T10:00"]),
    ],
)  # fmt: skip
def test_what_has_ended_is_due(every, zone, starts, ends, as_of, expected):
    assert told(schedule(every, zone, starts, ends), as_of) == expected


@pytest.mark.parametrize(
    ("every", "zone", "day", "next_day", "count"),
    [
        ("1h", ZAGREB, "2026-03-28T23:00Z", "2026-03-29T22:00Z", 23),
        ("1h", ZAGREB, "2026-10-24T22:00Z", "2026-10-25T23:00Z", 25),
        ("15m", ZAGREB, "2026-10-24T22:00Z", "2026-10-25T23:00Z", 100),
        ("1h", ZAGREB, "2026-06-01T22:00Z", "2026-06-02T22:00Z", 24),
        # half an hour is set back: the day's last interval has half an hour
        ("1h", HOWE, "2026-04-04T13:00Z", "2026-04-05T13:30Z", 25),
        ("30m", HOWE, "2026-04-04T13:00Z", "2026-04-05T13:30Z", 49),
    ],
)
def test_a_day_has_as_many_hours_as_its_clocks_show(every, zone, day, next_day, count):
    s = schedule(every, zone, day)
    assert len(told(s, next_day)) == count
    assert len(list(due_intervals(s, at(day), at(next_day) - timedelta(seconds=1)))) == count - 1


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        ("2026-01-01T01:00Z", []),
        ("2026-01-01T01:09:59Z", []),
        ("2026-01-01T01:10Z", ["01-01T00:00/01-01T01:00"]),
        ("2026-01-01T02:10Z", ["01-01T00:00/01-01T01:00", "01-01T01:00/01-01T02:00"]),
    ],
)
def test_an_interval_is_due_only_after_the_delay(as_of, expected):
    assert told(schedule("1h", "UTC", "2026-01-01", delay=timedelta(minutes=10)), as_of) == expected


def test_the_last_interval_waits_for_its_delay_too():
    s = schedule("1h", "UTC", "2026-01-01", "2026-01-01T00:30Z", timedelta(minutes=10))
    assert told(s, "2026-01-01T00:39Z") == []
    assert told(s, "2026-01-01T00:40Z") == ["01-01T00:00/01-01T00:30"]


def test_what_is_covered_is_not_due_again():
    s = schedule("1h", "UTC", "2026-01-01")
    assert told(s, "2026-01-01T03:00Z", "2026-01-01T02:00Z") == ["01-01T02:00/01-01T03:00"]
    assert told(s, "2026-01-01T02:00Z", "2026-01-01T02:00Z") == []


def test_after_a_change_of_the_step_the_chain_goes_on_to_the_new_clocks_next_mark():
    s = schedule("1d", "UTC", "2026-01-01")
    assert told(s, "2026-01-03", "2026-01-01T05:15Z") == [
        "01-01T05:15/01-02T00:00",
        "01-02T00:00/01-03T00:00",
    ]


@pytest.mark.parametrize(
    ("covered", "expected"),
    [
        ("2026-01-01", datetime(2026, 1, 1, 1, 5, tzinfo=UTC)),
        ("2026-01-01T09:00Z", datetime(2026, 1, 1, 9, 35, tzinfo=UTC)),
        ("2026-01-01T09:30Z", None),
    ],
)
def test_the_next_instant_to_wake_up_follows_from_what_is_covered(covered, expected):
    s = schedule("1h", "UTC", "2026-01-01", "2026-01-01T09:30Z", timedelta(minutes=5))
    assert next_due_at(s, at(covered)) == expected


@pytest.mark.parametrize(
    ("text", "every"),
    [
        ("15m", Every(15)), ("1 min", Every(1)), ("60m", Every(60)), ("1h", Every(60)),
        ("6 hours", Every(360)), ("24h", parse_every("1d")), ("1d", parse_every("day")),
        ("1 month", parse_every("month")), ("7d", parse_every("week")),
    ],
)  # fmt: skip
def test_a_step_is_written_as_people_write_it(text, every):
    assert parse_every(text) == every


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0m",
        "7m",
        "45m",
        "90m",
        "5h",
        "36h",
        "48h",
        "30s",
        "-1h",
        "1.5h",
        "fortnight",
        "m",
        "٣h",
    ],
)
def test_a_step_that_does_not_fit_into_a_day_is_refused(text):
    with pytest.raises(Invalid) as refused:
        parse_every(text)
    assert refused.value.code == "measurement.bad_every"


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("5m", 300), ("2h", 7200), ("1d", 86400), ("31d", 2678400)]
)
def test_a_delay_is_elapsed_time(text, seconds):
    assert parse_delay(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "32d", "-5m", "1 month", "0m"])
def test_a_delay_that_makes_no_sense_is_refused(text):
    with pytest.raises(Invalid) as refused:
        parse_delay(text)
    assert refused.value.code == "measurement.bad_delay"
