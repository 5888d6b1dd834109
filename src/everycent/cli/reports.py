"""everycent report: pull what sub-services say was used, and see what became of it."""

from __future__ import annotations

import json
import threading
from collections import Counter
from datetime import datetime
from typing import Any

import click

from everycent.app import reporting, rounds
from everycent.app.settings import from_environment
from everycent.app.staying import stay_at_work, staying
from everycent.cli import reports_asked
from everycent.cli.common import (
    complain,
    console,
    counted,
    emit,
    json_option,
    opened,
    suggested,
    table,
)
from everycent.flows import build_report
from everycent.flows.build_report import Comparison, OnPulled, Outcome
from everycent.flows.report_alarms import told
from everycent.flows.report_told import (
    answer_data,
    compared_data,
    line_data,
    outcome_data,
    report_data,
    state_data,
    step_data,
)
from everycent.kernel.period import instant_text
from everycent.kernel.quantity import shown
from everycent.reports import queries
from everycent.reports.changes import Change
from everycent.reports.contract import Call, Sum, json_schema
from everycent.reports.queries import Report, State, Step
from everycent.reports.report import Built, Compared, Refused

_EXITS = {"built": 0, "there": 0, "refused": 3, "elsewhere": 4}


@click.group()
def report() -> None:
    """Reports: what all sub-services say was used in a period. Complete, or there is none; frozen, and what
    invoices are made from."""


@report.command()
@click.option("--period", required=True, help="Such as 2026-01, or 2026-01-15 for reports by day.")
@json_option
def build(period: str, as_json: bool) -> None:
    """Pull the report of a period from every sub-service of the active configuration. Exits with 3 when one
    of them is wrong in any way: there is no report then."""
    with opened() as (app, tenant_id):
        outcome = _with_bars(
            lambda on_pulled: build_report.build(reporting.desk(app, tenant_id), period, on_pulled)
        )
        with app.database.snapshot(tenant_id) as tx:
            found = queries.find(tx, period)
    emit(outcome_data(outcome, found), as_json, lambda: render_outcome(outcome, found))
    if _EXITS[outcome.what]:
        raise SystemExit(_EXITS[outcome.what])


@report.command()
@click.option("--once", is_flag=True, help="Build what can be built now, and end.")
@json_option
def work(once: bool, as_json: bool) -> None:
    """Work until stopped: build every report whose period is over, in order, and try again what was
    refused. Run it on as many machines as you like."""
    counts: Counter[str] = Counter()
    if once:
        with opened() as (app, tenant_id):
            outcomes = build_report.build_due(reporting.desk(app, tenant_id))
        data = [outcome_data(one, None) for one in outcomes]
        emit(data, as_json, lambda: _render_outcomes(outcomes))
        if any(one.what == "refused" for one in outcomes):
            raise SystemExit(3)
        return
    with staying(from_environment(), complain, works="report work") as here:
        stay_at_work(here, "report work", rounds.reports(here, counts))
    emit(dict(counts), as_json, lambda: click.echo(f"{counts['built']:,} reports built"))


@report.command("list")
@click.option("--limit", default=24, show_default=True, type=click.IntRange(min=1))
@json_option
def list_(limit: int, as_json: bool) -> None:
    """List periods, the newest first, with where each stands."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        states = queries.states(tx, limit=limit)
        reports = {one.name: queries.find(tx, one.name) for one in states}
    data = [state_data(one, reports[one.name]) for one in states]
    rows = [_row(one, reports[one.name]) for one in states]
    columns = ["period", "state", "configuration", ">tries", ">lines", "since", "~what is wrong"]
    emit(data, as_json, lambda: table(columns, rows))


@report.command()
@click.argument("period")
@click.option("--customer", metavar="KEY", help="Only the lines of this customer.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(min=1))
@json_option
def show(period: str, customer: str | None, limit: int, as_json: bool) -> None:
    """Show the report of PERIOD: what each sub-service gave, and the lines."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        found = queries.get(tx, period)
        lines = queries.lines(tx, period, customer, limit)
    data = report_data(found) | {"rows": [line_data(row) for row in lines]}

    def render() -> None:
        render_report(found)
        columns = [
            "sub-service", ">line", "~customer", "~resource", "item", ">used", ">included",
            ">billable", "unit", ">billed as", "~meter",
        ]  # fmt: skip
        rows = [
            [
                row.service, str(row.line_no), row.customer, row.resource, row.item, shown(row.used),
                shown(row.included), shown(row.billable), row.unit, shown(row.value), row.meter,
            ]
            for row in lines
        ]  # fmt: skip
        table(columns, rows)
        if len(lines) == limit:
            click.echo(f"the first {limit:,}; --limit shows more")

    emit(data, as_json, render)


