"""What people say about charging an invoice: charge it, stop, in parts; and what became of an attempt."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta

from everycent.api import money
from everycent.api.attempts import AttemptState, attempt_data
from everycent.api.operation import Asked, changing
from everycent.api.parameters import day
from everycent.api.payments import WRITE
from everycent.api.shapes import Amount, Body, Currency, Day, Name, Query, Reason, Shown
from everycent.app import collecting
from everycent.charging import operations_decisions as decisions
from everycent.charging import queries
from everycent.charging.attempt import Evidence, Source
from everycent.charging.instalments import Instalment
from everycent.charging.status import PaymentState, PaymentStatus
from everycent.db.connection import Tx
from everycent.flows.collect import decide
from everycent.invoicing import queries as invoicing
from everycent.kernel.errors import Invalid
from everycent.payments.amounts import positive_minor
from everycent.payments.provider import Outcome


class QueueState(Shown):
    """Where an invoice stands in the queue, and whether this changed it."""

    invoice: str
    status: PaymentStatus
    open: Amount
    currency: Currency
    retry_at: datetime | None
    is_stopped: bool
    has_method: bool
    reason: str
    changed: bool


class StopReason(Body):
    """Why an invoice is not to be charged."""

    reason: Reason


class AgreedPart(Shown):
    """A part of an invoice, and the day from which on it is charged."""

    due_on: Day
    amount: Amount


class NewInstalments(Body):
    """Parts that come to what is open."""

    parts: Annotated[list[AgreedPart], Meta(min_length=1, max_length=120)]
    reason: Annotated[str, Meta(max_length=500, description="What was agreed, with whom.")] = ""


class Instalments(Shown):
    """What was agreed about an invoice."""

    invoice: str
    currency: Currency
    parts: list[AgreedPart]


class Resolution(Body):
    """What became of an attempt: the provider's id of the charge, or that it was not charged."""

    reason: Annotated[Reason, Meta(description="How you know.")]
    charged: Annotated[Name | None, Meta(description="The provider's id of the charge.")] = None
    not_charged: Annotated[bool, Meta(description="It was not, and won't be.")] = False
    amount: Annotated[Amount | None, Meta(description="What was taken, where it is another.")] = (
        None
    )


def requeue_invoice(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """Puts an invoice in the queue. It is charged as if nothing had been tried, due or not."""
    found, is_new = decide.requeue_in(
        tx, asked.path["invoice"], at=asked.now, actor=asked.who.actor, ids=asked.app.ids
    )
    return _queued(found, is_new)


def stop_invoice(tx: Tx, asked: Asked[Query, StopReason]) -> dict[str, Any]:
    """Charges nothing for an invoice until it is put in the queue again."""
    found, is_new = decide.stop_in(
        tx, asked.path["invoice"], reason=asked.body.reason, at=asked.now, actor=asked.who.actor,
        ids=asked.app.ids,
    )  # fmt: skip
    return _queued(found, is_new)


def agree_instalments(tx: Tx, asked: Asked[Query, NewInstalments]) -> dict[str, Any]:
    """Charges an invoice in parts, each from its day on. They come to what is open; what is agreed last
    holds."""
    found = invoicing.invoice(tx, asked.path["invoice"]).invoice
    parts = [
        Instalment(day(one.due_on, "parts"), positive_minor(one.amount, found.currency, "parts"))
        for one in asked.body.parts
    ]
    agreed = decisions.agree(
        tx, found.invoice_id, parts, asked.body.reason, at=asked.now, actor=asked.who.actor,
        ids=asked.app.ids,
    )  # fmt: skip
    return {
        "invoice": agreed.invoice,
        "currency": found.currency,
        "parts": [
            {"due_on": one.due_on, "amount": money.amount(one.amount, found.currency)}
            for one in agreed.parts
        ],
    }


def resolve_attempt(tx: Tx, asked: Asked[Query, Resolution]) -> dict[str, Any]:
    """Says what became of an attempt, when nobody else can. Look it up in the provider's own books first:
    what is said is booked at once, and "not charged" makes way for another attempt."""
    told, name = asked.body, asked.path["attempt"]
    if (told.charged is not None) == told.not_charged:
        raise Invalid(
            "payment_attempt.charged_or_not",
            "say one of charged and not_charged",
            field="charged",
        )
    known = queries.by_reference(tx, name).attempt
    taken = known.amount
    if told.amount is not None:
        taken = positive_minor(told.amount, known.currency, "amount")
    said = Evidence(Source.PERSON, Outcome.ABSENT, said_by=asked.who.actor, reason=told.reason)
    if told.charged is not None:
        said = Evidence(
            Source.PERSON, Outcome.DONE, None, told.charged, known.reference, taken, known.currency,
            said_by=asked.who.actor, reason=told.reason,
        )  # fmt: skip
    at: datetime = tx.value("select clock_timestamp()")  # senders have their times from there too
    after = decide.resolve_in(
        tx, name, said, collecting.terms_in(tx, asked.app.settings), at=at, actor=asked.who.actor,
        ids=asked.app.ids,
    )  # fmt: skip
    return attempt_data(after)


_INVOICE = "/v1/invoices/{invoice}"
_ATTEMPT = "/v1/payment-attempts/{attempt}"
OPERATIONS = [
    changing(
        "POST",
        f"{_ATTEMPT}/resolve",
        WRITE,
        resolve_attempt,
        AttemptState,
        Resolution,
        is_planned=True,
    ),
    changing("POST", f"{_INVOICE}/requeue", WRITE, requeue_invoice, QueueState),
    changing("POST", f"{_INVOICE}/stop", WRITE, stop_invoice, QueueState, StopReason),
    changing(
        "PUT", f"{_INVOICE}/instalments", WRITE, agree_instalments, Instalments, NewInstalments
    ),
]


def _queued(found: PaymentState, is_new: bool) -> dict[str, Any]:
    return {
        "invoice": found.invoice,
        "status": found.status,
        "open": money.amount(found.left, found.currency),
        "currency": found.currency,
        "retry_at": money.instant_or_none(found.retry_at),
        "is_stopped": found.is_stopped,
        "has_method": found.has_method,
        "reason": found.reason,
        "changed": is_new,
    }
