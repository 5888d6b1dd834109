"""Reopen: an invoice that money was taken off again is not charged anew by itself: somebody has to put it
in the queue, who knows why."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from everycent.charging import operations_decisions as decisions
from everycent.db.connection import Tx
from everycent.kernel.ids import IdSource
from everycent.payments import operations as payments
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
    decisions.keep(tx, done, reason, at=at, actor=actor, ids=ids)
    return done
