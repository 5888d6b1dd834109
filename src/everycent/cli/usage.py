"""everycent usage: import records from files or standard input, and see what is there."""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import click
import msgspec
import yaml

from everycent.app.wiring import App
from everycent.catalog import queries as catalog
from everycent.cli import usage_archive, usage_live, usage_watch
from everycent.cli.common import console, emit, json_option, opened
from everycent.flows.import_usage import ImportResult, import_usage
from everycent.integrations.usage_files import FORMATS, STDIN, open_rows
from everycent.kernel.calendar import Repeated, Skipped
from everycent.kernel.errors import Invalid
from everycent.metering import queries
from everycent.metering.mapping import FIELDS, ColumnMapping, Reject, parser, wanted_columns

_SOME_REJECTED = 3


@click.group()
def usage() -> None:
    """Usage records: who used how much of which meter, and when."""


@usage.command("import")
@click.argument(
    "files",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
)
@click.option("--format", "file_format", type=click.Choice(FORMATS), help="Otherwise by the name.")
@click.option(
    "--delimiter", help="Between the cells of a CSV file; otherwise , ; or tab, as found."
)
@click.option("--source", help="The system that the ids come from.")
@click.option("--map", "columns", metavar="FIELD=COLUMN", multiple=True,
              help=f"Which column a field is in: {', '.join(FIELDS)}.")  # fmt: skip
@click.option("--set", "constants", metavar="FIELD=VALUE", multiple=True,
              help="A field that is the same on every row.")  # fmt: skip
@click.option("--dimension", "dimensions", metavar="NAME=COLUMN", multiple=True,
              help="A dimension and its column.")  # fmt: skip
@click.option("--id-from", metavar="FIELD,FIELD…", help="Build ids out of these fields.")
@click.option("--zone", help="Zone of wall-clock times, such as Europe/Zagreb.")
@click.option("--on-skipped", type=click.Choice([choice.value for choice in Skipped]),
              help="Wall-clock times that do not exist; refused when not given.")  # fmt: skip
@click.option("--on-repeated", type=click.Choice([choice.value for choice in Repeated]),
              help="Wall-clock times that come twice; refused when not given.")  # fmt: skip
@click.option("--mapping", "mapping_file", type=click.File(encoding="utf-8"),
              help="A YAML file with all of this; options add to it.")  # fmt: skip
@click.option("--rejects", type=click.Path(dir_okay=False),
              help="Where rejected rows go; FILE.rejects.csv when not given.")  # fmt: skip
@json_option
def import_(
    files: tuple[str, ...],
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
    rejects: str | None,
    as_json: bool,
) -> None:
    """Import the records of CSV, NDJSON or Parquet files, or of standard input (-).

    A record is stored once for ever, whatever is imported again. Bad rows go to a file with their
    line and the reason, good ones are kept; the exit code is then 3.
    """
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
    if rejects is not None and any(_is_same(rejects, file) for file in files):
        raise Invalid("usage.rejects_over_input", f"{rejects} is a file to import", field="rejects")
    results = []
    begun: set[Path] = set()  # reject files of this import
    with opened() as (app, tenant_id):
        with app.database.snapshot(tenant_id) as tx:
            meters = catalog.raw_meters(tx)
        if not meters:
            raise Invalid(
                "usage.no_meters",
                "there is no meter that takes records",
                hint="describe one in a catalogue and apply it: everycent catalog apply FILE",
            )
        for file in files:
            target = Path(rejects or f"{'stdin' if file == STDIN else file}.rejects.csv")
            with _reject_file(target, file, begun) as write:
                began = time.monotonic()
                result = _import(
                    app, tenant_id, file, file_format, delimiter, mapping, meters, write
                )
                results.append((file, result, target, time.monotonic() - began))
    emit(_data(results), as_json, lambda: _render(results))
    if any(result.conflicts or result.rejected for _, result, _, _ in results):
        sys.exit(_SOME_REJECTED)


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


def _is_same(path: str, other: str) -> bool:
    return other != STDIN and Path(path).resolve() == Path(other).resolve()


@contextmanager
def _reject_file(target: Path, source: str, begun: set[Path]) -> Iterator[Callable[[Reject], None]]:
    """A function that writes rejects to `target`, which is begun anew with the first of them unless
    it was for an earlier file of the same import."""
    file: IO[str] | None = None

    def write(rejected: Reject) -> None:
        nonlocal file
        if file is None:
            is_new = target not in begun
            begun.add(target)
            try:
                file = target.open(
                    "w" if is_new else "a", encoding="utf-8", errors="backslashreplace", newline=""
                )
            except OSError as error:
                raise Invalid(
                    "file.unwritable",
                    f"rejected rows can't be written to {target}: {error.strerror}",
                    field="rejects",
                    hint="name another file with --rejects",
                ) from error
            if is_new:
                csv.writer(file).writerow(["file", *Reject._fields])
        csv.writer(file).writerow([source, *rejected])

    try:
        yield write
    finally:
        if file is not None:
            file.close()


def _import(
    app: App,
    tenant_id: int,
    file: str,
    file_format: str | None,
    delimiter: str | None,
    mapping: ColumnMapping,
    meters: set[str],
    write_reject: Callable[[Reject], None],
) -> ImportResult:
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[records]:,} records"),
        TimeElapsedColumn(),
        console=console(),
        disable=not sys.stderr.isatty(),
    )
    with open_rows(file, file_format, delimiter, wanted_columns(mapping)) as rows, bar:
        name = "standard input" if file == STDIN else Path(file).name
        task = bar.add_task(name, total=rows.total_bytes, records=0)
        return import_usage(
            app.database,
            tenant_id,
            rows.batches,
            parser(mapping, rows.header, meters),
            recorded_at=app.clock(),
            on_reject=write_reject,
            on_progress=lambda so_far: bar.update(
                task, completed=rows.position(), records=so_far.read
            ),
        )


_Done = list[tuple[str, ImportResult, Path, float]]


def _data(results: _Done) -> dict[str, Any]:
    total = ImportResult()
    files = []
    for file, result, target, _ in results:
        total = total.plus(result)
        has_rejects = bool(result.conflicts or result.rejected)
        rejects = str(target) if has_rejects else None
        files.append({"file": file, **result._asdict(), "rejects": rejects})
    return {**total._asdict(), "files": files}


def _render(results: _Done) -> None:
    for file, result, target, seconds in results:
        rate = f"{result.read / seconds:,.0f}" if seconds else "many"
        click.echo(
            f"{file}: {result.read:,} rows read, {result.accepted:,} accepted,"
            f" {result.duplicates:,} duplicates, {result.conflicts:,} conflicts,"
            f" {result.rejected:,} rejected ({rate} rows/s)"
        )
        if result.conflicts or result.rejected:
            left = result.conflicts + result.rejected
            click.secho(f"  {left:,} rows were not taken: see {target}", fg="yellow")


@usage.command()
@json_option
def show(as_json: bool) -> None:
    """Show how many records are stored, and how many of them no roll-up counts yet."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        found = queries.counts(tx)
    data = {
        "records": found.records,
        "batches": found.batches,
        "open_records": found.open_records,
        "open_batches": found.open,
    }
    emit(
        data,
        as_json,
        lambda: click.echo(
            f"{found.records:,} records in {found.batches:,} batches;"
            f" {found.open_records:,} records in {found.open:,} batches are not rolled up yet"
        ),
    )


usage_live.add_to(usage)
usage_watch.add_to(usage)
usage_archive.add_to(usage)
