"""The options that say how a usage file is laid out, for every command that reads one."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import IO, Any, NamedTuple

import click
import msgspec
import yaml

from everycent.integrations.usage_files import FORMATS, Opened, open_rows
from everycent.kernel.calendar import Repeated, Skipped
from everycent.kernel.errors import Invalid
from everycent.metering.header import FIELDS
from everycent.metering.mapping import (
    ColumnMapping,
    Parse,
    is_unread,
    parser,
    unread_columns,
    wanted_columns,
)
from everycent.metering.wire_plain import line_parser

_SEE = "docs/usage-import.md lists the fields of a mapping"
_SHOWN = 20


class Layout(NamedTuple):
    """How to read a file: its format and delimiter (None: as found), and which column is what."""

    file_format: str | None
    delimiter: str | None
    mapping: ColumnMapping

    @property
    def zone(self) -> str:
        """The zone of wall-clock times, UTC where none was named."""
        return self.mapping.time_zone or "UTC"


_OPTIONS = (
    click.option(
        "--format", "file_format", type=click.Choice(FORMATS), help="Otherwise by the name."
    ),
    click.option(
        "--delimiter", help="Between the cells of a CSV file; otherwise , ; or tab, as found."
    ),
    click.option("--source", help="The system that the ids come from, where a record tells none."),
    click.option("--map", "columns", metavar="FIELD=COLUMN", multiple=True,
                 help=f"Which column a field is in: {', '.join(FIELDS)}, source."),
    click.option("--set", "constants", metavar="FIELD=VALUE", multiple=True,
                 help="A field that is the same on every row."),
    click.option("--dimension", "dimensions", metavar="NAME=COLUMN", multiple=True,
                 help="A dimension and its column."),
    click.option("--ignore", metavar="COLUMN", multiple=True,
                 help="A column that is left out on purpose."),
    click.option("--strict", is_flag=True,
                 help="Refuse columns that nothing reads; otherwise they are told."),
    click.option("--id-from", metavar="FIELD,FIELD…", help="Build ids out of these fields."),
)  # fmt: skip
_AFTER_ZONE = (
    click.option("--on-skipped", type=click.Choice([choice.value for choice in Skipped]),
                 help="Wall-clock times that do not exist; refused when not given."),
    click.option("--on-repeated", type=click.Choice([choice.value for choice in Repeated]),
                 help="Wall-clock times that come twice; refused when not given."),
    click.option("--mapping", "mapping_file", type=click.File(encoding="utf-8"),
                 help="A YAML file with all of this; options add to it."),
)  # fmt: skip


def layout_options(
    command: Callable[..., None],
    zone_help: str = "Zone of wall-clock times, such as Europe/Zagreb.",
) -> Callable[..., None]:
    """Gives a command the options of a file's layout; it gets them as one argument, `layout`."""

    @functools.wraps(command)
    def with_layout(
        *arguments: Any,
        file_format: str | None,
        delimiter: str | None,
        source: str | None,
        columns: tuple[str, ...],
        constants: tuple[str, ...],
        dimensions: tuple[str, ...],
        ignore: tuple[str, ...],
        strict: bool,
        id_from: str | None,
        zone: str | None,
        on_skipped: str | None,
        on_repeated: str | None,
        mapping_file: IO[str] | None,
        **others: Any,
    ) -> None:
        given = {
            "source": source,
            "columns": _pairs(columns, "--map FIELD=COLUMN"),
            "constants": _pairs(constants, "--set FIELD=VALUE"),
            "dimensions": _pairs(dimensions, "--dimension NAME=COLUMN"),
            "ignore": list(ignore),
            "strict": strict,
            "id_from": None if id_from is None else id_from.split(","),
            "time_zone": zone,
            "on_skipped": on_skipped,
            "on_repeated": on_repeated,
        }
        mapping = _mapping({} if mapping_file is None else _read_mapping(mapping_file), given)
        command(*arguments, layout=Layout(file_format, delimiter, mapping), **others)

    for option in reversed((*_OPTIONS, click.option("--zone", help=zone_help), *_AFTER_ZONE)):
        with_layout = option(with_layout)
    return with_layout


