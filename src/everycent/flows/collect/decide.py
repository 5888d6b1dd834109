"""Decide: what people say about attempts and invoices: what became of a payment, charge it again, stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from everycent.charging import course, queries
from everycent.charging import operations as charging
from everycent.charging import operations_decisions as decisions
from everycent.charging.attempt import FINAL, NOBODY, By, Evidence, Stage, Status
from everycent.charging.course import Terms
from everycent.charging.decided import REQUEUED, STOPPED, Decided, requeued, stopped
from everycent.charging.operations import ID_OF_ANOTHER, Heard, TermsOf
from everycent.charging.operations_writing import Writer
from everycent.charging.status import PaymentState
from everycent.db.connection import Database, Tx
from everycent.invoicing import operations as invoicing
from everycent.journal.types import EventType
from everycent.kernel.errors import Conflict
from everycent.kernel.ids import IdSource
from everycent.kernel.period import instant_text
from everycent.payments.provider import Outcome


def resolve(
    database: Database,
    tenant_id: int,
    reference: str,
    said: Evidence,
    terms_of: TermsOf,
    *,
    at: datetime,
    actor: str,
    ids: IdSource,
) -> Stage:
    """What a person has found out about an attempt, in a transaction of its own. Raises as `resolve_in`."""
    with database.transaction(tenant_id) as tx:
        return resolve_in(tx, reference, said, terms_of, at=at, actor=actor, ids=ids)


def resolve_in(
    tx: Tx,
    reference: str,
    said: Evidence,
    terms_of: TermsOf,
    *,
    at: datetime,
    actor: str,
    ids: IdSource,
) -> Stage:
    """What a person has found out about an attempt, with the reason: money moved, or it did not. It is
    booked at once. That it did not counts only when what was sent can't be charged any more.

    Raises NotFound `payment_attempt.unknown`, Conflict `payment_attempt.settled` when nothing is open about
    it, `payment_attempt.may_still_charge`, `payment_attempt.of_another`."""
    stage = queries.by_reference(tx, reference)
    if stage.state.status in (Status.SUCCEEDED, Status.CLAIMED, Status.SENDING):
        raise Conflict(
            "payment_attempt.settled",
            f"nothing is open about {reference}: it is {stage.state.status}",
            field="attempt",
            value=reference,
            hint="see `everycent payment trail`",
        )
    if said.outcome is Outcome.ABSENT:
        _check_over(stage, terms_of(stage.attempt), at)
    writer = Writer(By(NOBODY, actor), actor, at, ids)
    (after,) = charging.hear(tx, [Heard(stage, said)], terms_of, writer)
    _check_heard(after, said)
    if after.state.status is Status.ANSWERED:
        (after,) = charging.book(tx, [after], writer) or [after]
    return after


def _check_heard(after: Stage, said: Evidence) -> None:
    """That money moved, and under an id that is another attempt's, is no evidence about this one."""
    heard = after.evidence
    if said.outcome is Outcome.DONE and heard is not None and heard.code == ID_OF_ANOTHER:
        raise Conflict(
            "payment_attempt.of_another",
            f"{said.provider_id} is what another attempt was charged by",
            field="charged",
            value=said.provider_id,
            hint="look the reference of this one up in the provider's pages",
        )


def _check_over(stage: Stage, terms: Terms, at: datetime) -> None:
    """A person who looked too early has seen nothing and knows nothing."""
    since = course.absent_counts_from(stage, terms)
    if stage.state.status not in FINAL and (since is None or at < since):
        until = "as long as it is being sent" if since is None else f"until {instant_text(since)}"
        raise Conflict(
            "payment_attempt.may_still_charge",
            f"{stage.attempt.reference} may still be charged {until}",
            field="not_charged",
            hint="look into the provider's books after that, and say it then",
        )


def requeue(
    database: Database, tenant_id: int, name: str, *, at: datetime, actor: str, ids: IdSource
) -> tuple[PaymentState, bool]:
    """Puts an invoice in the queue again, in a transaction of its own. Raises as `requeue_in`."""
    with database.transaction(tenant_id) as tx:
        return requeue_in(tx, name, at=at, actor=actor, ids=ids)


def requeue_in(
    tx: Tx, name: str, *, at: datetime, actor: str, ids: IdSource
) -> tuple[PaymentState, bool]:
    """Puts an invoice in the queue again, as if nothing had been tried: it is charged from now on, whether
    it is due or not. Returns where it stands then, and whether it was not in the queue already.

    Raises NotFound `invoice.unknown`, Conflict `collection.paid`, `collection.under_way`,
    `collection.nothing_open`, `collection.money_came`."""

    def decide(tx: Tx, found: PaymentState, attempts: Sequence[Stage]) -> Decided | None:
        unapplied = queries.unapplied(tx, found.customer_id, attempts)
        return requeued(found, attempts, unapplied, at)

    return _decided(tx, name, REQUEUED, decide, at, actor, ids)


def stop(
    database: Database,
    tenant_id: int,
    name: str,
    *,
    reason: str,
    at: datetime,
    actor: str,
    ids: IdSource,
) -> tuple[PaymentState, bool]:
    """Stops the charging of an invoice, in a transaction of its own. Raises as `stop_in`."""
    with database.transaction(tenant_id) as tx:
        return stop_in(tx, name, reason=reason, at=at, actor=actor, ids=ids)


def stop_in(
    tx: Tx, name: str, *, reason: str, at: datetime, actor: str, ids: IdSource
) -> tuple[PaymentState, bool]:
    """Charges nothing for an invoice until somebody puts it in the queue again. Returns where it stands
    then, and whether it was not stopped by hand already.

    Raises NotFound `invoice.unknown`, Invalid `collection.no_reason`, Conflict `collection.paid`,
    `collection.under_way`, `collection.nothing_open`."""

    def decide(_: Tx, found: PaymentState, attempts: Sequence[Stage]) -> Decided | None:
        return stopped(found, attempts, reason)

    return _decided(tx, name, STOPPED, decide, at, actor, ids)


def _decided(
    tx: Tx,
    name: str,
    kind: EventType,
    decide: Callable[[Tx, PaymentState, Sequence[Stage]], Decided | None],
    at: datetime,
    actor: str,
    ids: IdSource,
) -> tuple[PaymentState, bool]:
    """Decides under the lock of the invoice, under which it is claimed too."""
    invoice_id = queries.payment_state(tx, name).invoice_id
    invoicing.lock_open(tx, [invoice_id])
    found = queries.payment_state(tx, name)
    told = decide(tx, found, queries.attempts_of(tx, invoice_id))
    if told is None:
        return found, False
    decisions.decide(tx, kind, told, at=at, actor=actor, ids=ids)
    return queries.payment_state(tx, name), True
