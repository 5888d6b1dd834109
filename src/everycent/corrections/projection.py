"""Corrections as rows."""

from __future__ import annotations

from uuid import UUID

from everycent.corrections.correction import Corrected
from everycent.journal.event import Event, stream_of
from everycent.kernel.table import Rows, table

CORRECTION = table(
    "usage_correction",
    "tenant_id int4, correction_id uuid, kind text, reason text, undoes uuid, voided int4,"
    " restored int4, added int4, batch_id int8, recorded_at timestamptz, actor text, event_id uuid",
    key="tenant_id, correction_id",
)


def stream(correction_id: UUID) -> str:
    """Every correction has a stream of its own."""
    return stream_of("usage_correction", str(correction_id))


def corrected(event: Event, rows: Rows, tenant_id: int) -> None:
    """A correction that was made."""
    c: Corrected = event.payload
    rows.add(
        CORRECTION, tenant_id, c.correction_id, c.kind.value, c.reason, c.undoes, c.voided, c.restored,
        c.added, c.batch_id, event.recorded_at, event.actor, event.event_id,
    )  # fmt: skip
