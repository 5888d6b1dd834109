"""Correction rows out; they come in as projections of events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from everycent.db import bulk, statements
from everycent.db.connection import Tx
from everycent.kernel.period import Period
from everycent.kernel.table import table

SQL = statements.beside(__file__)
SAYING = table(
    "usage_saying",
    "tenant_id int4, first_key uuid, saying_no int2, key uuid",
    key="tenant_id, first_key, saying_no",
)


def find(tx: Tx, correction_id: UUID) -> Any | None:
    """A correction, None where there is none."""
    return tx.row(
        SQL["find_correction"], {"tenant_id": tx.tenant_id, "correction_id": correction_id}
    )


def newest(tx: Tx, limit: int, before: int | None) -> list[Any]:
    """The newest corrections first, of those before a batch."""
    params = {"tenant_id": tx.tenant_id, "limit": limit, "before": before}
    return tx.rows(SQL["list_corrections"], params)


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
    """The stored records of some keys; where they are in the archive, their batches and nothing else."""
    return tx.rows(SQL["records_by_key"], {"tenant_id": tx.tenant_id, "keys": list(keys)})


def list_touched(tx: Tx, batch_id: int, after: tuple[datetime, UUID], limit: int) -> list[Any]:
    """What a correcting batch took back, put back and added, in order of time."""
    params = {"tenant_id": tx.tenant_id, "batch_id": batch_id, "limit": limit}
    return tx.rows(SQL["list_touched"], params | {"after_at": after[0], "after_key": after[1]})


def last_reversals(tx: Tx, keys: Sequence[UUID]) -> dict[UUID, Any]:
    """The newest reversal of those of the records that have one, by key."""
    rows = tx.rows(SQL["last_reversals"], {"tenant_id": tx.tenant_id, "keys": list(keys)})
    return {row.key: row for row in rows}


def hold_records(tx: Tx) -> None:
    """Nobody drops a month of records until the transaction ends."""
    tx.run(SQL["hold_records"])


def list_sayings(tx: Tx, keys: Sequence[bytes]) -> list[Any]:
    """Everything that was ever said under the ids of some keys, each saying of an id in its order."""
    return tx.rows(SQL["list_sayings"], {"tenant_id": tx.tenant_id, "keys": _uuids(keys)})


def insert_sayings(tx: Tx, links: Sequence[tuple[bytes, int, bytes]]) -> None:
    """Writes down which records took the place of which: (first key, number, key)."""
    rows = [
        (tx.tenant_id, UUID(bytes=first_key), number, UUID(bytes=key))
        for first_key, number, key in links
    ]
    bulk.insert(tx, SAYING, rows)


def list_counting_twice(tx: Tx, keys: Sequence[bytes] | None) -> list[Any]:
    """Records of which several sayings count, at most a hundred: those with some keys, or (None) any."""
    wanted = None if keys is None else _uuids(keys)
    return tx.rows(SQL["counting_twice"], {"tenant_id": tx.tenant_id, "keys": wanted})


def list_false_sayings(tx: Tx) -> list[str]:
    """Sayings that are linked wrongly, and replacements that are not linked."""
    params = {"tenant_id": tx.tenant_id}
    return [text for (text,) in tx.tuples(SQL["false_sayings"], params, binary=False)]


def list_archived_months(tx: Tx, keys: Sequence[bytes], batch_id: int | None) -> list[date]:
    """The months with anything in the archive to which records with some keys, or of a batch, belong."""
    params = {"tenant_id": tx.tenant_id, "keys": _uuids(keys), "batch_id": batch_id}
    return [month for (month,) in tx.tuples(SQL["archived_months_of"], params)]


def _uuids(keys: Sequence[bytes]) -> list[UUID]:
    return [UUID(bytes=key) for key in keys]
