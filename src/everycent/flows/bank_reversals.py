"""Bank reversals: money that a bank took back, which was no direct debit of ours. Where one payment of the
account is what went back, it is taken off its invoices; all else is a person's to say."""

from __future__ import annotations

from typing import NamedTuple

from everycent.charging import operations_decisions as decisions
from everycent.charging.operations_writing import Writer
from everycent.db.connection import Tx
from everycent.payments import operations as payments
from everycent.payments import payment as paid
from everycent.payments import queries
from everycent.payments.matching import Match
from everycent.payments.payment import MoveKind, Payment, Way
from everycent.payments.queries import Held
from everycent.payments.statement import StatementEntry, bank_reference, text_of

REVERSAL = "reversal"
_TAKEN = (MoveKind.DISPUTE, MoveKind.LOST)


class Became(NamedTuple):
    """What became of a reversal: the outcome, the match with the reason for it, and what was taken back."""

    outcome: str
    match: Match
    payment: Payment | None = None


def is_one(match: Match) -> bool:
    """Whether an entry says that money went back which came in another way than by our direct debits."""
    entry = match.entry
    came_back = entry.is_reversal or entry.reason is not None
    return came_back and not entry.is_credit and bool(entry.amount) and match.collection is None


def alike(tx: Tx, account: str, entry: StatementEntry) -> list[Held]:
    """Payments that the entry may take back: transfers to the account with its amount, told before or on
    the same day, with the bank's reference, or else the words and the account of the payer."""
    found = [
        held
        for held in queries.of_amount(tx, account, entry.amount, entry.currency)
        if held.payment.way is Way.TRANSFER and held.payment.received_on <= entry.booked_on
    ]
    name = bank_reference(entry.reference)
    by_bank = [
        held
        for held in found
        if name is not None and bank_reference(held.payment.external_id) == name
    ]
    words = (text_of(entry), entry.iban)
    return by_bank or [
        held for held in found if (held.payment.reference, held.payment.payer_account) == words
    ]


def follow(tx: Tx, account: str, match: Match, writer: Writer) -> Became:
    """Takes the payment back that the entry speaks of, if there is one alone that was not taken back."""
    entry = match.entry
    whole = []
    for held in alike(tx, account, entry):
        taken = {
            row.external_id for row in queries.moves(tx, held.payment.payment_id)
            if row.kind in _TAKEN
        }  # fmt: skip
        if entry.reference in taken:
            told = match._replace(reason="taken back before")
            return Became("known", told, held.payment)
        if not taken:
            whole.append(held)
    if len(whole) != 1:
        what = "several payments" if whole else "no payment"
        return Became(
            REVERSAL,
            match._replace(
                reason=f"money went back, and {what} of the account can be told to be it: say by"
                " `everycent payment refund --reopen` which one it is"
            ),
        )
    (held,) = whole
    reason = f"reversed by the bank: {entry.reason or entry.text or 'no reason is told'}"
    done = payments.taken_there(
        tx, held.payment.payment_id, paid.DISPUTED, MoveKind.DISPUTE, entry.amount,
        writer.of_payments, reason=reason, external_id=entry.reference,
    )  # fmt: skip
    decisions.keep(tx, done, reason, at=writer.at, actor=writer.actor, ids=writer.ids)
    told = match._replace(customer_id=held.payment.customer_id, reason=reason)
    return Became("taken_back", told, held.payment)
