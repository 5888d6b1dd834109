"""Records on the wire: plain JSON, or CloudEvents 1.0 in any of its three modes.

Plain is an object with the members id, source, subject, meter, at, value and dimensions, and no others.
Of a CloudEvent, `type` is the meter, `time` is `at`, and `data` holds `value` (1 when it is missing),
`dimensions`, and further members that are dimensions too; extension attributes are not looked at.
Numbers keep the text they are written in and never become floats.

A body is decoded whole; only when it does not decode, or a record in it is refused, record by record.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from typing import Any, Literal

import msgspec
from msgspec import Raw

from everycent.kernel.errors import Invalid
from everycent.metering.offered import (
    UNREADABLE,
    Columns,
    Offered,
    Refused,
    dimensions_text,
    members_of,
    merged_dimensions,
    records_of,
    value_text,
)
from everycent.metering.record import UsageRecord

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


class _Plain(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    source: str
    id: str
    subject: str
    meter: str
    at: str
    value: Raw
    dimensions: Raw = Raw(b"{}")


class _Event(msgspec.Struct, gc=False):
    specversion: Literal["1.0"]
    source: str
    id: str
    subject: str
    type: str
    time: str
    data: dict[str, Raw] | None = None
    datacontenttype: Literal["application/json"] | None = None
    data_base64: None = None


_FIELDS = _Plain.__struct_fields__
_ATTRIBUTES = ("specversion", "source", "id", "subject", "type", "time")
_RAWS = msgspec.json.Decoder(list[Raw])
_PLAIN = msgspec.json.Decoder(_Plain)
_PLAINS = msgspec.json.Decoder(list[_Plain])
_EVENT = msgspec.json.Decoder(_Event)
_EVENTS = msgspec.json.Decoder(list[_Event])
_TEXT = msgspec.json.Decoder(str)


def read(form: Form, body: bytes, meters: Collection[str]) -> list[Offered]:
    """The records of a body in their order, each as a record or as what it is refused for.

    `meters` are those that take records. Raises Invalid `usage.bad_json` when the body as a whole
    can't be read, and `usage.too_many_records`.
    """
    if body.count(b",") > _MAX_COMMAS or (form is Form.LINES and body.count(b"\n") > MAX_RECORDS):
        raise _too_many()
    try:
        items = _decode(form, body)
        if not items:
            return []
        columns = _event_columns if isinstance(items[0], _Event) else _plain_columns
        records = records_of(columns(items), meters)
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
    return [_offered(lambda: _event(attributes, data, meters), attributes.get("id"))]


def _decode(form: Form, body: bytes) -> list[Any]:
    match form:
        case Form.PLAIN if body.lstrip(_SPACE)[:1] == b"[":
            return _PLAINS.decode(body)
        case Form.PLAIN:
            return [_PLAIN.decode(body)]
        case Form.LINES:
            return _PLAIN.decode_lines(body)
        case Form.EVENT:
            return [_EVENT.decode(body)]
        case Form.EVENTS:
            return _EVENTS.decode(body)


def _plain_columns(items: list[_Plain]) -> Columns:
    rows = map(msgspec.structs.astuple, items)
    sources, ids, subjects, meters, times, values, dimensions = zip(*rows, strict=True)
    return Columns(
        sources, ids, subjects, meters, times,
        [value_text(bytes(raw)) for raw in values],
        [dimensions_text(bytes(raw)) for raw in dimensions],
    )  # fmt: skip


def _event_columns(items: list[_Event]) -> Columns:
    measured = [_measured(item.data or {}) for item in items]
    return Columns(
        [item.source for item in items],
        [item.id for item in items],
        [item.subject for item in items],
        [item.type for item in items],
        [item.time for item in items],
        [value for value, _ in measured],
        [dimensions for _, dimensions in measured],
    )


def _measured(data: dict[str, Raw]) -> tuple[str, str]:
    """The value and the dimensions that an event's data tell."""
    value, told = data.pop("value", None), data.pop("dimensions", None)
    dimensions = b"" if told is None else bytes(told)
    return (
        "1" if value is None else value_text(bytes(value)),
        merged_dimensions(data, dimensions) if data else dimensions_text(dimensions),
    )


# --- one by one: slower, and exact about what is wrong --------------------------------------------


def _read_singly(form: Form, body: bytes, meters: Collection[str]) -> list[Offered]:
    read_one = _read_event if form in (Form.EVENT, Form.EVENTS) else _read_plain
    pieces = _pieces(form, body)
    if len(pieces) > MAX_RECORDS:
        raise _too_many()
    return [read_one(piece, meters) for piece in pieces]


