"""Offered records: what somebody sends, checked field by field before it is believed.

The same rules hold at every door: names, times, values and dimensions are those of `metering.record`,
and times are read as an import reads them, so that one record is the same whichever way it comes.
Checks work on columns, because that is several times faster than record by record; whoever needs to
know which record is bad gives them one at a time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import NamedTuple

import msgspec

from everycent.kernel.errors import Invalid
from everycent.kernel.near import meant
from everycent.kernel.quantity import parse_decimal, plain
from everycent.metering.members import UNREADABLE, members_of
from everycent.metering.record import (
    EARLIEST,
    LATEST,
    MAX_ID,
    MAX_NAME,
    UsageRecord,
    canonical_dimensions,
    canonical_value,
    check_giver,
    check_id,
    check_name,
    check_time,
)

_REMEMBERED = 4096
_REMEMBERED_BYTES = 1000  # longer ones are worked out each time, so that memory stays bounded
_NO_DIMENSIONS = (b"{}", b"null", b"")
_make = partial(tuple.__new__, UsageRecord)
_TEXT = msgspec.json.Decoder(str)


class Refused(NamedTuple):
    """An offered record that is not taken, and its id where that could be read."""

    refusal: Invalid
    record_id: str | None = None


Offered = UsageRecord | Refused


class Columns(NamedTuple):
    """Offered records field by field. Texts are as they were sent; `values` and `dimensions` are
    canonical already."""

    sources: Sequence[str]
    ids: Sequence[str]
    subjects: Sequence[str]
    meters: Sequence[str]
    times: Sequence[str]
    values: Sequence[str]
    dimensions: Sequence[str]


def records_of(columns: Columns, meters: Collection[str]) -> list[UsageRecord]:
    """The records, all of them or none.

    Raises Invalid `usage.bad_name`, `usage.unknown_meter`, `time.malformed`, `time.naive`,
    `usage.time_out_of_range`.
    """
    for source in set(columns.sources):
        check_giver(source)
    _check_ids(columns.ids)
    _check_names(set(columns.subjects), "subject")
    for meter in set(columns.meters):
        check_meter(meter, meters)
    rows = zip(
        columns.sources,
        columns.ids,
        columns.subjects,
        columns.meters,
        _instants(columns.times),
        columns.values,
        columns.dimensions,
        strict=True,
    )
    return list(map(_make, rows))


def checked(record: UsageRecord, meters: Collection[str]) -> UsageRecord:
    """A record that a program made, in its one spelling. Raises Invalid naming the field."""
    check_giver(record.source)
    check_id(record.record_id)
    check_name(record.subject, "subject")
    check_meter(record.meter, meters)
    if record.at.tzinfo is None:
        raise _naive(record.at.isoformat())
    return record._replace(
        at=_in_utc(record.at),
        value=canonical_value(record.value),
        dimensions=dimensions_text(record.dimensions.encode()),
    )


def check_meter(meter: str, meters: Collection[str]) -> None:
    """Raises Invalid `usage.unknown_meter` for a meter that takes no records."""
    if meter not in meters:
        raise unknown_meter(meter, meters)


def unknown_meter(meter: str, meters: Collection[str]) -> Invalid:
    """The refusal of a meter that takes no records, with what may have been meant."""
    alike = meant(meter, meters)
    return Invalid(
        "usage.unknown_meter",
        f"there is no meter {meter[:60]!r} that takes records",
        field="meter",
        value=meter,
        hint=f"{alike} else apply a catalogue that has it" if alike
        else "apply a catalogue that has it; a meter with `of` or `formula` takes none itself",
    )  # fmt: skip


def value_text(raw: bytes) -> str:
    """The canonical value out of a JSON number, or of a decimal in a JSON string; exact.

    Raises Invalid `number.malformed`, `number.out_of_range`.
    """
    text = raw.decode("utf-8", "replace")
    if text[:1] == '"':
        text = text[1:-1]  # a decimal needs no escapes; what has any is refused as it stands
    return canonical_value(text)


def dimensions_text(raw: bytes) -> str:
    """Canonical dimensions out of a JSON object of texts, numbers and truth values; null is none.

    Raises Invalid `usage.bad_dimension`, `usage.long_dimensions`, `number.malformed`.
    """
    if raw in _NO_DIMENSIONS:
        return "{}"
    return _remembered(raw) if len(raw) <= _REMEMBERED_BYTES else _dimensions(raw)


def merged_dimensions(own: Mapping[str, msgspec.Raw], dimensions: bytes) -> str:
    """Canonical dimensions out of an object `dimensions` and of further members beside it.

    Raises Invalid `usage.dimension_twice` and as `dimensions_text` does.
    """
    told = texts_of(dimensions)
    for name, raw in own.items():
        if name in told:
            raise told_twice(name)
        told[name] = _scalar_text(name, bytes(raw))
    return canonical_dimensions(told)


def told_twice(name: str) -> Invalid:
    """The refusal of a dimension that stands in the object `dimensions` and beside it."""
    return Invalid(
        "usage.dimension_twice",
        f"the dimension {name[:60]!r} is told twice",
        field=f"dimensions.{name[:60]}",
        hint="tell it in dimensions or beside them",
    )


def texts_of(raw: bytes) -> dict[str, str]:
    """The dimensions of a JSON object as texts; raises as `dimensions_text` does."""
    if raw in _NO_DIMENSIONS:
        return {}
    members = members_of(raw, "dimensions")
    return {name: _scalar_text(name, bytes(member)) for name, member in members.items()}


def _dimensions(raw: bytes) -> str:
    return canonical_dimensions(texts_of(raw))


_remembered = lru_cache(maxsize=_REMEMBERED)(_dimensions)


def _scalar_text(name: str, raw: bytes) -> str:
    """A dimension's text; numbers in their one spelling, null as no text."""
    field = f"dimensions.{name[:60]}"
    head = raw[:1]
    if head == b'"':
        try:
            return _TEXT.decode(raw)
        except UNREADABLE:
            head = b"{"
    if head in b"{[":
        raise Invalid(
            "usage.not_scalar",
            f"the dimension {name[:60]!r} is neither text nor a number nor true or false",
            field=field,
            value=raw[:60].decode("utf-8", "replace"),
            hint="send what is inside of it as dimensions of their own",
        )
    if head == b"n":
        return ""
    text = raw.decode()
    return text if head in b"tf" else plain(parse_decimal(text, field))


