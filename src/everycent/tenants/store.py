"""Rows of tenants in and out."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from everycent.db import statements
from everycent.db.connection import Tx

SQL = statements.beside(__file__)


def find_tenant(tx: Tx, slug: str) -> Any | None:
    """The tenant's row, or None."""
    return tx.row(SQL["find_tenant"], {"slug": slug})


def get_own(tx: Tx) -> Any:
    """The row of the transaction's own tenant."""
    return tx.row(SQL["own_tenant"], {"tenant_id": tx.tenant_id})


def list_tenants(tx: Tx) -> list[Any]:
    """All tenants by slug."""
    return tx.rows(SQL["list_tenants"])


def list_page(tx: Tx, after: str, limit: int) -> list[Any]:
    """Tenants by slug, from behind one on."""
    return tx.rows(SQL["page_of_tenants"], {"after": after, "limit": limit})


def insert_tenant(tx: Tx, slug: str, name: str, at: datetime) -> int | None:
    """The new tenant's id, or None when the slug is taken."""
    tenant_id = tx.value(SQL["insert_tenant"], {"slug": slug, "name": name, "at": at})
    return None if tenant_id is None else int(tenant_id)