def _pieces(form: Form, body: bytes) -> list[bytes]:
    """The JSON text of each record."""
    if form is Form.LINES:
        return [line for line in body.split(b"\n") if line.strip(_SPACE)]
    is_array = form is Form.EVENTS or (form is Form.PLAIN and body.lstrip(_SPACE)[:1] == b"[")
    try:
        if is_array:
            return [bytes(raw) for raw in _RAWS.decode(body)]
        msgspec.json.decode(body, type=Raw)
    except UNREADABLE as error:
        raise Invalid(
            "usage.bad_json",
            f"the body is not {'a JSON array' if is_array else 'JSON'}: {error}",
            hint="send an object, an array of objects, or with application/x-ndjson one per line",
        ) from error
    return [body]


def _offered(make: Callable[[], UsageRecord], record_id: str | None) -> Offered:
    try:
        return make()
    except Invalid as refusal:
        return Refused(refusal, record_id)


def _read_plain(piece: bytes, meters: Collection[str]) -> Offered:
    try:
        members = members_of(piece, "record")
    except Invalid as refusal:
        return Refused(refusal)
    return _offered(lambda: _plain(members, meters), _id_of(members))


def _plain(members: dict[str, Raw], meters: Collection[str]) -> UsageRecord:
    unknown = sorted(set(members) - set(_FIELDS))
    if unknown:
        raise Invalid(
            "usage.unknown_field",
            f"{unknown[0][:60]!r} is not a field of a usage record",
            field=unknown[0][:60],
            hint="fields are " + ", ".join(_FIELDS) + "; anything else is a dimension",
        )
    texts = {name: _text(members, name) for name in _FIELDS[:5]}
    if "value" not in members:
        raise _missing("value")
    value = value_text(bytes(members["value"]))
    dimensions = dimensions_text(bytes(members.get("dimensions", b"")))
    return _record(*texts.values(), value, dimensions, meters=meters)


def _read_event(piece: bytes, meters: Collection[str]) -> Offered:
    try:
        members = members_of(piece, "event")
    except Invalid as refusal:
        return Refused(refusal)

    def made() -> UsageRecord:
        attributes = {
            name: _text(members, name)
            for name in (*_ATTRIBUTES, "datacontenttype")
            if name in members and bytes(members[name]) != b"null"
        }
        if bytes(members.get("data_base64", b"null")) != b"null":
            attributes["datacontenttype"] = "data_base64"
        return _event(attributes, bytes(members.get("data", b"null")), meters)

    return _offered(made, _id_of(members))


def _event(attributes: Mapping[str, str], data: bytes, meters: Collection[str]) -> UsageRecord:
    for name in _ATTRIBUTES:
        if name not in attributes:
            raise _missing(name)
    if attributes["specversion"] != "1.0":
        raise Invalid(
            "usage.wrong_specversion",
            f"CloudEvents {attributes['specversion'][:20]!r} is not known",
            field="specversion",
            value=attributes["specversion"],
            hint="send version 1.0",
        )
    kind = attributes.get("datacontenttype", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise Invalid(
            "usage.data_not_json",
            f"the data of the event are {kind[:60]}, not JSON",
            field="datacontenttype",
            value=kind,
            hint="send data as a JSON object with value and dimensions",
        )
    is_empty = data.strip(_SPACE) in (b"", b"null")
    value, dimensions = _measured({} if is_empty else members_of(data, "data"))
    source, record_id, subject, meter, at = (attributes[name] for name in _ATTRIBUTES[1:])
    return _record(source, record_id, subject, meter, at, value, dimensions, meters=meters)


def _record(*fields: str, meters: Collection[str]) -> UsageRecord:
    (record,) = records_of(Columns(*([field] for field in fields)), meters)
    return record


def _text(members: Mapping[str, Raw], name: str) -> str:
    if name not in members:
        raise _missing(name)
    raw = bytes(members[name])
    try:
        return _TEXT.decode(raw)
    except UNREADABLE as error:
        raise Invalid(
            "usage.not_text",
            f"{name} is not text",
            field=name,
            value=raw[:60].decode("utf-8", "replace"),
        ) from error


def _id_of(members: Mapping[str, Raw]) -> str | None:
    try:
        return _text(members, "id")
    except Invalid:
        return None


def _missing(name: str) -> Invalid:
    return Invalid("usage.missing_field", f"{name} is missing", field=name)


def _too_many() -> Invalid:
    return Invalid(
        "usage.too_many_records",
        f"one request may offer at most {MAX_RECORDS} records, of 40 members on average",
        hint="send them in several requests",
    )
