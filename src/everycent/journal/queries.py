"""Read the journal: a stream, one event, or everything after a cursor that never skips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from everycent.db.connection import Tx
from everycent.journal import store
from everycent.journal.event import Cursor
from everycent.kernel.errors import NotFound

LOOKED_AT = 100_000
"""How many events are looked at for those of some types, until the one who asks has to ask again."""


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
        cursor = cursor_of(rows[-1])
    return rows, cursor


def headings(tx: Tx, cursor: Cursor, limit: int) -> list[Any]:
    """The same without payloads: rows that say with `epoch`, `xid` and `seq` where they stand."""
    return store.list_headings_since(tx, cursor, limit)


def fence(tx: Tx) -> Cursor:
    """Where the journal is not final yet: what is read up to here never gets something put before it."""
    return store.get_fence(tx)._replace(seq=0)


def found(
    tx: Tx,
    after: Cursor,
    *,
    of_stream: str | None = None,
    types: Sequence[str] | None = None,
    limit: int = 100,
) -> tuple[list[Any], Cursor, bool]:
    """Events of a stream or of some types after a cursor, in journal order, the cursor to go on from, and
    whether there is more. By type no more than `LOOKED_AT` events are looked at: there may be more although
    fewer than asked for, or none, were found."""
    upto = None
    if types is not None and of_stream is None:
        upto = store.find_cursor_after(tx, after, LOOKED_AT)
    rows = store.list_found(tx, after, upto, stream=of_stream, types=types, limit=limit + 1)
    if len(rows) > limit:
        return rows[:limit], cursor_of(rows[limit - 1]), True
    if upto is not None:
        return rows, upto, True
    return rows, cursor_of(rows[-1]) if rows else after, False


def cursor_of(row: Any) -> Cursor:
    """The place of an event."""
    return Cursor(row.epoch, row.xid, row.seq)


def count(tx: Tx) -> int:
    """How many events the tenant has."""
    return store.count_events(tx)


def checkpoints(tx: Tx) -> list[Any]:
    """All checkpoints, oldest first."""
    return store.list_checkpoints(tx)


def written(tx: Tx) -> list[Any]:
    """The events that this transaction has appended so far: event_id, stream, version, type, payload."""
    return store.list_written(tx)
