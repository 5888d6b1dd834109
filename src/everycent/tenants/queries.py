"""Look tenants up."""

from __future__ import annotations

from typing import Any

from everycent.db.connection import Database, Tx
from everycent.kernel.errors import NotFound
from everycent.tenants import store


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


def own(tx: Tx) -> Any:
    """The tenant that the transaction works on: slug, name, created_at."""
    return store.get_own(tx)


def listed(database: Database) -> list[Any]:
    """All tenants; for the operator."""
    with database.operator() as tx:
        return store.list_tenants(tx)


def page(database: Database, after: str, limit: int) -> list[Any]:
    """Tenants by slug, from behind one on; for the operator."""
    with database.operator() as tx:
        return store.list_page(tx, after, limit)