@report.command()
@click.argument("period")
@json_option
def trail(period: str, as_json: bool) -> None:
    """Show everything that happened on the way to the report of PERIOD: every attempt and why it failed."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        steps = queries.trail(tx, period)
    data = [step_data(step) for step in steps]
    rows = [
        [instant_text(step.at)[:19], step.event.partition(".")[2], step.actor, line]
        for step in steps
        for line in _step(step)
    ]
    emit(data, as_json, lambda: table(["when", "event", "by", "~what"], rows))


@report.command()
@click.argument("answer_id", metavar="ANSWER", type=click.UUID)
@json_option
def answer(answer_id: Any, as_json: bool) -> None:
    """Show ANSWER word for word, as a sub-service gave it and as it could not be believed."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        found = queries.answer(tx, answer_id)
    data = answer_data(found)
    head = f"{found.service} /{found.call}, {instant_text(found.at)}, HTTP {found.status or '-'}"
    seen = "".join(char if char.isprintable() or char in "\n\t" else "?" for char in data["raw"])
    emit(data, as_json, lambda: click.echo(f"{head}\n\n{seen}"))


@report.command()
@click.argument("period")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(min=1))
@json_option
def compare(period: str, limit: int, as_json: bool) -> None:
    """Pull the report of PERIOD again and say what differs now, line by line. The report stays as it is;
    exits with 3 when something differs, or could not be compared."""
    with opened() as (app, tenant_id):
        found = _with_bars(
            lambda on_pulled: build_report.compare(
                reporting.desk(app, tenant_id), period, on_pulled
            )
        )
    emit(compared_data(found), as_json, lambda: _render_compared(found, limit))
    if found.told.differing or found.told.problems:
        raise SystemExit(3)


report.add_command(reports_asked.events)
report.add_command(reports_asked.usage)
report.add_command(reports_asked.chart)
report.add_command(reports_asked.resources)


@report.command()
def contract() -> None:
    """Print the JSON Schema of what sub-services answer (docs/sub-services.md)."""
    click.echo(json.dumps(json_schema(), indent=2))


