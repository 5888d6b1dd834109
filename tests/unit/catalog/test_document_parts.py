"""Calendars, bands with holidays, and segments in the catalogue file."""

from datetime import date

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycent.catalog.bands import BandRule, Bands
from everycent.catalog.document import parse
from everycent.catalog.holidays import Holidays
from everycent.catalog.segments import SegmentRule, Segments, patterns, segment_of
from everycent.kernel.canonical import encode
from everycent.kernel.errors import Invalid


def only(text):
    (*_, entity) = parse(text)
    return entity


def refusal(text):
    with pytest.raises(Invalid) as refused:
        parse(text)
    return refused.value


def hr(fields):
    return f"calendars: {{hr: {{{fields}}}}}"


@pytest.mark.parametrize(
    ("fields", "made"),
    [
        ("dates: [2026-05-30]", Holidays("hr", (date(2026, 5, 30),))),
        ("dates: [2027-01-02, 2026-05-30], yearly: [12-25, 01-01], easter: [60, -2, 0]",
         Holidays("hr", (date(2026, 5, 30), date(2027, 1, 2)), ("01-01", "12-25"), (-2, 0, 60))),
        ("yearly: [02-29]", Holidays("hr", yearly=("02-29",))),
        ("easter: [-80, 250]", Holidays("hr", easter=(-80, 250))),
    ],
)  # fmt: skip
def test_a_calendar_holds_its_days_in_order(fields, made):
    entity = only(hr(fields))
    assert (entity.kind, entity.key, entity.content) == ("calendar", "hr", made)
    assert msgspec.json.decode(encode(made), type=Holidays) == made


@pytest.mark.parametrize(
    ("fields", "code", "place"),
    [
        ("", "catalog.wrong_value", "calendars.hr"),
        ("dates: []", "catalog.wrong_value", "calendars.hr"),
        ("days: [01-01]", "catalog.wrong_shape", "calendars.hr"),
        ("dates: [2026-02-29]", "catalog.wrong_shape", "calendars.hr.dates[0]"),
        ("dates: [01-01]", "catalog.wrong_shape", "calendars.hr.dates[0]"),
        ("dates: 2026-05-30", "catalog.wrong_shape", "calendars.hr.dates"),
        ("dates: [2026-05-30, 2026-05-30]", "catalog.wrong_value", "calendars.hr.dates"),
        ("yearly: [2026-01-01]", "catalog.wrong_value", "calendars.hr.yearly"),
        ("yearly: [1-1]", "catalog.wrong_value", "calendars.hr.yearly"),
        ("yearly: [02-30]", "catalog.wrong_value", "calendars.hr.yearly"),
        ("yearly: [13-01]", "catalog.wrong_value", "calendars.hr.yearly"),
        ("yearly: [00-10]", "catalog.wrong_value", "calendars.hr.yearly"),
        ("yearly: [01-00]", "catalog.wrong_value", "calendars.hr.yearly"),
        ("yearly: [01-01, 01-01]", "catalog.wrong_value", "calendars.hr.yearly"),
        ("easter: [sunday]", "catalog.wrong_shape", "calendars.hr.easter[0]"),
        ("easter: [-81]", "catalog.wrong_value", "calendars.hr.easter"),
        ("easter: [251]", "catalog.wrong_value", "calendars.hr.easter"),
        ("easter: [1, 1]", "catalog.wrong_value", "calendars.hr.easter"),
        (f"easter: [{', '.join(['1'] * 1001)}]", "catalog.wrong_value", "calendars.hr.easter"),
    ],
)
def test_what_is_no_calendar_is_refused(fields, code, place):
    refused = refusal(hr(fields))
    assert (refused.code, refused.field) == (code, place)


def tou(rules, more=", holidays: hr"):
    return f"""
calendars: {{hr: {{yearly: [01-01], easter: [1]}}}}
bands: {{tou: {{time_zone: Europe/Zagreb, bands: {{{rules}}}, rest: night{more}}}}}
"""


def test_bands_hold_the_days_of_their_calendar():
    made = only(tou('day: ["mon-fri,hol 07:00-21:00"], morning: ["06:00-07:00"]')).content
    assert made == Bands(
        "tou",
        "Europe/Zagreb",
        (
            BandRule("day", (0, 1, 2, 3, 4, 7), 420, 1260),
            BandRule("morning", (0, 1, 2, 3, 4, 5, 6, 7), 360, 420),
        ),
        "night",
        Holidays("hr", yearly=("01-01",), easter=(1,)),
    )
    assert msgspec.json.decode(encode(made), type=Bands) == made


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        (tou("", ", holidays: de"), "catalog.unknown_name", "bands.tou.holidays"),
        (tou('day: ["hol 07:00-21:00"]', ""), "bands.no_holidays", "bands.tou.bands.day"),
        (tou('day: ["fri 22:00-06:00"]'), "bands.over_midnight", "bands.tou.bands.day"),
        (tou('day: ["hols 07:00-21:00"]'), "bands.malformed", "bands.tou.bands.day"),
        (tou("", ", holidays: [hr]"), "catalog.wrong_shape", "bands.tou.holidays"),
    ],
)
def test_bands_that_do_not_go_with_holidays_are_refused(text, code, place):
    refused = refusal(text)
    assert (refused.code, refused.field) == (code, place)


def region(rules, rest="elsewhere"):
    return f"segments: {{region: {{segments: {{{rules}}}, rest: {rest}}}}}"


