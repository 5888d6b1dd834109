"""everycent measurement run: measure what is due, once or for as long as it is left running."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from datetime import datetime
from typing import Any

import click
import msgspec
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from everycent.app.measuring import poller, worker
from everycent.app.settings import from_environment
from everycent.app.staying import Round, stay_at_work, staying
from everycent.app.wiring import App
from everycent.cli.common import (
    complain,
    console,
    counted,
    emit,
    json_option,
    opened,
    past_instant,
    suggested,
)
from everycent.flows import measure as flow
from everycent.flows.measure import Outcome
from everycent.flows.measure_interval import Terms
from everycent.kernel.errors import Invalid
from everycent.kernel.period import instant_text

_LONG_CATCH_UP = 50  # intervals, from which on a bar is shown


@click.command()
@click.option("--as-of", help="Measure what is due by then (date or instant); now when not given.")
@click.option("--watch", is_flag=True, help="Go on until SIGTERM, measuring whatever falls due.")
@json_option
def run(as_of: str | None, watch: bool, as_json: bool) -> None:
    """Measure every interval that is due and not covered yet, in order. Run it as often as you like:
    nothing is measured twice. Ends with exit code 3 when a measurement failed."""
    if watch and as_of is not None:
        raise Invalid(
            "measurement.watch_as_of",
            "--watch measures what falls due now and takes no --as-of",
            field="as_of",
        )
    if watch:
        _watch(as_json)
        return
    with opened() as (app, tenant_id):
        until = past_instant(as_of, "UTC", app.clock(), "as_of")
        outcomes = _measure(app, tenant_id, until)
    emit([_told(outcome) for outcome in outcomes], as_json, lambda: _render(outcomes))
    if any(outcome.failure is not None for outcome in outcomes):
        sys.exit(3)


def _measure(app: App, tenant_id: int, until: datetime) -> list[Outcome]:
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("intervals"),
        TimeElapsedColumn(), console=console(), disable=not sys.stderr.isatty(),
    )  # fmt: skip
    tasks: dict[str, Any] = {}

    def show(key: str, done: int, total: int) -> None:
        if total >= _LONG_CATCH_UP:
            if key not in tasks:
                tasks[key] = bar.add_task(key, total=total)
            bar.update(tasks[key], completed=done)

    with bar:
        return flow.run(app.database, tenant_id, until, _terms(app), on_progress=show)


def _terms(app: App) -> Terms:
    return Terms(app.clock, app.ids, app.settings.actor, poller(), worker())


def _watch(as_json: bool) -> None:
    def tell(outcome: Outcome) -> None:
        """One line for each measurement that had something to do."""
        if not (outcome.taken or outcome.missed or outcome.failure):
            return
        if as_json:
            click.echo(msgspec.json.encode(_told(outcome)).decode())
        else:
            _render([outcome])

    with (
        staying(from_environment(), complain, works="measurement run") as here,
        ExitStack() as until_stopped,
    ):
        if not as_json:
            click.echo("measuring what falls due; SIGTERM or Ctrl-C ends it")

        def begin(tenant_id: int) -> Round:
            database, terms = here.app.database, _terms(here.app)
            looking = flow.watching(database, tenant_id, terms, here.stop, tell)
            look = until_stopped.enter_context(looking)
            return lambda: look().total_seconds()

        stay_at_work(here, "measurement run", begin)


def _told(outcome: Outcome) -> dict[str, Any]:
    failure = outcome.failure
    return outcome._asdict() | {"failure": None if failure is None else failure.as_dict()}


def _render(outcomes: list[Outcome]) -> None:
    if not outcomes:
        click.echo("nothing to measure")
    for outcome in outcomes:
        busy = "; somebody else is at it" if outcome.is_busy else ""
        if outcome.busy_until is not None:
            busy += f", until {instant_text(outcome.busy_until)} at the latest"
        missed = f", {outcome.missed:,} missed" if outcome.missed else ""
        conflicts = f", {counted(outcome.conflicts, 'conflict')}" if outcome.conflicts else ""
        click.echo(
            f"{outcome.key}: {counted(outcome.taken, 'interval')} measured{missed},"
            f" {counted(outcome.records, 'record')}{conflicts}{busy}"
        )
        if outcome.failure is not None:
            failure = outcome.failure
            click.secho(f"  failed: {failure.message} [{failure.code}]", fg="yellow")
            if failure.hint:
                click.echo(f"  → {suggested(failure.hint)}")
