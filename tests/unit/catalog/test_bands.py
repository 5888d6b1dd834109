"""Time-of-use bands: parsing, midnight, weekdays, and the days on which the clock is changed."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everycent.catalog.bands import HOLIDAY, Bands, band_at, day_kind, parse_rules, spans
from everycent.catalog.holidays import Holidays
from everycent.kernel.calendar import zone
from everycent.kernel.canonical import encode
from everycent.kernel.errors import Invalid
from everycent.kernel.period import Period

WEEK = (0, 1, 2, 3, 4, 5, 6)
QUARTER = timedelta(minutes=15)


def bands(zone_name, rest="night", holidays=None, **rules):
    found = [
        rule
        for band, texts in rules.items()
        for text in ([texts] if isinstance(texts, str) else texts)
        for rule in parse_rules(band, text, "bands", with_holidays=holidays is not None)
    ]
    return Bands("tou", zone_name, tuple(found), rest, holidays)


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
        ("mon,wed 08:00-09:00", [((0, 2), 480, 540)]),
        ("mon-tue,tue-thu,sun 08:00-09:00", [((0, 1, 2, 3, 6), 480, 540)]),
        ("fri,sun 22:00-06:00", [((4, 6), 1320, 1440), ((0, 5), 0, 360)]),
    ],
)
def test_a_daily_span_becomes_rules(text, rules):
    assert [(rule.days, rule.start, rule.end) for rule in parse_rules("day", text, "f")] == rules


@pytest.mark.parametrize(
    "text",
    ["", "noon", "07:00", "7:00-21:00", "07:00 - 21:00", "07:00-21:07", "07:00-25:00",
     "24:15-06:00", "07:00-07:00", "00:00-00:00", "Mon 07:00-08:00", "mo 07:00-08:00",
     "mon- 07:00-08:00", "mon-fry 07:00-08:00", "abc 07:00-08:00", "mon, tue 07:00-08:00",
     "mon, 07:00-08:00", ",mon 07:00-08:00", "mon-tue-wed 07:00-08:00",
     "hol-mon 07:00-08:00", "mon-hol 07:00-08:00", "monhol 07:00-08:00",
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


ALL = (*WEEK, HOLIDAY)


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("07:00-21:00", [(ALL, 420, 1260)]),
        ("22:00-06:00", [(ALL, 1320, 1440), (ALL, 0, 360)]),
        ("mon-sun 07:00-21:00", [(WEEK, 420, 1260)]),
        ("hol 00:00-24:00", [((HOLIDAY,), 0, 1440)]),
        ("sat,hol 22:00-00:00", [((5, HOLIDAY), 1320, 1440)]),
        ("hol,mon-fri 07:00-21:00", [((0, 1, 2, 3, 4, HOLIDAY), 420, 1260)]),
    ],
)
def test_with_a_calendar_a_holiday_is_a_kind_of_day_of_its_own(text, rules):
    made = parse_rules("day", text, "f", with_holidays=True)
    assert [(rule.days, rule.start, rule.end) for rule in made] == rules


@pytest.mark.parametrize(
    ("text", "with_holidays", "code"),
    [
        ("hol 07:00-21:00", False, "bands.no_holidays"),
        ("mon-fri,hol 07:00-21:00", False, "bands.no_holidays"),
        ("hol 22:00-06:00", False, "bands.no_holidays"),
        ("hol 22:00-06:00", True, "bands.over_midnight"),
        ("fri 22:00-06:00", True, "bands.over_midnight"),
        ("mon-sun 22:00-06:00", True, "bands.over_midnight"),
    ],
)
def test_a_span_that_would_leave_holidays_open_is_refused(text, with_holidays, code):
    with pytest.raises(Invalid) as refused:
        parse_rules("day", text, "f", with_holidays=with_holidays)
    assert (refused.value.code, refused.value.field, refused.value.value) == (code, "f", text)
    assert refused.value.hint


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


WORKERS = Holidays("hr", yearly=("05-01",))
"""1 May 2026 is a Friday."""
MAY = Period(utc("2026-04-29T22:00"), utc("2026-05-03T22:00"))


@pytest.mark.parametrize(
    ("rules", "inside"),
    [
        # Thursday 30 April to Sunday 3 May in Zagreb, two hours before UTC's clock
        ({"day": "07:00-21:00"}, ["04-30 05:00 04-30 19:00", "05-01 05:00 05-01 19:00",
                                  "05-02 05:00 05-02 19:00", "05-03 05:00 05-03 19:00"]),
        ({"day": "mon-fri 07:00-21:00"}, ["04-30 05:00 04-30 19:00"]),
        ({"day": "mon-sun 07:00-21:00"}, ["04-30 05:00 04-30 19:00", "05-02 05:00 05-02 19:00",
                                          "05-03 05:00 05-03 19:00"]),
        ({"day": ["mon-fri 07:00-21:00", "hol 10:00-12:00"]},
         ["04-30 05:00 04-30 19:00", "05-01 08:00 05-01 10:00"]),
        ({"day": "mon-fri,hol 07:00-21:00"}, ["04-30 05:00 04-30 19:00", "05-01 05:00 05-01 19:00"]),
        ({"holiday": "hol 00:00-24:00", "day": "07:00-21:00"},
         ["04-30 05:00 04-30 19:00", "05-02 05:00 05-02 19:00", "05-03 05:00 05-03 19:00"]),
        ({"day": "hol 22:00-00:00"}, ["05-01 20:00 05-01 22:00"]),
        ({"day": "22:00-06:00"}, ["04-29 22:00 04-30 04:00", "04-30 20:00 05-01 04:00",
                                  "05-01 20:00 05-02 04:00", "05-02 20:00 05-03 04:00",
                                  "05-03 20:00 05-03 22:00"]),
    ],
)  # fmt: skip
def test_on_a_holiday_only_spans_count_that_name_it_or_no_days(rules, inside):
    assert told(spans(bands(ZAGREB, holidays=WORKERS, **rules), "day", MAY)) == inside


def test_a_holiday_begins_and_ends_at_local_midnight():
    rules = bands("America/New_York", rest="ordinary", holidays=WORKERS, free="hol 00:00-24:00")
    assert told(spans(rules, "free", MAY)) == ["05-01 04:00 05-02 04:00"]


def test_bands_without_holidays_are_written_as_ever():
    made = encode(bands("UTC", day="sat 07:00-21:00")).decode()
    assert made == (
        '{"key":"tou","time_zone":"UTC","rules":[{"band":"day","days":[5],"start":420,"end":1260}],'
        '"rest":"night"}'
    )


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


CALENDARS = st.none() | st.builds(
    Holidays,
    st.just("free"),
    st.sets(st.dates(date(2026, 3, 20), date(2026, 11, 5)), max_size=9).map(tuple),
    st.sets(st.sampled_from(["01-01", "02-29", "03-28", "03-29", "10-25", "12-30"])).map(tuple),
    st.sets(st.integers(-80, 250), max_size=20).map(tuple),
)


@st.composite
def band_sets(draw):
    holidays = draw(CALENDARS)
    kinds = ["", "mon ", "mon-fri ", "sat-sun ", "fri-tue ", "mon,wed-thu "]
    if holidays is not None:
        kinds += ["hol ", "sat,hol ", "mon-sun,hol "]

    def rule():
        first, last = draw(st.integers(0, 95)), draw(st.integers(1, 96))
        days = draw(st.sampled_from(kinds))
        if days and holidays is not None:
            first, last = sorted((first, last))  # a window over midnight can't name days here
        if first == last:
            last += 1 if last < 96 else -95
        return "{}{:02}:{:02}-{:02}:{:02}".format(
            days, *divmod(first * 15, 60), *divmod(last * 15, 60)
        )

    names = draw(st.lists(st.sampled_from("abc"), unique=True))
    rules = {name: [rule() for _ in range(draw(st.integers(1, 2)))] for name in names}
    rest = draw(st.sampled_from("cd"))
    return bands(draw(st.sampled_from(ZONES)), rest=rest, holidays=holidays, **rules)


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
            kind = day_kind(rules, local.date())
            assert band_at(rules, kind, local.hour * 60 + local.minute) == name


@settings(max_examples=100, deadline=None)
@given(band_sets(), STARTS, st.integers(1, 4 * 96))
def test_every_quarter_hour_is_in_exactly_one_band(rules, start, quarters):
    period = Period(start, start + quarters * QUARTER)
    found = {name: spans(rules, name, period) for name in rules.names()}
    for number in range(quarters):
        at = start + number * QUARTER
        holding = [name for name, parts in found.items() if any(p.contains(at) for p in parts)]
        assert len(holding) == 1
    lengths = [part.end - part.start for parts in found.values() for part in parts]
    assert sum(lengths, timedelta()) == period.end - period.start
