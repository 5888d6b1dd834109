"""Decisions: what people say about collecting an invoice, and what providers tell of their own accord,
written down."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from everycent.charging import notice as notices
from everycent.charging import projection, store
from everycent.charging.decided import STOPPED, Decided
from everycent.charging.decided import stream as decisions
from everycent.charging.instalments import AGREED, Agreed, Instalment, checked
from everycent.charging.notice import Noted
from everycent.charging.operations_writing import Writer
from everycent.db.connection import Tx
from everycent.invoicing import operations as invoicing
from everycent.invoicing import queries as documents
from everycent.invoicing.invoice import name_of
from everycent.journal import operations as journal
from everycent.journal.event import Draft
from everycent.journal.types import EventType
from everycent.kernel.errors import Conflict
from everycent.kernel.ids import IdSource
from everycent.kernel.period import instant_text
from everycent.payments import queries as payments
from everycent.payments.payment import Moved


def is_new_notice(tx: Tx, provider: str, notice_id: str) -> bool:
    """Whether a provider's event was not written down before; nobody else follows it until the
    transaction ends."""
    store.lock_notice(tx, provider, notice_id)
    return not store.find_notices(tx, provider, [notice_id])


def note(tx: Tx, noted: Noted, writer: Writer) -> None:
    """Writes down an event that a provider told. Raises Conflict `journal.concurrent_append` when somebody
    else does at the same moment."""
    draft = Draft(
        writer.ids(f"payment_notice.noted/{noted.provider}/{noted.notice_id}"),
        notices.stream(noted.provider, noted.notice_id),
        notices.NOTED,
        writer.at,
        writer.actor,
        noted,
    )
    journal.record(tx, [draft], writer.at, projection.any_of)


def decide(
    tx: Tx, kind: EventType, told: Decided, *, at: datetime, actor: str, ids: IdSource
) -> None:
    """Records what a person decided about collecting an invoice."""
    key = f"{kind.name}/{told.invoice}/{instant_text(at)}"
    draft = Draft(ids(key), decisions(told.invoice_id), kind, at, actor, told)
    journal.record(tx, [draft], at, projection.any_of)


def keep(tx: Tx, done: Moved, reason: str, *, at: datetime, actor: str, ids: IdSource) -> None:
    """Stops collecting what moves of a payment have opened again: an invoice that money was taken off is
    not charged anew by itself; somebody has to put it in the queue, who knows why."""
    opened = [step.document_id for step in done.settles if step.amount < 0]
    for document in payments.documents(tx, opened):
        told = Decided(document.invoice_id, document.name, 0, None, is_stopped=True, reason=reason)
        decide(tx, STOPPED, told, at=at, actor=actor, ids=ids)


def agree(
    tx: Tx,
    invoice_id: UUID,
    parts: Sequence[Instalment],
    reason: str,
    *,
    at: datetime,
    actor: str,
    ids: IdSource,
) -> Agreed:
    """Charges an invoice in parts from now on. Raises Conflict `collection.under_way`,
    `collection.instalments_differ`, Invalid `collection.bad_instalments`."""
    (found,) = invoicing.lock_open(tx, [invoice_id])
    if store.list_under_way(tx, [invoice_id]):
        raise Conflict(
            "collection.under_way", "the invoice is being charged right now", field="invoice"
        )
    (row,) = documents.open_documents(tx, [invoice_id])
    told = Agreed(
        invoice_id, name_of(row.series, row.number), store.last_agreement(tx, invoice_id) + 1,
        checked(parts, found.left, row.currency), reason,
    )  # fmt: skip
    key = f"{AGREED.name}/{told.invoice}/{told.agreement_no}"
    draft = Draft(ids(key), decisions(invoice_id), AGREED, at, actor, told)
    journal.record(tx, [draft], at, projection.any_of)
    return told
