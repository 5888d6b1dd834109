"""Look up which coupons customers have."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from everycent.coupons import store
from everycent.coupons.application import Application, Held
from everycent.db.connection import Tx
from everycent.kernel.errors import NotFound

_ALL = 1_000_000
_NAME = re.compile(r"(.{1,80})-([1-9][0-9]{0,8})", re.ASCII)


def held(tx: Tx, first: UUID, last: UUID) -> dict[UUID, list[Held]]:
    """What the customers whose ids lie between the two (both included) have, by customer, without what is
    used up."""
    found: dict[UUID, list[Held]] = {}
    for customer_id, one in store.list_held(tx, first, last):
        if not one.is_used_up:
            found.setdefault(customer_id, []).append(one)
    return found


def listed(
    tx: Tx, *, customer_id: UUID | None = None, after: UUID | None = None, limit: int = 100
) -> list[tuple[Any, Held]]:
    """Applications by customer, each with its row (customer, currency, taken in minor units); those
    behind the application `after`, if one is told."""
    return store.list_all(tx, customer_id, after, limit)


def taken(tx: Tx, name: str) -> tuple[Any, Held]:
    """An application by its name with what it took off so far. Raises NotFound `coupon.not_applied`."""
    one = by_name(tx, name)
    every = store.list_all(tx, one.customer_id, None, _ALL)
    return next(found for found in every if found[1].application.name == name)


def by_name(tx: Tx, name: str) -> Application:
    """An application by its name, such as 'welcome-7'. Raises NotFound `coupon.not_applied`."""
    match = _NAME.fullmatch(name)
    found = None if match is None else store.find(tx, match[1], int(match[2]))
    if found is None:
        raise NotFound(
            "coupon.not_applied",
            f"there is no applied coupon {name!r}",
            field="name",
            value=name,
            hint="list them with `everycent coupon list`",
        )
    return found
