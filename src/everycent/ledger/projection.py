"""Entries as rows."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from everycent.kernel.table import Rows, table
from everycent.ledger.entry import Entry

ENTRY = table(
    "ledger_entry",
    "tenant_id int4, entry_id uuid, kind text, at timestamptz, recorded_at timestamptz,"
    " document_id uuid, reverses uuid",
    key="tenant_id, entry_id",
)
POSTING = table(
    "ledger_posting",
    "tenant_id int4, entry_id uuid, posting_no int2, account_id int2, customer_id uuid,"
    " currency text, amount int8",
    key="tenant_id, entry_id, posting_no",
)


def add_entry(
    rows: Rows,
    tenant_id: int,
    event_id: UUID,
    at: datetime,
    recorded_at: datetime,
    entry: Entry | None,
) -> None:
    """The rows of the entry that the event caused; its id is the event's."""
    if entry is None:
        return
    rows.of(ENTRY).append(
        (tenant_id, event_id, entry.kind, at, recorded_at, entry.document_id, entry.reverses)
    )
    postings = rows.of(POSTING)
    for number, (account, amount, currency, customer_id) in enumerate(entry.postings, start=1):
        postings.append(
            (tenant_id, event_id, number, account.account_id, customer_id, currency, amount)
        )
