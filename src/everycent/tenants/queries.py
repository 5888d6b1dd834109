"""Look tenants up, and the keys that open them."""

from __future__ import annotations

from typing import Any, NamedTuple

from everycent.db.connection import Database, Tx
from everycent.kernel.errors import NotFound
from everycent.tenants import store


class Access(NamedTuple):
    """What a key opens: one tenant, for some uses."""

    tenant_id: int
    scopes: frozenset[str]


def tenant_id(database: Database, slug: str) -> int:
    """The tenant's number. Raises NotFound `tenant.unknown`."""
    with database.operator(slug) as tx:
        row = store.find_tenant(tx, slug)
    if row is None:
        raise NotFound(
            "tenant.unknown",
            f"there is no tenant {slug!r}",
            field="tenant",
            value=slug,
            hint="create it with `everycent tenant create`, or list them with `everycent tenant list`",
        )
    return int(row.tenant_id)


def listed(database: Database) -> list[Any]:
    """All tenants; for the operator."""
    with database.operator() as tx:
        return store.list_tenants(tx)


def access(database: Database, digest: bytes) -> Access | None:
    """What the key with this digest opens; None for a key that is unknown or revoked."""
    with database.operator() as tx:
        row = store.find_api_key(tx, digest)
    return None if row is None else Access(row.tenant_id, frozenset(row.scopes))


def api_keys(tx: Tx) -> list[Any]:
    """The tenant's API keys, oldest first: key_id, name, scopes, created_at, revoked_at."""
    return store.list_keys(tx)
