"""CloudEvents 1.0 as usage records: `type` is the meter, `time` is `at`, and `data` holds `value` (1 when
it is missing), `dimensions`, and further members that are dimensions too. Extension attributes are not
looked at."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import chain
from typing import Literal

import msgspec
from msgspec import Raw

from everycent.kernel.errors import Invalid
from everycent.metering.members import colons_of, members_of
from everycent.metering.offered import (
    Columns,
    Offered,
    Refused,
    dimensions_text,
    merged_dimensions,
    records_of,
    value_text,
)
from everycent.metering.record import UsageRecord
from everycent.metering.wire_plain import id_of, record_of, text_of

_ATTRIBUTES = ("specversion", "source", "id", "subject", "type", "time")
_SPACE = b" \t\r\n"
_NULL = b"null"
_rows = msgspec.structs.astuple


class Event(msgspec.Struct, gc=False):
    """An event as it was sent."""

    specversion: Literal["1.0"]
    source: str
    id: str
    subject: str
    type: str
    time: str
    data: dict[str, Raw] | None = None
    datacontenttype: Literal["application/json"] | None = None
    data_base64: None = None


def records_together(
    items: Sequence[Event], body: bytes, pieces: Callable[[], list[bytes]], meters: Collection[str]
) -> list[UsageRecord]:
    """The records of the events that were decoded out of a body: all of them or none; `pieces` gives the
    text of each. Raises Invalid as `metering.wire_plain.records_together` does."""
    _, sources, ids, subjects, types, times, datas, kinds, _ = zip(*map(_rows, items), strict=True)
    told = [data for data in datas if data is not None]
    members = len(_ATTRIBUTES) * len(items) + len(told) + len(items) - kinds.count(None)
    if colons_of(body) != members + _colons((sources, ids, subjects, types, times), told):
        _check_keys(pieces())  # an extension attribute, most likely
    measured = [_measured(data or {}) for data in datas]
    columns = Columns(
        sources, ids, subjects, types, times,
        [value for value, _ in measured],
        [dimensions for _, dimensions in measured],
    )  # fmt: skip
    return records_of(columns, meters)


def _colons(texts: Iterable[Sequence[str]], datas: Sequence[dict[str, Raw]]) -> int:
    """The colons inside of texts, and those of data: their members' own and those inside."""
    names = list(chain.from_iterable(datas))
    raws = map(bytes, chain.from_iterable(map(dict.values, datas)))
    inside = sum("".join(column).count(":") for column in (*texts, names))
    return inside + len(names) + b"".join(raws).count(b":")


def _check_keys(pieces: Iterable[bytes]) -> None:
    """Raises Invalid `usage.key_twice`."""
    for piece in pieces:
        data = bytes(members_of(piece, "event").get("data", _NULL))
        if data != _NULL:
            members_of(data, "data")


def _measured(data: dict[str, Raw]) -> tuple[str, str]:
    """The value and the dimensions that an event's data tell."""
    value, told = data.pop("value", None), data.pop("dimensions", None)
    dimensions = b"" if told is None else bytes(told)
    return (
        "1" if value is None else value_text(bytes(value)),
        merged_dimensions(data, dimensions) if data else dimensions_text(dimensions),
    )


def read_one(piece: bytes, meters: Collection[str]) -> Offered:
    """The record of one event, or exactly what is wrong with it."""
    try:
        members = members_of(piece, "event")
    except Invalid as refusal:
        return Refused(refusal)
    try:
        attributes = {
            name: text_of(members, name)
            for name in (*_ATTRIBUTES, "datacontenttype")
            if name in members and bytes(members[name]) != _NULL
        }
        if bytes(members.get("data_base64", _NULL)) != _NULL:
            attributes["datacontenttype"] = "data_base64"
        return _record(attributes, bytes(members.get("data", _NULL)), meters)
    except Invalid as refusal:
        return Refused(refusal, id_of(members))


def read_binary(attributes: Mapping[str, str], data: bytes, meters: Collection[str]) -> Offered:
    """The record of an event in binary mode: its attributes as they were in the headers `ce-…`, without
    that prefix, and its data as JSON."""
    try:
        return _record(attributes, data, meters)
    except Invalid as refusal:
        return Refused(refusal, attributes.get("id"))


def _record(attributes: Mapping[str, str], data: bytes, meters: Collection[str]) -> UsageRecord:
    for name in _ATTRIBUTES:
        if name not in attributes:
            raise Invalid(
                "usage.missing_field",
                f"{name} is missing",
                field=name,
                hint="an event tells " + ", ".join(_ATTRIBUTES),
            )
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
    is_empty = data.strip(_SPACE) in (b"", _NULL)
    value, dimensions = _measured({} if is_empty else members_of(data, "data"))
    source, record_id, subject, meter, at = (attributes[name] for name in _ATTRIBUTES[1:])
    return record_of(source, record_id, subject, meter, at, value, dimensions, meters=meters)