def test_segments_keep_the_order_of_the_file():
    text = region("us: [{tier: gold, region: us-1}], eu: [{region: [eu-2, eu-1]}, {country: hr}]")
    entity = only(text)
    assert (entity.kind, entity.key) == ("segments", "region")
    assert entity.content == Segments(
        "region",
        (
            SegmentRule("us", (("region", ("us-1",)), ("tier", ("gold",)))),
            SegmentRule("eu", (("region", ("eu-1", "eu-2")),)),
            SegmentRule("eu", (("country", ("hr",)),)),
        ),
        "elsewhere",
    )
    assert msgspec.json.decode(encode(entity.content), type=Segments) == entity.content


def test_a_text_is_a_list_of_one():
    assert only(region("eu: [{region: eu-1}]")) == only(region("eu: [{region: [eu-1]}]"))


def test_a_set_may_be_nothing_but_its_rest():
    assert only(region("")).content.names() == {"elsewhere"}


MANY = ", ".join(f"v{n}" for n in range(20))


def test_two_hundred_combinations_are_taken_and_no_more():
    ten = ", ".join(f"v{n}" for n in range(10))
    made = only(region(f"a: [{{x: [{MANY}], y: [{ten}]}}]")).content
    assert sum(len(patterns(rule)) for rule in made.rules) == 200
    refused = refusal(region(f"a: [{{x: [{MANY}], y: [{ten}]}}], b: [{{z: one}}]"))
    assert (refused.code, refused.field) == ("catalog.wrong_value", "segments.region")
    assert "more than 200 combinations" in refused.message


def test_combinations_beyond_all_counting_are_refused_at_once():
    many = ", ".join(f"d{n}: [a, b]" for n in range(20_000))
    refused = refusal(region(f"a: [{{{many}}}]"))
    assert (refused.code, refused.field) == ("catalog.wrong_value", "segments.region")
    assert "more than 200 combinations" in refused.message


def test_values_beyond_the_most_are_refused_at_once():
    values = ", ".join(f"v{n}" for n in range(100_000))
    refused = refusal(region(f"a: [{{x: [{values}]}}]"))
    assert refused.field == "segments.region.segments.a[1].x"
    assert "100000 values are named, and 200 is the most" in refused.message


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("segments: {region: {segments: {}}}", "catalog.wrong_shape", "segments.region"),
        ("segments: {region: {rest: a}}", "catalog.wrong_shape", "segments.region"),
        (region("eu: {region: eu-1}"), "catalog.wrong_shape", "segments.region.segments[...]"),
        (region("eu: [eu-1]"), "catalog.wrong_shape", "segments.region.segments[...][0]"),
        (region("eu: [{region: {a: b}}]"), "catalog.wrong_shape",
         "segments.region.segments[...][0][...]"),
        (region("e u: [{region: eu-1}]"), "catalog.bad_key", "segments.region.segments.e u"),
        (region("eu: [{region: eu-1}]", "e/u"), "catalog.bad_key", "segments.region.rest"),
        (region("eu: []"), "catalog.wrong_value", "segments.region.segments.eu"),
        (region("eu: [{region: a}, {}]"), "catalog.wrong_value", "segments.region.segments.eu[2]"),
        (region("eu: [{region: []}]"), "catalog.wrong_value",
         "segments.region.segments.eu[1].region"),
        (region("eu: [{region: ''}]"), "catalog.wrong_value",
         "segments.region.segments.eu[1].region"),
        (region("eu: [{'': a}]"), "catalog.wrong_value", "segments.region.segments.eu[1]"),
        (region("eu: [{region: [a, a]}]"), "catalog.wrong_value",
         "segments.region.segments.eu[1].region"),
        (region(f"eu: [{{region: {'a' * 201}}}]"), "catalog.wrong_value",
         "segments.region.segments.eu[1].region"),
        (region('eu: [{region: "a\\nb"}]'), "catalog.wrong_value",
         "segments.region.segments.eu[1].region"),
        (region("eu: [{region: eu-1}]", "eu"), "catalog.wrong_value", "segments.region.rest"),
    ],
)  # fmt: skip
def test_what_are_no_segments_is_refused(text, code, place):
    refused = refusal(text)
    assert (refused.code, refused.field) == (code, place)


NAMES, VALUES = st.sampled_from("xyz"), st.sampled_from("abcd")
RULES = st.lists(
    st.dictionaries(NAMES, st.lists(VALUES, min_size=1, unique=True), min_size=1, max_size=2),
    min_size=1,
    max_size=3,
)


@given(
    st.dictionaries(st.sampled_from(["one", "two", "three"]), RULES),
    st.dictionaries(NAMES, VALUES),
)
def test_every_record_is_in_the_first_segment_that_has_it_and_in_no_other(told, dimensions):
    made = only(msgspec.json.encode(
        {"segments": {"s": {"segments": told, "rest": "others"}}}
    ).decode()).content  # fmt: skip
    meeting = [
        name
        for name, rules in told.items()
        for rule in rules
        if all(dimensions.get(dimension) in values for dimension, values in rule.items())
    ]
    found = segment_of(made, dimensions)
    assert found == (meeting[0] if meeting else "others")
    assert found in made.names()
    contained = [
        rule.segment
        for rule in made.rules
        for pattern in patterns(rule)
        if pattern.items() <= dimensions.items()
    ]
    assert found == (contained[0] if contained else "others")
