"""everycent erp: hand documents over to the ERP, and see where they stand there."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

import click

from everycent.app import erps, rounds
from everycent.app.settings import from_environment
from everycent.app.staying import stay_at_work, staying
from everycent.cli.common import complain, counted, emit, json_option, money, opened, table
from everycent.erp import operations, queries
from everycent.erp.handed import Status
from everycent.erp.operations import Writer
from everycent.erp.queries import Standing, Step
from everycent.flows import erp_compare
from everycent.flows.erp_alarms import differ
from everycent.flows.erp_told import (
    answer_data,
    batch_data,
    compared_data,
    document_data,
    status_data,
    step_data,
)
from everycent.flows.hand_over import hand_over
from everycent.invoicing import queries as invoicing
from everycent.invoicing.invoice import name_of
from everycent.kernel.period import instant_text


@click.group()
def erp() -> None:
    """Hand every final invoice and credit note over to the ERP, once, and prove that it has them."""


@erp.command()
@click.option("--once", is_flag=True, help="Do what can be done now, and end.")
@json_option
def work(once: bool, as_json: bool) -> None:
    """Work until stopped: hand over what is final, ask about what is acknowledged, and try again what went
    wrong. Run it on as many machines as you like."""
    counts: Counter[str] = Counter()
    if once:
        with opened() as (app, tenant_id):
            counts.update(hand_over(erps.desk(app, tenant_id)))
    else:
        found = from_environment()
        erps.needed(found)  # what is wrong with it is said before anything is waited for
        with staying(found, complain, works="erp work") as here:
            stay_at_work(here, "erp work", rounds.handing_over(here, counts))
    emit(dict(counts), as_json, lambda: click.echo(_said(counts)))


@erp.command()
@json_option
def status(as_json: bool) -> None:
    """Say how many documents stand where, and which are in trouble."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        name = erps.name(app.settings)
        counts = queries.counts(tx, name)
        trouble = queries.stuck(tx, name, 20)
    data = status_data(name, counts, trouble)

    def render() -> None:
        if not counts:
            click.echo(f"nothing was handed over to {name} yet")
            return
        table(
            [name, ">documents", ">in trouble", "next"],
            [
                [row.status, f"{row.documents:,}", f"{row.in_trouble:,}", _second(row.next_at)]
                for row in counts
            ],
        )
        if trouble:
            table(
                ["in trouble", "state", ">tries", "next", "~what is wrong"],
                [
                    [
                        one.reference, one.state.status.value, str(one.state.tries),
                        _second(one.state.next_at), _wrong(one),
                    ]
                    for one in trouble
                ],
            )  # fmt: skip

    emit(data, as_json, render)


@erp.command("list")
@click.option("--state", type=click.Choice([one.value for one in Status]))
@click.option("--limit", default=100, show_default=True, type=click.IntRange(min=1))
@json_option
def list_(state: str | None, limit: int, as_json: bool) -> None:
    """List documents that were handed over, in order of their batches."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        found = queries.listed(tx, erps.name(app.settings), status=state, limit=limit)
    columns = ["document", "~customer", "issued", ">amount", ">batch", "state", "id in the ERP"]
    emit(
        [document_data(one) for one in found],
        as_json,
        lambda: table(columns, list(map(_row, found))),
    )


@erp.command()
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1))
@json_option
def batches(limit: int, as_json: bool) -> None:
    """List batches, the newest first, with what they come to."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        found = queries.batches(tx, erps.name(app.settings), limit)
    data = [batch_data(one) for one in found]
    rows = [
        [
            str(one.number), instant_text(one.at)[:19], f"{one.documents:,}",
            ", ".join(f"{total.gross} {total.currency}" for total in one.totals), one.digest[:16],
        ]
        for one in found
    ]  # fmt: skip
    columns = [">batch", "made", ">documents", ">gross", "digest"]
    emit(data, as_json, lambda: table(columns, rows))