def _check_ids(texts: Sequence[str]) -> None:
    # All at once, as names: ids of replacements have a mark that others hardly ever have.
    joined = "".join(texts)
    lengths = set(map(len, texts))
    if min(lengths) > 0 and max(lengths) <= MAX_ID and "~" not in joined and joined.isprintable():
        return
    for text in texts:
        check_id(text)


def _check_names(texts: Collection[str], field: str) -> None:
    # All at once where nothing is wrong: what is printable has none of the refused characters.
    lengths = set(map(len, texts))
    if min(lengths) > 0 and max(lengths) <= MAX_NAME and "".join(texts).isprintable():
        return
    for text in texts:
        check_name(text, field)


def _instants(texts: Sequence[str]) -> list[datetime]:
    try:
        times = list(map(datetime.fromisoformat, texts))
    except ValueError:
        return list(map(_instant, texts))
    in_utc = {at.tzinfo for at in times} == {UTC}
    if in_utc and min(times) >= EARLIEST and max(times) < LATEST:
        return times
    return list(map(_instant, texts))


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(
            "time.malformed",
            f"{text[:40]!r} is not a date and time",
            field="at",
            value=text,
            hint="write it like 2026-03-01T00:00:00Z",
        ) from None
    if at.tzinfo is None:
        raise _naive(text)
    return _in_utc(at)


def _in_utc(at: datetime) -> datetime:
    if not EARLIEST.year - 1 <= at.year <= LATEST.year:  # so that no offset can overflow
        return check_time(at.replace(tzinfo=UTC))
    return check_time(at.astimezone(UTC))


def _naive(text: str) -> Invalid:
    return Invalid(
        "time.naive",
        f"{text[:40]} says no time zone",
        field="at",
        value=text,
        hint="add Z or an offset such as +01:00",
    )
