"""Catalogue rows in and out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from everycent.db import statements
from everycent.db.connection import Tx

SQL = statements.beside(__file__)


def list_newest(tx: Tx, kind: str | None = None, key: str | None = None) -> list[Any]:
    """The newest version of each entity, narrowed by kind and key."""
    return tx.rows(SQL["newest"], {"tenant_id": tx.tenant_id, "kind": kind, "key": key})


def list_terms(tx: Tx, kind: str) -> list[Any]:
    """The newest versions of a kind by which everything is billed: intake, policies or tax."""
    found = tx.once(SQL["terms"], lambda: tx.rows(SQL["terms"], {"tenant_id": tx.tenant_id}))
    return [row for row in found if row.kind == kind]


def list_page(tx: Tx, kind: str | None, after: tuple[str, str] | None, limit: int) -> list[Any]:
    """The newest versions in order of kind and key, from behind one of them on."""
    after_kind, after_key = after or (None, None)
    params = {
        "tenant_id": tx.tenant_id, "kind": kind, "after_kind": after_kind, "after_key": after_key,
        "limit": limit,
    }  # fmt: skip
    return tx.rows(SQL["newest_page"], params)


def find_version(tx: Tx, kind: str, key: str, version: int) -> Any | None:
    """The row of one version, or None."""
    params = {"tenant_id": tx.tenant_id, "kind": kind, "key": key, "version": version}
    rows = tx.rows(SQL["version_row"], params)
    return rows[0] if rows else None


def list_versions_before(tx: Tx, kind: str, key: str, before: int | None, limit: int) -> list[Any]:
    """Rows of the versions of a thing, the newest first."""
    params = {
        "tenant_id": tx.tenant_id, "kind": kind, "key": key, "before": before, "limit": limit,
    }  # fmt: skip
    return tx.rows(SQL["versions_page"], params)


def find_content(tx: Tx, kind: str, key: str, version: int) -> str | None:
    """The content of one version, or None."""
    content: str | None = tx.value(
        SQL["read_version"],
        {"tenant_id": tx.tenant_id, "kind": kind, "key": key, "version": version},
    )
    return content


def list_plans(tx: Tx, wanted: Sequence[tuple[str, int]]) -> list[tuple[str, int, str]]:
    """Versions of plans as (key, version, content)."""
    params = {
        "tenant_id": tx.tenant_id,
        "keys": [key for key, _ in wanted],
        "versions": [version for _, version in wanted],
    }
    return [(key, version, told) for key, version, told in tx.tuples(SQL["read_plans"], params)]


def list_versions(tx: Tx, kind: str, key: str) -> list[Any]:
    """Rows (version, at) of all versions of a thing, in their order."""
    return tx.tuples(SQL["versions"], {"tenant_id": tx.tenant_id, "kind": kind, "key": key})


def lock(tx: Tx) -> None:
    """Serialises changes to the catalogue until the transaction ends."""
    tx.run(SQL["lock_catalog"], {"tenant_id": tx.tenant_id})
