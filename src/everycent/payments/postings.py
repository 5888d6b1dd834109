"""Payments in the ledger. One rule for every change of a payment:

    debit   the money's account   with what came in less what went back
    credit  receivable            with what it pays of invoices more than before
    credit  customer credit       with what is left of it more than before (suspense: nobody knows whose)
    debit   payment losses        with what went back beyond what had come in

What a provider charged waits in clearing until it pays out; what came to the bank, or in cash, is cash.
"""

from __future__ import annotations

from everycent.ledger.account import (
    CASH,
    CLEARING,
    CUSTOMER_CREDIT,
    PAYMENT_FEES,
    PAYMENT_LOSSES,
    RECEIVABLE,
    SUSPENSE,
)
from everycent.ledger.entry import Entry, balanced, credit, debit
from everycent.payments.payment import Moved, MoveKind, Way


def of_moved(event_kind: str, moved: Moved) -> Entry | None:
    """The entry of moves that belong together; `event_kind` says what they are."""
    payment = moved.payment
    first, last = moved.moves[0], moved.moves[-1]
    currency, owner = payment.currency, payment.customer_id
    left = last.left_after - first.left_before
    money = first.back_before - last.back_after
    lost = last.lost_after - first.lost_before
    fee = 0
    if first.kind is MoveKind.RECEIVED:
        money += payment.amount
        fee = payment.fee
    account = CLEARING if payment.way is Way.CHARGE else CASH
    assigned = first.left_before if first.kind is MoveKind.ASSIGNED else 0
    return balanced(
        event_kind,
        (
            debit(account, money, currency),
            debit(SUSPENSE, assigned, currency),
            credit(CUSTOMER_CREDIT, assigned, currency, owner),
            credit(RECEIVABLE, money - left, currency, owner),
            credit(SUSPENSE if owner is None else CUSTOMER_CREDIT, left, currency, owner),
            debit(PAYMENT_FEES, fee, currency),
            debit(PAYMENT_LOSSES, lost, currency),
            credit(account, fee + lost, currency),
        ),
    )
