"""Records on the wire: plain JSON (`wire_plain`), or CloudEvents 1.0 in any of its three modes
(`wire_events`). Numbers keep the text they are written in and never become floats.

A body is decoded whole; only when it does not decode, or a record in it is refused, record by record.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum

import msgspec
from msgspec import Raw

from everycent.kernel.errors import Invalid
from everycent.metering import wire_events, wire_plain
from everycent.metering.members import UNREADABLE
from everycent.metering.offered import Offered
from everycent.metering.record import UsageRecord
from everycent.metering.wire_events import Event
from everycent.metering.wire_plain import Plain

MAX_RECORDS = 10_000
_MAX_COMMAS = (
    40 * MAX_RECORDS
)  # of a body: however it is made up, it becomes no more objects than these
_SPACE = b" \t\r\n"


class Form(StrEnum):
    """How records lie in a body."""

    PLAIN = "application/json"
    LINES = "application/x-ndjson"
    EVENT = "application/cloudevents+json"
    EVENTS = "application/cloudevents-batch+json"


_RAWS = msgspec.json.Decoder(list[Raw])
_PLAIN = msgspec.json.Decoder(Plain)
_PLAINS = msgspec.json.Decoder(list[Plain])
_EVENT = msgspec.json.Decoder(Event)
_EVENTS = msgspec.json.Decoder(list[Event])


def read(form: Form, body: bytes, meters: Collection[str]) -> list[Offered]:
    """The records of a body in their order, each as a record or as what it is refused for.

    `meters` are those that take records. Raises Invalid `usage.bad_json` when the body as a whole
    can't be read, and `usage.too_many_records`.
    """
    if body.count(b",") > _MAX_COMMAS or (form is Form.LINES and body.count(b"\n") > MAX_RECORDS):
        raise _too_many()
    try:
        records = _read_together(form, body, meters)
    except (Invalid, *UNREADABLE):
        return _read_singly(form, body, meters)
    if len(records) > MAX_RECORDS:
        raise _too_many()
    return list(records)


def read_binary(
    attributes: Mapping[str, str], data: bytes, meters: Collection[str]
) -> list[Offered]:
    """The record of an event in binary mode: its attributes as they were in the headers `ce-…`,
    without that prefix, and its data as JSON."""
    return [wire_events.read_binary(attributes, data, meters)]


def _read_together(form: Form, body: bytes, meters: Collection[str]) -> list[UsageRecord]:
    if form in (Form.EVENT, Form.EVENTS):
        events = [_EVENT.decode(body)] if form is Form.EVENT else _EVENTS.decode(body)
        if not events:
            return []
        return wire_events.records_together(events, body, lambda: _pieces(form, body), meters)
    items = _decode_plain(form, body)
    return wire_plain.records_together(items, body, meters) if items else []


def _decode_plain(form: Form, body: bytes) -> list[Plain]:
    if form is Form.LINES:
        return _PLAIN.decode_lines(body)
    return _PLAINS.decode(body) if _is_array(form, body) else [_PLAIN.decode(body)]


def _is_array(form: Form, body: bytes) -> bool:
    return form is Form.EVENTS or (form is Form.PLAIN and body.lstrip(_SPACE)[:1] == b"[")


# --- one by one: slower, and exact about what is wrong --------------------------------------------


def _read_singly(form: Form, body: bytes, meters: Collection[str]) -> list[Offered]:
    pieces = _pieces(form, body)
    if len(pieces) > MAX_RECORDS:
        raise _too_many()
    if form in (Form.EVENT, Form.EVENTS):
        return [wire_events.read_one(piece, meters) for piece in pieces]
    return [wire_plain.read_one(piece, meters) for piece in pieces]


def _pieces(form: Form, body: bytes) -> list[bytes]:
    """The JSON text of each record."""
    if form is Form.LINES:
        return [line for line in body.split(b"\n") if line.strip(_SPACE)]
    is_array = _is_array(form, body)
    try:
        if is_array:
            return [bytes(raw) for raw in _RAWS.decode(body)]
        msgspec.json.decode(body, type=Raw)
    except UNREADABLE as error:
        raise Invalid(
            "usage.bad_json",
            f"the body is not {'a JSON array' if is_array else 'JSON'}: {error}",
            hint="send one JSON object or an array of them; records line by line need the content type"
            f" {Form.LINES.value}",
        ) from error
    return [body]


def _too_many() -> Invalid:
    return Invalid(
        "usage.too_many_records",
        f"one request may offer at most {MAX_RECORDS} records, of 40 members on average",
        hint="send them in several requests",
    )
