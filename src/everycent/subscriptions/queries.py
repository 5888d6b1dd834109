"""Look subscriptions up, and find what is due."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from everycent.db.connection import Tx
from everycent.kernel.calendar import Cycle, Interval
from everycent.subscriptions import store
from everycent.subscriptions.schedule import Due, due_periods
from everycent.subscriptions.subscription import Subscription


class DueItem(NamedTuple):
    """A period of one item that is due."""

    customer_id: UUID
    subscription_id: UUID
    subscription_key: str
    plan: tuple[str, int]
    currency: str
    subject: str
    time_zone: str
    item_no: int
    in_advance: bool
    starts_at: datetime
    due: Due


def due_customers(tx: Tx, as_of: datetime) -> list[UUID]:
    """Everybody who may have something due by `as_of`, in order of their ids."""
    return store.list_due_customers(tx, as_of)


def due_items(tx: Tx, first: UUID, last: UUID, as_of: datetime) -> list[DueItem]:
    """Everything due by `as_of` of the customers whose ids lie between the two, both included."""
    found = []
    for row in store.list_due_items(tx, first, last, as_of):
        (customer_id, subscription_id, key, plan_key, plan_version, currency, subject, anchor,
         months, days, zone, starts_at, ends_at, item_no, in_advance, covered) = row  # fmt: skip
        cycle = Cycle(anchor, Interval(months, days), zone)
        for due in due_periods(cycle, covered, ends_at, as_of, in_advance=in_advance):
            found.append(
                DueItem(
                    customer_id, subscription_id, key, (plan_key, plan_version), currency, subject,
                    zone, item_no, in_advance, starts_at, due,
                )
            )  # fmt: skip
    return found


def listed(
    tx: Tx, *, customer_id: UUID | None = None, after: str = "", limit: int = 100
) -> list[Subscription]:
    """Subscriptions in order of their keys."""
    return store.find(tx, customer_id=customer_id, after=after, limit=limit)
