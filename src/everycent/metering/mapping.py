"""Column mappings: how the columns of somebody's file become usage records.

Each field comes from a column or is a constant. Wall-clock times need a zone, and what to do with
hours that the clock skips or repeats is refused or chosen, never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple

import msgspec

from everycent.kernel.calendar import Repeated, Skipped, zone
from everycent.kernel.errors import Invalid, Refusal
from everycent.kernel.period import instant_text
from everycent.metering.cells import (
    dimensions_reader,
    meter_reader,
    source_reader,
    subject_reader,
    time_reader,
)
from everycent.metering.header import (
    DIMENSION,
    DIMENSIONS,
    FIELDS,
    SOURCE,
    cells_of,
    check_unread,
    column_of,
    dimensions_in,
    is_of_dimensions,
)
from everycent.metering.record import UsageRecord, canonical_value, check_id, check_name

OBJECT = "dimensions{}"
"""The column of NDJSON that holds the object `dimensions` as JSON."""


class ColumnMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`columns` names the column of each field, `constants` fields that are the same on every row.

    `source` is of the rows that tell none. `id_from` builds the id out of several fields where the file
    has none. `dimensions` maps a dimension's name to its column; an empty cell is no dimension. `ignore`
    are columns that are left out on purpose; with `strict` no others may be.
    """

    source: str | None = None
    columns: dict[str, str] = {}
    constants: dict[str, str] = {}
    id_from: tuple[str, ...] = ()
    dimensions: dict[str, str] = {}
    time_zone: str | None = None
    on_skipped: Skipped = Skipped.REFUSE
    on_repeated: Repeated = Repeated.REFUSE
    ignore: tuple[str, ...] = ()
    strict: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether it says nothing about columns: lines of JSON are then records in the plain form."""
        return self == ColumnMapping(self.source, strict=self.strict)

    @property
    def claimed(self) -> set[str]:
        """Columns that are read as what the mapping says, whatever they are called."""
        return {*self.columns.values(), *self.dimensions.values()}

    @property
    def names_dimensions(self) -> bool:
        """Whether it says itself what becomes of columns that are called dimensions."""
        return any(map(is_of_dimensions, self.claimed))


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
    """The columns that the mapping reads, for files that have no header of their own; none when it says
    nothing about columns."""
    if mapping.is_plain:
        return []
    fields = [
        mapping.columns.get(field, field)
        for field in FIELDS
        if field not in mapping.constants
        and not (field == "id" and mapping.id_from and field not in mapping.columns)
    ]
    if SOURCE in mapping.columns or SOURCE not in {*mapping.claimed, *mapping.ignore}:
        fields.append(mapping.columns.get(SOURCE, SOURCE))
    is_open = not mapping.names_dimensions and DIMENSIONS not in mapping.ignore
    rest = [OBJECT] if is_open else []
    return list(dict.fromkeys([*fields, *mapping.dimensions.values(), *rest]))


class _Places(NamedTuple):
    """Where in a row things stand; None for what no column gives."""

    fields: dict[str, int | None]
    source: int | None
    dimensions: dict[str, int]
    objects: int | None


def _places(mapping: ColumnMapping, columns: Sequence[str]) -> _Places:
    header = ["" if column in mapping.ignore else column for column in columns]
    fields = cells_of(header, mapping.columns, mapping.constants, mapping.id_from)
    own = [column for column in header if column not in mapping.claimed]
    source = mapping.columns.get(SOURCE, SOURCE if SOURCE in own else None)
    if source is None and mapping.source is None:
        raise Invalid(
            "mapping.no_source",
            "nothing says which system the ids come from",
            field=SOURCE,
            hint="name it with --source, or its column with --map source=COLUMN; ids are unique within"
            " a source",
        )
    dimensions = dict(mapping.dimensions)
    objects = None
    if not mapping.names_dimensions:
        dimensions = dimensions_in(header, dimensions)
        objects = OBJECT if OBJECT in own else DIMENSIONS if DIMENSIONS in own else None
    return _Places(
        fields,
        None if source is None else column_of(header, source, SOURCE),
        {
            name: column_of(header, column, f"dimensions.{name}")
            for name, column in dimensions.items()
        },
        None if objects is None else column_of(header, objects, DIMENSIONS),
    )


def unread_columns(mapping: ColumnMapping, header: Sequence[str]) -> list[str]:
    """The columns of a file that nothing reads and nobody left out on purpose.

    Raises Invalid as `is_unread` does, and when the mapping does not fit the file.
    """
    fields, source, dimensions, objects = _places(mapping, header)
    used = {*fields.values(), source, *dimensions.values(), objects}
    left = [column for at, column in enumerate(header) if at not in used]
    return [column for column in left if is_unread(mapping, column)]


def is_unread(mapping: ColumnMapping, column: str) -> bool:
    """Whether it is to be told that nothing reads a column: not when it was left out on purpose.

    Raises Invalid `mapping.unread_column` when its name looks like a source or like dimensions, and for
    any with `strict`.
    """
    if column in mapping.ignore:
        return False
    check_unread(column, names_dimensions=mapping.names_dimensions, strict=mapping.strict)
    return True


def parser(mapping: ColumnMapping, header: Sequence[str], meters: Collection[str]) -> Parse:
    """The function that reads rows of a file with these columns.

    It works column by column, because that is several times faster than row by row; whoever needs to
    know which row is bad gives it the rows one at a time. Raises Invalid `mapping.…` when the mapping
    does not fit the file, or what refuses a constant: before any row is read.
    """
    if mapping.time_zone is not None:
        zone(mapping.time_zone)
    if mapping.source is not None:
        check_name(mapping.source, SOURCE)
    cells, source, dimensions, objects = _places(mapping, header)
    unread_columns(mapping, header)
    read_subjects, read_meters = subject_reader(), meter_reader(meters)
    read_times = time_reader(mapping.time_zone, mapping.on_skipped, mapping.on_repeated)
    left_out = {column.removeprefix(DIMENSION) for column in mapping.ignore}
    read_dimensions = dimensions_reader(list(dimensions), left_out)
    read_sources = source_reader(mapping.source)
    nothing, constant = [""], [mapping.source or ""]

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
        given = nothing * len(rows) if objects is None else columns[objects]
        told = read_dimensions([columns[at] for at in dimensions.values()], given)
        sources = constant * len(rows) if source is None else read_sources(columns[source])
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
            "usage.short_row",
            f"the row has {cells} cells, the header has {width}",
            field="row",
            hint="does it end too early, or has it another delimiter than the header?",
        )
    return Invalid(
        "usage.long_row",
        f"the row has {cells} cells, the header has {width}",
        field="row",
        hint="a cell that holds the delimiter must be quoted",
    )
