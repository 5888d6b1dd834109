"""Rows of payment methods, in and out."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from everycent.db import statements
from everycent.db.connection import Tx
from everycent.methods import method
from everycent.methods.method import Method

SQL = statements.beside(__file__)


def list_methods(
    tx: Tx,
    *,
    customer_ids: Sequence[UUID] | None = None,
    ids: Sequence[UUID] | None = None,
    mandates: Sequence[str] | None = None,
) -> list[Method]:
    """Payment methods, of customers, by id or by mandate; the one that is charged first comes first."""
    params = {
        "tenant_id": tx.tenant_id,
        "customer_ids": None if customer_ids is None else list(customer_ids),
        "ids": None if ids is None else list(ids),
        "mandates": None if mandates is None else list(mandates),
    }
    return [method.decode(told) for (told,) in tx.tuples(SQL["list_methods"], params)]


def lock_mandates(tx: Tx) -> None:
    """Waits for whoever adds mandates."""
    tx.run(SQL["lock_mandates"], {"tenant_id": tx.tenant_id})
