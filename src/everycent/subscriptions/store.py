"""Subscription rows in and out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from everycent.db import statements
from everycent.db.connection import Tx
from everycent.subscriptions.subscription import SubscribedItem, Subscription

SQL = statements.beside(__file__)
_LOWEST = UUID(int=0)
_HIGHEST = UUID(int=(1 << 128) - 1)


def find(
    tx: Tx,
    *,
    keys: Sequence[str] | None = None,
    customer_id: UUID | None = None,
    owners: tuple[Sequence[UUID], Sequence[str]] | None = None,
    after: str = "",
    limit: int = 1_000_000,
) -> list[Subscription]:
    """Subscriptions by key, by customer, or by `owners` (any of the customers, any of the subjects), in
    order of their keys."""
    rows = tx.tuples(
        SQL["find_subscriptions"],
        {
            "tenant_id": tx.tenant_id,
            "keys": None if keys is None else list(keys),
            "customer_id": customer_id,
            "customer_ids": None if owners is None else list(owners[0]),
            "subjects": [] if owners is None else list(owners[1]),
            "after": after,
            "limit": limit,
        },
    )
    return [_subscription(row) for row in rows]


def _subscription(row: Sequence[Any]) -> Subscription:
    *facts, ends_on, ends_at, numbers, prices, advances = row
    items = tuple(map(SubscribedItem, numbers, prices, advances))
    return Subscription(*[*facts, items, ends_on, ends_at])


def billed_until(tx: Tx, subscription_id: UUID) -> datetime | None:
    """The end of what was billed in arrears, or None when nothing was."""
    until: datetime | None = tx.value(
        SQL["billed_until"], {"tenant_id": tx.tenant_id, "subscription_id": subscription_id}
    )
    return until


def list_due_items(tx: Tx, first: UUID, last: UUID, as_of: datetime) -> list[tuple[Any, ...]]:
    """One row per item that may be due."""
    params = {"tenant_id": tx.tenant_id, "first": first, "last": last, "as_of": as_of}
    return tx.tuples(SQL["due_items"], params)


def list_due_customers(tx: Tx, as_of: datetime) -> list[UUID]:
    """The customers who may have something due, by id."""
    statement = f"select distinct customer_id from ({SQL['due_items']}) d order by customer_id"
    params = {"tenant_id": tx.tenant_id, "as_of": as_of, "first": _LOWEST, "last": _HIGHEST}
    return [customer_id for (customer_id,) in tx.tuples(statement, params)]


def list_open_items(tx: Tx, subscription_ids: Sequence[UUID]) -> list[tuple[Any, ...]]:
    """One row per item with its last billed period."""
    params = {"tenant_id": tx.tenant_id, "subscription_ids": list(subscription_ids)}
    return tx.tuples(SQL["open_items"], params)
