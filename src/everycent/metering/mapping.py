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
    check_name,
    check_time,
)

FIELDS = ("id", "subject", "meter", "at", "value")
ID_PARTS = ("subject", "meter", "at", "value")
_REMEMBERED = 65_536


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
    does not fit the file: before any row is read.
    """
    check_name(mapping.source, "source")
    if mapping.time_zone is not None:
        zone(mapping.time_zone)
    header = list(header)
    cells = _cells(mapping, header)
    dimensions = [
        (name, _column(header, column, f"dimensions.{name}"))
        for name, column in sorted(mapping.dimensions.items())
    ]
    names = [name for name, _ in dimensions]
    read_times = _time_reader(mapping)
    width = len(header)

    @lru_cache(maxsize=_REMEMBERED)
    def dimensions_text(values: tuple[str, ...]) -> str:
        return canonical_dimensions(dict(zip(names, values, strict=True)))

    def check_subject(text: str) -> None:
        check_name(text, "subject")

    def check_meter(text: str) -> None:
        if text not in meters:
            raise Invalid(
                "usage.unknown_meter",
                f"there is no meter {text[:60]!r} that takes records",
                field="meter",
                value=text,
                hint="apply a catalogue that has it, or correct the mapping",
            )

    def parse(rows: Sequence[Sequence[str]]) -> list[UsageRecord]:
        for row in rows:
            if len(row) != width:
                raise _wrong_width(len(row), width)
        columns = list(zip(*rows, strict=True))

        def column(field: str) -> Sequence[str]:
            at = cells[field]
            return [mapping.constants[field]] * len(rows) if at is None else columns[at]

        subjects, meters_, values = column("subject"), column("meter"), column("value")
        for subject in set(subjects):
            check_subject(subject)
        for meter in set(meters_):
            check_meter(meter)
        times = read_times(column("at"))
        values = [canonical_value(value) for value in values]
        if cells["id"] is None:
            parts = {
                "subject": subjects,
                "meter": meters_,
                "at": [instant_text(at) for at in times],
                "value": values,
            }
            made = zip(*(parts[part] for part in mapping.id_from), strict=True)
            ids = [check_name("/".join(map(_escaped, of)), "id") for of in made]
        else:
            ids = [check_name(text, "id") for text in column("id")]
        if dimensions:
            tuples = zip(*(columns[at] for _, at in dimensions), strict=True)
            texts = [dimensions_text(values_) for values_ in tuples]
        else:
            texts = ["{}"] * len(rows)
        sources = [mapping.source] * len(rows)
        return list(
            map(_record, zip(sources, ids, subjects, meters_, times, values, texts, strict=True))
        )

    for field, check in (
        ("subject", check_subject),
        ("meter", check_meter),
        ("at", lambda text: read_times([text])),
        ("value", canonical_value),
    ):
        if field in mapping.constants:
            check(mapping.constants[field])
    return parse


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
