"""The plain form: a record as a JSON object with the members source, id, subject, meter, at, value and if
need be dimensions, and no others. It is the same over HTTP and on a line of a file.

Records are decoded together; only when that fails, or one of them is refused, one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from operator import is_not

import msgspec
from msgspec import Raw

from everycent.kernel.errors import Invalid
from everycent.metering.members import RECORD, UNREADABLE, colons_of, members_of
from everycent.metering.offered import (
    Columns,
    Offered,
    Refused,
    dimensions_text,
    records_of,
    value_text,
)
from everycent.metering.record import UsageRecord

FIELDS = ("source", "id", "subject", "meter", "at", "value", "dimensions")
_TEXTS = FIELDS[:5]
_NEEDED = 5  # members that every record has, the source apart
_NONE = Raw(b"{}")
_is_told = partial(is_not, _NONE)


class Plain(msgspec.Struct, forbid_unknown_fields=True, gc=False, kw_only=True):
    """A record in the plain form as it was sent; `source` is None where it tells none."""

    source: str | None = None
    id: str
    subject: str
    meter: str
    at: str
    value: Raw
    dimensions: Raw = _NONE


_LINES = msgspec.json.Decoder(Plain)
_TEXT = msgspec.json.Decoder(str)
_rows = msgspec.structs.astuple


def records_together(
    items: Sequence[Plain], body: bytes, meters: Collection[str], source: str | None = None
) -> list[UsageRecord]:
    """The records that were decoded out of a body: all of them or none.

    Raises Invalid when something is wrong, but not exactly with what: whoever needs to know reads them
    one by one. That a key stands twice shows in colons: those of the body that are in no record.
    """
    sources, ids, subjects, names, times, values, dimensions = zip(*map(_rows, items), strict=True)
    raws = list(map(bytes, dimensions))
    distinct = (
        set(sources) if source is None else {source if text is None else text for text in sources}
    )
    if None in distinct or (source is not None and distinct != {source}):
        raise _missing("source")
    told = sources if source is None else [source] * len(items)
    columns = Columns(
        told, ids, subjects, names, times,
        [value_text(bytes(raw)) for raw in values],
        [dimensions_text(raw) for raw in raws],
    )  # fmt: skip
    members = (_NEEDED + 1) * len(items) - sources.count(None)
    members += sum(map(_is_told, dimensions))
    texts = (filter(None, sources), ids, subjects, names, times)
    inside = sum("".join(column).count(":") for column in texts) + b"".join(raws).count(b":")
    if colons_of(body) != members + inside:
        raise Invalid("usage.key_twice", "a key stands twice in a record")
    return records_of(columns, meters)


def read_one(piece: bytes, meters: Collection[str], source: str | None = None) -> Offered:
    """One record, or exactly what is wrong with it. `source` is of those that tell none."""
    try:
        members = members_of(piece, RECORD)
    except Invalid as refusal:
        return Refused(refusal)
    try:
        return _record(members, meters, source)
    except Invalid as refusal:
        return Refused(refusal, id_of(members))


def line_parser(
    source: str | None, meters: Collection[str]
) -> Callable[[Sequence[Sequence[str]]], list[UsageRecord]]:
    """The function that reads rows whose only cell is a record in the plain form; those that tell no
    source are of `source`, and no others may be told then. All of them or none: raises Invalid."""

    def parse(rows: Sequence[Sequence[str]]) -> list[UsageRecord]:
        lines = [line.encode() for (line,) in rows]
        if len(lines) > 1:
            body = b"\n".join(lines)
            try:
                return records_together(_LINES.decode_lines(body), body, meters, source)
            except (Invalid, *UNREADABLE):
                pass
        return [_taken(read_one(line, meters, source)) for line in lines]

    return parse


def _taken(offered: Offered) -> UsageRecord:
    if isinstance(offered, Refused):
        raise offered.refusal
    return offered


def _record(members: Mapping[str, Raw], meters: Collection[str], source: str | None) -> UsageRecord:
    unknown = sorted(set(members) - set(FIELDS))
    if unknown:
        raise Invalid(
            "usage.unknown_field",
            f"{unknown[0][:60]!r} is not a field of a usage record",
            field=unknown[0][:60],
            hint=f"fields are {', '.join(FIELDS)}; what else there is to tell goes into dimensions:"
            f' "dimensions": {{"{unknown[0][:60]}": …}}',
        )
    if source is not None and "source" not in members:
        members = {**members, "source": Raw(msgspec.json.encode(source))}
    texts = {name: text_of(members, name) for name in _TEXTS}
    check_source(texts["source"], source)
    if "value" not in members:
        raise _missing("value")
    value = value_text(bytes(members["value"]))
    dimensions = dimensions_text(bytes(members.get("dimensions", b"")))
    return record_of(*texts.values(), value, dimensions, meters=meters)


def check_source(told: str, source: str | None) -> str:
    """The source that a record of a file tells. Raises Invalid `usage.other_source` when the whole file was
    said to be of another one."""
    if source is None or told == source:
        return told
    raise Invalid(
        "usage.other_source",
        f"the record tells the source {told[:60]!r}, and the file was said to be of {source[:60]!r}",
        field="source",
        value=told,
        hint="leave out --source, so that each record's own counts; or, when this column or member is no"
        " source, leave it out with --ignore or name it with --dimension",
    )


def record_of(*fields: str, meters: Collection[str]) -> UsageRecord:
    """The record of these fields, in the order of `Columns`. Raises Invalid as `records_of` does."""
    (record,) = records_of(Columns(*([field] for field in fields)), meters)
    return record


def text_of(members: Mapping[str, Raw], name: str) -> str:
    """The text of a member. Raises Invalid `usage.missing_field`, `usage.not_text`."""
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
            hint=f'write it in quotes: "{name}": "…"',
        ) from error


def id_of(members: Mapping[str, Raw]) -> str | None:
    """The id that a refused record tells, if any."""
    try:
        return text_of(members, "id")
    except Invalid:
        return None


def _missing(name: str) -> Invalid:
    return Invalid("usage.missing_field", f"{name} is missing", field=name)
