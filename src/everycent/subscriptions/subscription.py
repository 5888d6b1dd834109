"""Subscription: a customer's contract for one version of a plan."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import msgspec

from everycent.journal.types import EventType
from everycent.kernel.calendar import Cycle, Interval


class SubscribedItem(msgspec.Struct, frozen=True):
    """One price of the plan, numbered as on the invoice."""

    item_no: int
    price_key: str
    in_advance: bool


class Subscription(msgspec.Struct, frozen=True, omit_defaults=True):
    """`subject` is whose usage is billed. Periods are counted from `anchor` in `time_zone`.

    `starts_on` is the first local day that is billed, `ends_on` the first that no longer is; the instants
    at which those days began are frozen beside them, whatever becomes of the zone's rules.
    """

    subscription_id: UUID
    customer_id: UUID
    key: str
    plan_key: str
    plan_version: int
    currency: str
    subject: str
    anchor: date
    interval_months: int
    interval_days: int
    time_zone: str
    starts_on: date
    starts_at: datetime
    items: tuple[SubscribedItem, ...]
    ends_on: date | None = None
    ends_at: datetime | None = None

    @property
    def cycle(self) -> Cycle:
        """The boundaries of its billing periods."""
        return Cycle(
            self.anchor, Interval(self.interval_months, self.interval_days), self.time_zone
        )


class Cancelled(msgspec.Struct, frozen=True, omit_defaults=True):
    """The subscription with its end, and why."""

    subscription: Subscription
    reason: str = ""


STARTED = EventType("subscription.started", 1, Subscription)
CANCELLED = EventType("subscription.cancelled", 1, Cancelled)
