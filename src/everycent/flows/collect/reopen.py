"""Reopen: an invoice that money was taken off again is not charged anew by itself: somebody has to put it
in the queue, who knows why."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from everycent.charging import operations as charging
from everycent.charging.decided import STOPPED, Decided
from everycent.db.connection import Tx
from everycent.kernel.ids import IdSource
from everycent.payments import operations as payments
from everycent.payments import queries
from everycent.payments.payment import Moved


def unapply(
    tx: Tx,
    payment_id: UUID,
    invoice_id: UUID | None,
    reason: str,
    *,
    at: datetime,
    actor: str,
    ids: IdSource,
) -> Moved:
    """Takes a payment off an invoice, or off all that it pays. Raises what `payments.unapply` raises."""
    writing: payments.Writing = {"at": at, "recorded_at": at, "actor": actor, "ids": ids}
    done = payments.unapply(tx, payment_id, invoice_id, writing, reason)
    keep(tx, done, reason, at=at, actor=actor, ids=ids)
    return done


def keep(tx: Tx, done: Moved, reason: str, *, at: datetime, actor: str, ids: IdSource) -> None:
    """Stops collecting what the moves have opened again."""
    opened = [step.document_id for step in done.settles if step.amount < 0]
    for document in queries.documents(tx, opened):
        told = Decided(document.invoice_id, document.name, 0, None, is_stopped=True, reason=reason)
        charging.decide(tx, STOPPED, told, at=at, actor=actor, ids=ids)
