"""Read the journal: a stream, one event, or everything after a cursor that never skips."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from everycent.db.connection import Tx
from everycent.journal import store
from everycent.journal.event import Cursor
from everycent.kernel.errors import NotFound


def stream(tx: Tx, name: str, *, version: int = 1, limit: int = 1000) -> list[Any]:
    """Events of one stream from `version` on, as rows with the stored payload text."""
    return store.list_stream(tx, name, version, limit)


def event(tx: Tx, event_id: UUID) -> Any:
    """One event as a row. Raises NotFound `journal.event_unknown`."""
    row = store.find_event(tx, event_id)
    if row is None:
        raise NotFound("journal.event_unknown", "there is no such event", value=event_id)
    return row


def since(tx: Tx, cursor: Cursor, limit: int) -> tuple[list[Any], Cursor]:
    """Events after `cursor` in journal order, and the cursor to go on from.

    Stops below the oldest transaction still running, so that nothing can appear behind the cursor.
    """
    rows = store.list_since(tx, cursor, limit)
    if rows:
        cursor = Cursor(rows[-1].epoch, rows[-1].xid, rows[-1].seq)
    return rows, cursor


def headings(tx: Tx, cursor: Cursor, limit: int) -> list[Any]:
    """The same without payloads: rows that say with `epoch`, `xid` and `seq` where they stand."""
    return store.list_headings_since(tx, cursor, limit)


def fence(tx: Tx) -> Cursor:
    """Where the journal is not final yet: what is read up to here never gets something put before it."""
    return store.get_fence(tx)._replace(seq=0)


def count(tx: Tx) -> int:
    """How many events the tenant has."""
    return store.count_events(tx)


def checkpoints(tx: Tx) -> list[Any]:
    """All checkpoints, oldest first."""
    return store.list_checkpoints(tx)


def written(tx: Tx) -> list[Any]:
    """The events that this transaction has appended so far: event_id, type."""
    return store.list_written(tx)
