"""Rows of tenants and of their API keys in and out."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from everycent.db import statements
from everycent.db.connection import Tx
from everycent.tenants.keys import ApiKey

SQL = statements.beside(__file__)


def find_tenant(tx: Tx, slug: str) -> Any | None:
    """The tenant's row, or None."""
    return tx.row(SQL["find_tenant"], {"slug": slug})


def list_tenants(tx: Tx) -> list[Any]:
    """All tenants by slug."""
    return tx.rows(SQL["list_tenants"])


def insert_tenant(tx: Tx, slug: str, name: str, at: datetime) -> int | None:
    """The new tenant's id, or None when the slug is taken."""
    tenant_id = tx.value(SQL["insert_tenant"], {"slug": slug, "name": name, "at": at})
    return None if tenant_id is None else int(tenant_id)


def find_api_key(tx: Tx, digest: bytes) -> Any | None:
    """The tenant and the scopes of a key that is not revoked, or None."""
    return tx.row(SQL["find_api_key"], {"digest": digest})


def lock_key(tx: Tx, key_id: UUID) -> ApiKey | None:
    """A key of the tenant, locked until the transaction ends, or None."""
    row = tx.row(SQL["lock_key"], {"tenant_id": tx.tenant_id, "key_id": key_id})
    if row is None:
        return None
    return ApiKey(
        row.key_id, row.name, bytes(row.digest), tuple(row.scopes), row.created_at, row.revoked_at
    )


def list_keys(tx: Tx) -> list[Any]:
    """The tenant's keys, oldest first."""
    return tx.rows(SQL["list_keys"], {"tenant_id": tx.tenant_id})
