"""The options that say how a usage file is laid out, for every command that reads one."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import IO, Any, NamedTuple

import click
import msgspec
import yaml

from everycent.integrations.usage_files import FORMATS
from everycent.kernel.calendar import Repeated, Skipped
from everycent.kernel.errors import Invalid
from everycent.metering.mapping import FIELDS, ColumnMapping


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
    click.option("--source", help="The system that the ids come from."),
    click.option("--map", "columns", metavar="FIELD=COLUMN", multiple=True,
                 help=f"Which column a field is in: {', '.join(FIELDS)}."),
    click.option("--set", "constants", metavar="FIELD=VALUE", multiple=True,
                 help="A field that is the same on every row."),
    click.option("--dimension", "dimensions", metavar="NAME=COLUMN", multiple=True,
                 help="A dimension and its column."),
    click.option("--id-from", metavar="FIELD,FIELD…", help="Build ids out of these fields."),
    click.option("--zone", help="Zone of wall-clock times, such as Europe/Zagreb."),
    click.option("--on-skipped", type=click.Choice([choice.value for choice in Skipped]),
                 help="Wall-clock times that do not exist; refused when not given."),
    click.option("--on-repeated", type=click.Choice([choice.value for choice in Repeated]),
                 help="Wall-clock times that come twice; refused when not given."),
    click.option("--mapping", "mapping_file", type=click.File(encoding="utf-8"),
                 help="A YAML file with all of this; options add to it."),
)  # fmt: skip


def layout_options(command: Callable[..., None]) -> Callable[..., None]:
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
        id_from: str | None,
        zone: str | None,
        on_skipped: str | None,
        on_repeated: str | None,
        mapping_file: IO[str] | None,
        **others: Any,
    ) -> None:
        given = {
            "source": source,
            "columns": _pairs(columns, "--map"),
            "constants": _pairs(constants, "--set"),
            "dimensions": _pairs(dimensions, "--dimension"),
            "id_from": None if id_from is None else id_from.split(","),
            "time_zone": zone,
            "on_skipped": on_skipped,
            "on_repeated": on_repeated,
        }
        mapping = _mapping({} if mapping_file is None else _read_mapping(mapping_file), given)
        command(*arguments, layout=Layout(file_format, delimiter, mapping), **others)

    for option in reversed(_OPTIONS):
        with_layout = option(with_layout)
    return with_layout


def _pairs(texts: Sequence[str], option: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name or name in found:
            why = "stands twice" if name in found else "is not of the form NAME=VALUE"
            raise Invalid("mapping.bad_option", f"{option} {text!r} {why}", field=option)
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
            "mapping.unreadable", f"the mapping is not YAML: {' '.join(str(error).split())}"
        ) from error
    if not isinstance(data, dict):
        raise Invalid("mapping.unreadable", "the mapping file has no fields")
    return data


def _refuse_twice(node: yaml.Node | None) -> None:
    if isinstance(node, yaml.MappingNode):
        keys = [key.value for key, _ in node.value]
        for key, value in node.value:
            if keys.count(key.value) > 1:
                line = key.start_mark.line + 1
                raise Invalid("mapping.key_twice", f"line {line}: {key.value!r} stands twice")
            _refuse_twice(value)


def _mapping(read: dict[str, Any], given: dict[str, Any]) -> ColumnMapping:
    """The mapping file's fields with the options added; what both say, the options decide."""
    merged = dict(read)
    for name, value in given.items():
        if isinstance(value, dict) and isinstance(read.get(name), dict):
            merged[name] = read[name] | value
        elif value:
            merged[name] = value
    if not merged.get("source"):
        raise Invalid(
            "mapping.no_source",
            "nothing says which system the ids come from",
            field="source",
            hint="name it with --source; ids are unique within a source",
        )
    try:
        return msgspec.convert(merged, ColumnMapping, strict=False)
    except msgspec.ValidationError as error:
        raise Invalid(
            "mapping.wrong_shape",
            f"the mapping can't be understood: {error}",
            hint="docs/usage-import.md lists its fields",
        ) from error
