"""everycent usage: import records from files or standard input, and see what is there."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from everycent.app.wiring import App
from everycent.catalog import queries as catalog
from everycent.catalog.intake import IntakePolicy
from everycent.cli import (
    usage_archive,
    usage_corrections,
    usage_live,
    usage_spool,
    usage_totals,
    usage_watch,
)
from everycent.cli.common import console, counted, emit, json_option, opened
from everycent.cli.usage_layout import Layout, layout_options, reading, unread_text
from everycent.cli.usage_rejects import reject_file, targets_of
from everycent.flows.import_usage import ImportResult, import_usage
from everycent.flows.reasons import counts_data
from everycent.integrations.usage_files import STDIN
from everycent.kernel.errors import Invalid
from everycent.metering import queries
from everycent.metering.mapping import Reject

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
@layout_options
@click.option("--rejects", type=click.Path(dir_okay=False),
              help="Where rejected rows go; FILE.rejects.csv when not given.")  # fmt: skip
@json_option
def import_(
    files: tuple[str, ...],
    layout: Layout,
    rejects: str | None,
    as_json: bool,
) -> None:
    """Import the records of CSV, NDJSON or Parquet files, or of standard input (-).

    A record is stored once for ever, whatever is imported again. Bad rows go to a file with their
    line and the reason, good ones are kept; the exit code is then 3.
    """
    targets = targets_of(files, rejects)
    results: list[_Done] = []
    begun: set[Path] = set()  # reject files of this import
    with opened() as (app, tenant_id):
        with app.database.snapshot(tenant_id) as tx:
            meters, policies = catalog.raw_meters(tx), catalog.intake_policies(tx)
        if not meters:
            raise Invalid(
                "usage.no_meters",
                "there is no meter that takes records",
                hint="describe one in a catalogue and apply it: everycent catalog apply FILE",
            )
        for file, target in zip(files, targets, strict=True):
            with reject_file(target, file, begun, is_own=rejects is None) as write:
                began = time.monotonic()
                result, unread = _import(app, tenant_id, file, layout, meters, policies, write)
                seconds = time.monotonic() - began
                results.append(_Done(file, result, target, seconds, unread))
    emit(_data(results), as_json, lambda: _render(results))
    if any(done.result.conflicts or done.result.rejected for done in results):
        sys.exit(_SOME_REJECTED)


def _import(
    app: App,
    tenant_id: int,
    file: str,
    layout: Layout,
    meters: set[str],
    policies: Mapping[str, IntakePolicy],
    write_reject: Callable[[Reject], None],
) -> tuple[ImportResult, list[str]]:
    """What became of the file, and the columns that nothing read."""
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
    with reading(file, layout, meters) as (rows, parse, unread), bar:
        name = "standard input" if file == STDIN else Path(file).name
        task = bar.add_task(name, total=rows.total_bytes, records=0)
        result = import_usage(
            app.database,
            tenant_id,
            rows.batches,
            parse,
            recorded_at=app.clock(),
            on_reject=write_reject,
            on_progress=lambda so_far: bar.update(
                task, completed=rows.position(), records=so_far.read
            ),
            policies=policies,
        )
        return result, unread()


class _Done(NamedTuple):
    """A file that was imported, where its rejects went, how long it took, and what nothing read of it."""

    file: str
    result: ImportResult
    rejects: Path
    seconds: float
    unread: list[str]


def _data(results: Sequence[_Done]) -> dict[str, Any]:
    total = ImportResult()
    files = []
    for file, result, target, _, unread in results:
        total = total.plus(result)
        has_rejects = bool(result.conflicts or result.rejected)
        rejects = str(target) if has_rejects else None
        files.append(
            {"file": file, **result._asdict(), "rejects": rejects, "ignored_columns": unread}
        )
    return {**total._asdict(), "files": files}


def _render(results: Sequence[_Done]) -> None:
    for file, result, target, seconds, unread in results:
        rate = f"{result.read / seconds:,.0f}" if seconds else "many"
        click.echo(
            f"{file}: {counted(result.read, 'row')} read, {result.accepted:,} accepted,"
            f" {counted(result.duplicates, 'duplicate')}, {counted(result.conflicts, 'conflict')},"
            f" {result.rejected:,} rejected ({rate} rows/s)"
        )
        if unread:
            click.secho(f"  {unread_text(unread)}", fg="yellow")
        if result.conflicts or result.rejected:
            left = result.conflicts + result.rejected
            were = "was" if left == 1 else "were"
            click.secho(f"  {counted(left, 'row')} {were} not taken: see {target}", fg="yellow")


@usage.command()
@json_option
def show(as_json: bool) -> None:
    """Show how many records are stored, and how many of them no roll-up counts yet."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        found = queries.counts(tx)
    emit(
        counts_data(found),
        as_json,
        lambda: click.echo(
            f"{counted(found.records, 'record')} in {found.batches:,} batches; not rolled up yet:"
            f" {counted(found.open_records, 'record')} in {found.open:,}"
        ),
    )


usage_live.add_to(usage)
usage_totals.add_to(usage)
usage_watch.add_to(usage)
usage_archive.add_to(usage)
usage_corrections.add_to(usage)
usage_spool.add_to(usage)
