"""Subscription: a customer's contract for one version of a plan."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import msgspec

from everycent.journal.types import EventType
from everycent.kernel.calendar import Cycle, Interval, start_of_day


class SubscribedItem(msgspec.Struct, frozen=True):
    """One price of the plan, numbered as on the invoice."""

    item_no: int
    price_key: str
    in_advance: bool


class Subscription(msgspec.Struct, frozen=True, omit_defaults=True):
    """`subject` is whose usage is billed. Periods are counted from `anchor` in `time_zone`.

    `starts_on` is the first local day that is billed, `ends_on` the first that no longer is.
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
    items: tuple[SubscribedItem, ...]
    ends_on: date | None = None

    @property
    def cycle(self) -> Cycle:
        """The boundaries of its billing periods."""
        return Cycle(
            self.anchor, Interval(self.interval_months, self.interval_days), self.time_zone
        )

    @property
    def starts_at(self) -> datetime:
        """The first instant that is billed."""
        return start_of_day(self.starts_on, self.time_zone)

    @property
    def ends_at(self) -> datetime | None:
        """The first instant that is no longer billed."""
        return None if self.ends_on is None else start_of_day(self.ends_on, self.time_zone)


class Cancelled(msgspec.Struct, frozen=True, omit_defaults=True):
    """The subscription with its end, and why."""

    subscription: Subscription
    reason: str = ""


STARTED = EventType("subscription.started", 1, Subscription)
CANCELLED = EventType("subscription.cancelled", 1, Cancelled)
