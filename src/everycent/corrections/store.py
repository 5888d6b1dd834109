"""Correction rows out; they come in as projections of events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from everycent.db import statements
from everycent.db.connection import Tx
from everycent.kernel.period import Period

SQL = statements.beside(__file__)


def find(tx: Tx, correction_id: UUID) -> Any | None:
    """A correction, None where there is none."""
    return tx.row(
        SQL["find_correction"], {"tenant_id": tx.tenant_id, "correction_id": correction_id}
    )


def newest(tx: Tx, limit: int) -> list[Any]:
    """The newest corrections first."""
    return tx.rows(SQL["list_corrections"], {"tenant_id": tx.tenant_id, "limit": limit})


def list_changed_series(tx: Tx, batch_id: int) -> list[Any]:
    """The subjects and meters of the records that a correcting batch took back, put back or added."""
    return tx.rows(SQL["changed_series"], {"tenant_id": tx.tenant_id, "batch_id": batch_id})


def list_records(
    tx: Tx,
    subject: str | None,
    meter: str | None,
    period: Period,
    after: tuple[datetime, UUID],
    limit: int,
) -> list[Any]:
    """Stored records in order of time."""
    return tx.rows(
        SQL["list_records"],
        {
            "tenant_id": tx.tenant_id,
            "subject": subject,
            "meter": meter,
            "starts_at": period.start,
            "ends_at": period.end,
            "after_at": after[0],
            "after_key": after[1],
            "limit": limit,
        },
    )


def records_by_key(tx: Tx, keys: Sequence[UUID]) -> list[Any]:
    """The stored records of those keys that are in the tables."""
    return tx.rows(SQL["records_by_key"], {"tenant_id": tx.tenant_id, "keys": list(keys)})


def last_reversals(tx: Tx, keys: Sequence[UUID]) -> dict[UUID, Any]:
    """The newest reversal of those of the records that have one, by key."""
    rows = tx.rows(SQL["last_reversals"], {"tenant_id": tx.tenant_id, "keys": list(keys)})
    return {row.key: row for row in rows}


def archived_keys(tx: Tx, keys: Sequence[UUID]) -> set[UUID]:
    """Those of the keys whose records are not in the tables."""
    params = {"tenant_id": tx.tenant_id, "keys": list(keys)}
    return {key for (key,) in tx.tuples(SQL["archived_keys"], params)}
