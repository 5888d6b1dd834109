"""Look up what a key opens, the keys and the members there are, and who did what."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from everycent.access import store
from everycent.access.audited import ENTRY, AuditEntry
from everycent.access.keys import KEY_ID, Network, network_of
from everycent.access.members import MEMBER_ID, Member, unknown
from everycent.db.connection import Database, Tx
from everycent.kernel import ids


class Access(NamedTuple):
    """What a key or a person opens: one tenant, for some uses, until an instant, from some networks (from
    everywhere, where none is named). `actor` is the id of whoever it is, `role` that of a person."""

    tenant_id: int
    slug: str
    actor: str
    scopes: frozenset[str]
    expires_at: datetime | None = None
    networks: tuple[Network, ...] = ()
    role: str | None = None
    key_id: UUID | None = None


def access(database: Database, digest: bytes) -> Access | None:
    """What the key with this digest opens; None for a key that is unknown or revoked."""
    with database.operator() as tx:
        row = store.find_api_key(tx, digest)
    if row is None:
        return None
    return Access(
        row.tenant_id, row.slug, ids.show(KEY_ID, row.key_id), frozenset(row.scopes),
        row.expires_at, tuple(map(network_of, row.networks)), key_id=row.key_id,
    )  # fmt: skip


def members(
    tx: Tx, *, limit: int, after: str | None = None, is_former: bool = False
) -> list[Member]:
    """The tenant's members, oldest first; with those who were removed. Raises Invalid `id.malformed`."""
    found = None if after is None else ids.parse(MEMBER_ID, after, "after")
    return store.list_members(tx, limit=limit, after=found, is_former=is_former)


def member(tx: Tx, name: str) -> Member:
    """A member, or one who was. Raises Invalid `id.malformed`, NotFound `member.unknown`."""
    member_id = ids.parse(MEMBER_ID, name, "member")
    found = store.find_member(tx, member_id)
    if found is None:
        raise unknown(member_id)
    return found


def api_keys(tx: Tx) -> list[Any]:
    """The tenant's API keys, oldest first: key_id, name, scopes, created_at, revoked_at, expires_at,
    networks, used_at."""
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
