"""Usage records: one spelling per value, sound names, and hashes that tell the same from another."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycent.kernel.errors import Invalid
from everycent.metering.record import (
    EARLIEST,
    LATEST,
    UsageRecord,
    canonical_dimensions,
    canonical_value,
    check_id,
    check_name,
    check_time,
    content_of,
    key_of,
    micros,
)

AT = datetime(2026, 3, 1, tzinfo=UTC)
RECORD = UsageRecord("app", "r1", "cust-1", "calls", AT, "1.5")


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("1", "1"),
        ("0", "0"),
        ("12.5", "12.5"),
        ("12.50", "12.5"),
        ("12.500000000000000000", "12.5"),
        ("100", "100"),
        ("100.00", "100"),
        ("007", "7"),
        ("00.10", "0.1"),
        ("-3.0", "-3"),
        ("-0", "0"),
        ("-0.000", "0"),
        ("0.000", "0"),
        ("4e-7", "0.0000004"),
        ("1.5E3", "1500"),
        ("99999999999999999999.999999999999999999", "99999999999999999999.999999999999999999"),
    ],
)
def test_a_value_has_one_spelling(text, canonical):
    assert canonical_value(text) == canonical
    assert Decimal(text) == Decimal(canonical)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "number.malformed"),
        (" 1", "number.malformed"),
        ("1 ", "number.malformed"),
        ("1\n", "number.malformed"),
        ("+1", "number.malformed"),
        (".5", "number.malformed"),
        (".50", "number.malformed"),
        ("5.", "number.malformed"),
        ("1..0", "number.malformed"),
        ("1.0.0", "number.malformed"),
        ("--1.0", "number.malformed"),
        ("1,5", "number.malformed"),
        ("1_000", "number.malformed"),
        ("NaN", "number.malformed"),
        ("Infinity", "number.malformed"),
        ("1e999999", "number.malformed"),
        ("0x10", "number.malformed"),
        ("١٢٣", "number.malformed"),
        ("1.٠0", "number.malformed"),
        ("100000000000000000000", "number.malformed"),
        ("1.0000000000000000000", "number.malformed"),
        ("1e25", "number.out_of_range"),
        ("1e-25", "number.out_of_range"),
    ],
)
def test_what_is_no_plain_decimal_is_refused(text, code):
    with pytest.raises(Invalid) as refused:
        canonical_value(text)
    assert refused.value.code == code


@given(
    st.decimals(
        min_value=-(10**19), max_value=10**19, allow_nan=False, allow_infinity=False, places=6
    )
)
def test_canonical_text_is_the_same_number_and_stays_as_it_is(value):
    text = canonical_value(format(value, "f"))
    assert Decimal(text) == value
    assert canonical_value(text) == text


@pytest.mark.parametrize("name", ["a", "x" * 200, "Zähler 7/b", "日本", "a b", "\u2028"])
def test_sound_names(name):
    assert check_name(name, "subject") == name


@pytest.mark.parametrize(
    "name",
    ["", "x" * 201, "a\tb", "a\x00", "\x1b[0m", "\x7f", "\x85", "a\u202eb", "\u2066", "\ud800"],
)
def test_unsound_names(name):
    with pytest.raises(Invalid) as refused:
        check_name(name, "subject")
    assert (refused.value.code, refused.value.field) == ("usage.bad_name", "subject")


def test_dimensions_are_canonical_json_without_what_is_empty():
    assert canonical_dimensions({"b": "2", "a": "1", "c": ""}) == '{"a":"1","b":"2"}'
    assert canonical_dimensions({"a": ""}) == canonical_dimensions({}) == "{}"


@pytest.mark.parametrize(
    ("dimensions", "code"),
    [
        ({"a": "\x00"}, "usage.bad_dimension"),
        ({"a\x00": "1"}, "usage.bad_dimension"),
        ({"": "1"}, "usage.bad_dimension"),
        ({"a": "\ud800"}, "usage.bad_dimension"),
        ({"a": "x" * 1993}, "usage.long_dimensions"),
        ({"a": "ž" * 997}, "usage.long_dimensions"),
    ],
)
def test_unsound_dimensions(dimensions, code):
    with pytest.raises(Invalid) as refused:
        canonical_dimensions(dimensions)
    assert refused.value.code == code


def test_the_times_that_records_may_have():
    assert check_time(EARLIEST) == EARLIEST
    for at in (EARLIEST - timedelta(microseconds=1), LATEST):
        with pytest.raises(Invalid) as refused:
            check_time(at)
        assert refused.value.code == "usage.time_out_of_range"


@given(st.datetimes(EARLIEST.replace(tzinfo=None), timezones=st.just(UTC)))
def test_micros_count_from_the_year_2000(at):
    assert timedelta(microseconds=micros(at)) == at - datetime(2000, 1, 1, tzinfo=UTC)


def test_the_key_is_source_and_id_alone():
    assert key_of("app", "r1") == key_of(RECORD.source, RECORD.record_id)
    assert len(key_of("app", "r1")) == 16
    different = {
        key_of(*pair) for pair in [("app", "r1"), ("app", "r2"), ("appr", "1"), ("a", "ppr1")]
    }
    assert len(different) == 4


@pytest.mark.parametrize(
    "change",
    [
        {"subject": "cust-2"},
        {"meter": "hours"},
        {"at": AT + timedelta(microseconds=1)},
        {"value": "1.51"},
        {"dimensions": '{"a":"1"}'},
    ],
)
def test_the_content_is_everything_else(change):
    other = RECORD._replace(**change)
    assert content_of(RECORD, micros(RECORD.at)) != content_of(other, micros(other.at))


def test_source_and_id_are_no_content():
    other = RECORD._replace(source="else", record_id="r2")
    assert content_of(RECORD, micros(AT)) == content_of(other, micros(AT))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", None),
        ("a~1", None),
        ("a~02", None),
        ("~2x", None),
        ("a" * 190, None),
        ("a~2", "usage.reserved_id"),
        ("a~3~17", "usage.reserved_id"),
        ("~2", "usage.reserved_id"),
        ("a" * 191, "usage.bad_name"),
        ("", "usage.bad_name"),
        ("a\x00", "usage.bad_name"),
    ],
)
def test_an_id_is_sound_unless_it_is_one_of_a_replacement(text, expected):
    if expected is None:
        assert check_id(text) == text
        return
    with pytest.raises(Invalid) as refused:
        check_id(text)
    assert refused.value.code == expected
