"""everycent collect: charge what is due, once, and look at runs."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections import Counter

import click
import psycopg
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from everycent.app import collecting, processes, providers
from everycent.app.settings import from_environment
from everycent.app.staying import staying
from everycent.charging import operations_runs as running
from everycent.charging import queries
from everycent.charging.collectable import BY_DEBIT
from everycent.charging.queries import LeftOut
from everycent.charging.run import ABORTED, OPEN, PAUSED, Run
from everycent.charging.run import Progress as RunProgress
from everycent.charging.shown import run_data
from everycent.cli.common import (
    complain,
    console,
    counted,
    emit,
    instant,
    json_option,
    opened,
    suggested,
    table,
)
from everycent.flows.collect import start, work
from everycent.flows.collect.desk import Desk
from everycent.flows.collect.work import Stop
from everycent.invoicing import queries as invoicing
from everycent.kernel import ids
from everycent.kernel.calendar import zone as known_zone
from everycent.kernel.errors import Unavailable
from everycent.kernel.period import instant_text

_SHOWN_SECONDS = 0.5
_MOST_TOLD = 20
_FINE = ("paid", BY_DEBIT)
_WHY = {
    "paid": "paid: nothing is open of it",
    "under_way": "under_way: it is being charged, or the outcome of an attempt is open (payment trail)",
    "not_due": "not_due: nothing of it is due by that day (--due-by)",
    "stopped": "stopped: nothing is charged until somebody requeues it (payment attention)",
    "waits": "waits: it is tried again later",
    "no_method": "no_method: the customer has none that could be charged (payment method add)",
    "no_provider": "no_provider: the provider of its method is not set up in providers.yaml",
    BY_DEBIT: "by_debit: it is collected by direct debit (payment debits write)",
    "changed_meanwhile": "changed_meanwhile: something about it changed in this moment; run it again",
    "stale": "stale: it was paid, changed or stopped after the run had taken it up",
    "aborted": "aborted: the run was ended before it came to it",
}
"""Why an invoice was passed over, for people."""


@click.group()
def collect() -> None:
    """Charge what is due, once, whatever breaks."""


@collect.command()
@click.argument("invoices", nargs=-1)
@click.option("--due-by", help="Charge what is due by this day; by today when not given.")
@click.option("--zone", default="UTC", show_default=True, help="Whose day --due-by is.")
@json_option
def run(invoices: tuple[str, ...], due_by: str | None, zone: str, as_json: bool) -> None:
    """Charge everything that is due (or INVOICES alone), and wait until it is through.

    Any number of these may run at once, on any number of machines: nothing is charged twice. One that is
    broken off is gone on with by the next one.
    """
    known_zone(zone)
    with opened() as (app, tenant_id):
        desk = collecting.desk(app, tenant_id)
        until = instant(due_by, zone, app.clock(), "due_by")
        wanted = None
        if invoices:
            with app.database.snapshot(tenant_id) as tx:
                wanted = [invoicing.invoice(tx, name).invoice.invoice_id for name in invoices]
        current = start.on_demand(desk, due_by=until, time_zone=zone, invoices=wanted)
        with app.database.snapshot(tenant_id) as tx:
            left = queries.left_out(tx, current, wanted or [], desk.clock(), desk.names)
        ended_by = collecting.run(_worked(desk, current))
        done = start.progress(desk, current.run_id)
        with app.database.snapshot(tenant_id) as tx:
            current = queries.find_run(tx, current.run_id) or current
            skipped = queries.skipped(tx, current.run_id, _FINE, _MOST_TOLD)
    more = {
        "left_out": [one._asdict() for one in left],
        "skipped": [one._asdict() for one in skipped],
    }
    emit(run_data(current, done) | more, as_json, lambda: _render_run(current, done, left, skipped))
    if ended_by is not None:
        raise click.Abort
    reasons = {*done.outcomes, *(one.why for one in left)} - {"succeeded", *_FINE}
    if reasons or done.through < done.total:
        sys.exit(3)


async def _worked(desk: Desk, current: Run) -> int | None:
    """Works on the run until it is through; the signal that ended it before, if one did."""
    stop = Stop()
    asked = _stopped_by(stop)
    bar = Progress(
        TextColumn("charging"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[said]}"),
        TimeElapsedColumn(),
        console=console(),
        disable=not sys.stderr.isatty(),
    )
    with bar, work.alive(desk):
        showing = asyncio.create_task(_show(bar, desk, current)) if not bar.disable else None
        await work.on_run(desk, current.run_id, processes.is_gone, stop)
        if showing is not None:
            showing.cancel()
            _draw(bar, start.progress(desk, current.run_id))
        for provider in desk.providers.values():
            await provider.close()
    return asked[0] if asked else None


def _stopped_by(stop: Stop) -> list[int]:
    """Lets SIGTERM and Ctrl-C ask to stop; those that came stand in the list."""
    asked: list[int] = []

    def ask(number: int) -> None:
        asked.append(number)
        stop.ask()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask, number)
    return asked


async def _show(bar: Progress, desk: Desk, current: Run) -> None:
    """Shows how far the run is, whichever process does the work, and also what it skips."""
    bar.add_task("charging", total=None, said="")
    while True:
        with contextlib.suppress(psycopg.OperationalError, Unavailable):  # shown when it is back
            _draw(bar, await asyncio.to_thread(start.progress, desk, current.run_id))
        await asyncio.sleep(_SHOWN_SECONDS)


def _draw(bar: Progress, done: RunProgress) -> None:
    for task in bar.tasks:
        said = _outcomes(done, 3)
        bar.update(task.id, total=done.total, completed=done.through, said=said)


@collect.command(name="work")
@click.option("--once", is_flag=True, help="Do what can be done now, and end.")
@json_option
def work_command(once: bool, as_json: bool) -> None:
    """Work until stopped: open the runs of the schedule, charge, try again what is to be tried again, and
    ask about outcomes that are unknown. Run it on as many machines as you like."""
    counts: Counter[str] = Counter()
    if once:
        with opened() as (app, tenant_id):
            desk = collecting.desk(app, tenant_id)
            asked = collecting.run(_worked_once(desk, counts))
    else:
        found = from_environment()
        providers.needed(found)  # what is wrong with them is said before anything is waited for
        with staying(found, complain, works="collect work") as here:
            collecting.stay(here, counts)
            asked = here.asked
    emit(dict(counts), as_json, lambda: click.echo(_said(counts)))
    if asked and asked[0] == signal.SIGINT:
        raise click.Abort


async def _worked_once(desk: Desk, counts: Counter[str]) -> list[int]:
    stop = Stop()
    asked = _stopped_by(stop)
    with work.alive(desk):
        await work.on_schedule(
            desk, processes.is_gone, stop, counts, is_once=True, on_clash=_tell_clash
        )
        for provider in desk.providers.values():
            await provider.close()
    return asked


def _tell_clash(error: Exception) -> None:
    first = str(error).strip().splitlines()[0]
    click.echo(f"the database is away or busy, trying again: {first}", err=True)


@collect.command()
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1))
@json_option
def history(limit: int, as_json: bool) -> None:
    """List runs, the newest first."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        runs = queries.runs(tx, limit)
        done = {one.run_id: queries.progress(tx, one.run_id) for one in runs}
    emit(
        [run_data(one, done[one.run_id]) for one in runs],
        as_json,
        lambda: table(
            ["run", "kind", "due by", "started", "state", ">invoices", ">through", "~outcomes"],
            [
                [
                    ids.show(ids.RUN, one.run_id), one.kind.value, one.due_by.isoformat(),
                    instant_text(one.started_at)[:19], one.state, f"{done[one.run_id].total:,}",
                    f"{done[one.run_id].through:,}", _outcomes(done[one.run_id]),
                ]
                for one in runs
            ],
        ),
    )  # fmt: skip


