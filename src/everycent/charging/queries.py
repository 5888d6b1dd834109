"""Look up attempts, runs, methods, and the audit trail of a payment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from everycent.charging import attempt as attempts
from everycent.charging import store
from everycent.charging.attempt import Stage, State
from everycent.charging.collectable import Candidate, candidate_of, reason_against
from everycent.charging.notice import Noted
from everycent.charging.run import SKIPPED, Progress, Run
from everycent.charging.status import PaymentState, PaymentStatus
from everycent.db.connection import Tx
from everycent.invoicing import queries as invoicing
from everycent.invoicing.invoice import name_of
from everycent.journal.types import decode
from everycent.kernel import ids
from everycent.kernel.errors import NotFound
from everycent.payments import payment as paid
from everycent.payments import queries as payments

_DUE_OR_NOT = ("paid", "under_way", "stopped", "waits")
"""What keeps an invoice back whether it is due or not."""

_TYPES = {one.name: one for one in attempts.TYPES}


class Step(NamedTuple):
    """A stage in the audit trail, with its event's name, place in its stream, and times."""

    reference: str
    version: int
    event: str
    at: datetime
    recorded_at: datetime
    stage: Stage


def trail(tx: Tx, invoice_id: UUID) -> list[Step]:
    """Every stage of every attempt to charge an invoice, in order of time."""
    return steps_of(tx, store.list_attempts(tx, invoice_id=invoice_id))


def steps_of(tx: Tx, stages: Sequence[Stage]) -> list[Step]:
    """Every stage of some attempts, in order of time."""
    streams = [attempts.stream(stage.attempt.attempt_id) for stage in stages]
    found = []
    for row in store.list_stages(tx, streams):
        stage: Stage = decode(_TYPES[row.type], row.schema_version, row.payload)
        found.append(
            Step(
                stage.attempt.reference, row.version, row.type.partition(".")[2], row.at,
                row.recorded_at, stage,
            )
        )  # fmt: skip
    return found


def attempts_of(tx: Tx, invoice_id: UUID) -> list[Stage]:
    """The attempts to charge an invoice as they stand, oldest first."""
    return store.list_attempts(tx, invoice_id=invoice_id)


def by_ids(tx: Tx, attempt_ids: Sequence[UUID]) -> list[Stage]:
    """Attempts by id, oldest first."""
    return store.list_attempts(tx, ids=attempt_ids)


def by_reference(tx: Tx, reference: str) -> Stage:
    """An attempt by our reference. Raises NotFound `payment_attempt.unknown`."""
    found = store.list_attempts(tx, references=[reference])
    if not found:
        raise NotFound(
            "payment_attempt.unknown",
            f"there is no attempt {reference!r}",
            field="attempt",
            value=reference,
            hint="`everycent payment trail INVOICE` lists those of an invoice",
        )
    return found[0]


def run(tx: Tx, name: str) -> Run:
    """A run by its id as people see it. Raises NotFound `collection.run_unknown`, Invalid
    `id.malformed`."""
    found = store.find_run(tx, ids.parse(ids.RUN, name, "run"))
    if found is None:
        raise NotFound(
            "collection.run_unknown",
            f"there is no collection run {name}",
            field="run",
            value=name,
            hint="list them with `everycent collect history`",
        )
    return found


def find_run(tx: Tx, run_id: UUID) -> Run | None:
    """A run by its id."""
    return store.find_run(tx, run_id)


def runs(
    tx: Tx, limit: int, *, is_open: bool | None = None, before: UUID | None = None
) -> list[Run]:
    """Runs, the newest first; with `is_open` only those that are open or paused, or only those that are
    over; those older than the run `before`."""
    return store.list_runs(tx, limit, is_open=is_open, before=before)


def progress(tx: Tx, run_id: UUID) -> Progress:
    """How far a run is: how many of its invoices are in which state, with which outcome."""
    states: dict[str, int] = {}
    outcomes: dict[str, int] = {}
    for state, outcome, count in store.list_progress(tx, run_id):
        states[state] = states.get(state, 0) + count
        if outcome:
            outcomes[outcome] = outcomes.get(outcome, 0) + count
    return Progress(states, outcomes)


def has_retries(tx: Tx, at: datetime, due_by: date, providers: Iterable[str]) -> bool:
    """Whether anything due by a day is to be tried again by then that these providers can charge."""
    return store.has_retries(tx, at, due_by, providers)


def find_by_reference(tx: Tx, reference: str) -> Stage | None:
    """An attempt by our reference."""
    return next(iter(store.list_attempts(tx, references=[reference])), None)


def of_charge(tx: Tx, provider: str, provider_id: str) -> Stage | None:
    """The attempt behind a provider's charge or refund."""
    return store.find_attempt_of_charge(tx, provider, provider_id)


def has_open(tx: Tx, provider: str, before: datetime) -> bool:
    """Whether anything was asked of a provider before then of which the outcome is open."""
    return store.has_open(tx, provider, before)