def _pairs(texts: Sequence[str], usage: str) -> dict[str, str]:
    option, form = usage.split()
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name or name in found:
            raise Invalid(
                "mapping.bad_option",
                f"{name!r} is given twice with {option}"
                if name in found
                else f"{option} {text!r} is not of the form {form}",
                field=option,
                value=text,
                hint=f"write {usage}, once for each {form.partition('=')[0].lower()}",
            )
        found[name] = value
    return found


def _read_mapping(file: IO[str]) -> dict[str, Any]:
    try:
        node = yaml.compose(file, Loader=yaml.BaseLoader)
        _refuse_twice(node)
        file.seek(0)
        data = yaml.load(file, Loader=yaml.BaseLoader)  # noqa: S506 - makes text only
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(
            "mapping.unreadable",
            f"the mapping is not YAML: {' '.join(str(error).split())}",
            field="mapping",
            hint=_SEE,
        ) from error
    if not isinstance(data, dict):
        raise Invalid(
            "mapping.unreadable",
            "the mapping file is not a list of fields with their values",
            field="mapping",
            hint=_SEE,
        )
    return data


def _refuse_twice(node: yaml.Node | None) -> None:
    if isinstance(node, yaml.MappingNode):
        keys = [key.value for key, _ in node.value]
        for key, value in node.value:
            if keys.count(key.value) > 1:
                line = key.start_mark.line + 1
                raise Invalid(
                    "mapping.key_twice",
                    f"line {line}: {key.value!r} stands twice",
                    field=key.value,
                    hint="leave one of them out",
                )
            _refuse_twice(value)


def _mapping(read: dict[str, Any], given: dict[str, Any]) -> ColumnMapping:
    """The mapping file's fields with the options added; what both say, the options decide."""
    merged = dict(read)
    for name, value in given.items():
        if isinstance(value, dict) and isinstance(read.get(name), dict):
            merged[name] = read[name] | value
        elif value:
            merged[name] = value
    try:
        return msgspec.convert(merged, ColumnMapping, strict=False)
    except msgspec.ValidationError as error:
        raise Invalid(
            "mapping.wrong_shape",
            f"the mapping can't be understood: {error}",
            field="mapping",
            hint=_SEE,
        ) from error


class Reading(NamedTuple):
    """A usage file that is being read, the function that reads its rows, and, when it was read, the
    columns that nothing reads."""

    rows: Opened
    parse: Parse
    unread: Callable[[], list[str]]


@contextmanager
def reading(file: str, layout: Layout, meters: Collection[str]) -> Iterator[Reading]:
    """Opens a usage file. Lines of JSON are records in the plain form of POST /v1/usage unless the
    layout says what their members are. Raises Invalid `file.…` and `mapping.…`."""
    mapping = layout.mapping
    columns = wanted_columns(mapping)
    asked = lru_cache(partial(is_unread, mapping))
    with open_rows(file, layout.file_format, layout.delimiter, columns, asked) as rows:
        if not rows.header:
            yield Reading(rows, line_parser(mapping.source, meters), list)
            return
        parse = parser(mapping, rows.header, meters)
        of_header = unread_columns(mapping, rows.header)
        yield Reading(rows, parse, lambda: of_header + sorted(rows.unread))


def unread_text(columns: Sequence[str]) -> str:
    """What is told of columns that nothing reads."""
    few = ", ".join(columns[:_SHOWN]) + (", …" if len(columns) > _SHOWN else "")
    what = "a column that nothing reads" if len(columns) == 1 else "columns that nothing reads"
    return f"{what}: {few} (--dimension reads them, --ignore leaves them out on purpose)"
