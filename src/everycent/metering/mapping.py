"""Column mappings: how the columns of somebody's file become usage records.

Each field comes from a column or is a constant. Wall-clock times need a zone, and what to do with
hours that the clock skips or repeats is refused or chosen, never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import NamedTuple

import msgspec

from everycent.kernel.calendar import Repeated, Skipped, resolve_wall, zone
from everycent.kernel.errors import Invalid, Refusal
from everycent.kernel.period import instant_text
from everycent.metering.record import (
    EARLIEST,
    LATEST,
    UsageRecord,
    canonical_dimensions,
    canonical_value,
    check_id,
    check_name,
    check_time,
)

FIELDS = ("id", "subject", "meter", "at", "value")
ID_PARTS = ("subject", "meter", "at", "value")
_REMEMBERED = 65_536
_NO_DIMENSIONS = "{}"


class ColumnMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`columns` names the column of each field, `constants` fields that are the same on every row.

    `id_from` builds the id out of several fields where the file has none. `dimensions` maps a
    dimension's name to its column; an empty cell is no dimension.
    """

    source: str
    columns: dict[str, str] = {}
    constants: dict[str, str] = {}
    id_from: tuple[str, ...] = ()
    dimensions: dict[str, str] = {}
    time_zone: str | None = None
    on_skipped: Skipped = Skipped.REFUSE
    on_repeated: Repeated = Repeated.REFUSE


class Reject(NamedTuple):
    """A row that was not taken, and why."""

    line: int
    code: str
    reason: str
    row: str


def reject(line: int, refusal: Refusal, row: str) -> Reject:
    """The row at `line` as refused."""
    return Reject(line, refusal.code, refusal.message, row)


class Rows(NamedTuple):
    """Some rows of a file: their line numbers, their cells and the text they stood in, one of each
    per row, and the lines of which not even cells could be made."""

    lines: Sequence[int]
    cells: Sequence[Sequence[str]]
    texts: Sequence[str]
    rejects: Sequence[Reject] = ()


Parse = Callable[[Sequence[Sequence[str]]], list[UsageRecord]]
"""Turns rows of cells into records: all of them or none. Raises Invalid when one of them is bad."""


def wanted_columns(mapping: ColumnMapping) -> list[str]:
    """The columns that the mapping reads, for files that have no header of their own."""
    fields = [
        mapping.columns.get(field, field)
        for field in FIELDS
        if field not in mapping.constants
        and not (field == "id" and mapping.id_from and field not in mapping.columns)
    ]
    return list(dict.fromkeys([*fields, *mapping.dimensions.values()]))


def parser(mapping: ColumnMapping, header: Sequence[str], meters: Collection[str]) -> Parse:
    """The function that reads rows of a file with these columns.

    It works column by column, because that is several times faster than row by row; whoever needs to
    know which row is bad gives it the rows one at a time. Raises Invalid `mapping.…` when the mapping
    does not fit the file, or what refuses a constant: before any row is read.
    """
    check_name(mapping.source, "source")
    if mapping.time_zone is not None:
        zone(mapping.time_zone)
    cells = _cells(mapping, list(header))
    dimensions = {
        name: _column(list(header), column, f"dimensions.{name}")
        for name, column in mapping.dimensions.items()
    }
    read_subjects, read_meters = _subject_reader(), _meter_reader(meters)
    read_times, read_dimensions = _time_reader(mapping), _dimensions_reader(list(dimensions))

    def parse(rows: Sequence[Sequence[str]]) -> list[UsageRecord]:
        if not rows:
            return []
        for row in rows:
            if len(row) != len(header):
                raise _wrong_width(len(row), len(header))
        columns = list(zip(*rows, strict=True))

        def column(field: str) -> Sequence[str]:
            at = cells[field]
            return [mapping.constants[field]] * len(rows) if at is None else columns[at]

        subjects = read_subjects(column("subject"))
        meters = read_meters(column("meter"))
        times = read_times(column("at"))
        values = [canonical_value(text) for text in column("value")]
        if cells["id"] is None:
            ids: Sequence[str] = _made_ids(mapping.id_from, subjects, meters, times, values)
        else:
            ids = column("id")
        for text in ids:
            check_id(text)
        told = read_dimensions([columns[at] for at in dimensions.values()], len(rows))
        sources = [mapping.source] * len(rows)
        fields = zip(sources, ids, subjects, meters, times, values, told, strict=True)
        return list(map(_record, fields))

    checks: dict[str, Callable[[Sequence[str]], object]] = {
        "subject": read_subjects,
        "meter": read_meters,
        "at": read_times,
        "value": lambda texts: canonical_value(texts[0]),
    }
    for field, text in mapping.constants.items():
        checks[field]([text])
    return parse


def _subject_reader() -> Callable[[Sequence[str]], list[str]]:
    seen: dict[str, str] = {}  # one object per name takes less memory and is hashed once

    def fresh(text: str) -> str:
        if len(seen) >= _REMEMBERED:
            seen.clear()
        return seen.setdefault(check_name(text, "subject"), text)

    return lambda texts: [seen.get(text) or fresh(text) for text in texts]


def _meter_reader(meters: Collection[str]) -> Callable[[Sequence[str]], list[str]]:
    known = {meter: meter for meter in meters}

    def unknown(text: str) -> Invalid:
        return Invalid(
            "usage.unknown_meter",
            f"there is no meter {text[:60]!r} that takes records",
            field="meter",
            value=text,
            hint="apply a catalogue that has it, or correct the mapping",
        )

    def read(texts: Sequence[str]) -> list[str]:
        try:
            return [known[text] for text in texts]
        except KeyError as error:
            raise unknown(error.args[0]) from None

    return read


