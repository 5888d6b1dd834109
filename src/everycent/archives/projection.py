"""The archive as rows: its parts, and which of them were put back."""

from __future__ import annotations

from decimal import Decimal

from everycent.journal.event import Event
from everycent.kernel.table import Rows, table

ARCHIVE = table(
    "usage_archive",
    "tenant_id int4, month date, part_no int4, file text, location text, bytes int8,"
    " sha256 bytea, records int8, total numeric, digest bytea, first_fold int8, last_fold int8,"
    " archived_at timestamptz, event_id uuid",
    key="tenant_id, month, part_no",
)
REASON = table(
    "usage_archive_reason",
    "tenant_id int4, month date, part_no int4, reason text, records int8",
    key="tenant_id, month, part_no, reason",
)
RESTORED = table(
    "usage_restored",
    "tenant_id int4, month date, part_no int4, restored_at timestamptz, event_id uuid",
    key="tenant_id, month, part_no",
)


def archived(event: Event, rows: Rows, tenant_id: int) -> None:
    """A part that was written."""
    a = event.payload
    rows.add(
        ARCHIVE, tenant_id, a.month, a.part_no, a.file, a.location, a.bytes,
        bytes.fromhex(a.sha256), a.records, Decimal(a.total), bytes.fromhex(a.digest), a.first_fold,
        a.last_fold, event.at, event.event_id,
    )  # fmt: skip
    for reason, records in a.reasons.items():
        rows.add(REASON, tenant_id, a.month, a.part_no, reason, records)


def restored(event: Event, rows: Rows, tenant_id: int) -> None:
    """Parts that were put back."""
    r = event.payload
    for part_no in r.parts:
        rows.add(RESTORED, tenant_id, r.month, part_no, event.at, event.event_id)
