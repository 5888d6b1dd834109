"""Records on the wire: what is taken, in which spelling, and what is refused for which reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycent.kernel.errors import Invalid
from everycent.metering import wire, wire_plain
from everycent.metering.offered import Refused, checked
from everycent.metering.record import UsageRecord
from everycent.metering.wire import Form

METERS = {"calls"}
NOON = "2026-01-05T12:00:00Z"
PLAIN = {
    "id": "r1", "source": "gw", "subject": "acme", "meter": "calls", "at": NOON, "value": 1,
}  # fmt: skip
EVENT = {
    "specversion": "1.0", "id": "r1", "source": "gw", "subject": "acme", "type": "calls",
    "time": NOON,
}  # fmt: skip
EXPECTED = UsageRecord("gw", "r1", "acme", "calls", datetime(2026, 1, 5, 12, tzinfo=UTC), "1")


def body(fields: dict, **changed: object) -> bytes:
    """An object as JSON; what is changed to `...` is left out, bytes stand for themselves."""
    told = {name: value for name, value in (fields | changed).items() if value is not ...}
    raws = {
        name: msgspec.Raw(value if isinstance(value, bytes) else json.dumps(value).encode())
        for name, value in told.items()
    }
    return msgspec.json.encode(raws)


def read_both(form: Form, text: bytes) -> list:
    """What comes of a record by itself; beside a bad one, which is read in another way, it is the same."""
    alone = wire.read(form, text, METERS)
    many = Form.EVENTS if form is Form.EVENT else Form.PLAIN
    beside = wire.read(many, b"[" + text + b",7]", METERS)
    assert len(beside) == 2
    assert beside[1].refusal.code == "usage.no_object"
    if isinstance(alone[0], Refused):
        assert beside[0].refusal.as_dict() == alone[0].refusal.as_dict()
    else:
        assert beside[:1] == alone
    return alone


def code_of(form: Form, text: bytes) -> str | None:
    (found,) = read_both(form, text)
    return found.refusal.code if isinstance(found, Refused) else None


# --- plain JSON ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"12.50", "12.5"),
        (b'"12.50"', "12.5"),
        (b"-0", "0"),
        (b"0.1", "0.1"),
        (b"0.100000000000000005", "0.100000000000000005"),
        (b"99999999999999999999.999999999999999999", "99999999999999999999.999999999999999999"),
        (b"4e-7", "0.0000004"),
        (b"1E+2", "100"),
        (b'"1e2"', "100"),
        (b"9007199254740993", "9007199254740993"),
    ],
)
def test_a_value_is_exactly_what_was_written(value, expected):
    (found,) = read_both(Form.PLAIN, body(PLAIN, value=value))
    assert found == EXPECTED._replace(value=expected)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b"1e999", "number.malformed"),
        (b"1e99", "number.out_of_range"),
        (b"1e-30", "number.out_of_range"),
        (b"100000000000000000000", "number.malformed"),
        (b"0.0000000000000000001", "number.malformed"),
        (b'"NaN"', "number.malformed"),
        (b'"Infinity"', "number.malformed"),
        (b'"1_000"', "number.malformed"),
        (b'" 1"', "number.malformed"),
        (b'"1\\u0030"', "number.malformed"),
        ('"\u0661"'.encode(), "number.malformed"),
        (b'""', "number.malformed"),
        (b"null", "number.malformed"),
        (b"true", "number.malformed"),
        (b"[1]", "number.malformed"),
        (b'{"a":1}', "number.malformed"),
        (b"9" * 100_000, "number.malformed"),
        (..., "usage.missing_field"),
    ],
)
def test_what_is_no_decimal_is_no_value(value, code):
    assert code_of(Form.PLAIN, body(PLAIN, value=value)) == code


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-01-05T12:00:00Z", NOON),
        ("2026-01-05T13:00:00+01:00", NOON),
        ("2026-01-05 12:00:00.000Z", NOON),
        ("2026-01-05T12:00:00.123456789Z", "2026-01-05T12:00:00.123456Z"),
        ("2199-12-31T23:59:59Z", "2199-12-31T23:59:59Z"),
        ("2026-01-05T12:00:00", "time.naive"),
        ("2026-01-05", "time.naive"),
        ("1999-12-31T23:59:59Z", "usage.time_out_of_range"),
        ("2200-01-01T00:00:00Z", "usage.time_out_of_range"),
        ("0001-01-01T00:00:00+23:59", "usage.time_out_of_range"),
        ("9999-12-31T23:59:59-23:59", "usage.time_out_of_range"),
        ("2026-02-30T00:00:00Z", "time.malformed"),
        ("yesterday", "time.malformed"),
        ("", "time.malformed"),
        (1767614400, "usage.not_text"),
        (None, "usage.not_text"),
        (..., "usage.missing_field"),
    ],
)
def test_a_time_says_its_offset_and_lies_in_range(at, expected):
    (found,) = read_both(Form.PLAIN, body(PLAIN, at=at))
    told = (
        found.refusal.code
        if isinstance(found, Refused)
        else found.at.isoformat().replace("+00:00", "Z")
    )
    assert told == expected


@pytest.mark.parametrize(
    ("dimensions", "expected"),
    [
        (..., "{}"),
        (None, "{}"),
        ({}, "{}"),
        ({"b": "x", "a": "y"}, '{"a":"y","b":"x"}'),
        ({"n": 7, "yes": True, "no": False, "none": None, "empty": ""},
         '{"n":"7","no":"false","yes":"true"}'),
        (b'{"n":1.50,"m":9007199254740993}', '{"m":"9007199254740993","n":"1.5"}'),
        ({"a": "é\\\"/"}, '{"a":"é\\\\\\"/"}'),
        ({"a": [1]}, "usage.not_scalar"),
        ({"a": {}}, "usage.not_scalar"),
        ({"a": "x\x00"}, "usage.bad_dimension"),
        ({"": "x"}, "usage.bad_dimension"),
        ({"a": "\u202e"}, "usage.bad_dimension"),
        (b'{"a":1e999}', "number.malformed"),
        ({"a": "x" * 2000}, "usage.long_dimensions"),
        ([], "usage.no_object"),
        ("x", "usage.no_object"),
        (b"[" * 900 + b"]" * 900, "usage.no_object"),
    ],
)  # fmt: skip
def test_dimensions_are_texts_in_one_spelling(dimensions, expected):
    (found,) = read_both(Form.PLAIN, body(PLAIN, dimensions=dimensions))
    told = found.refusal.code if isinstance(found, Refused) else found.dimensions
    assert told == expected


@pytest.mark.parametrize(
    ("changed", "code", "field"),
    [
        ({"id": ""}, "usage.bad_name", "id"),
        ({"id": "x" * 201}, "usage.bad_name", "id"),
        ({"id": 7}, "usage.not_text", "id"),
        ({"id": ...}, "usage.missing_field", "id"),
        ({"source": "a\x00b"}, "usage.bad_name", "source"),
        ({"subject": "\u2066"}, "usage.bad_name", "subject"),
        ({"subject": None}, "usage.not_text", "subject"),
        ({"meter": "calls "}, "usage.unknown_meter", "meter"),
        ({"meter": ""}, "usage.unknown_meter", "meter"),
        ({"region": "eu"}, "usage.unknown_field", "region"),
    ],
)
def test_a_bad_field_is_named_with_the_reason(changed, code, field):
    (found,) = read_both(Form.PLAIN, body(PLAIN, **changed))
    assert (found.refusal.code, found.refusal.field) == (code, field)


def test_a_refused_record_is_told_with_its_id_where_it_has_one():
    offered = wire.read(
        Form.PLAIN, b"[" + body(PLAIN, value="x") + b"," + body(PLAIN, id=7) + b",null]", METERS
    )
    assert [item.record_id for item in offered] == ["r1", None, None]


def test_one_bad_record_spoils_no_other():
    bodies = [body(PLAIN, id=f"r{n}", value="x" if n == 3 else n) for n in range(7)]
    array = wire.read(Form.PLAIN, b" [" + b",".join(bodies) + b"]", METERS)
    lines = wire.read(Form.LINES, b"\n".join([b"", *bodies, b" "]), METERS)
    for offered in (array, lines):
        assert [isinstance(item, Refused) for item in offered] == [n == 3 for n in range(7)]
        assert [item.value for n, item in enumerate(offered) if n != 3] == list("012456")


def test_a_line_that_is_no_json_is_refused_alone():
    text = body(PLAIN) + b'\r\n{"id": NaN}\n' + body(PLAIN)[:-1] + b"\n\xff\n" + body(PLAIN, id="b")
    offered = wire.read(Form.LINES, text, METERS)
    assert [isinstance(item, Refused) for item in offered] == [False, True, True, True, False]


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (Form.PLAIN, b""),
        (Form.PLAIN, b"\xff\xfe"),
        (Form.PLAIN, b"[" * 100_000),
        (Form.PLAIN, b"[" + body(PLAIN)),
        (Form.PLAIN, body(PLAIN, id=b'"\\ud800"')),
        (Form.PLAIN, body(PLAIN, dimensions=b"[" * 20_000 + b"]" * 20_000)),
        (Form.PLAIN, body(PLAIN)[:-1] + b',"x":NaN}'),
        (Form.PLAIN, body(PLAIN) + body(PLAIN)),
        (Form.PLAIN, b"[" + body(PLAIN) + b",]"),
        (Form.EVENT, b"no"),
        (Form.EVENTS, body(EVENT)),
    ],
)
def test_a_body_that_can_not_be_read_is_refused_as_a_whole(form, text):
    with pytest.raises(Invalid) as refused:
        wire.read(form, text, METERS)
    assert refused.value.code == "usage.bad_json"


@pytest.mark.parametrize("form", [Form.PLAIN, Form.LINES, Form.EVENTS])
def test_a_body_without_records_is_none(form):
    assert wire.read(form, b"\n" if form is Form.LINES else b" [] ", METERS) == []


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (Form.PLAIN, b"[" + b",".join([body(PLAIN)] * 10_001) + b"]"),
        (Form.PLAIN, b"[" + b",".join([b"{}"] * 10_001) + b"]"),
        (Form.PLAIN, b"[" + b"0," * 400_001 + b"0]"),
        (Form.LINES, b"{}\n" * 10_001),
        (Form.EVENTS, b"[" + b",".join([body(EVENT)] * 10_001) + b"]"),
    ],
)
def test_too_many_records_are_refused_before_they_take_memory(form, text):
    with pytest.raises(Invalid) as refused:
        wire.read(form, text, METERS)
    assert refused.value.code == "usage.too_many_records"


# --- CloudEvents --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "value", "dimensions"),
    [
        (..., "1", "{}"),
        (None, "1", "{}"),
        ({}, "1", "{}"),
        ({"value": 2.5}, "2.5", "{}"),
        ({"value": "2.50", "dimensions": {"a": "x"}}, "2.5", '{"a":"x"}'),
        ({"value": 2, "model": "large", "n": 7}, "2", '{"model":"large","n":"7"}'),
        ({"dimensions": {"a": "x"}, "model": "large"}, "1", '{"a":"x","model":"large"}'),
    ],
)
def test_the_data_of_an_event_are_a_value_and_dimensions(data, value, dimensions):
    (found,) = read_both(Form.EVENT, body(EVENT, data=data))
    assert found == EXPECTED._replace(value=value, dimensions=dimensions)


@pytest.mark.parametrize(
    ("changed", "code", "field"),
    [
        ({"specversion": "0.3"}, "usage.wrong_specversion", "specversion"),
        ({"specversion": ...}, "usage.missing_field", "specversion"),
        ({"id": ...}, "usage.missing_field", "id"),
        ({"subject": ...}, "usage.missing_field", "subject"),
        ({"subject": None}, "usage.missing_field", "subject"),
        ({"time": ...}, "usage.missing_field", "time"),
        ({"time": "2026-01-05T12:00:00"}, "time.naive", "at"),
        ({"type": "other"}, "usage.unknown_meter", "meter"),
        ({"type": 7}, "usage.not_text", "type"),
        ({"data": 7}, "usage.no_object", "data"),
        ({"data": [1]}, "usage.no_object", "data"),
        ({"data": {"value": "x"}}, "number.malformed", "value"),
        ({"data": {"value": None}}, "number.malformed", "value"),
        ({"data": {"dimensions": {"a": "x"}, "a": "x"}}, "usage.dimension_twice", "dimensions.a"),
        ({"data": {"list": [1]}}, "usage.not_scalar", "dimensions.list"),
        ({"data_base64": "AA=="}, "usage.data_not_json", "datacontenttype"),
        ({"datacontenttype": "text/xml"}, "usage.data_not_json", "datacontenttype"),
        ({"datacontenttype": "application/json; charset=utf-8"}, None, None),
        ({"datacontenttype": "application/vnd.x+json"}, None, None),
        ({"traceparent": "00-1", "dataschema": "x", "n": 7}, None, None),
    ],
)
def test_an_event_is_refused_for_what_is_wrong_with_it(changed, code, field):
    (found,) = read_both(Form.EVENT, body(EVENT, **changed))
    refusal = found.refusal if isinstance(found, Refused) else None
    assert (refusal and refusal.code, refusal and refusal.field) == (code, field)


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        (b'{"id": "a", "source": "gw", ', "file.bad_json", "double quotes at column 29"),
        (b'{"id": "a"', "file.bad_json", "Expecting ',' delimiter at column 11"),
        (b'{"id": 1} {', "file.bad_json", "Extra data at column 11"),
        (b'{"id": NaN}', "file.bad_json", "invalid character (byte 7)"),
        (b"[1]", "usage.no_object", "record is JSON, and not an object"),
        (b"7", "usage.no_object", "record is JSON, and not an object"),
    ],
)
def test_a_line_that_is_not_json_is_told_apart_from_one_that_is_no_object(line, code, message):
    doors = [
        wire.read(Form.LINES, body(PLAIN) + b"\n" + line + b"\n", METERS)[1],
        wire_plain.read_one(line, METERS),
    ]
    assert {found.refusal.code for found in doors} == {code}
    assert all(found.refusal.message.endswith(message) for found in doors)


def test_every_form_tells_the_same_record():
    data = {"value": "2", "dimensions": {"region": "eu"}}
    plain = body(PLAIN, value=2, dimensions={"region": "eu"})
    event = body(EVENT, data=data)
    forms = [
        wire.read(Form.PLAIN, plain, METERS),
        wire.read(Form.PLAIN, b"[" + plain + b"]", METERS),
        wire.read(Form.LINES, plain + b"\n", METERS),
        wire.read(Form.EVENT, event, METERS),
        wire.read(Form.EVENTS, b"[" + event + b"]", METERS),
        wire.read_binary(EVENT | {"extension": "x"}, json.dumps(data).encode(), METERS),
    ]
    expected = EXPECTED._replace(value="2", dimensions='{"region":"eu"}')
    assert forms == [[expected]] * 6


@pytest.mark.parametrize(
    ("changed", "data", "code"),
    [
        ({}, b"", None),
        ({}, b'{"value":2}', None),
        ({}, b"{", "usage.bad_json"),
        ({}, b"[]", "usage.no_object"),
        ({"subject": ...}, b"", "usage.missing_field"),
        ({"datacontenttype": "text/plain"}, b"", "usage.data_not_json"),
    ],
)
def test_an_event_in_binary_mode_is_checked_alike(changed, data, code):
    attributes = {name: text for name, text in (EVENT | changed).items() if text is not ...}
    (found,) = wire.read_binary(attributes, data, METERS)
    assert (found.refusal.code if isinstance(found, Refused) else None) == code


# --- any input ----------------------------------------------------------------------------------

TEXT = st.text(st.characters(codec="utf-8"))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(
    form=st.sampled_from(Form),
    records=st.lists(
        st.dictionaries(st.sampled_from([*PLAIN, *EVENT, "data", "dimensions", "x"]), JSON) | JSON,
        max_size=4,
    ),
)
def test_whatever_json_comes_each_record_is_taken_or_refused(form, records):
    single = form is Form.EVENT
    told = [json.dumps(record) for record in (records[:1] or [{}] if single else records)]
    joined = "\n".join(told) if form is Form.LINES else "[" + ",".join(told) + "]"
    offered = wire.read(form, (told[0] if single else joined).encode(), METERS)
    assert len(offered) == len(told)
    assert all(isinstance(item, Refused | UsageRecord) for item in offered)


@given(form=st.sampled_from(Form), text=st.binary(max_size=200))
def test_whatever_bytes_come_they_are_read_or_refused(form, text):
    try:
        offered = wire.read(form, text, METERS)
    except Invalid:
        return
    assert all(isinstance(item, Refused | UsageRecord) for item in offered)


# --- from Python --------------------------------------------------------------------------------


def test_a_record_of_a_program_gets_the_same_spelling():
    made = EXPECTED._replace(
        at=datetime.fromisoformat("2026-01-05T13:00+01:00"),
        value="1.00",
        dimensions='{"b":1,"a":"x"}',
    )
    assert checked(made, METERS) == EXPECTED._replace(dimensions='{"a":"x","b":"1"}')


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"at": datetime.fromisoformat("2026-01-05")}, "time.naive"),
        ({"at": datetime.max.replace(tzinfo=UTC) - timedelta(days=1)}, "usage.time_out_of_range"),
        ({"meter": "x"}, "usage.unknown_meter"),
        ({"record_id": ""}, "usage.bad_name"),
        ({"value": "NaN"}, "number.malformed"),
        ({"dimensions": "[]"}, "usage.no_object"),
    ],
)  # fmt: skip
def test_a_record_of_a_program_is_checked(changed, code):
    with pytest.raises(Invalid) as refused:
        checked(EXPECTED._replace(**changed), METERS)
    assert refused.value.code == code
