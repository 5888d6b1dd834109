"""Applications of coupons in and out of the database."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from everycent.coupons.application import Application, Held
from everycent.db import statements
from everycent.db.connection import Tx

SQL = statements.beside(__file__)

_Content = msgspec.json.Decoder(Application)


def lock_coupon(tx: Tx, coupon: str) -> None:
    """Serialises applications of a coupon until the transaction ends."""
    tx.run(SQL["lock_coupon"], {"tenant_id": tx.tenant_id, "coupon": coupon})


def count_applied(tx: Tx, coupon: str) -> int:
    """How often a coupon was applied to anybody."""
    return int(tx.value(SQL["count_applied"], {"tenant_id": tx.tenant_id, "coupon": coupon}))


def list_held(tx: Tx, first: UUID, last: UUID) -> list[tuple[UUID, Held]]:
    """What the customers of a range of ids were given, each in the order of application."""
    params = {"tenant_id": tx.tenant_id, "first": first, "last": last}
    return [
        (customer_id, Held(_Content.decode(content), uses or 0, redemptions or 0, rest or 0))
        for customer_id, content, uses, redemptions, rest in tx.tuples(SQL["held_of"], params)
    ]


def list_all(
    tx: Tx, customer_id: UUID | None, after: UUID | None, limit: int
) -> list[tuple[Any, Held]]:
    """Applications by customer, from behind one of them on, each with its row (customer, currency,
    taken)."""
    params = {"tenant_id": tx.tenant_id, "customer_id": customer_id, "after": after, "limit": limit}
    return [
        (row, Held(_Content.decode(row.content), row.uses, row.redemptions, row.rest))
        for row in tx.rows(SQL["list_held"], params)
    ]


def find(tx: Tx, coupon: str, number: int) -> Application | None:
    """The application of a coupon with a number, or None."""
    params = {"tenant_id": tx.tenant_id, "coupon": coupon, "number": number}
    content = tx.value(SQL["find_application"], params)
    return None if content is None else _Content.decode(content)


def list_violations(tx: Tx) -> list[str]:
    """Uses that break the rules, at most a hundred."""
    return [row[0] for row in tx.tuples(SQL["broken_uses"], {"tenant_id": tx.tenant_id})]
