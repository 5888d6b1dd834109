"""The stages of an attempt, each in the caller's transaction and in batches: claim, begin to send, write
down what was said, book, take over from who died.

Every one locks what it decides about, decides by pure functions and records events. None of them speaks
to a provider: no call is ever made inside a transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import msgspec

from everycent.charging import course, projection, store
from everycent.charging import operations_refunds as refunds
from everycent.charging import operations_writing as writing
from everycent.charging.attempt import (
    ANSWERED,
    CANCELLED,
    CLAIMED,
    LOST,
    SENDING,
    SUCCEEDED,
    Attempt,
    Evidence,
    Source,
    Stage,
    State,
    Status,
)
from everycent.charging.collectable import Candidate, attempt_for, candidate_of, reason_against
from everycent.charging.course import Terms
from everycent.charging.operations_writing import Writer
from everycent.charging.policy import Then
from everycent.charging.run import CLAIMED as ITEM_CLAIMED
from everycent.charging.run import DONE, SKIPPED, WAITING, Mark
from everycent.db.connection import AWAY, Tx
from everycent.invoicing import operations as invoicing
from everycent.invoicing.settlement import Open
from everycent.journal import operations as journal
from everycent.journal.event import Draft
from everycent.journal.types import EventType
from everycent.methods import operations as methods
from everycent.payments import payment as paid
from everycent.payments.failure import Failure
from everycent.payments.payment import Moved, Part
from everycent.payments.provider import Kind, Outcome

_LOG = logging.getLogger("everycent.collect")
TermsOf = Callable[[Attempt], Terms]
"""By which promises of its provider and which policy an attempt is dealt with."""


ID_OF_ANOTHER = "id_of_another"
"""The code of evidence that names a charge of another attempt."""


class Heard(NamedTuple):
    """Evidence about an attempt that was at `stage` when it came. `is_over`: from the sender itself, which
    sends nothing any more."""

    stage: Stage
    said: Evidence
    is_over: bool = False


def take(tx: Tx, run_id: UUID, limit: int, without: Sequence[str] = ()) -> list[UUID]:
    """S0: takes up to so many waiting invoices of the run; nobody else does until the transaction ends.
    Those that would be charged through some providers are passed over."""
    return store.take_items(tx, run_id, limit, without)


def claim(
    tx: Tx, run_id: UUID, taken: Sequence[UUID], providers: frozenset[str], writer: Writer
) -> list[Stage]:
    """S1: writes down the attempts to charge invoices that were taken, and returns them; what may not be
    charged is skipped."""
    stages = []
    marks = []
    run = store.find_run(tx, run_id)
    for one in [] if run is None else candidates(tx, taken, run.due_by):
        against = reason_against(one, writer.at, providers)
        if against is not None:
            marks.append(Mark(one.invoice_id, SKIPPED, against))
            continue
        attempt = attempt_for(one, writer.ids(f"attempt/{one.invoice}/{one.made + 1}"), run_id)
        stages.append(course.claimed(attempt, writer.by, writer.at))
        marks.append(Mark(one.invoice_id, ITEM_CLAIMED, None, attempt.attempt_id))
    writing.record(tx, [(CLAIMED, stage) for stage in stages], writer)
    store.mark_items(tx, run_id, marks)
    return stages


def candidates(tx: Tx, invoice_ids: Sequence[UUID], due_by: date) -> list[Candidate]:
    """What is known of invoices that may be charged for what is due by a day, by id. They are locked."""
    if not invoice_ids:
        return []
    invoicing.lock_open(tx, invoice_ids)
    return [candidate_of(row) for row in store.list_to_collect(tx, invoice_ids, due_by)]


def begin_sending(
    tx: Tx,
    stages: Sequence[Stage],
    most: int,
    patience: timedelta,
    writer: Writer,
    over: Sequence[UUID] = (),
) -> tuple[list[Stage], list[Stage]]:
    """S2: from the commit of this on requests to a provider may be under way, at most so many over all
    processes; those of the attempts `over` are not any more. Returns those that are to be sent within
    `patience` from now, and those for which there is no place yet. A claim that was taken over, or whose
    invoice is no longer open for that much, is in neither."""
    free = writing.places(tx, stages[0].attempt.provider, most, over)
    later = list(stages[free:])
    known = writing.locked(tx, stages[:free])
    writer = writing.not_before(writer, known)
    opens = {
        one.document_id: one
        for one in invoicing.lock_open(
            tx, [s.attempt.invoice_id for s in known if s.attempt.invoice_id is not None]
        )
    }
    off = store.called_off(tx, [stage.attempt.attempt_id for stage in known])
    out: list[Stage] = []
    held: list[Stage] = []
    drafts: list[tuple[EventType, Stage]] = []
    for stage in known:
        if stage.state.by.worker_id != writer.by.worker_id:
            continue
        if stage.state.status is not Status.CLAIMED:
            continue
        if off.get(stage.attempt.attempt_id) is False:
            held.append(stage)
            continue
        if not _is_still_wanted(stage.attempt, opens, off):
            gone = course.cancelled(stage, writer.by, writer.at, "paid or changed since the claim")
            drafts.append((CANCELLED, gone))
            continue
        begun = course.sending(stage, writer.by, writer.at, writer.at + patience)
        drafts.append((SENDING, begun))
        out.append(begun)
    writing.record(tx, drafts, writer)
    _mark(tx, [stage for kind, stage in drafts if kind is CANCELLED])
    if held:
        give_back(tx, held, writer)
    return out, later


def send_again(
    tx: Tx,
    stages: Sequence[Stage],
    patience: timedelta,
    terms_of: TermsOf,
    writer: Writer,
    over: Sequence[UUID] = (),
) -> list[Stage]:
    """S2 once more, for unknown outcomes at a provider that charges a reference once and still remembers
    it: the very same request. Returns those that are to be sent; for those without a place it is as
    before."""
    again: list[Stage] = []
    alone: list[Stage] = []
    free = {}
    for name, attempt in sorted(
        {stage.attempt.provider: stage.attempt for stage in stages}.items()
    ):
        free[name] = writing.places(tx, name, terms_of(attempt).traits.concurrency, over)
    known = writing.locked(tx, stages)
    writer = writing.not_before(writer, known)
    documents = [s.attempt.invoice_id for s in known if s.attempt.invoice_id is not None]
    opens = {one.document_id: one for one in invoicing.lock_open(tx, documents)}
    off = store.called_off(tx, [stage.attempt.attempt_id for stage in known])
    for stage in known:
        name = stage.attempt.provider
        terms = terms_of(stage.attempt)
        if stage.state.status is not Status.UNKNOWN:
            continue
        if not course.may_send_again(stage, writer.at, terms):
            if not terms.traits.looks_up:
                alone.append(
                    course.left_alone(stage, writer.by, writer.at, terms, "it may not be any more")
                )
            continue
        if not _is_still_wanted(stage.attempt, opens, off):
            why = "paid, changed or stopped since"
            alone.append(course.left_alone(stage, writer.by, writer.at, terms, why))
            continue
        free[name] -= 1
        if free[name] >= 0:
            again.append(course.sending(stage, writer.by, writer.at, writer.at + patience))
    writing.record(tx, [(SENDING, stage) for stage in again], writer)
    writing.record(tx, [(LOST, stage) for stage in alone], writer)
    return again


def give_back(tx: Tx, stages: Sequence[Stage], writer: Writer) -> None:
    """Calls claims of this process off that were not sent: their invoices go back on the list."""
    known = writing.locked(tx, stages)
    writer = writing.not_before(writer, known)
    called_off = [
        course.cancelled(stage, writer.by, writer.at, "given back")
        for stage in known
        if stage.state.status is Status.CLAIMED and stage.state.by.worker_id == writer.by.worker_id
    ]
    writing.record(tx, [(CANCELLED, stage) for stage in called_off], writer)
    _mark(tx, called_off, cancelled_to=WAITING)


def _is_still_wanted(
    attempt: Attempt, opens: Mapping[UUID, Open], off: Mapping[UUID, bool]
) -> bool:
    """Whether what was decided at the claim still holds: as much is open, nobody stopped it, no evidence of
    money came meanwhile, and the method was not taken away."""
    if off.get(attempt.attempt_id, False):
        return False
    if attempt.invoice_id is None:
        return True
    found = opens[attempt.invoice_id]
    return (found.step, found.left) == (attempt.step, attempt.left)


def hear(tx: Tx, heard: Sequence[Heard], terms_of: TermsOf, writer: Writer) -> list[Stage]:
    """S7: writes down what was said about attempts, word for word, and what follows from it. Evidence that
    says nothing new is not written. Returns the attempts as they stand now."""
    known = {
        stage.attempt.attempt_id: stage
        for stage in writing.locked(tx, [one.stage for one in heard])
    }
    writer = writing.not_before(writer, known.values())
    drafts = []
    owners = store.find_owners(
        tx, [one.said.provider_id for one in heard if one.said.provider_id is not None]
    )
    for one in heard:
        stage = known[one.stage.attempt.attempt_id]
        said = _of_nobody_else(one.said, stage.attempt, owners)
        terms = terms_of(stage.attempt)
        is_sender = one.stage.state.by == stage.state.by and one.said.source is Source.RESPONSE
        after = course.heard(
            stage, said, writer.by, writer.at, terms,
            is_sender=is_sender, is_over=is_sender and one.is_over,
        )  # fmt: skip
        if after is not None:
            drafts.append((ANSWERED, after))
            known[stage.attempt.attempt_id] = after
    writing.record(tx, drafts, writer)
    changed = [stage for _, stage in drafts]
    _give_up_methods(tx, changed, terms_of, writer)
    refunds.settle(tx, changed, writer)
    _mark(tx, changed)
    return list(known.values())


def _of_nobody_else(
    said: Evidence, attempt: Attempt, owners: Mapping[tuple[str, str], UUID]
) -> Evidence:
    """Evidence in which the provider's id is not that of another attempt: a charge is one attempt's."""
    owner = owners.get((attempt.provider, said.provider_id or ""))
    if said.outcome is not Outcome.DONE or owner in (None, attempt.attempt_id):
        return said
    return msgspec.structs.replace(
        said, outcome=Outcome.UNKNOWN, failure=Failure.REFERENCE_MISMATCH, code=ID_OF_ANOTHER
    )


def not_sent(
    tx: Tx, stages: Sequence[Stage], failure: Failure, terms_of: TermsOf, writer: Writer
) -> list[Stage]:
    """Attempts that were about to be sent, and of which this process knows that nothing left it."""
    drafts = []
    known = writing.locked(tx, stages)
    writer = writing.not_before(writer, known)
    for stage in known:
        terms = terms_of(stage.attempt)
        is_mine = stage.state.by.worker_id == writer.by.worker_id
        if is_mine and stage.state.status is Status.SENDING:
            if stage.state.sends > 1:
                after = course.lost(stage, writer.by, writer.at, terms, is_proven=True)
            else:
                after = course.unsent(stage, writer.by, writer.at, failure, terms)
            drafts.append((ANSWERED, after))
    writing.record(tx, drafts, writer)
    changed = [stage for _, stage in drafts]
    refunds.settle(tx, changed, writer)
    _mark(tx, changed)
    return changed


def lose(tx: Tx, stages: Sequence[Stage], terms_of: TermsOf, writer: Writer) -> list[Stage]:
    """Attempts that this process sent, and of which it knows no more: nothing of it is under way, so that
    it sends nothing any more, and what became of them is unknown."""
    drafts = []
    known = writing.locked(tx, stages)
    writer = writing.not_before(writer, known)
    for stage in known:
        terms = terms_of(stage.attempt)
        is_mine = stage.state.by.worker_id == writer.by.worker_id
        if is_mine and stage.state.status is Status.SENDING:
            after = course.lost(stage, writer.by, writer.at, terms, is_proven=True)
            drafts.append((LOST, after))
    writing.record(tx, drafts, writer)
    changed = [stage for _, stage in drafts]
    _mark(tx, changed)
    return changed


def take_over(
    tx: Tx, workers: Sequence[UUID], terms_of: TermsOf, writer: Writer, *, is_proven: bool
) -> list[Stage]:
    """Ends what processes that are gone have left: a claim was provably not sent and is called off, its
    invoice goes back on the list; what may have been sent is unknown from here on."""
    drafts: list[tuple[EventType, Stage]] = []
    left = store.lock_attempts_of(tx, workers)
    writer = writing.not_before(writer, left)
    for stage in left:
        if stage.state.status is Status.CLAIMED:
            why = f"{stage.state.by.worker} is gone"
            drafts.append((CANCELLED, course.cancelled(stage, writer.by, writer.at, why)))
            continue
        terms = terms_of(stage.attempt)
        after = course.lost(stage, writer.by, writer.at, terms, is_proven=is_proven)
        drafts.append((LOST, after))
    writing.record(tx, drafts, writer)
    changed = [stage for _, stage in drafts]
    _mark(tx, changed, cancelled_to=WAITING)
    return changed


def unbooked(tx: Tx, after: UUID | None, limit: int) -> list[Stage]:
    """Answered attempts that nobody has booked, in the order of their ids: those after one."""
    return store.lock_unbooked(tx, after, limit)


def book(tx: Tx, stages: Sequence[Stage], writer: Writer) -> list[Stage]:
    """S8: books answered attempts: the payment, what it pays, the ledger entry; or what went back. Nothing
    but what is stored is needed. Returns those that have succeeded now, also where somebody else was first:
    one that the database refuses stays answered, and needs a person."""
    found = writing.locked(tx, stages)
    answered = [one for one in found if one.state.status is Status.ANSWERED]
    before = [one for one in found if one.state.status is Status.SUCCEEDED]
    try:
        with tx.savepoint():
            return [*before, *_booked(tx, answered, writer)]
    except AWAY:
        raise
    except Exception:  # noqa: BLE001 - one that can't be booked stops none of the others
        if len(answered) <= 1:
            _LOG.exception("%s can't be booked", answered[0].attempt.reference)
            return before
    return [*before, *(done for stage in answered for done in book(tx, [stage], writer))]


def _booked(tx: Tx, answered: Sequence[Stage], writer: Writer) -> list[Stage]:
    writer = writing.not_before(writer, answered)
    done = [
        refunds.book(tx, stage, writer) for stage in answered if stage.attempt.kind is Kind.REFUND
    ]
    answered = [stage for stage in answered if stage.attempt.kind is Kind.CHARGE]
    documents = sorted({s.attempt.invoice_id for s in answered if s.attempt.invoice_id is not None})
    opens = {one.document_id: one for one in invoicing.lock_open(tx, documents)}
    drafts: list[Draft] = []
    for stage in answered:
        after = course.succeeded(stage, writer.by, writer.at)
        drafts.append(_payment(stage, opens, writer))
        drafts.append(writing.draft(SUCCEEDED, after, writer))
        done.append(after)
    journal.record(tx, drafts, writer.at, projection.any_of)
    _mark(tx, done)
    return done


def _payment(stage: Stage, opens: dict[UUID, Open], writer: Writer) -> Draft:
    """The payment that an answered charge brought. It pays its invoice as far as that is open; where the
    provider contradicted itself, or took another currency, it pays nothing until a person says so."""
    attempt, state = stage.attempt, stage.state
    assert state.taken is not None, "an answer says what was taken"
    assert state.taken_currency is not None, "and in which currency"
    assert state.provider_id is not None, "and has an id"
    assert attempt.invoice_id is not None, "a charge is for an invoice"
    payment = paid.of_charge(
        writer.ids(f"payment/{attempt.reference}"),
        customer_id=attempt.customer_id,
        currency=state.taken_currency,
        amount=state.taken,
        provider=attempt.provider,
        external_id=state.provider_id,
        attempt_id=attempt.attempt_id,
        reference=attempt.description,
        fee=state.fee,
        received_on=state.taken_on or writer.at.date(),
        way=attempt.way,
    )
    first, standing = paid.received(payment)
    parts: list[Part] = []
    if not state.is_contradicted and payment.currency == attempt.currency:
        found = opens[attempt.invoice_id]
        parts = paid.spread(payment.amount, [found])
        for part in parts:
            opens[attempt.invoice_id] = found._replace(
                step=found.step + 1, left=found.left - part.amount
            )
    moves, settles, _ = paid.applied(standing, parts)
    done = Moved(payment, (first, *moves), tuple(settles))
    return Draft(
        writer.ids(f"payment.received/{attempt.reference}"), paid.stream(payment.payment_id),
        paid.RECEIVED, writer.at, writer.actor, done,
    )  # fmt: skip


def _give_up_methods(tx: Tx, stages: Iterable[Stage], terms_of: TermsOf, writer: Writer) -> None:
    """Methods that will never pay are not charged again."""
    bad: dict[UUID, str] = {}
    for stage in stages:
        terms, failure = terms_of(stage.attempt), stage.state.failure
        method_id = stage.attempt.method_id
        if stage.state.status is not Status.FAILED or failure is None or method_id is None:
            continue
        if terms.policy.rules[failure].then is Then.OTHER_METHOD:
            bad[method_id] = failure.value
    methods.give_up(tx, bad, at=writer.at, actor=writer.actor, ids=writer.ids)


def _mark(tx: Tx, stages: Iterable[Stage], cancelled_to: str = SKIPPED) -> None:
    """The items of attempts that have come to something in their runs."""
    by_run: dict[UUID, list[Mark]] = {}
    for stage in stages:
        attempt, state = stage.attempt, stage.state
        if attempt.run_id is None or attempt.invoice_id is None:
            continue
        if state.status in (Status.CLAIMED, Status.SENDING, Status.ANSWERED):
            continue
        to = cancelled_to if state.status is Status.CANCELLED else DONE
        mark = Mark(attempt.invoice_id, to, _outcome(state, to), attempt.attempt_id)
        by_run.setdefault(attempt.run_id, []).append(mark)
    for run_id, marks in sorted(by_run.items()):
        store.mark_items(tx, run_id, marks)


def _outcome(state: State, to: str) -> str | None:
    if to == WAITING:
        return None
    if state.status is Status.CANCELLED:
        return "stale"
    failed = state.status is Status.FAILED and state.failure is not None
    return str(state.failure) if failed else str(state.status)


def due_looks(tx: Tx, at: datetime, providers: Sequence[str], limit: int) -> list[Stage]:
    """Open outcomes that it is time to ask about."""
    return store.lock_due_looks(tx, at, providers, limit)


def of_worker(tx: Tx, worker_id: UUID) -> list[Stage]:
    """What a process has claimed or begun to send, locked."""
    return store.lock_attempts_of(tx, [worker_id])
