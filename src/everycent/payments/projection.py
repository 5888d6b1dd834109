"""Payments as rows, and what they settle."""

from __future__ import annotations

from everycent.invoicing.projection import add_settlements
from everycent.journal.event import Event
from everycent.kernel.table import Rows, table
from everycent.ledger import projection as ledger
from everycent.payments import postings
from everycent.payments.payment import Moved

PAYMENT = table(
    "payment",
    "tenant_id int4, payment_id uuid, customer_id uuid, currency text, amount int8, source text,"
    " provider text, external_id text, attempt_id uuid, received_on date, reference text,"
    " left_over int8, payer_account text, event_id uuid",
    key="tenant_id, payment_id",
)
MOVE = table(
    "payment_move",
    "tenant_id int4, payment_id uuid, move_no int4, kind text, amount int8, left_before int8,"
    " left_after int8, back_before int8, back_after int8, total int8, document_id uuid,"
    " external_id text, lost_before int8, lost_after int8, of_move int4, at timestamptz, event_id uuid",
    key="tenant_id, payment_id, move_no",
)


def moved(event: Event, rows: Rows, tenant_id: int) -> None:
    """What became of a payment, what it settles, and its ledger entry."""
    done: Moved = event.payload
    p = done.payment
    rows.put(
        PAYMENT, tenant_id, p.payment_id, p.customer_id, p.currency, p.amount, p.way.value,
        p.provider, p.external_id, p.attempt_id, p.received_on, p.reference,
        done.moves[-1].left_after, p.payer_account, event.event_id,
    )  # fmt: skip
    target = rows.of(MOVE)
    for m in done.moves:
        target.append(
            (tenant_id, p.payment_id, m.move_no, m.kind.value, m.amount, m.left_before, m.left_after,
             m.back_before, m.back_after, p.amount, m.document_id, m.external_id, m.lost_before,
             m.lost_after, m.of_move, event.at, event.event_id)
        )  # fmt: skip
    if done.settles:
        add_settlements(rows, tenant_id, event, done.settles, p.payment_id)
    entry = postings.of_moved(event.type.replace(".", "_"), done)
    ledger.add_entry(rows, tenant_id, event.event_id, event.at, event.recorded_at, entry)
