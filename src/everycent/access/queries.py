"""Look up what a key opens, the keys there are, and who did what."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from everycent.access import store
from everycent.access.audited import ENTRY, AuditEntry
from everycent.db.connection import Database, Tx
from everycent.kernel import ids


class Access(NamedTuple):
    """What a key opens: one tenant, for some uses, until it expires."""

    tenant_id: int
    key_id: UUID
    scopes: frozenset[str]
    expires_at: datetime | None = None


def access(database: Database, digest: bytes) -> Access | None:
    """What the key with this digest opens; None for a key that is unknown or revoked."""
    with database.operator() as tx:
        row = store.find_api_key(tx, digest)
    if row is None:
        return None
    return Access(row.tenant_id, row.key_id, frozenset(row.scopes), row.expires_at)


def api_keys(tx: Tx) -> list[Any]:
    """The tenant's API keys, oldest first: key_id, name, scopes, created_at, revoked_at, expires_at,
    used_at."""
    return store.list_keys(tx)


def audited(
    tx: Tx,
    *,
    limit: int,
    before: str | None = None,
    actor: str | None = None,
    operation: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> list[AuditEntry]:
    """The audit log, the newest first. Raises Invalid `id.malformed`."""
    found = None if before is None else ids.parse(ENTRY, before, "after")
    return store.entries(
        tx, limit=limit, before=found, actor=actor, operation=operation, start=start, end=end
    )