def _dimensions_reader(
    names: Sequence[str],
) -> Callable[[Sequence[Sequence[str]], int], list[str]]:
    @lru_cache(maxsize=_REMEMBERED)
    def text_of(values: tuple[str, ...]) -> str:
        return canonical_dimensions(dict(zip(names, values, strict=True)))

    def read(columns: Sequence[Sequence[str]], rows: int) -> list[str]:
        if not columns:
            return [_NO_DIMENSIONS] * rows
        return [text_of(values) for values in zip(*columns, strict=True)]

    return read


def _made_ids(
    parts: Sequence[str],
    subjects: Sequence[str],
    meters: Sequence[str],
    times: Sequence[datetime],
    values: Sequence[str],
) -> list[str]:
    """Ids out of the given parts, in the one spelling that the record has whatever the file's is."""
    columns: dict[str, Sequence[str]] = {
        "subject": subjects,
        "meter": meters,
        "at": [instant_text(at) for at in times],
        "value": values,
    }
    chosen = zip(*(columns[part] for part in parts), strict=True)
    return ["/".join(map(_escaped, told)) for told in chosen]


_record = partial(tuple.__new__, UsageRecord)
"""A record out of a tuple of its fields, in order; twice as fast as calling the class."""


def _escaped(part: str) -> str:
    # As in JSON pointers, so that "a/b" and "c" never make the same id as "a" and "b/c".
    return part.replace("~", "~0").replace("/", "~1")


def _wrong_width(cells: int, width: int) -> Invalid:
    if cells < width:
        return Invalid(
            "usage.short_row", f"the row has {cells} cells, {width} are expected", field="row"
        )
    return Invalid(
        "usage.long_row",
        f"the row has {cells} cells, {width} are expected",
        field="row",
        hint="a cell that holds the delimiter must be quoted",
    )


def _cells(mapping: ColumnMapping, header: list[str]) -> dict[str, int | None]:
    cells: dict[str, int | None] = {}
    twice = set(mapping.columns) & set(mapping.constants)
    if mapping.id_from and "id" in mapping.columns:
        twice.add("id")
    if twice:
        name = sorted(twice)[0]
        raise Invalid("mapping.field_twice", f"the field {name!r} is given in two ways", field=name)
    unknown = (set(mapping.columns) | set(mapping.constants)) - set(FIELDS)
    if unknown:
        name = sorted(unknown)[0]
        raise Invalid(
            "mapping.unknown_field",
            f"{name!r} is not a field of a usage record",
            field=name,
            hint="fields are " + ", ".join(FIELDS),
        )
    for field in FIELDS:
        if field in mapping.constants:
            cells[field] = None
        elif field in mapping.columns:
            cells[field] = _column(header, mapping.columns[field], field)
        elif field == "id" and mapping.id_from:
            cells[field] = None
        elif field in header:
            cells[field] = _column(header, field, field)
        else:
            raise Invalid(
                "mapping.missing_field",
                f"no column gives the field {field!r}",
                field=field,
                hint=f"map it (--map {field}=COLUMN) or set it (--set {field}=VALUE);"
                f" the columns are {', '.join(header[:30])}",
            )
    if "id" in mapping.constants:
        raise Invalid("mapping.constant_id", "an id can't be the same on every row", field="id")
    for part in mapping.id_from:
        if part not in ID_PARTS:
            raise Invalid(
                "mapping.bad_id",
                f"an id can't be built from {part!r}",
                field="id_from",
                value=part,
                hint="it can be built from " + ", ".join(ID_PARTS),
            )
    return cells


def _column(header: list[str], name: str, field: str) -> int:
    if header.count(name) == 1:
        return header.index(name)
    why = "stands twice in" if name in header else "is not in"
    raise Invalid(
        "mapping.unknown_column",
        f"the column {name!r} for {field} {why} the file",
        field=field,
        value=name,
        hint=f"the columns are {', '.join(header[:30])}",
    )


def _time_reader(mapping: ColumnMapping) -> Callable[[Sequence[str]], list[datetime]]:
    time_zone, skipped, repeated = mapping.time_zone, mapping.on_skipped, mapping.on_repeated

    @lru_cache(maxsize=_REMEMBERED)
    def read(text: str) -> datetime:
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            raise Invalid(
                "time.malformed",
                f"{text[:40]!r} is not a date and time",
                field="at",
                value=text,
                hint="write it like 2026-03-01T00:00:00Z or 2026-03-01 00:00:00",
            ) from None
        if not EARLIEST.year - 1 <= at.year <= LATEST.year:  # so that no offset can overflow
            return check_time(at.replace(tzinfo=UTC))
        if at.tzinfo is not None:
            return check_time(at.astimezone(UTC))
        if time_zone is None:
            raise Invalid(
                "time.naive",
                f"{text} says no time zone and none is set",
                field="at",
                value=text,
                hint="name the clock with --zone Europe/Zagreb (or --zone UTC)",
            )
        return check_time(resolve_wall(at, time_zone, skipped, repeated))

    def read_all(texts: Sequence[str]) -> list[datetime]:
        try:
            times = [datetime.fromisoformat(text) for text in texts]
        except ValueError:
            times = []
        in_utc = {at.tzinfo for at in times} == {UTC}
        if in_utc and min(times) >= EARLIEST and max(times) < LATEST:
            return times
        return [read(text) for text in texts]

    return read_all
