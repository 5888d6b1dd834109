"""Append events, and seal the journal with signed checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from everycent.db import bulk
from everycent.db.connection import Tx
from everycent.journal import chain, store
from everycent.journal.checkpoint import Checkpoint, digest_of
from everycent.journal.event import Draft, Event
from everycent.kernel.canonical import encode
from everycent.kernel.errors import Broken, Conflict
from everycent.kernel.table import Rows


def record(
    tx: Tx,
    drafts: Sequence[Draft],
    recorded_at: datetime,
    project: Callable[[Event, Rows, int], None] | None = None,
) -> list[Event]:
    """Appends the events and, with `project`, writes the rows that follow from them.

    All in the caller's transaction. Events of one stream get consecutive versions in the order given.
    Raises Conflict `journal.concurrent_append` when somebody else appended to a stream meanwhile.
    """
    tx.look_up_by_key()
    events = append(tx, drafts, recorded_at)
    if project is not None:
        rows = Rows()
        for event in events:
            project(event, rows, tx.tenant_id)
        write(tx, rows)
    return events


def append(tx: Tx, drafts: Sequence[Draft], recorded_at: datetime) -> list[Event]:
    """Appends the events to their streams. See `record`."""
    heads = store.find_heads(tx, sorted({draft.stream for draft in drafts}))
    rows: list[tuple[Any, ...]] = []
    events: list[Event] = []
    tenant_id = tx.tenant_id
    for event_id, stream, type_, at, actor, payload, cause in drafts:
        version, previous = heads.get(stream, (0, chain.GENESIS))
        version += 1
        body = encode(payload)
        head = chain.link(
            previous, tenant_id, stream, version, event_id, type_.name, type_.version, at,
            recorded_at, actor, cause, body,
        )  # fmt: skip
        heads[stream] = (version, head)
        rows.append(
            (tenant_id, stream, version, event_id, type_.name, type_.version, at, recorded_at,
             actor, cause, body.decode(), head)
        )  # fmt: skip
        events.append(
            Event(
                event_id, stream, version, type_.name, at, recorded_at, actor, cause, payload, head
            )
        )
    try:
        store.insert_events(tx, rows)
    except psycopg.errors.UniqueViolation as error:
        if error.diag.constraint_name != "journal_event_pkey":
            raise Broken("journal.event_twice", "an event id was used before") from error
        raise Conflict(
            "journal.concurrent_append",
            "somebody else recorded an event for the same subject at the same moment",
            hint="try again",
        ) from error
    return events


def write(tx: Tx, rows: Rows) -> None:
    """Writes gathered rows, table by table in the order of their first mention."""
    for target, is_replaced in rows.mentions:
        if is_replaced:
            bulk.put(tx, target, list(rows.replaced[target].values()))
        else:
            bulk.insert(tx, target, rows.added[target])


def checkpoint(tx: Tx, key: Ed25519PrivateKey, recorded_at: datetime) -> Checkpoint:
    """Seals the journal as it is: one signed hash over the heads of all streams of the tenant.

    Print or mail the digest and keep it elsewhere: `verify` then shows whether anything below it
    was changed, dropped or cut off, even by a database superuser.
    """
    store.lock_checkpoints(tx)
    fence = store.get_fence(tx)
    root, streams, events = chain.root(store.stream_heads_below(tx, fence))
    last = store.find_last_checkpoint(tx)
    facts = Checkpoint(
        checkpoint_no=1 if last is None else last.checkpoint_no + 1,
        recorded_at=recorded_at,
        epoch=fence.epoch,
        xid=fence.xid,
        seq=fence.seq,
        streams=streams,
        events=events,
        root=root,
        previous=None if last is None else bytes(last.digest),
    )
    digest = digest_of(tx.tenant_id, facts)
    store.insert_checkpoint(
        tx,
        facts._asdict()
        | {
            "digest": digest,
            "public_key": key.public_key().public_bytes_raw(),
            "signature": key.sign(digest),
        },
    )
    return facts