@collect.command()
@click.argument("run_id")
@json_option
def progress(run_id: str, as_json: bool) -> None:
    """Say how far a run is: its invoices by state and by what became of them."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        current = queries.run(tx, run_id)
        done = queries.progress(tx, current.run_id)
    emit(run_data(current, done), as_json, lambda: _render(current, done))


def _switch(run_id: str, to: str, as_json: bool) -> None:
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        current = running.switch_run(tx, queries.run(tx, run_id), to, app.clock())
        done = queries.progress(tx, current.run_id)

    def show() -> None:
        _render(current, done)
        if to == OPEN and done.through < done.total:
            click.echo(suggested("`everycent collect work` goes on with it"))

    emit(run_data(current, done), as_json, show)


@collect.command()
@click.argument("run_id")
@json_option
def pause(run_id: str, as_json: bool) -> None:
    """Begin nothing new of a run; what is under way comes to its end. Another run may charge the same
    invoices."""
    _switch(run_id, PAUSED, as_json)


@collect.command()
@click.argument("run_id")
@json_option
def resume(run_id: str, as_json: bool) -> None:
    """Go on with a run that was paused; `everycent collect work` takes it up."""
    _switch(run_id, OPEN, as_json)


@collect.command()
@click.argument("run_id")
@json_option
def abort(run_id: str, as_json: bool) -> None:
    """End a run: what waits is not charged, what is under way comes to its end."""
    _switch(run_id, ABORTED, as_json)


def _render_run(
    current: Run, done: RunProgress, left: list[LeftOut], skipped: list[LeftOut]
) -> None:
    _render(current, done)
    if left or skipped:
        told = [[one.invoice, _WHY.get(one.why, one.why)] for one in (*left, *skipped)]
        table(["not charged", "~why"], told)
    passed_over = {what: n for what, n in done.outcomes.items() if what in _WHY.keys() - _FINE}
    more = sum(passed_over.values()) - len(skipped)
    if more > 0:
        click.echo(f"and {counted(more, 'more invoice')} for such reasons")


def _render(current: Run, done: RunProgress) -> None:
    name = ids.show(ids.RUN, current.run_id)
    click.echo(
        f"{name}: {counted(done.total, 'invoice')} due by {current.due_by},"
        f" {done.through:,} through"
    )
    if done.outcomes:
        found = sorted(done.outcomes.items(), key=lambda item: -item[1])
        table(["what became of them", ">invoices"], [[what, f"{n:,}"] for what, n in found])
    waiting = done.total - done.through
    if waiting:
        click.secho(f"{counted(waiting, 'invoice')} still to do", fg="yellow")
    if current.state == PAUSED:
        again = suggested(f"`everycent collect resume {name}`")
        click.secho(f"the run is paused: {again} goes on with it", fg="yellow")
    if current.state == ABORTED:
        click.secho("the run was aborted", fg="yellow")


def _outcomes(done: RunProgress, most: int | None = None) -> str:
    found = sorted(done.outcomes.items(), key=lambda item: -item[1])[:most]
    return ", ".join(f"{n:,} {what}" for what, n in found)


def _said(counts: Counter[str]) -> str:
    if not counts:
        return "nothing was to be done"
    return ", ".join(f"{n:,} {what}" for what, n in counts.most_common())
