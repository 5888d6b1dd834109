"""Bank debits: entries of a statement that speak of our own direct debits. Money that came pays as a charge
does; money that went back fails the attempt or takes the payment back, with what follows from the
reason."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from everycent.charging import operations as charging
from everycent.charging import operations_decisions as decisions
from everycent.charging import queries as charges
from everycent.charging.attempt import Evidence, Source, Stage
from everycent.charging.operations import Heard, TermsOf
from everycent.charging.operations_writing import Writer
from everycent.charging.policy import Then
from everycent.db.connection import Tx
from everycent.debits import operations, queries
from everycent.debits.entry import Effect, Seen, effect_of
from everycent.debits.queries import Known
from everycent.flows import debits
from everycent.kernel.canonical import encode
from everycent.methods import operations as methods
from everycent.payments import operations as payments
from everycent.payments import payment as paid
from everycent.payments import queries as booked
from everycent.payments import returns
from everycent.payments.matching import Certainty, Match
from everycent.payments.open_items import Collection
from everycent.payments.payment import MoveKind, Payment
from everycent.payments.provider import RAW_LIMIT, Outcome
from everycent.payments.statement import StatementEntry


class Followed(NamedTuple):
    """What an entry about a debit did, and the payment that it is about, where there is one."""

    effect: Effect
    payment: Payment | None = None


def known(tx: Tx, entries: Sequence[StatementEntry]) -> dict[str, Known]:
    """The debits that entries speak of, by end-to-end id."""
    return queries.by_references(
        tx, sorted({one.end_to_end_id for one in entries if one.end_to_end_id})
    )


def collections(found: dict[str, Known]) -> list[Collection]:
    """Debits as entries are matched with them."""
    return [
        Collection(one.reference, one.customer_id, one.amount, one.currency, (one.invoice_id,))
        for one in found.values()
    ]


def payments_of(tx: Tx, among: Sequence[Known]) -> set[UUID]:
    """The payments that debits have brought."""
    found = (booked.of_attempt(tx, one.attempt_id) for one in among)
    return {held.payment.payment_id for held in found if held is not None}


def follow(
    tx: Tx, account: str, matches: Sequence[Match], found: dict[str, Known], writer: Writer
) -> dict[str, Followed]:
    """What follows from entries that speak of debits, by their references: what came first, then what went
    back. All are written down, also those that a person has to look at."""
    if not matches:
        return {}
    operations.lock_files(tx, [one.message_id for one in found.values()])
    terms_of = debits.terms(tx)
    stages = {
        stage.attempt.attempt_id: stage
        for stage in charges.by_ids(tx, [one.attempt_id for one in found.values()])
    }
    before = queries.effects(tx, list(stages))
    done: dict[str, Followed] = {}
    came: list[tuple[Match, Stage]] = []
    for match in matches:
        if not match.is_return:
            stage = stages[_debit(match, found).attempt_id]
            effect = _effect(match, stage, before)
            before[stage.attempt.attempt_id].add(effect)
            done[match.entry.reference] = Followed(effect)
            if effect in (Effect.BOOKED, Effect.CONTRADICTED):
                came.append((match, stage))
    stages |= {one.attempt.attempt_id: one for one in _booked(tx, came, terms_of, writer)}
    for match, stage in came:
        held = booked.of_attempt(tx, stage.attempt.attempt_id)
        effect = done[match.entry.reference].effect
        done[match.entry.reference] = Followed(effect, None if held is None else held.payment)
    for match in matches:
        if match.is_return:
            stage = stages[_debit(match, found).attempt_id]
            effect = _effect(match, stage, before)
            followed = _went_back(tx, match, stage, effect, terms_of, writer)
            before[stage.attempt.attempt_id].add(followed.effect)
            done[match.entry.reference] = followed
    seen = [
        _seen(account, match, _debit(match, found), done[match.entry.reference].effect)
        for match in matches
    ]
    operations.note(tx, seen, writer)
    return done


def _debit(match: Match, found: dict[str, Known]) -> Known:
    assert match.collection is not None, "only such entries are followed"
    return found[match.collection]


def _effect(match: Match, stage: Stage, before: dict[UUID, set[Effect]]) -> Effect:
    if match.certainty is not Certainty.CERTAIN:
        return Effect.PERSON
    attempt_id = stage.attempt.attempt_id
    return effect_of(stage.state.status, before[attempt_id], is_return=match.is_return)


def _booked(
    tx: Tx, came: Sequence[tuple[Match, Stage]], terms_of: TermsOf, writer: Writer
) -> list[Stage]:
    """Books what came, as what a provider answers is booked: the payment pays the invoice that the attempt
    is for."""
    heard = [Heard(stage, _came(match.entry, stage)) for match, stage in came]
    after = charging.hear(tx, heard, terms_of, writer) if heard else []
    return [*after, *charging.book(tx, after, writer)]


def _came(entry: StatementEntry, stage: Stage) -> Evidence:
    raw = encode(entry)[:RAW_LIMIT]
    return Evidence(
        Source.STATEMENT, Outcome.DONE, None, entry.reference, stage.attempt.reference,
        entry.amount, entry.currency, raw=raw.decode("utf-8", "replace"),
        digest=hashlib.sha256(raw).hexdigest(), taken_on=entry.booked_on,
    )  # fmt: skip


def _went_back(
    tx: Tx, match: Match, stage: Stage, effect: Effect, terms_of: TermsOf, writer: Writer
) -> Followed:
    code = match.entry.reason
    failure = returns.failure_of(code or "")
    if effect is Effect.FAILED:
        raw = encode(match.entry)[:RAW_LIMIT]
        said = Evidence(
            Source.STATEMENT, Outcome.FAILED, failure, reference=stage.attempt.reference, code=code,
            raw=raw.decode("utf-8", "replace"), digest=hashlib.sha256(raw).hexdigest(),
            reason=_meaning(code),
        )  # fmt: skip
        charging.hear(tx, [Heard(stage, said)], terms_of, writer)
    if effect is not Effect.TAKEN_BACK:
        return Followed(effect)
    done = _taken_back(tx, match, stage, writer)
    method_id = stage.attempt.method_id
    then = terms_of(stage.attempt).policy.rules[failure].then
    if done.effect is effect and method_id is not None and then is Then.OTHER_METHOD:
        gone = {method_id: failure.value}  # as after an attempt that failed
        methods.give_up(tx, gone, at=writer.at, actor=writer.actor, ids=writer.ids)
    return done


def _taken_back(tx: Tx, match: Match, stage: Stage, writer: Writer) -> Followed:
    """Takes the payment of a debit off its invoice again, which is held until somebody says how it goes on.
    What was given back in another way meanwhile is lost."""
    held = booked.of_attempt(tx, stage.attempt.attempt_id)
    if held is None:  # it was answered, and could not be booked
        return Followed(Effect.PERSON)
    reason = f"returned: {_meaning(match.entry.reason)}"
    done = payments.taken_there(
        tx, held.payment.payment_id, paid.DISPUTED, MoveKind.DISPUTE, stage.attempt.amount,
        writer.of_payments, reason=reason, external_id=match.entry.reference,
    )  # fmt: skip
    decisions.keep(tx, done, reason, at=writer.at, actor=writer.actor, ids=writer.ids)
    return Followed(Effect.TAKEN_BACK, held.payment)


def _meaning(code: str | None) -> str:
    return "no reason is told" if code is None else f"{code}, {returns.meaning_of(code)}"


def _seen(account: str, match: Match, debit: Known, effect: Effect) -> Seen:
    entry = match.entry
    return Seen(
        debit.file_id, debit.message_id, debit.attempt_id, debit.reference, account,
        entry.reference, entry.booked_on, entry.amount, entry.currency, match.is_return, effect,
        entry.reason, match.charge if effect is not Effect.PERSON else 0,
    )  # fmt: skip
