"""Listen: what providers tell of their own accord. A notice is believed when its signature is right,
written down once, and followed in the same transaction; the same one ten times says nothing new."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from everycent.charging import operations as charging
from everycent.charging import operations_decisions as decisions
from everycent.charging import queries as charges
from everycent.charging.attempt import Source, Stage, Status
from everycent.charging.judge import evidence_of
from everycent.charging.notice import Noted
from everycent.charging.operations import Heard
from everycent.db.connection import Tx
from everycent.flows.collect.desk import Desk
from everycent.kernel.errors import Unavailable
from everycent.kernel.money import Money, plain
from everycent.payments import operations as payments
from everycent.payments import payment as paid
from everycent.payments import queries
from everycent.payments.payment import MoveKind
from everycent.payments.provider import Notice, NoticeKind, Outcome, Provider
from everycent.payments.queries import Held

_OURS = (NoticeKind.CHARGE, NoticeKind.REFUND)
_PATIENCE = timedelta(days=1)
"""How long a provider is asked to tell again what may be about a charge that we have not heard of."""
_BACK = {
    NoticeKind.DISPUTED: (paid.DISPUTED, MoveKind.DISPUTE),
    NoticeKind.REFUNDED_THERE: (paid.REFUNDED_THERE, MoveKind.REFUND_THERE),
}


def hear(desk: Desk, provider: Provider, headers: Mapping[str, str], body: bytes) -> list[str]:
    """Takes a webhook's body in; returns what followed from each of its events, in a word or two.

    Raises Forbidden `payment.bad_signature`, Invalid `payment.bad_notice`, Unavailable
    `payment.notice_too_early` for one that speaks of something we have not heard of yet: it is to be sent
    again."""
    effects = []
    for notice in provider.heard(dict(headers), body, desk.clock()):
        with desk.step("notice") as tx:
            effects.append(_follow(tx, desk, provider.name, notice))
    return effects


def _follow(tx: Tx, desk: Desk, provider: str, notice: Notice) -> str:
    if not decisions.is_new_notice(tx, provider, notice.event_id):
        return "known"
    attempt_id: UUID | None = None
    payment_id: UUID | None = None
    effect = "nothing of ours"
    if notice.kind in _OURS or _is_our_refund(tx, provider, notice):
        stage = _attempt_of(tx, provider, notice)
        if stage is not None:
            attempt_id = stage.attempt.attempt_id
            effect = _told(tx, desk, stage, notice)
    elif notice.kind is not NoticeKind.OTHER:
        held = _payment_of(tx, provider, notice, desk.clock())
        if held is not None:
            payment_id = held.payment.payment_id
            effect = _taken_back(tx, desk, held, notice)
    said = evidence_of(notice.answer, Source.NOTICE, notice=notice.event_id)
    decisions.note(
        tx,
        Noted(
            provider, notice.event_id, notice.kind.value, said, notice.at, attempt_id, payment_id,
            notice.charge, effect,
        ),
        desk.writer,
    )  # fmt: skip
    return effect


def _attempt_of(tx: Tx, provider: str, notice: Notice) -> Stage | None:
    reference = notice.answer.reference
    if reference is not None:
        found = charges.find_by_reference(tx, reference)
        if found is not None and found.attempt.provider == provider:
            return found
        return None
    if notice.answer.provider_id is None:
        return None
    return charges.of_charge(tx, provider, notice.answer.provider_id)


def _told(tx: Tx, desk: Desk, stage: Stage, notice: Notice) -> str:
    """Evidence about an attempt of ours, booked at once where it says that money moved."""
    said = evidence_of(notice.answer, Source.NOTICE, notice=notice.event_id)
    known = stage.state.provider_id
    if (
        stage.state.status is Status.SUCCEEDED
        and said.outcome is Outcome.DONE
        and said.provider_id != known
    ):
        return f"another one than {known} under the same reference: a person has to look"
    (after,) = charging.hear(tx, [Heard(stage, said)], desk.terms_of, desk.writer)
    if after.state.status is Status.SUCCEEDED and said.outcome is Outcome.FAILED:
        return f"it failed after it was booked ({said.failure}): a person has to look"
    if after.state.status is Status.FAILED and stage.state.status is Status.SUCCEEDED:
        return "the refund came back after it was done: a person has to look"
    if after.state.status is Status.ANSWERED:
        (after,) = charging.book(tx, [after], desk.writer) or [after]
    return str(after.state.status)


def _is_our_refund(tx: Tx, provider: str, notice: Notice) -> bool:
    """Whether what the provider calls a refund made there is one that we asked for."""
    refund = notice.answer.provider_id
    if notice.kind is not NoticeKind.REFUNDED_THERE or refund is None:
        return False
    return charges.of_charge(tx, provider, refund) is not None


def _payment_of(tx: Tx, provider: str, notice: Notice, now: datetime) -> Held | None:
    """The payment that a charge brought. Where the charge is ours and not booked yet, or may be one of
    which we do not know the outcome yet, it is to be told again."""
    if notice.charge is None:
        return None
    held = queries.of_external(tx, provider, notice.charge)
    if held is not None:
        return held
    is_ours = charges.find_by_reference(tx, notice.answer.reference or "") is not None
    may_be = now - notice.at < _PATIENCE and charges.has_open(tx, provider, notice.at)
    if is_ours or may_be:
        raise _too_early(notice)
    return None


def _taken_back(tx: Tx, desk: Desk, held: Held, notice: Notice) -> str:
    amount, external_id = notice.answer.amount, notice.answer.provider_id
    if not amount or external_id is None or notice.answer.currency != held.payment.currency:
        return "not understood: a person has to look"
    writing: payments.Writing = {
        "at": desk.clock(), "recorded_at": desk.clock(), "actor": desk.actor, "ids": desk.ids,
    }  # fmt: skip
    payment_id = held.payment.payment_id
    held = payments.lock(tx, payment_id)
    known = {(row.kind, row.external_id) for row in queries.moves(tx, payment_id)}
    if notice.kind is NoticeKind.DISPUTE_WON:
        if (MoveKind.DISPUTE_WON.value, external_id) in known:
            return "known"
        if (MoveKind.DISPUTE.value, external_id) not in known:
            raise _too_early(notice)
        payments.won_back(tx, payment_id, amount, external_id, writing)
        return "returned"
    event_type, kind = _BACK[notice.kind]
    is_known = (kind.value, external_id) in known
    if notice.answer.outcome is not Outcome.DONE:
        return "what was taken back came again: a person has to look" if is_known else "not done"
    if is_known:
        return "known"
    done = payments.taken_there(
        tx, payment_id, event_type, kind, amount, writing, reason=notice.kind.value,
        external_id=external_id,
    )  # fmt: skip
    decisions.keep(
        tx, done, f"{notice.kind.value}: {external_id}", at=desk.clock(), actor=desk.actor,
        ids=desk.ids,
    )  # fmt: skip
    beyond = done.moves[-1].lost_after - done.moves[0].lost_before
    if not beyond:
        return "taken back"
    currency = held.payment.currency
    said = f"{plain(Money(beyond, currency))} {currency} beyond what stood"
    return f"taken back, {said}: a person has to look"


def _too_early(notice: Notice) -> Unavailable:
    return Unavailable(
        "payment.notice_too_early",
        f"{notice.event_id} speaks of something that we have not heard of yet",
        hint="send it again later",
    )
