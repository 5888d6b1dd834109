"""Which column of a file is which field, which ones are dimensions, and which ones nothing reads.

No column is left out without a word: what nothing reads is told, and refused where its name looks like
something that would be missed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from everycent.kernel.errors import Invalid
from everycent.kernel.near import distance, meant

FIELDS = ("id", "subject", "meter", "at", "value")
ID_PARTS = ("subject", "meter", "at", "value")
SOURCE = "source"
DIMENSIONS = "dimensions"
DIMENSION = "dimensions."
"""Columns whose names begin like this are dimensions."""
_SLIPS = 2
_SHOWN = 30
_LETTERS = re.compile("[^a-z]")
_PARTS = re.compile(r"[.:/_\[ -]")


def cells_of(
    header: Sequence[str],
    columns: Mapping[str, str],
    constants: Collection[str],
    id_from: Collection[str],
) -> dict[str, int | None]:
    """Where each field stands; None for those that come from elsewhere. Raises Invalid `mapping.…`."""
    _check_fields(columns, constants, id_from)
    cells: dict[str, int | None] = {}
    for field in FIELDS:
        if field in constants:
            cells[field] = None
        elif field in columns:
            cells[field] = column_of(header, columns[field], field)
        elif field == "id" and id_from:
            cells[field] = None
        elif field in header:
            cells[field] = column_of(header, field, field)
        else:
            raise Invalid(
                "mapping.missing_field",
                f"no column gives the field {field!r}",
                field=field,
                hint=_to_give(field, header),
            )
    return cells


def _check_fields(
    columns: Mapping[str, str], constants: Collection[str], id_from: Collection[str]
) -> None:
    twice = set(columns) & set(constants)
    if id_from and "id" in columns:
        twice.add("id")
    if twice:
        name = sorted(twice)[0]
        raise Invalid(
            "mapping.field_twice",
            f"the field {name!r} is given in two ways",
            field=name,
            hint="leave out --map id or --id-from" if name == "id" else "leave out --map or --set",
        )
    unknown = sorted((set(columns) - {*FIELDS, SOURCE}) | (set(constants) - {*FIELDS}))
    if unknown:
        name = unknown[0]
        raise Invalid(
            "mapping.unknown_field",
            f"{name!r} is not a field that can be mapped or set",
            field=name,
            hint="the source is set with --source"
            if name == SOURCE
            else f"fields are {', '.join(FIELDS)}; a dimension is named with --dimension {name}=COLUMN",
        )
    if "id" in constants:
        raise Invalid(
            "mapping.constant_id",
            "an id can't be the same on every row",
            field="id",
            hint="where the file has no ids, build them: --id-from subject,meter,at",
        )
    for part in id_from:
        if part not in ID_PARTS:
            raise Invalid(
                "mapping.bad_id",
                f"an id can't be built from {part!r}",
                field="id_from",
                value=part,
                hint=f"it can be built from {', '.join(ID_PARTS)}; those are fields, not columns",
            )


def _to_give(field: str, header: Sequence[str]) -> str:
    alike = meant(field, header)
    ways = [f"--map {field}=COLUMN"]
    ways.append("--id-from subject,meter,at" if field == "id" else f"--set {field}=VALUE")
    there = f"the columns are {', '.join(header[:_SHOWN])}"
    return f"{alike + ' ' if alike else ''}give it with {' or '.join(ways)}; {there}"


def column_of(header: Sequence[str], name: str, field: str) -> int:
    """Where the column stands. Raises Invalid `mapping.unknown_column`, also when it stands twice."""
    if header.count(name) == 1:
        return header.index(name)
    is_twice = name in header
    raise Invalid(
        "mapping.unknown_column",
        f"the column {name!r} for {field} {'stands twice in' if is_twice else 'is not in'} the file",
        field=field,
        value=name,
        hint="rename one of them"
        if is_twice
        else " ".join(
            filter(None, [meant(name, header), f"the columns are {', '.join(header[:_SHOWN])}"])
        ),
    )


def is_of_dimensions(column: str) -> bool:
    """Whether the column holds all dimensions as a JSON object, or one of them."""
    return column == DIMENSIONS or column.startswith(DIMENSION)


def dimensions_in(header: Sequence[str], named: Mapping[str, str]) -> dict[str, str]:
    """The column of each dimension: those that are named, and columns that are called `dimensions.…`.

    Raises Invalid `mapping.dimension_twice`.
    """
    found = dict(named)
    for column in header:
        name = column.removeprefix(DIMENSION)
        if name in ("", column):
            continue
        if found.setdefault(name, column) != column:
            raise Invalid(
                "mapping.dimension_twice",
                f"the dimension {name[:60]!r} stands in the columns {found[name]!r} and {column!r}",
                field=f"dimensions.{name[:60]}",
                hint=f"leave one of them out: --ignore {column}",
            )
    return found


def check_unread(column: str, *, names_dimensions: bool, strict: bool) -> None:
    """Raises Invalid `mapping.unread_column` when the column, which nothing reads, looks like a source, or
    like dimensions where the mapping names none that are called so; for any when `strict`."""
    head, *rest = _PARTS.split(column.strip(), maxsplit=1)
    word = _LETTERS.sub("", head.casefold())
    like, hint = "", "name it with --map or --dimension"
    if word == SOURCE and not rest:
        like, hint = "the source", f"read it with --map {_typed(f'source={column}')}"
    elif not names_dimensions and distance(word, DIMENSIONS) <= _SLIPS:
        name = rest[0].strip("[] ") if rest else ""
        word = f"{name or 'NAME'}={column}"
        like, hint = "dimensions", f"read it with --dimension {_typed(word)}"
        if not name:
            hint += f"; dimensions as a JSON object stand in a column {DIMENSIONS}"
    if like or strict:
        looks = f", which looks like {like}" if like else ""
        raise Invalid(
            "mapping.unread_column",
            f"nothing reads the column {column[:60]!r}{looks}",
            field=column[:60],
            hint=f"{hint}; or leave it out on purpose: --ignore {_typed(column)}",
        )


def _typed(text: str) -> str:
    """The text as a word on a command line."""
    return f'"{text}"' if " " in text else text
