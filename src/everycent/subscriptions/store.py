"""Subscription rows in and out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec

from everycent.catalog.proration import Proration
from everycent.db import statements
from everycent.db.connection import Tx
from everycent.subscriptions.subscription import Phase, SubscribedItem, Subscription
from everycent.subscriptions.timeline import Change

SQL = statements.beside(__file__)
_CHANGES = msgspec.json.Decoder(tuple[Change, ...])
_RULE = msgspec.json.Decoder(Proration)
LOWEST = UUID(int=0)
HIGHEST = UUID(int=(1 << 128) - 1)


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
    phases = _phases(tx, [row[0] for row in rows]) if rows else {}
    return [_subscription(row, phases[row[0]]) for row in rows]


def _phases(tx: Tx, subscription_ids: Sequence[UUID]) -> dict[UUID, list[Phase]]:
    found: dict[UUID, list[Phase]] = {}
    params = {"tenant_id": tx.tenant_id, "subscription_ids": subscription_ids}
    for (subscription_id, *facts, track, ends_at, keeps, numbers, of_plan, prices, advances, opens,
         rules) in tx.tuples(SQL["find_phases"], params):  # fmt: skip
        held = map(rule_of, rules)
        items = tuple(map(SubscribedItem, numbers, of_plan, prices, advances, opens, held))
        phase = Phase(*[*facts, items, track, ends_at, tuple(keeps)])
        found.setdefault(subscription_id, []).append(phase)
    return found


def _subscription(row: Sequence[Any], phases: Sequence[Phase]) -> Subscription:
    *facts, changes, changes_made, ends_on, ends_at = row
    held = _CHANGES.decode(changes)
    return Subscription(*[*facts, held, tuple(phases), changes_made, ends_on, ends_at])


@lru_cache(maxsize=1024)
def rule_of(text: str) -> Proration | None:
    """A rule of proration as it was stored; None for the default."""
    return _RULE.decode(text) if text else None


def billed_until(tx: Tx, subscription_id: UUID) -> list[tuple[int, datetime]]:
    """(phase, until when) of everything that was billed in arrears."""
    params = {"tenant_id": tx.tenant_id, "subscription_id": subscription_id}
    return [(no, at) for no, at in tx.tuples(SQL["billed_until"], params)]


def find_paid_beyond(tx: Tx, customer_id: UUID, at: datetime) -> str | None:
    """A contract of which something was billed that falls to who pays from an instant on, or None."""
    params = {"tenant_id": tx.tenant_id, "customer_id": customer_id, "at": at}
    found: str | None = tx.value(SQL["paid_beyond"], params)
    return found


def given_back(tx: Tx, subscription_id: UUID) -> dict[int, datetime]:
    """Until when phases are charged of which time was given back."""
    params = {"tenant_id": tx.tenant_id, "subscription_id": subscription_id}
    return dict(tx.tuples(SQL["given_back"], params))


def list_due_corrections(
    tx: Tx, first: UUID, last: UUID, holders: Sequence[UUID] | None, as_of: datetime
) -> list[tuple[Any, ...]]:
    """One row per billed period of which a part has to be given back."""
    params = _of_range(tx, first, last, holders, as_of) | {"ids": None}
    return tx.tuples(SQL["due_corrections"], params)


def list_corrections_of(
    tx: Tx, subscription_ids: Sequence[UUID], as_of: datetime
) -> list[tuple[Any, ...]]:
    """The same for some subscriptions, whoever holds them."""
    params = _of_range(tx, LOWEST, HIGHEST, None, as_of) | {"ids": list(subscription_ids)}
    return tx.tuples(SQL["due_corrections"], params)


def list_due_items(
    tx: Tx, first: UUID, last: UUID, holders: Sequence[UUID] | None, as_of: datetime
) -> list[tuple[Any, ...]]:
    """One row per item that may be due, of a range of customers; only of `holders`, if they are told."""
    return tx.tuples(SQL["due_items"], _of_range(tx, first, last, holders, as_of))


def _of_range(
    tx: Tx, first: UUID, last: UUID, holders: Sequence[UUID] | None, as_of: datetime
) -> dict[str, Any]:
    return {
        "tenant_id": tx.tenant_id, "first": first, "last": last, "as_of": as_of,
        "holders": None if holders is None else list(holders),
    }  # fmt: skip


def list_due_customers(tx: Tx, as_of: datetime) -> list[UUID]:
    """The customers who may have something due, by id."""
    statement = (
        f"select customer_id from ({SQL['due_items']}) d"
        f" union select customer_id from ({SQL['due_corrections']}) c order by customer_id"
    )
    params = _of_range(tx, LOWEST, HIGHEST, None, as_of) | {"ids": None}
    return [customer_id for (customer_id,) in tx.tuples(statement, params)]


def list_open_items(tx: Tx, subscription_ids: Sequence[UUID]) -> list[tuple[Any, ...]]:
    """One row per item with its last billed period."""
    params = {"tenant_id": tx.tenant_id, "subscription_ids": list(subscription_ids)}
    return tx.tuples(SQL["open_items"], params)