def _with_bars(action: Any) -> Any:
    """Does it with a line per sub-service that says how far it is."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    bar = Progress(
        TextColumn("{task.description}"), BarColumn(pulse_style="cyan"),
        TextColumn("{task.fields[rows]:,} rows"), TimeElapsedColumn(), console=console(),
        transient=True,
    )  # fmt: skip
    tasks: dict[tuple[str, Call], Any] = {}
    lock = threading.Lock()

    def on_pulled(service: str, call: Call, rows: int) -> None:
        with lock:
            if (service, call) not in tasks:
                tasks[service, call] = bar.add_task(f"{service} {call}", total=None, rows=0)
            bar.update(tasks[service, call], rows=rows)

    called: OnPulled = on_pulled
    with bar:
        return action(called)


def _render_outcomes(outcomes: list[Outcome]) -> None:
    for one in outcomes:
        render_outcome(one, None)


def render_outcome(outcome: Outcome, found: Report | None) -> None:
    """What came of building a report, for people."""
    if outcome.what == "elsewhere":
        click.echo(f"{outcome.name}: somebody else pulls it right now")
    elif outcome.what == "there":
        click.echo(f"{outcome.name}: the report is there already")
    elif outcome.what == "built":
        click.echo(f"{outcome.name}: the report is complete")
    else:
        click.echo(f"{outcome.name}: there is no report")
        table(
            ["sub-service", "asked", "trouble", "~what is wrong"],
            [[one.service, one.call, one.trouble, one.what] for one in outcome.problems],
        )
        trail = suggested(f"everycent report trail {outcome.name}")
        click.echo(f"nothing is billed from it; it is pulled as a whole again: {trail}")
    if found is not None:
        render_report(found)


def render_report(found: Report) -> None:
    """A report by its parts, for people."""
    click.echo(
        f"{found.name} under {found.config}: {counted(found.lines, 'line')},"
        f" {counted(found.billed, 'usage record')}, {found.digest[:16]}"
    )
    table(
        ["sub-service", ">resources", ">lines", "item", ">used", ">included", ">billable", "unit"],
        [
            [
                part.service, f"{part.resources:,}", f"{part.lines:,}", one.item, shown(one.used),
                shown(one.included), shown(one.billable), one.unit,
            ]
            for part in found.parts
            for one in part.sums or [Sum("nothing", "", "0", "0", "0")]
        ],
    )  # fmt: skip


def _render_compared(found: Comparison, limit: int) -> None:
    compared = found.told
    if not compared.differing and not compared.problems:
        click.echo(f"{compared.name}: every sub-service says the same as when it was built")
    otherwise = {one.service for one in found.changes}
    for service in compared.differing:
        click.echo(f"{compared.name}: {service} says something else now; the report stands")
        if service not in otherwise:
            click.echo("  its lines are as they were; what it says of its resources is not")
    for problem in compared.problems:
        click.echo(f"{compared.name}: {told(problem)}")
    if found.changes:
        columns = [
            "sub-service", "~customer", "~resource", "item", "", ">used", ">included", ">billable",
            ">events", "last used",
        ]  # fmt: skip
        table(columns, [row for one in found.changes[:limit] for row in _then_and_now(one)])
    if len(found.changes) > limit:
        click.echo(
            f"the first {limit:,} of {counted(len(found.changes), 'line')}; --limit shows more"
        )


def _then_and_now(one: Change) -> list[list[str]]:
    of = [one.service, one.customer, one.resource, one.item]
    return [
        [*of, when, "no line", "", "", "", ""]
        if line is None
        else [
            *of, when, *map(shown, (line.used, line.included, line.billable)), f"{line.events:,}",
            line.at,
        ]
        for when, line in (("then", one.then), ("now", one.now))
    ]  # fmt: skip


def _row(one: State, found: Report | None) -> list[str]:
    wrong = "; ".join(told(problem) for problem in one.problems)
    lines = "" if found is None else f"{found.lines:,}"
    return [
        one.name, one.status, one.config, str(one.tries), lines, _second(one.changed_at), wrong,
    ]  # fmt: skip


def _step(step: Step) -> list[str]:
    payload = step.payload
    if isinstance(payload, Refused):
        evidence = [
            told(one) + (f" (answer {one.evidence})" if one.evidence else "")
            for one in payload.problems
        ]
        return [*evidence, f"try {payload.tries}; next {_second(payload.next_at)}"]
    if isinstance(payload, Built):
        lines = sum(part.lines for part in payload.parts)
        return [f"{counted(lines, 'line')} under {payload.config}, {payload.digest[:16]}"]
    if isinstance(payload, Compared):
        wrong = [f"{one} says something else" for one in payload.differing]
        return [*wrong, *map(told, payload.problems)] or ["nothing differs"]
    return [f"try {payload.tries} under {payload.config}"]


def _second(at: datetime) -> str:
    return instant_text(at)[:19]
