"""Messages in and out of the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from everycent.db import statements
from everycent.db.connection import Tx
from everycent.messages.message import State, Status

SQL = statements.beside(__file__)


def claim(tx: Tx, kinds: Sequence[str], at: datetime, lease: timedelta, limit: int) -> list[UUID]:
    """Claims messages to deliver, for the length of the lease by the database's clock."""
    params = {
        "tenant_id": tx.tenant_id, "kinds": list(kinds), "at": at, "lease": lease, "limit": limit,
    }  # fmt: skip
    return [message_id for (message_id,) in tx.tuples(SQL["claim_messages"], params)]


def lock_states(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, State]:
    """Where messages stand, locked."""
    rows = tx.tuples(SQL["lock_states"], {"tenant_id": tx.tenant_id, "ids": list(ids)})
    return {
        message_id: State(Status(status), tries, next_at, reason, is_broken)
        for message_id, status, tries, next_at, reason, is_broken in rows
    }


def release(tx: Tx, ids: Sequence[UUID]) -> None:
    """Gives claims back."""
    tx.run(SQL["release_claims"], {"tenant_id": tx.tenant_id, "ids": list(ids)})


def list_messages(
    tx: Tx,
    *,
    ids: Sequence[UUID] | None = None,
    status: str | None = None,
    before: UUID | None = None,
    limit: int = 100_000,
) -> list[Any]:
    """Messages with where they stand, the newest first, of those before one."""
    params = {
        "tenant_id": tx.tenant_id,
        "ids": None if ids is None else list(ids),
        "status": status,
        "before": before,
        "limit": limit,
    }
    return tx.rows(SQL["messages"], params)


def list_broken(tx: Tx, limit: int) -> list[Any]:
    """Messages at which we failed ourselves, the oldest first."""
    return tx.rows(SQL["broken_messages"], {"tenant_id": tx.tenant_id, "limit": limit})


def count_waiting(tx: Tx, at: datetime) -> dict[str, int]:
    """How many messages whose time has come wait, by kind."""
    found = tx.tuples(SQL["count_waiting"], {"tenant_id": tx.tenant_id, "at": at})
    return dict(found)
