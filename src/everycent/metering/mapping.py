"""Column mappings: how the columns of somebody's file become usage records.

Each field comes from a column or is a constant. Wall-clock times need a zone, and what to do with
hours that the clock skips or repeats is refused or chosen, never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

import msgspec

from everycent.kernel.calendar import Repeated, Skipped, resolve_wall, zone
from everycent.kernel.canonical import encode
from everycent.kernel.errors import Invalid
from everycent.metering.record import UsageRecord, canonical_value, check_name, check_time

FIELDS = ("id", "subject", "meter", "at", "value")


class ColumnMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`columns` names the column of each field, `constants` fields that are the same on every row.

    `id_from` builds the id out of several fields where the file has none. `dimensions` maps a
    dimension's name to its column.
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


Parse = Callable[[Sequence[str]], UsageRecord]
"""Turns one row of cells into a record. Raises Invalid."""


def parser(
    mapping: ColumnMapping, header: Sequence[str], meters: Mapping[str, object] | set[str]
) -> Parse:
    """The function that reads rows of a file with these columns.

    Raises Invalid `mapping.…` when the mapping does not fit the file: before any row is read.
    """
    check_name(mapping.source, "source")
    if mapping.time_zone is not None:
        zone(mapping.time_zone)
    cells = _cells(mapping, list(header))
    id_at, subject_at, meter_at, at_at, value_at = (cells[field] for field in FIELDS)
    dimensions = sorted(
        (name, _column(list(header), column, f"dimensions.{name}"))
        for name, column in mapping.dimensions.items()
    )
    read_time = _time_reader(mapping)
    source, constants = mapping.source, mapping.constants

    @lru_cache(maxsize=65536)
    def name(text: str, field: str) -> str:
        return check_name(text, field)

    def parse(row: Sequence[str]) -> UsageRecord:
        try:
            subject = constants["subject"] if subject_at is None else row[subject_at]
            meter = constants["meter"] if meter_at is None else row[meter_at]
            value = constants["value"] if value_at is None else row[value_at]
            at_text = constants["at"] if at_at is None else row[at_at]
            dims = {dim: row[column] for dim, column in dimensions if row[column] != ""}
            record_id = "" if id_at is None else row[id_at]
        except IndexError:
            raise Invalid(
                "usage.short_row",
                f"the row has {len(row)} cells, {len(header)} are expected",
                field="row",
            ) from None
        if meter not in meters:
            raise Invalid(
                "usage.unknown_meter",
                f"there is no meter {meter[:60]!r} that takes records",
                field="meter",
                value=meter,
                hint="apply a catalogue that has it, or correct the mapping",
            )
        if id_at is None:
            parts = {"subject": subject, "meter": meter, "at": at_text, "value": value}
            record_id = "/".join(parts[part] for part in mapping.id_from)
        return UsageRecord(
            source,
            check_name(record_id, "id"),
            name(subject, "subject"),
            meter,
            read_time(at_text),
            canonical_value(value),
            encode(dims).decode() if dims else "{}",
        )

    return parse


def _cells(mapping: ColumnMapping, header: list[str]) -> dict[str, int | None]:
    cells: dict[str, int | None] = {}
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
            cells[field] = header.index(field)
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
        if part not in ("subject", "meter", "at", "value"):
            raise Invalid("mapping.bad_id", f"an id can't be built from {part!r}", field="id_from")
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


def _time_reader(mapping: ColumnMapping) -> Callable[[str], datetime]:
    time_zone, skipped, repeated = mapping.time_zone, mapping.on_skipped, mapping.on_repeated

    @lru_cache(maxsize=262144)
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

    return read
