"""everycent payment trail, resolve, attention: what happened, and what a person has to decide."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click

from everycent.app import collecting
from everycent.app.time import of_database
from everycent.charging import attempt as attempts
from everycent.charging import queries
from everycent.charging.attempt import Evidence, Source, Stage
from everycent.charging.queries import Step, Stopped
from everycent.cli.common import (
    counted,
    emit,
    json_option,
    money,
    opened,
    positive_minor,
    suggested,
    table,
)
from everycent.debits import queries as debits
from everycent.flows.collect import decide
from everycent.invoicing import queries as invoicing
from everycent.kernel import ids
from everycent.kernel.errors import Invalid, Refusal
from everycent.kernel.period import instant_text
from everycent.payments import payment as paid
from everycent.payments import queries as payments
from everycent.payments.provider import Kind, Outcome
from everycent.payments.queries import Suspended

_NOBODYS = "nobody knows whose it is"
_SILENT = timedelta(days=7)
"""How long after the collection a bank is not missed."""


@click.command()
@click.argument("name", metavar="INVOICE|PAYMENT|ATTEMPT")
@json_option
def trail(name: str, as_json: bool) -> None:
    """Show every stage of every attempt to charge INVOICE, to give PAYMENT back, or of one ATTEMPT: when,
    by which worker, with what answer."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        if name.startswith(f"{paid.PREFIX}_"):
            held = payments.by_name(tx, name)
            steps = queries.steps_of(tx, queries.of_payment(tx, held.payment.payment_id))
        elif name.startswith(f"{attempts.PREFIX}_"):
            steps = queries.steps_of(tx, [queries.by_reference(tx, name)])
        else:
            found = invoicing.invoice(tx, name).invoice
            name = found.name
            steps = queries.trail(tx, found.invoice_id)
    emit([_data(step) for step in steps], as_json, lambda: _render(name, steps))


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
        parts.append(_source(told))
        parts.append(told.failure.value if told.failure else told.outcome.value)
        parts += [f"HTTP {told.status}"] if told.status else []
        parts += [told.code] if told.code else []
        parts += [told.provider_id] if told.provider_id else []
        if told.amount is not None:
            parts.append(_amount(told.amount, told.currency))
        parts += [f"{told.milliseconds} ms"] if told.milliseconds is not None else []
        parts += [told.reason] if told.reason else []
    elif step.event == "claimed":
        parts.append(f"{stage.attempt.provider}, attempt {stage.attempt.tries}")
    elif step.event == "succeeded" and stage.state.taken is not None:
        verb = "took" if stage.attempt.kind is Kind.CHARGE else "gave back"
        parts.append(f"{verb} {_amount(stage.state.taken, stage.state.taken_currency)}")
        parts += [stage.state.provider_id] if stage.state.provider_id else []
    if stage.state.why:
        parts.append(stage.state.why)
    return ", ".join(parts)


def _source(told: Evidence) -> str:
    """Where it comes from; what was asked and never answered is no response."""
    is_answered = told.status is not None or bool(told.raw)
    if told.source is Source.RESPONSE and not is_answered:
        return "no response"
    return told.source.value.replace("_", " ")


def _amount(minor: int, currency: str | None) -> str:
    """An amount as a provider says it, in a currency that it may have made up."""
    try:
        return money(minor, currency or "")
    except Refusal:
        return f"{minor} minor units of {currency or 'no currency'}"


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
    """List what is open or wrong about payments: unknown outcomes, mismatches, contradictions, invoices
    that are stopped, money of which nobody knows whose it is, direct debits of which nothing is heard."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        found = queries.needing_attention(tx)
        told = queries.unfollowed_notices(tx)
        silent = debits.silent(tx, app.clock().date() - _SILENT)
        stopped = queries.stopped(tx)
        suspended = payments.in_suspense(tx)
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
        + [file._asdict() for file in silent]
        + [
            {
                "stopped": one.invoice, "customer": one.customer, "open": one.left,
                "currency": one.currency, "due_on": one.due_on, "why": one.reason,
            }
            for one in stopped
        ]
        + [
            {
                "suspense": ids.show(paid.PREFIX, one.payment_id), "left": one.left,
                "currency": one.currency, "received_on": one.received_on, "account": one.provider,
                "reference": one.reference, "why": _NOBODYS,
            }
            for one in suspended
        ],
        as_json,
        lambda: _render_attention(found, stopped, suspended, is_told=bool(told or silent)),
    )  # fmt: skip


def _render_attention(
    found: list[Stage], stopped: list[Stopped], suspended: list[Suspended], *, is_told: bool
) -> None:
    if not (found or stopped or suspended or is_told):
        click.echo("nothing needs anybody")
    if found:
        table(
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
        )  # fmt: skip
        looks = [one.state.look_at for one in found if one.state.look_at is not None]
        if looks:
            next_at = instant_text(min(looks))[:19]
            click.echo(suggested(f"`everycent collect work` asks again, next at {next_at}"))
        what = "`everycent payment resolve ATTEMPT` says what became of one, with a reason"
        click.echo(suggested(what))
    if stopped:
        table(
            ["stopped", "customer", "due", ">open", "~why"],
            [
                [
                    one.invoice, one.customer, one.due_on.isoformat(), money(one.left, one.currency),
                    one.reason,
                ]
                for one in stopped
            ],
        )  # fmt: skip
        what = "`everycent payment requeue INVOICE` charges one again, `everycent payment method add` what"
        click.echo(suggested(f"{what} has no method"))
    if suspended:
        table(
            ["in suspense", "received", ">left", "account", "~reference"],
            [
                [
                    ids.show(paid.PREFIX, one.payment_id), one.received_on.isoformat(),
                    money(one.left, one.currency), one.provider, one.reference,
                ]
                for one in suspended
            ],
        )  # fmt: skip
        what = "`everycent payment assign PAYMENT CUSTOMER [INVOICE …]` says whose it is"
        click.echo(suggested(what))


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