@erp.command()
@click.argument("name", metavar="DOCUMENT")
@json_option
def trail(name: str, as_json: bool) -> None:
    """Show the way of DOCUMENT (such as INV-000042) into the ERP: every answer, and what was wrong with
    it."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        row = invoicing.document(tx, name)
        name = name_of(row.series, row.number)
        standing = queries.of_document(tx, erps.name(app.settings), row.invoice_id, name)
        steps = queries.trail(tx, standing)
    data = [step_data(step) for step in steps]

    def render() -> None:
        click.echo(f"{name} ({standing.reference}), batch {standing.batch_no}")
        columns = ["when", "event", "then it is", "~what was said", "answer"]
        table(columns, [_step(step) for step in steps])

    emit(data, as_json, render)


@erp.command()
@click.argument("answer_id", metavar="ANSWER", type=click.UUID)
@json_option
def answer(answer_id: Any, as_json: bool) -> None:
    """Show ANSWER word for word, as the ERP gave it."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        found = queries.answer(tx, answer_id)
    data = answer_data(found)
    head = (
        f"{found.what}, {instant_text(found.at)}, HTTP {found.status or '-'} {found.why}".rstrip()
    )
    shown = "".join(char if char.isprintable() or char in "\n\t" else "?" for char in data["raw"])
    emit(data, as_json, lambda: click.echo(f"{head}\n\n{shown}"))


@erp.command()
@click.argument("name", metavar="DOCUMENT")
@click.option("--reason", required=True, help="Why it will go well this time.")
@json_option
def requeue(name: str, reason: str, as_json: bool) -> None:
    """Hand DOCUMENT over anew, which the ERP has refused or which was tried too often."""
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        row = invoicing.document(tx, name)
        name = name_of(row.series, row.number)
        writer = Writer(erps.name(app.settings), app.clock(), app.settings.actor, app.ids)
        state = operations.requeue(tx, writer, row.invoice_id, name, reason)
    data = {"document": name, "state": state.status.value}
    emit(data, as_json, lambda: click.echo(f"{name} is handed over anew"))


@erp.command()
@json_option
def compare(as_json: bool) -> None:
    """Compare all that the ERP has with all that it was told; what it has lost is handed over again."""
    with opened() as (app, tenant_id):
        found = erp_compare.compare(erps.desk(app, tenant_id))
    data = compared_data(found)

    def render() -> None:
        here, there = counted(found.here, "document"), counted(found.there, "document")
        click.echo(f"{here} here, {there} in {found.erp}")
        if not found.findings:
            click.echo("nothing is lost, doubled, changed or unknown")
            return
        table(
            ["document", "finding", "~here, and in the ERP"],
            [[one.reference, one.what.value, differ(one.differences)] for one in found.findings],
        )

    emit(data, as_json, render)
    if found.findings:
        raise SystemExit(3)


def _said(counts: Counter[str]) -> str:
    if not counts:
        return "nothing was to be done"
    return ", ".join(f"{n:,} {what}" for what, n in counts.most_common())


def _row(one: Standing) -> list[str]:
    return [
        one.reference, one.customer, one.issued_on.isoformat(), money(one.gross, one.currency),
        str(one.batch_no), one.state.status.value, one.state.bill or "",
    ]  # fmt: skip


def _step(step: Step) -> list[str]:
    said = "; ".join(
        part
        for part in (
            step.state.bill or "",
            "" if step.state.trouble is None else str(step.state.trouble),
            step.state.reason,
            differ(step.state.differences),
        )
        if part
    )
    shown = "" if step.answer_id is None else str(step.answer_id)
    return [instant_text(step.at)[:23], step.event, step.state.status.value, said, shown]


def _wrong(one: Standing) -> str:
    trouble = "" if one.state.trouble is None else str(one.state.trouble)
    parts = (trouble, one.state.reason, differ(one.state.differences))
    return ": ".join(part for part in parts if part)


def _second(at: datetime | None) -> str:
    return "" if at is None else instant_text(at)[:19]
