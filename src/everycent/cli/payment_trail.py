"""everycent payment trail, resolve, attention: what happened, and what a person has to decide."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click

from everycent.app import collecting
from everycent.app.time import of_database
from everycent.charging import queries
from everycent.charging.attempt import Evidence, Source, Stage
from everycent.charging.queries import Step
from everycent.cli.common import counted, emit, json_option, money, opened, positive_minor, table
from everycent.debits import queries as debits
from everycent.flows.collect import decide
from everycent.invoicing import queries as invoicing
from everycent.kernel.errors import Invalid
from everycent.kernel.period import instant_text
from everycent.payments.provider import Outcome

_SILENT = timedelta(days=7)
"""How long after the collection a bank is not missed."""


@click.command()
@click.argument("invoice")
@json_option
def trail(invoice: str, as_json: bool) -> None:
    """Show every stage of every attempt to charge INVOICE: when, by which worker, with what answer."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        found = invoicing.invoice(tx, invoice).invoice
        steps = queries.trail(tx, found.invoice_id)
    emit([_data(step) for step in steps], as_json, lambda: _render(found.name, steps))


def _render(name: str, steps: list[Step]) -> None:
    if not steps:
        click.echo(f"nothing was tried for {name}")
        return
    attempt = ""
    rows = []
    for step in steps:
        a, s = step.stage.attempt, step.stage.state
        is_first = a.reference != attempt
        attempt = a.reference
        rows.append(
            [
                a.reference if is_first else "", instant_text(step.recorded_at)[:23], step.event,
                s.status.value, f"{s.by.worker} #{s.by.fence}", _said(step),
            ]
        )  # fmt: skip
    click.echo(f"{name}: {money(steps[0].stage.attempt.amount, steps[0].stage.attempt.currency)}")
    table(["attempt", "when", "stage", "then it is", "by", "~what was said"], rows)


def _said(step: Step) -> str:
    stage = step.stage
    parts = []
    if stage.evidence is not None:
        told = stage.evidence
        parts.append(told.source.value.replace("_", " "))
        parts.append(told.failure.value if told.failure else told.outcome.value)
        parts += [f"HTTP {told.status}"] if told.status else []
        parts += [told.code] if told.code else []
        parts += [f"{told.milliseconds} ms"] if told.milliseconds is not None else []
        parts += [told.reason] if told.reason else []
    elif step.event == "claimed":
        parts.append(f"{stage.attempt.provider}, attempt {stage.attempt.tries}")
    if stage.state.why:
        parts.append(stage.state.why)
    return ", ".join(parts)


def _data(step: Step) -> dict[str, Any]:
    stage = step.stage
    told = stage.evidence
    return {
        "attempt": step.reference,
        "version": step.version,
        "stage": step.event,
        "status": stage.state.status.value,
        "at": step.at,
        "recorded_at": step.recorded_at,
        "worker": stage.state.by.worker,
        "fence": stage.state.by.fence,
        "provider": stage.attempt.provider,
        "amount": stage.attempt.amount,
        "currency": stage.attempt.currency,
        "failure": None if stage.state.failure is None else stage.state.failure.value,
        "why": stage.state.why or None,
        "retry_at": stage.state.retry_at,
        "look_at": stage.state.look_at,
        "evidence": None
        if told is None
        else {
            "source": told.source.value, "outcome": told.outcome.value,
            "failure": None if told.failure is None else told.failure.value,
            "provider_id": told.provider_id, "amount": told.amount, "currency": told.currency,
            "code": told.code, "status": told.status, "milliseconds": told.milliseconds,
            "reason": told.reason, "said_by": told.said_by, "raw": told.raw, "digest": told.digest,
        },
    }  # fmt: skip


