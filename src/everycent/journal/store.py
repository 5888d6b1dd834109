"""Journal rows in and out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from everycent.db import bulk, statements
from everycent.db.connection import Tx
from everycent.journal.event import Cursor
from everycent.kernel.table import table

SQL = statements.beside(__file__)

JOURNAL = table(
    "journal_event",
    "tenant_id int4, stream text, version int4, event_id uuid, type text, schema_version int2,"
    " at timestamptz, recorded_at timestamptz, actor text, cause uuid, payload text, hash bytea",
    key="tenant_id, stream, version",
)


def find_heads(tx: Tx, streams: Sequence[str]) -> dict[str, tuple[int, bytes]]:
    """Version and hash of the last event of each stream that has one.

    What is seen may have been written by transactions with higher ids than ours. What we append must follow
    it for readers too, so the place that our events get is raised above all that is seen.
    """
    found = tx.tuples(SQL["heads"], {"tenant_id": tx.tenant_id, "streams": list(streams)})
    return {
        stream: (version, bytes(head)) for stream, version, head, _ in found if version is not None
    }


def insert_events(tx: Tx, rows: Sequence[Sequence[Any]]) -> None:
    """Appends rows in the order given."""
    bulk.insert(tx, JOURNAL, rows)


def list_stream(tx: Tx, stream: str, version: int, limit: int) -> list[Any]:
    """Rows of one stream from `version` on."""
    return tx.rows(
        SQL["read_stream"],
        {"tenant_id": tx.tenant_id, "stream": stream, "version": version, "limit": limit},
    )


def find_event(tx: Tx, event_id: UUID) -> Any | None:
    """One row by id, or None."""
    return tx.row(SQL["read_event"], {"tenant_id": tx.tenant_id, "event_id": event_id})


def list_since(tx: Tx, cursor: Cursor, limit: int) -> list[Any]:
    """Rows after `cursor` that no running transaction can still come before."""
    return _since(tx, "read_since", cursor, limit)


def list_headings_since(tx: Tx, cursor: Cursor, limit: int) -> list[Any]:
    """The same without payloads."""
    return _since(tx, "read_headings_since", cursor, limit)


def _since(tx: Tx, statement: str, cursor: Cursor, limit: int) -> list[Any]:
    return tx.rows(
        SQL[statement],
        {
            "tenant_id": tx.tenant_id,
            "epoch": cursor.epoch,
            "xid": cursor.xid,
            "seq": cursor.seq,
            "limit": limit,
        },
    )


def list_found(
    tx: Tx,
    after: Cursor,
    upto: Cursor | None,
    *,
    stream: str | None,
    types: Sequence[str] | None,
    limit: int,
) -> list[Any]:
    """Rows of a stream or of some types, after a cursor and up to another."""
    epoch, xid, seq = (None, None, None) if upto is None else upto
    return tx.rows(
        SQL["read_found"],
        {
            "tenant_id": tx.tenant_id, **after._asdict(), "upto_epoch": epoch, "upto_xid": xid,
            "upto_seq": seq, "stream": stream, "types": None if types is None else list(types),
            "limit": limit,
        },
    )  # fmt: skip


def find_cursor_after(tx: Tx, after: Cursor, events: int) -> Cursor | None:
    """The place so many events after a cursor, or None where there are not so many."""
    params = {"tenant_id": tx.tenant_id, **after._asdict(), "events": events}
    row = tx.row(SQL["cursor_after"], params)
    return None if row is None else Cursor(row.epoch, row.xid, row.seq)


def stream_all(tx: Tx, *, by_stream: bool) -> Iterator[tuple[Any, ...]]:
    """Every row, in journal order or stream by stream."""
    name = "read_chains" if by_stream else "read_all"
    return tx.stream(SQL[name], {"tenant_id": tx.tenant_id})


def get_fence(tx: Tx) -> Cursor:
    """The fence below which the journal is final."""
    row = tx.row(SQL["fence"], {"tenant_id": tx.tenant_id})
    assert row is not None
    return Cursor(row.epoch, row.xid, row.seq)


def stream_heads_below(tx: Tx, fence: Cursor) -> Iterator[tuple[str, int, bytes]]:
    """(stream, version, hash) of every stream's last event below `fence`, ordered by stream."""
    params = {"tenant_id": tx.tenant_id, "epoch": fence.epoch, "xid": fence.xid}
    for stream, version, head in tx.stream(SQL["heads_below"], params):
        yield stream, version, bytes(head)


def lock_checkpoints(tx: Tx) -> None:
    """One checkpoint of a tenant at a time."""
    tx.run(SQL["lock_checkpoints"], {"tenant_id": tx.tenant_id})


def find_last_checkpoint(tx: Tx) -> Any | None:
    """The newest checkpoint row, or None."""
    return tx.row(SQL["last_checkpoint"], {"tenant_id": tx.tenant_id})


def list_checkpoints(tx: Tx) -> list[Any]:
    """All checkpoint rows, oldest first."""
    return tx.rows(SQL["checkpoints"], {"tenant_id": tx.tenant_id})


def insert_checkpoint(tx: Tx, row: dict[str, Any]) -> None:
    """Adds a checkpoint."""
    tx.run(SQL["insert_checkpoint"], {"tenant_id": tx.tenant_id, **row})


def count_events(tx: Tx) -> int:
    """How many events the tenant has."""
    return int(tx.value(SQL["count_events"], {"tenant_id": tx.tenant_id}))


def list_written(tx: Tx) -> list[Any]:
    """The events that this transaction has appended: event_id, stream, version, type, payload."""
    return tx.rows(SQL["list_written"], {"tenant_id": tx.tenant_id})
