"""Time-of-use bands: parsing, midnight, weekdays, and the days on which the clock is changed."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everycent.catalog.bands import Bands, band_at, parse_rules, spans
from everycent.kernel.calendar import zone
from everycent.kernel.errors import Invalid
from everycent.kernel.period import Period

WEEK = (0, 1, 2, 3, 4, 5, 6)
QUARTER = timedelta(minutes=15)


def bands(zone_name, rest="night", **rules):
    found = [
        rule
        for band, texts in rules.items()
        for text in ([texts] if isinstance(texts, str) else texts)
        for rule in parse_rules(band, text, "bands")
    ]
    return Bands("tou", zone_name, tuple(found), rest)


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def told(found):
    return [f"{span.start:%m-%d %H:%M} {span.end:%m-%d %H:%M}" for span in found]


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("07:00-21:00", [(WEEK, 420, 1260)]),
        ("00:00-24:00", [(WEEK, 0, 1440)]),
        ("mon-fri 07:15-21:45", [((0, 1, 2, 3, 4), 435, 1305)]),
        ("sun 00:00-24:00", [((6,), 0, 1440)]),
        ("sat-mon 08:00-09:00", [((0, 5, 6), 480, 540)]),
        ("sun-sat 08:00-09:00", [(WEEK, 480, 540)]),
        ("22:00-06:00", [(WEEK, 1320, 1440), (WEEK, 0, 360)]),
        ("22:00-00:00", [(WEEK, 1320, 1440)]),
        ("fri 22:00-06:00", [((4,), 1320, 1440), ((5,), 0, 360)]),
        ("sat-sun 22:00-06:00", [((5, 6), 1320, 1440), ((0, 6), 0, 360)]),
        ("24:00-06:00", [(WEEK, 1440, 1440), (WEEK, 0, 360)]),
    ],
)
def test_a_daily_span_becomes_rules(text, rules):
    assert [(rule.days, rule.start, rule.end) for rule in parse_rules("day", text, "f")] == rules


@pytest.mark.parametrize(
    "text",
    ["", "noon", "07:00", "7:00-21:00", "07:00 - 21:00", "07:00-21:07", "07:00-25:00",
     "24:15-06:00", "07:00-07:00", "00:00-00:00", "Mon 07:00-08:00", "mo 07:00-08:00",
     "mon- 07:00-08:00", "mon-fry 07:00-08:00", "abc 07:00-08:00", "mon,tue 07:00-08:00",
     "29:00-06:00", "07:60-08:00", "٠٧:00-08:00", "07:00-08:00\n"],
)  # fmt: skip
def test_what_is_no_daily_span_is_refused(text):
    with pytest.raises(Invalid) as refused:
        parse_rules("day", text, "bands.tou.bands.day")
    assert (refused.value.code, refused.value.field) == ("bands.malformed", "bands.tou.bands.day")


@pytest.mark.parametrize(
    ("weekday", "minute", "band"),
    [
        (0, 419, "night"), (0, 420, "day"), (0, 719, "day"), (0, 720, "noon"), (0, 779, "noon"),
        (0, 780, "day"), (0, 1259, "day"), (0, 1260, "night"), (4, 420, "day"), (5, 420, "night"),
        (6, 720, "noon"), (6, 0, "night"),
    ],
)  # fmt: skip
def test_the_first_rule_that_covers_a_moment_decides(weekday, minute, band):
    rules = bands("UTC", noon="12:00-13:00", day="mon-fri 07:00-21:00")
    assert band_at(rules, weekday, minute) == band
    assert rules.names() == {"noon", "day", "night"}


ZAGREB, FIXED = "Europe/Zagreb", "UTC+01:00"
SPRING = Period(utc("2026-03-28T23:00"), utc("2026-03-29T22:00"))
AUTUMN = Period(utc("2026-10-24T22:00"), utc("2026-10-25T23:00"))
PLAIN = Period(utc("2026-01-14T23:00"), utc("2026-01-15T23:00"))


@pytest.mark.parametrize(
    ("zone_name", "rule", "period", "inside"),
    [
        (ZAGREB, "07:00-21:00", PLAIN, ["01-15 06:00 01-15 20:00"]),
        (FIXED, "07:00-21:00", PLAIN, ["01-15 06:00 01-15 20:00"]),
        # the clock is changed outside of the band: its hours move against UTC
        (ZAGREB, "07:00-21:00", SPRING, ["03-29 05:00 03-29 19:00"]),
        (FIXED, "07:00-21:00", SPRING, ["03-29 06:00 03-29 20:00"]),
        (ZAGREB, "07:00-21:00", AUTUMN, ["10-25 06:00 10-25 20:00"]),
        (FIXED, "07:00-21:00", AUTUMN, ["10-25 06:00 10-25 20:00"]),
        # the clock is changed inside: an hour is missing, or comes twice
        (ZAGREB, "01:00-04:00", SPRING, ["03-29 00:00 03-29 02:00"]),
        (FIXED, "01:00-04:00", SPRING, ["03-29 00:00 03-29 03:00"]),
        (ZAGREB, "02:00-03:00", SPRING, []),
        (ZAGREB, "02:00-03:00", AUTUMN, ["10-25 00:00 10-25 02:00"]),
        (ZAGREB, "02:30-03:00", AUTUMN, ["10-25 00:30 10-25 01:00", "10-25 01:30 10-25 02:00"]),
        (FIXED, "02:30-03:00", AUTUMN, ["10-25 01:30 10-25 02:00"]),
        (ZAGREB, "00:00-24:00", SPRING, ["03-28 23:00 03-29 22:00"]),
        (ZAGREB, "00:00-24:00", AUTUMN, ["10-24 22:00 10-25 23:00"]),
        # over midnight, on a Saturday only: it ends on Sunday morning
        (ZAGREB, "sat 22:00-06:00", SPRING, ["03-28 23:00 03-29 04:00"]),
        (ZAGREB, "sun 22:00-06:00", SPRING, ["03-29 20:00 03-29 22:00"]),
        (ZAGREB, "mon-fri 00:00-24:00", SPRING, []),
        # half an hour of summer time, and a zone off the hour
        ("Australia/Lord_Howe", "01:30-02:00", Period(utc("2026-04-04T13:00"), utc("2026-04-05T13:30")),
         ["04-04 14:30 04-04 15:30"]),
        ("Asia/Kathmandu", "07:00-21:00", Period(utc("2026-01-14T18:15"), utc("2026-01-15T18:15")),
         ["01-15 01:15 01-15 15:15"]),
        # midnight itself is skipped
        ("America/Havana", "00:00-02:00", Period(utc("2026-03-08T05:00"), utc("2026-03-09T04:00")),
         ["03-08 05:00 03-08 06:00"]),
    ],
)  # fmt: skip
def test_a_band_follows_the_clock_on_the_wall(zone_name, rule, period, inside):
    assert told(spans(bands(zone_name, day=rule), "day", period)) == inside


def test_neighbouring_spans_are_one():
    rules = bands("UTC", night=["22:00-24:00", "00:00-06:00"], rest="day")
    period = Period(utc("2026-01-01T00:00"), utc("2026-01-03T00:00"))
    assert told(spans(rules, "night", period)) == [
        "01-01 00:00 01-01 06:00",
        "01-01 22:00 01-02 06:00",
        "01-02 22:00 01-03 00:00",
    ]
    assert told(spans(bands("UTC", rest="all"), "all", period)) == ["01-01 00:00 01-03 00:00"]


def test_spans_are_cut_to_the_period_and_an_unknown_band_has_none():
    rules = bands("UTC", day="07:00-21:00")
    period = Period(utc("2026-01-01T12:30"), utc("2026-01-01T13:45"))
    assert spans(rules, "day", period) == (period,)
    assert spans(rules, "night", period) == ()
    assert spans(rules, "noon", period) == ()


ZONES = [ZAGREB, FIXED, "UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu",
         "America/Havana", "Pacific/Apia", "Africa/Casablanca", "America/Sao_Paulo"]  # fmt: skip
STARTS = st.one_of(
    st.integers(0, 26 * 366 * 96).map(lambda n: utc("2000-01-01T00:00") + n * QUARTER),
    st.integers(-200, 200).map(lambda n: SPRING.start + n * QUARTER),
    st.integers(-200, 200).map(lambda n: AUTUMN.start + n * QUARTER),
    st.integers(-200, 200).map(lambda n: utc("2011-12-30T10:00") + n * QUARTER),
)


@st.composite
def band_sets(draw):
    def rule():
        first, last = draw(st.integers(0, 95)), draw(st.integers(1, 96))
        days = draw(st.sampled_from(["", "mon ", "mon-fri ", "sat-sun ", "fri-tue "]))
        if first == last:
            last -= 1 if last > 1 else -1
        return "{}{:02}:{:02}-{:02}:{:02}".format(
            days, *divmod(first * 15, 60), *divmod(last * 15, 60)
        )

    names = draw(st.lists(st.sampled_from("abc"), unique=True))
    rules = {name: [rule() for _ in range(draw(st.integers(1, 2)))] for name in names}
    return bands(draw(st.sampled_from(ZONES)), rest=draw(st.sampled_from("cd")), **rules)


@settings(max_examples=300, deadline=None)
@given(band_sets(), STARTS, st.integers(1, 4 * 96))
def test_the_bands_of_a_period_tile_it(rules, start, quarters):
    period = Period(start, start + quarters * QUARTER)
    pieces = sorted((span, name) for name in rules.names() for span in spans(rules, name, period))
    assert pieces[0][0].start == period.start
    assert pieces[-1][0].end == period.end
    for (before, name), (after, next_name) in pairwise(pieces):
        assert before.end == after.start
        assert name != next_name
    for span, name in pieces:
        for at in (span.start, span.end - QUARTER):
            local = at.astimezone(zone(rules.time_zone))
            assert band_at(rules, local.weekday(), local.hour * 60 + local.minute) == name
