"""Bank sums: many debits that the bank booked as one amount and told nothing more about. A person says
which file they are of; then each debit pays its own invoice, and the sum is gone."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from everycent.charging import operations as charging
from everycent.charging import queries as charges
from everycent.charging.attempt import Evidence, Source, Stage
from everycent.charging.operations import Heard
from everycent.charging.operations_writing import Writer
from everycent.db.connection import Tx
from everycent.debits import operations, queries
from everycent.debits.entry import Effect, Seen, effect_of
from everycent.debits.file import Debited, DebitFile, wholes
from everycent.flows import debits
from everycent.kernel.errors import Conflict
from everycent.payments import operations as payments
from everycent.payments import payment as paid
from everycent.payments.direct_debit import EURO
from everycent.payments.payment import MoveKind, Payment
from everycent.payments.provider import Outcome
from everycent.payments.queries import Held


class Part(NamedTuple):
    """A debit out of a sum, under the name that an entry of its own would have, and what that does."""

    debit: Debited
    stage: Stage
    name: str
    effect: Effect


def split(
    tx: Tx, payment_id: UUID, message_id: str, reason: str, writer: Writer
) -> tuple[Payment, list[Part]]:
    """Says that money in suspense is what the bank booked in one sum for a file, or for one of its blocks.
    One of the debits that went back before is cancelled out by that.

    Raises NotFound `payment.unknown`, `debits.unknown`, Conflict `debits.no_sum`, `debits.paid_before`."""
    operations.lock_files(tx, [message_id])
    held = payments.lock(tx, payment_id)
    told = queries.file(tx, message_id)
    parts = _parts(tx, held.payment, _debits_of(held, told), message_id)
    payments.take_back(
        tx, payment_id, paid.REFUND_REQUESTED, MoveKind.REFUND, held.payment.amount, writer.of_payments,
        reason=f"booked as the debits of {message_id}: {reason}",
    )  # fmt: skip
    heard = [_came(part, held.payment, reason, writer) for part in parts]
    terms_of = debits.terms(tx)
    came = [one for one, part in zip(heard, parts, strict=True) if part.effect is Effect.BOOKED]
    charging.book(tx, charging.hear(tx, came, terms_of, writer) if came else [], writer)
    operations.note(tx, [_seen(part, held.payment, told) for part in parts], writer)
    return held.payment, parts


def _debits_of(held: Held, told: DebitFile) -> list[Debited]:
    """The debits that a payment is the sum of: all of the file, or those of one block."""
    payment = held.payment
    found = [one for one in wholes(told) if sum(debit.amount for debit in one) == payment.amount]
    is_free = payment.customer_id is None and held.standing.left == payment.amount
    if len(found) != 1 or not is_free or payment.currency != EURO:
        raise Conflict(
            "debits.no_sum",
            "the payment is not in suspense with the sum of the file, or of one of its blocks alone",
            field="payment",
            hint="`everycent payment debits show` has the sums; for one debit: `everycent payment resolve`",
        )
    return found[0]


def _parts(tx: Tx, payment: Payment, among: list[Debited], message_id: str) -> list[Part]:
    stages = {
        one.attempt.attempt_id: one
        for one in charges.by_ids(tx, [debit.attempt_id for debit in among])
    }
    before = queries.effects(tx, list(stages))
    parts = []
    for number, debit in enumerate(among, start=1):
        stage = stages[debit.attempt_id]
        effect = effect_of(stage.state.status, before[debit.attempt_id], is_return=False)
        if effect not in (Effect.BOOKED, Effect.CANCELLED_OUT):
            raise Conflict(
                "debits.paid_before",
                f"{debit.reference} for {debit.invoice} is {stage.state.status}: it would be paid twice",
                field="message",
                value=message_id,
                hint="single debits are told by `everycent payment resolve`",
            )
        parts.append(Part(debit, stage, f"{payment.external_id}/{number}", effect))
    return parts


def _came(part: Part, payment: Payment, reason: str, writer: Writer) -> Heard:
    debit = part.debit
    said = Evidence(
        Source.PERSON, Outcome.DONE, None, part.name, part.stage.attempt.reference, debit.amount,
        debit.currency, said_by=writer.actor, reason=reason, taken_on=payment.received_on,
    )  # fmt: skip
    return Heard(part.stage, said)


def _seen(part: Part, payment: Payment, told: DebitFile) -> Seen:
    debit = part.debit
    return Seen(
        told.file_id, told.message_id, debit.attempt_id, debit.reference, payment.provider,
        part.name, payment.received_on, debit.amount, debit.currency, is_return=False,
        effect=part.effect,
    )  # fmt: skip
