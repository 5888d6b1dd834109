"""How charging goes: the trail of attempts, what needs somebody, and what people say about it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta

from everycent.api import money
from everycent.api.operation import Asked, reading
from everycent.api.payments import READ
from everycent.api.shapes import (
    Amount,
    Currency,
    Page,
    Paged,
    Query,
    Shown,
)
from everycent.charging import queries
from everycent.charging.attempt import Evidence, Source, Stage, Status
from everycent.charging.queries import Step
from everycent.db.connection import Tx
from everycent.debits import queries as debits
from everycent.invoicing import queries as invoicing
from everycent.kernel import ids
from everycent.kernel.errors import Refusal
from everycent.kernel.money import Money, plain
from everycent.kernel.period import instant_text
from everycent.payments import payment as paid
from everycent.payments import queries as payments
from everycent.payments.failure import Failure
from everycent.payments.provider import Outcome

_SILENT = timedelta(days=7)
"""How long after the collection a bank is not missed."""


class AttemptEvidence(Shown):
    """What was said about an attempt, as it came. Its amount is null in a currency that nobody has."""

    source: Source
    outcome: Outcome
    failure: Failure | None
    provider_id: str | None
    amount: Amount | None
    currency: str | None
    code: str | None
    status: Annotated[int | None, Meta(description="That of the HTTP answer.")]
    milliseconds: int | None
    reason: str | None
    said_by: str | None
    raw: str
    digest: str


class AttemptStage(Shown):
    """A stage of an attempt: when, by which worker, with what answer."""

    attempt: str
    version: int
    stage: str
    status: Status
    at: datetime
    recorded_at: datetime
    worker: str
    fence: int
    provider: str
    amount: Amount
    currency: Currency
    failure: Failure | None
    why: str | None
    retry_at: datetime | None
    look_at: datetime | None
    evidence: AttemptEvidence | None


class AttemptState(Shown):
    """An attempt as it stands."""

    attempt: str
    invoice: str | None
    amount: Amount
    currency: Currency
    status: Status
    is_contradicted: bool
    failure: Failure | None
    since: datetime
    look_at: datetime | None
    why: str | None


class NoticeToFollow(Shown):
    """What a provider told and nobody could follow."""

    notice: str
    provider: str
    kind: str
    charge: str
    why: str


class SilentFile(Shown):
    """A file of direct debits of which nothing is heard."""

    message_id: str
    account: str
    pending: int
    first_on: date


class StoppedInvoice(Shown):
    """An open invoice of which nothing is charged."""

    invoice: str
    customer: str
    open: Amount
    currency: Currency
    due_on: date
    why: str


class InSuspense(Shown):
    """Money of which nobody knows whose it is."""

    payment: str
    left: Amount
    currency: Currency
    received_on: date
    account: str
    reference: str


class Attention(Shown):
    """All that is open or wrong about payments."""

    attempts: list[AttemptState]
    notices: list[NoticeToFollow]
    silent_files: list[SilentFile]
    stopped: list[StoppedInvoice]
    in_suspense: list[InSuspense]


def get_invoice_trail(tx: Tx, asked: Asked[Paged, None]) -> Page[dict[str, Any]]:
    """Every stage of every attempt to charge an invoice, in order of time."""
    found = invoicing.invoice(tx, asked.path["invoice"]).invoice
    return _steps(asked, queries.trail(tx, found.invoice_id))


def get_payment_trail(tx: Tx, asked: Asked[Paged, None]) -> Page[dict[str, Any]]:
    """Every stage of every attempt to give a payment back, in order of time."""
    held = payments.by_name(tx, asked.path["payment"])
    return _steps(asked, queries.steps_of(tx, queries.of_payment(tx, held.payment.payment_id)))


def get_attempt(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """One attempt as it stands."""
    return attempt_data(queries.by_reference(tx, asked.path["attempt"]))


def get_attempt_trail(tx: Tx, asked: Asked[Paged, None]) -> Page[dict[str, Any]]:
    """Every stage of one attempt, in order of time."""
    return _steps(asked, queries.steps_of(tx, [queries.by_reference(tx, asked.path["attempt"])]))


def get_attention(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """What is open or wrong about payments: unknown outcomes, mismatches, contradictions, invoices that are
    stopped, money of which nobody knows whose it is, direct debits of which nothing is heard."""
    silent = debits.silent(tx, asked.now.date() - _SILENT)
    return {
        "attempts": [attempt_data(one) for one in queries.needing_attention(tx)],
        "notices": [
            {
                "notice": one.notice_id,
                "provider": one.provider,
                "kind": one.kind,
                "charge": one.charge,
                "why": one.effect,
            }
            for one in queries.unfollowed_notices(tx)
        ],
        "silent_files": [one._asdict() for one in silent],
        "stopped": [
            {
                "invoice": one.invoice,
                "customer": one.customer,
                "open": money.amount(one.left, one.currency),
                "currency": one.currency,
                "due_on": one.due_on,
                "why": one.reason,
            }
            for one in queries.stopped(tx)
        ],
        "in_suspense": suspended(tx),
    }


_INVOICE = "/v1/invoices/{invoice}"
_ATTEMPT = "/v1/payment-attempts/{attempt}"
OPERATIONS = [
    reading("/v1/payments/attention", READ, get_attention, Attention),
    reading(f"{_INVOICE}/trail", READ, get_invoice_trail, Page[AttemptStage], Paged),
    reading("/v1/payments/{payment}/trail", READ, get_payment_trail, Page[AttemptStage], Paged),
    reading(_ATTEMPT, READ, get_attempt, AttemptState),
    reading(f"{_ATTEMPT}/trail", READ, get_attempt_trail, Page[AttemptStage], Paged),
]


def suspended(
    tx: Tx, *, after: tuple[date, UUID] | None = None, limit: int = 1000
) -> list[dict[str, Any]]:
    """Money that waits until somebody says whose it is."""
    return [
        {
            "payment": ids.show(paid.PREFIX, one.payment_id),
            "left": money.amount(one.left, one.currency),
            "currency": one.currency,
            "received_on": one.received_on,
            "account": one.provider,
            "reference": one.reference,
        }
        for one in payments.in_suspense(tx, after=after, limit=limit)
    ]


def _steps(asked: Asked[Paged, None], found: list[Step]) -> Page[dict[str, Any]]:
    return asked.part([_step(one) for one in found])


def _step(step: Step) -> dict[str, Any]:
    stage, told = step.stage, step.stage.evidence
    return {
        "attempt": step.reference,
        "version": step.version,
        "stage": step.event,
        "status": stage.state.status,
        "at": instant_text(step.at),
        "recorded_at": instant_text(step.recorded_at),
        "worker": stage.state.by.worker,
        "fence": stage.state.by.fence,
        "provider": stage.attempt.provider,
        "amount": money.amount(stage.attempt.amount, stage.attempt.currency),
        "currency": stage.attempt.currency,
        "failure": stage.state.failure,
        "why": stage.state.why or None,
        "retry_at": money.instant_or_none(stage.state.retry_at),
        "look_at": money.instant_or_none(stage.state.look_at),
        "evidence": None if told is None else _evidence(told),
    }


def _evidence(told: Evidence) -> dict[str, Any]:
    return {
        "source": told.source,
        "outcome": told.outcome,
        "failure": told.failure,
        "provider_id": told.provider_id,
        "amount": _amount(told.amount, told.currency),
        "currency": told.currency,
        "code": told.code,
        "status": told.status,
        "milliseconds": told.milliseconds,
        "reason": told.reason,
        "said_by": told.said_by,
        "raw": told.raw,
        "digest": told.digest,
    }


def _amount(minor: int | None, currency: str | None) -> str | None:
    """An amount as a provider says it, in a currency that it may have made up."""
    try:
        return None if minor is None else plain(Money(minor, currency or ""))
    except Refusal:
        return None


def attempt_data(one: Stage) -> dict[str, Any]:
    """An attempt as it stands."""
    return {
        "attempt": one.attempt.reference,
        "invoice": one.attempt.invoice,
        "amount": money.amount(one.attempt.amount, one.attempt.currency),
        "currency": one.attempt.currency,
        "status": one.state.status,
        "is_contradicted": one.state.is_contradicted,
        "failure": one.state.failure,
        "since": instant_text(one.state.sent_at or one.state.claimed_at),
        "look_at": money.instant_or_none(one.state.look_at),
        "why": one.state.why or None,
    }
