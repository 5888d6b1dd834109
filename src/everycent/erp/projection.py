"""Batches, and where documents stand, as rows."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from everycent.erp.batch import BATCHED, Batch
from everycent.erp.handed import Handed, State, Status, initiated
from everycent.journal.event import Event
from everycent.kernel.canonical import encode
from everycent.kernel.table import Rows, table

BATCH = table(
    "erp_batch",
    "tenant_id int4, erp text, batch_no int4, documents int4, digest text, previous text, told text,"
    " at timestamptz, event_id uuid",
    key="tenant_id, erp, batch_no",
)
DOCUMENT = table(
    "erp_document",
    "tenant_id int4, erp text, document_id uuid, batch_no int4, place int4, reference text,"
    " digest text",
    key="tenant_id, erp, document_id",
)
STATE = table(
    "erp_state",
    "tenant_id int4, erp text, document_id uuid, batch_no int4, status text, tries int4,"
    " next_at timestamptz, is_alone bool, bill text, trouble text, told text,"
    " acknowledged_at timestamptz, changed_at timestamptz",
    key="tenant_id, erp, document_id",
)


def batched(event: Event, rows: Rows, tenant_id: int) -> None:
    """A batch, and its documents, which are on their way from here on."""
    batch: Batch = event.payload
    told = encode((batch.totals, batch.control)).decode()
    rows.add(
        BATCH, tenant_id, batch.erp, batch.number, len(batch.members), batch.digest, batch.previous,
        told, event.at, event.event_id,
    )  # fmt: skip
    documents = rows.of(DOCUMENT)
    for place, one in enumerate(batch.members, start=1):
        documents.append(
            (tenant_id, batch.erp, one.document_id, batch.number, place, one.reference, one.digest)
        )
    state = initiated(batch.number, batch.at)
    for one in batch.members:
        _put(rows, tenant_id, batch.erp, one.document_id, state, event.at)


def handed(event: Event, rows: Rows, tenant_id: int) -> None:
    """What a document came to."""
    done: Handed = event.payload
    _put(rows, tenant_id, done.erp, done.document_id, done.state, event.at)


def compared(event: Event, rows: Rows, tenant_id: int) -> None:
    """What a comparison found stands in the journal, and nowhere else."""


def any_of(event: Event, rows: Rows, tenant_id: int) -> None:
    """The rows of any event on the way into the ERP."""
    (batched if event.type == BATCHED.name else handed)(event, rows, tenant_id)


def _put(
    rows: Rows, tenant_id: int, erp: str, document_id: UUID, state: State, at: datetime
) -> None:
    rows.put(
        STATE, tenant_id, erp, document_id, state.batch_no, state.status.value, state.tries,
        state.next_at, state.is_alone, state.bill,
        None if state.trouble is None else state.trouble.value, encode(state).decode(),
        state.acknowledged_at if state.status is Status.ACKNOWLEDGED else None, at,
    )  # fmt: skip
