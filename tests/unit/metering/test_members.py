"""Keys that stand twice: found wherever they stand and however they are spelled, and nowhere else."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycent.kernel.errors import Invalid
from everycent.metering import wire
from everycent.metering.members import members_of
from everycent.metering.offered import Refused
from everycent.metering.wire import Form

REST = '"source":"gw","subject":"acme","meter":"calls","at":"2026-01-05T12:00:00Z"'
EVENT = '"specversion":"1.0","source":"gw","subject":"acme","type":"calls","time":"2026-01-05T12:00:00Z"'
GOOD = f'{{"id":"good",{REST},"value":1}}'
GOOD_EVENT = f'{{"id":"good",{EVENT}}}'

PLAIN = [
    (f'{{"id":"a",{REST},"value":1}}', None),
    (f'{{"id":"a:b",{REST},"value":1,"dimensions":{{"a:b":"c:d","e":":"}}}}', None),
    (f'{{"id":"a\\u003ab",{REST},"value":1}}', None),
    (f'{{"id" :":",{REST},"value"\t: "1"}}', None),
    (f'{{"id":"a","id":"b",{REST},"value":1}}', "id"),
    (f'{{"id":"a","id":"a",{REST},"value":1}}', "id"),
    (f'{{"id":"a","\\u0069d":"b",{REST},"value":1}}', "id"),
    (f'{{"\\u0069d":"a","\\u0069\\u0064":"b",{REST},"value":1}}', "id"),
    (f'{{"id":"a\\u003a","id" : "b\\u003A",{REST},"value":1}}', "id"),
    (f'{{"id":"a\\u003a",{REST},"value":1,"value":2}}', "value"),
    (f'{{"id":"a",{REST},"value":1,"dimensions":{{"a":"x","a":"y"}}}}', "a"),
    (f'{{"id":"a",{REST},"value":1,"dimensions":{{"a:":"x","a\\u003a":"y"}}}}', "a:"),
    (f'{{"id":"a",{REST},"value":1,"dimensions":{{}},"dimensions":{{"a":"y"}}}}', "dimensions"),
    (f'{{"id":"a",{REST},"source":"gx","value":1}}', "source"),
]
EVENTS = [
    (f'{{"id":"a",{EVENT},"data":{{"value":1,"model:":"x:y"}}}}', None),
    (f'{{"id":"a",{EVENT},"extension":"x:y","other":{{"a":[1,{{"b":2}}]}}}}', None),
    (f'{{"id":"a",{EVENT},"datacontenttype":"application/json","data":null}}', None),
    (f'{{"id":"a",{EVENT},"id":"b"}}', "id"),
    (f'{{"id":"a",{EVENT},"extension":"x","extension":"y"}}', "extension"),
    (f'{{"id":"a",{EVENT},"data":{{"value":1,"value":2}}}}', "value"),
    (f'{{"id":"a",{EVENT},"data":{{"value":1}},"d\\u0061ta":{{"value":2}}}}', "data"),
    (f'{{"id":"a",{EVENT},"more":":","data":{{"model":"a","model":"b"}}}}', "model"),
    (f'{{"id":"a",{EVENT},"data":{{"dimensions":{{"a":1,"a":2}}}}}}', "a"),
]


def twice(offered: object) -> str | None:
    """The key that a record is refused for."""
    if not isinstance(offered, Refused):
        return None
    assert offered.refusal.code == "usage.key_twice", offered.refusal
    return offered.refusal.field


@pytest.mark.parametrize(("text", "key"), PLAIN)
def test_a_plain_record_tells_each_member_once(text, key):
    body = text.encode()
    forms = [
        (Form.PLAIN, body),
        (Form.LINES, body + b"\n" + GOOD.encode()),
        (Form.PLAIN, b"[" + body + b"," + GOOD.encode() + b"]"),
    ]
    for form, told in forms:
        first, *rest = wire.read(form, told, {"calls"})
        assert twice(first) == key
        assert [twice(other) for other in rest] == [None] * len(rest)


@pytest.mark.parametrize(("text", "key"), EVENTS)
def test_an_event_tells_each_attribute_once(text, key):
    body = text.encode()
    forms = [(Form.EVENT, body), (Form.EVENTS, b"[" + body + b"," + GOOD_EVENT.encode() + b"]")]
    for form, told in forms:
        first, *rest = wire.read(form, told, {"calls"})
        assert twice(first) == key
        assert [twice(other) for other in rest] == [None] * len(rest)


def test_the_data_of_a_binary_event_tell_each_member_once():
    attributes = {
        "specversion": "1.0", "id": "a", "source": "gw", "subject": "acme", "type": "calls",
        "time": "2026-01-05T12:00:00Z",
    }  # fmt: skip
    (found,) = wire.read_binary(attributes, b'{"value":1,"value":2}', {"calls"})
    assert twice(found) == "value"


NAME = st.text(st.sampled_from('ab:"\\é'), max_size=3)


@given(
    pairs=st.lists(st.tuples(NAME, st.dictionaries(NAME, NAME, max_size=2) | NAME), max_size=5),
    space=st.sampled_from(["", " ", "\n\t"]),
    escaped=st.booleans(),
)
def test_exactly_the_objects_with_a_key_twice_are_refused(pairs, space, escaped):
    def spelled(name: str) -> str:
        return (
            '"' + "".join(f"\\u{ord(c):04x}" for c in name) + '"' if escaped else json.dumps(name)
        )

    inner = ",".join(
        f"{space}{spelled(name)}{space}:{space}{json.dumps(value)}" for name, value in pairs
    )
    body = f"{{{inner}}}".encode()
    if len({name for name, _ in pairs}) == len(pairs):
        assert members_of(body, "record").keys() == {name for name, _ in pairs}
        return
    with pytest.raises(Invalid) as refused:
        members_of(body, "record")
    assert refused.value.code == "usage.key_twice"
