"""Refunds: what was set aside of a payment goes back through its provider, at most once. What becomes of
the request is booked against what was set aside: less than that is the customer's again, more than that, or
what was believed not to have gone, is taken off the payment as any money that is gone already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from uuid import UUID

import msgspec

from everycent.charging import course, store
from everycent.charging import operations_decisions as decisions
from everycent.charging import operations_writing as writing
from everycent.charging.attempt import (
    CANCELLED,
    CLAIMED,
    FINAL,
    SENDING,
    SUCCEEDED,
    Attempt,
    Stage,
    Status,
)
from everycent.charging.operations_writing import Writer
from everycent.db.connection import Tx
from everycent.payments import operations as payments
from everycent.payments import payment as paid
from everycent.payments.payment import MoveKind
from everycent.payments.provider import Kind


def ask_for(tx: Tx, attempt: Attempt, writer: Writer) -> Stage:
    """Writes down a refund that somebody asked for; a process takes it up."""
    stage = course.claimed(attempt, writer.by, writer.at)
    writing.record(tx, [(CLAIMED, stage)], writer)
    return stage


def begin(
    tx: Tx,
    provider: str,
    most: int,
    limit: int,
    patience: timedelta,
    writer: Writer,
    over: Sequence[UUID] = (),
) -> list[Stage]:
    """S2 for refunds that wait: takes them into this process's hands. Returns those that are to be sent.
    For places and `over` it is as for charges."""
    free = min(limit, writing.places(tx, provider, most, over))
    waiting = store.lock_waiting_refunds(tx, provider, free)
    begun = [course.sending(one, writer.by, writer.at, writer.at + patience) for one in waiting]
    writing.record(tx, [(SENDING, stage) for stage in begun], writer)
    return begun


def try_again(tx: Tx, writer: Writer) -> list[Stage]:
    """New attempts for refunds of which one failed, and whose time has come."""
    again = []
    for stage in store.lock_refunds_to_retry(tx, writer.at):
        before = stage.attempt
        attempt = msgspec.structs.replace(
            before,
            attempt_id=writer.ids(f"{before.reference}/{before.tries + 1}"),
            tries=before.tries + 1,
        )
        again.append(course.claimed(attempt, writer.by, writer.at))
    writing.record(tx, [(CLAIMED, stage) for stage in again], writer)
    return again


def settle(tx: Tx, stages: Iterable[Stage], writer: Writer) -> None:
    """What follows for what was set aside: where a refund did not go and is not tried again, it is the
    customer's; where one went after all, others for the same money that were not sent are called off."""
    for stage in stages:
        attempt, state = stage.attempt, stage.state
        if attempt.kind is not Kind.REFUND:
            continue
        payment_id, move_no = _set_aside_by(attempt)
        payments.lock(tx, payment_id)
        others = [
            one
            for one in store.lock_refunds_of(tx, payment_id, move_no)
            if one.attempt.attempt_id != attempt.attempt_id and one.state.status not in FINAL
        ]
        if state.status is Status.FAILED and state.is_stopped and not others:
            rest = _left(tx, payment_id, move_no)
            if rest:
                payments.refund_failed(tx, payment_id, move_no, rest, writer.of_payments, state.why)
        elif state.status in (Status.ANSWERED, Status.MISMATCHED):
            unsent = [one for one in others if one.state.status is Status.CLAIMED]
            later = writing.not_before(writer, unsent)
            gone = [
                course.cancelled(one, later.by, later.at, f"{attempt.reference} went after all")
                for one in unsent
            ]
            writing.record(tx, [(CANCELLED, one) for one in gone], later)


def book(tx: Tx, stage: Stage, writer: Writer) -> Stage:
    """S8 for a refund: what went is booked against what is left of what was set aside for it. What its
    provider told by another way before is not booked again."""
    attempt, state = stage.attempt, stage.state
    assert state.taken is not None, "an answer says what went"
    assert state.provider_id is not None, "and has an id"
    payment_id, move_no = _set_aside_by(attempt)
    payments.lock(tx, payment_id)
    left = _left(tx, payment_id, move_no)
    went = state.taken - store.count_taken_there(tx, payment_id, state.provider_id)
    if went < left:
        why = f"{attempt.reference} gave back {state.taken} of {attempt.amount} minor units"
        payments.refund_failed(
            tx, payment_id, move_no, left - max(went, 0), writer.of_payments, why
        )
    elif went > left:
        done = payments.taken_there(
            tx, payment_id, paid.REFUNDED_THERE, MoveKind.REFUND_THERE, went - left,
            writer.of_payments, reason=f"{attempt.reference} gave back more than was set aside",
            external_id=state.provider_id,
        )  # fmt: skip
        decisions.keep(
            tx, done, f"refunded: {attempt.reference}", at=writer.at, actor=writer.actor,
            ids=writer.ids,
        )  # fmt: skip
    after = course.succeeded(stage, writer.by, writer.at)
    writing.record(tx, [(SUCCEEDED, after)], writer)
    return after


def _set_aside_by(attempt: Attempt) -> tuple[UUID, int]:
    assert attempt.payment_id is not None, "a refund is of a payment"
    assert attempt.move_no is not None, "that set it aside"
    return attempt.payment_id, attempt.move_no


def _left(tx: Tx, payment_id: UUID, move_no: int) -> int:
    """What is still set aside by a move: less what did not go and is the customer's again, less what went
    by attempts that are booked."""
    aside = store.get_set_aside(tx, payment_id, move_no)
    return max(0, int(aside.amount - aside.returned - aside.went))
