"""Offset: nobody is charged for what we hold of theirs already. Before an invoice is claimed, what is left
of payments pays invoices of the customer that are open, and credit notes are set off against them, the
oldest first. What a person took off an invoice, or stopped, is left to that person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from everycent.charging import queries as charges
from everycent.customers import operations as customers
from everycent.db.connection import Tx
from everycent.invoicing import operations as invoicing
from everycent.invoicing import queries as documents
from everycent.payments import operations as payments
from everycent.payments import queries
from everycent.payments.operations import Share


def use(tx: Tx, invoice_ids: Sequence[UUID], writing: payments.Writing) -> None:
    """Lets what the customers of these invoices have with us pay what they owe."""
    wanted = queries.payers_with_credit(tx, invoice_ids) if invoice_ids else []
    if wanted:
        customers.lock(tx, wanted)
        payments.lock_left(tx, wanted)  # all payments before any document, as everywhere
    for customer_id in wanted:
        _use_payments(tx, customer_id, writing)
        _use_notes(tx, customer_id, writing)


def _use_payments(tx: Tx, customer_id: UUID, writing: payments.Writing) -> None:
    for held in queries.of_customer(tx, customer_id, only_left=True):
        held = payments.lock(tx, held.payment.payment_id)
        if queries.is_kept(tx, held.payment.payment_id):
            continue
        shares = [
            Share(row.invoice_id)
            for row in _to_pay(tx, customer_id)
            if row.currency == held.payment.currency
        ]
        if held.standing.left > 0 and shares:
            payments.apply(tx, held.payment.payment_id, shares, writing, "left of a payment")


def _use_notes(tx: Tx, customer_id: UUID, writing: payments.Writing) -> None:
    for note in [row for row in documents.open_of_customer(tx, customer_id) if row.open < 0]:
        rest = -note.open
        for row in _to_pay(tx, customer_id):
            amount = min(rest, row.open)
            if row.currency == note.currency and amount > 0:
                invoicing.set_off(tx, row.invoice_id, note.invoice_id, amount, **writing)
                rest -= amount


def _to_pay(tx: Tx, customer_id: UUID) -> list[Any]:
    """Invoices that are open, not being charged right now and not stopped by anybody, those due first. They
    are locked first: who claims one from here on sees what was decided."""
    ids = [row.invoice_id for row in documents.open_of_customer(tx, customer_id) if row.open > 0]
    invoicing.lock_open(tx, ids)
    found = [row for row in documents.open_of_customer(tx, customer_id) if row.open > 0]
    left_alone = charges.under_way(tx, ids) | charges.held(tx, ids)
    return [row for row in found if row.invoice_id not in left_alone]