@click.command()
@click.argument("attempt")
@click.option("--charged", metavar="ID", help="It was charged: the provider's id of the charge.")
@click.option("--amount", help="What was taken, when it is not what was asked for.")
@click.option("--not-charged", is_flag=True, help="It was not charged, and won't be.")
@click.option("--reason", required=True, help="How you know.")
@json_option
def resolve(
    attempt: str,
    charged: str | None,
    amount: str | None,
    not_charged: bool,
    reason: str,
    as_json: bool,
) -> None:
    """Say what became of ATTEMPT, when nobody else can: look it up in the provider's own books first.

    What you say is booked at once. "Not charged" makes way for another attempt: make sure.
    """
    if bool(charged) == not_charged:
        raise Invalid(
            "payment_attempt.charged_or_not",
            "say one of --charged ID and --not-charged",
            field="charged",
        )
    with opened() as (app, tenant_id):
        with app.database.snapshot(tenant_id) as tx:
            known = queries.by_reference(tx, attempt).attempt
        taken = known.amount
        if amount is not None:
            taken = positive_minor(amount, known.currency, "amount")
        who = app.settings.actor
        said = Evidence(Source.PERSON, Outcome.ABSENT, said_by=who, reason=reason)
        if charged:
            said = Evidence(
                Source.PERSON, Outcome.DONE, None, charged, known.reference, taken,
                known.currency, said_by=who, reason=reason,
            )  # fmt: skip
        after = decide.resolve(
            app.database, tenant_id, attempt, said, collecting.terms_of(app, tenant_id),
            at=of_database(app.database, tenant_id)(), actor=who, ids=app.ids,
        )  # fmt: skip
    emit(
        _stage(after),
        as_json,
        lambda: click.echo(f"{attempt} is {after.state.status}: {after.state.why or 'booked'}"),
    )


@click.command()
@json_option
def attention(as_json: bool) -> None:
    """List what is open or wrong about payments: unknown outcomes, mismatches, contradictions, direct
    debits of which the bank says nothing."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        found = queries.needing_attention(tx)
        told = queries.unfollowed_notices(tx)
        silent = debits.silent(tx, app.clock().date() - _SILENT)
    for file in [] if as_json else silent:
        click.secho(
            f"{file.message_id} to {file.account}: nothing is heard of {counted(file.pending, 'debit')}"
            f" since {file.first_on}",
            fg="yellow",
        )
    for one in [] if as_json else told:
        click.secho(
            f"{one.provider} told {one.notice_id} ({one.kind} of {one.charge}): {one.effect}",
            fg="yellow",
        )
    emit(
        [_stage(one) for one in found]
        + [
            {
                "notice": one.notice_id, "provider": one.provider, "kind": one.kind,
                "charge": one.charge, "amount": one.said.amount, "currency": one.said.currency,
                "why": one.effect,
            }
            for one in told
        ]
        + [file._asdict() for file in silent],
        as_json,
        lambda: table(
            ["attempt", "invoice", ">amount", "is", "since", "~why"],
            [
                [
                    one.attempt.reference, one.attempt.invoice or "refund",
                    money(one.attempt.amount, one.attempt.currency), _state(one),
                    instant_text(one.state.sent_at or one.state.claimed_at)[:19],
                    one.state.why or (one.state.failure.value if one.state.failure else ""),
                ]
                for one in found
            ],
        )
        if found
        else click.echo("" if told or silent else "nothing needs anybody"),
    )  # fmt: skip


def _state(one: Stage) -> str:
    return "contradicted" if one.state.is_contradicted else one.state.status.value


def _stage(one: Stage) -> dict[str, Any]:
    return {
        "attempt": one.attempt.reference,
        "invoice": one.attempt.invoice,
        "amount": one.attempt.amount,
        "currency": one.attempt.currency,
        "status": one.state.status.value,
        "is_contradicted": one.state.is_contradicted,
        "failure": None if one.state.failure is None else one.state.failure.value,
        "since": one.state.sent_at or one.state.claimed_at,
        "look_at": one.state.look_at,
        "why": one.state.why or None,
    }
