"""everycent bill: run what is due, and look at earlier runs."""

from __future__ import annotations

import sys
import time
from datetime import date
from typing import Any

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from everycent.catalog.policies import DATE, RUN_DAY
from everycent.cli.common import (
    console,
    counted,
    emit,
    instant,
    json_option,
    opened,
    suggested,
    table,
)
from everycent.flows import bill as flow
from everycent.flows.bill import RunResult
from everycent.flows.bill_told import check_has_come, run_data
from everycent.flows.deciding import issued_on
from everycent.invoicing import queries
from everycent.invoicing.runs import Progress as RunProgress
from everycent.kernel import ids
from everycent.kernel.calendar import zone as known_zone
from everycent.kernel.period import instant_text


@click.group()
def bill() -> None:
    """Bill what is due, and look at earlier runs."""


@bill.command()
@click.option("--as-of", help="Bill what is due by then (date or instant); now when not given.")
@click.option("--future", is_flag=True, help="Allow --as-of to lie in the future.")
@click.option(
    "--zone", default="UTC", show_default=True, help="Whose date --as-of and invoices carry."
)
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64))
@click.option(
    "--chunk-size",
    type=click.IntRange(1, 10_000),
    help="Customers to a transaction.  [default: 500 to 4000, by how many there are]",
)
@click.option("--payment-days", default=flow.PAYMENT_DAYS, show_default=True,
              type=click.IntRange(0, 365), help="Days from issue to the due date.")  # fmt: skip
@click.option(
    "--recount",
    is_flag=True,
    help="Count every invoice again with the second engine, and issue none that differs.",
)
@json_option
def run(
    as_of: str | None,
    future: bool,
    zone: str,
    workers: int,
    chunk_size: int | None,
    payment_days: int,
    recount: bool,
    as_json: bool,
) -> None:
    """Bill everything that is due and not billed yet. Run it as often as you like: nothing is billed
    twice, and a run that was interrupted goes on where it stopped."""
    known_zone(zone)
    with opened() as (app, tenant_id):
        started = time.monotonic()
        until = instant(as_of, zone, app.clock(), "as_of")
        if not future:
            check_has_come(until, app.clock(), as_of, "correct the date, or say --future")
        bar = Progress(
            TextColumn("billing"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("chunks  {task.fields[invoices]:,} invoices"),
            TimeElapsedColumn(),
            console=console(),
            disable=not sys.stderr.isatty(),
        )
        with bar:
            task = bar.add_task("billing", total=None, invoices=0)

            def show(progress: RunProgress) -> None:
                bar.update(task, completed=progress.chunks_done, total=progress.chunks,
                           invoices=progress.invoices)  # fmt: skip

            results = flow.run(
                app.database,
                tenant_id,
                until,
                clock=app.clock,
                ids=app.ids,
                terms=flow.Terms(app.settings.actor, zone, payment_days, chunk_size, recount),
                workers=workers,
                on_progress=show,
            )
        seconds = time.monotonic() - started
        with app.database.snapshot(tenant_id) as tx:
            parked = {r.run.run_id: queries.parked(tx, r.run.run_id) for r in results}
            later = {r.run.run_id: queries.dated_after(tx, issued_on(r.run)) for r in results}
    data = [
        _data(result, parked[result.run.run_id], later[result.run.run_id]) for result in results
    ]
    emit(data, as_json, lambda: _render(results, parked, later, seconds))
    if any(result.progress.parked for result in results):
        sys.exit(3)


def _data(result: RunResult, parked: list[Any], later: dict[str, date]) -> dict[str, Any]:
    return {
        "run_id": ids.show(ids.RUN, result.run.run_id),
        "as_of": result.run.as_of,
        "issued_on": issued_on(result.run),
        "later": later,
        "was_resumed": result.was_resumed,
        "invoices": result.progress.invoices,
        "lines": result.progress.lines,
        "parked": [row._asdict() for row in parked],
    }


def _dated(result: RunResult, later: dict[str, date]) -> str:
    """The date of what a run has issued: its day, unless the policy or the series says otherwise."""
    day = issued_on(result.run).isoformat()
    if result.run.policies.get(DATE, RUN_DAY) != RUN_DAY:
        day = f"by {DATE}, {day} at the latest"
    found = [f"{on.isoformat()} in {series}" for series, on in later.items()]
    told = f"dated {day}"
    return told + (f"; but {', '.join(found)}, which has a document of that date" if found else "")


def _render(
    results: list[RunResult],
    parked: dict[Any, list[Any]],
    later: dict[Any, dict[str, date]],
    seconds: float,
) -> None:
    for result in results:
        done = result.progress
        resumed = " (resumed)" if result.was_resumed else ""
        click.echo(
            f"billed as of {instant_text(result.run.as_of)}{resumed}:"
            f" {counted(done.invoices, 'invoice')}, {counted(done.lines, 'line')}"
        )
        if done.invoices:
            click.echo(_dated(result, later[result.run.run_id]))
        rows = parked[result.run.run_id]
        if rows:
            who = counted(len(rows), "customer")
            click.secho(f"{who} could not be billed:", fg="yellow")
            table(
                ["customer", "code", "~why"],
                [[r.customer, r.code, suggested(r.message)] for r in rows],
            )
    click.echo(f"{seconds:.1f} s")


@bill.command()
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1))
@json_option
def history(limit: int, as_json: bool) -> None:
    """List earlier runs, the newest first."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        rows = queries.runs(tx, limit)
    emit(
        [run_data(row) for row in rows],
        as_json,
        lambda: table(
            [
                "as of",
                "started",
                ">seconds",
                ">customers",
                ">invoices",
                ">lines",
                ">parked",
                "state",
            ],
            [
                [
                    instant_text(r.as_of),
                    instant_text(r.started_at)[:19],
                    f"{(r.finished_at - r.started_at).total_seconds():.1f}"
                    if r.finished_at
                    else "",
                    f"{r.customers:,}",
                    f"{r.invoices:,}",
                    f"{r.lines:,}",
                    f"{r.parked:,}",
                    "finished" if r.finished_at else f"open, {r.chunks_done} of {r.chunks} chunks",
                ]
                for r in rows
            ],
        ),
    )