def is_provider(tx: Tx, name: str) -> bool:
    """Whether customers are charged through a provider of this name, or were."""
    return store.is_provider(tx, name)


def of_payment(tx: Tx, payment_id: UUID) -> list[Stage]:
    """The attempts to give a payment back, oldest first."""
    return store.list_attempts(tx, payment_id=payment_id)


def payment_states(
    tx: Tx,
    status: PaymentStatus | None = None,
    *,
    after: int = 0,
    offset: int = 0,
    limit: int = 100,
) -> list[PaymentState]:
    """Where invoices stand with their payment, in order of their numbers: those after a number, without the
    first `offset` of them; all, or those with a status."""
    return store.list_payment_states(tx, status, after, offset, limit)


def payment_state(tx: Tx, name: str) -> PaymentState:
    """Where a document stands, by its number or id. Raises NotFound `invoice.unknown`."""
    found = store.find_payment_state(tx, invoicing.document(tx, name).invoice_id)
    assert found is not None, "it was there before"
    return found


def unapplied(tx: Tx, customer_id: UUID, attempts: Sequence[Stage]) -> list[str]:
    """Payments that attempts brought and of which something pays nothing yet, as people see their ids."""
    brought = {stage.attempt.attempt_id for stage in attempts}
    return [
        ids.show(paid.PREFIX, held.payment.payment_id)
        for held in payments.of_customer(tx, customer_id, only_left=True)
        if held.payment.attempt_id in brought
    ]


def under_way(tx: Tx, invoice_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the invoices that are being charged, or of which the outcome is open."""
    return store.list_under_way(tx, invoice_ids)


def needing_attention(tx: Tx) -> list[Stage]:
    """Attempts about which something is open or wrong: the outcome is unknown, not what was asked for was
    taken, or the provider contradicted itself. Oldest first."""
    return store.list_needing_attention(tx)


def to_collect_since(tx: Tx) -> datetime | None:
    """Since when something is to be collected by the schedule: the instant of its last run, or, before the
    first one, the issue of the first invoice. None when nothing was ever issued."""
    return store.to_collect_since(tx)


def held(tx: Tx, invoice_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the invoices that somebody stopped, or of which money was taken back."""
    return store.list_held(tx, invoice_ids)


def unfollowed_notices(tx: Tx) -> list[Noted]:
    """What providers told that nobody could follow: a person has to look. Oldest first."""
    return store.list_unfollowed(tx)


class Stopped(NamedTuple):
    """An open invoice of which nothing is charged until somebody does something: `left` is open (minor
    units)."""

    invoice: str
    customer: str
    currency: str
    left: int
    due_on: date
    reason: str


def stopped(tx: Tx) -> list[Stopped]:
    """Open invoices that are stopped, by a rule or by hand, or held since money was taken back, or whose
    customer's last payment method was given up; those due first."""
    return [
        Stopped(
            name_of(row.series, row.number), row.customer, row.currency, row.open, row.due_on,
            row.reason,
        )
        for row in store.list_stopped(tx)
    ]  # fmt: skip


def work_list(tx: Tx, of: Run) -> list[Candidate]:
    """What is known of a run's invoices now, in the order in which it charges them."""
    listed = [row.invoice_id for row in store.list_items(tx, of.run_id, limit=None)]
    known = {row.invoice_id: row for row in store.list_to_collect(tx, listed, of.due_by)}
    return [candidate_of(known[invoice_id]) for invoice_id in listed]


class LeftOut(NamedTuple):
    """An invoice that a run did not charge, and why in a word."""

    invoice: str
    why: str


def skipped(tx: Tx, run_id: UUID, without: Sequence[str], limit: int) -> list[LeftOut]:
    """What a run skipped, in its order, but for these reasons."""
    rows = store.list_items(tx, run_id, states=[SKIPPED], without=without, limit=limit)
    return [LeftOut(name_of(row.series, row.number), row.outcome) for row in rows]


def left_out(
    tx: Tx, of: Run, invoice_ids: Sequence[UUID], at: datetime, providers: frozenset[str]
) -> list[LeftOut]:
    """Those of the invoices that are not on a run's list, and why not."""
    listed = {row.invoice_id for row in store.list_items(tx, of.run_id, ids=invoice_ids)}
    rest = [invoice_id for invoice_id in invoice_ids if invoice_id not in listed]
    found = []
    for row in store.list_to_collect(tx, rest, of.due_by):
        one = candidate_of(row)
        why = reason_against(one, at, providers)
        if why not in _DUE_OR_NOT and row.due_on > of.due_by:
            why = "not_due"
        found.append(LeftOut(one.invoice, why or "changed_meanwhile"))
    return sorted(found)


def whys(tx: Tx, references: Sequence[str]) -> dict[str, str]:
    """Why attempts stand where they do, by our references: the failure, and what is known beyond it."""
    found = store.list_attempts(tx, references=references) if references else []
    return {one.attempt.reference: _why(one.state) for one in found}


def _why(state: State) -> str:
    failure = str(state.failure or "")
    return state.why if failure in state.why else ": ".join(filter(None, (failure, state.why)))
