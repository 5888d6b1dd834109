"""Subscription: a customer's contract, as phases in time (docs/decisions/0014)."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import msgspec

from everycent.catalog.plan import Item
from everycent.catalog.price import Price
from everycent.catalog.proration import Proration
from everycent.journal.types import EventType
from everycent.kernel.calendar import Cycle, Interval
from everycent.subscriptions.timeline import MAIN, Change


class SubscribedItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One price of a phase's plan. `item_no` counts through all phases of the contract; it is item
    `plan_item_no` of the plan version. What a trial gives away costs nothing before `opens_at` (None:
    the start of the phase). Parts of periods are counted by `proration` (None: the default). `quantity`
    is what is agreed of it, and `price` what the contract has in place of the plan's. What `is_commitment`
    counts what the others come to."""

    item_no: int
    plan_item_no: int
    price_key: str
    in_advance: bool
    opens_at: datetime | None = None
    proration: Proration | None = None
    quantity: str | None = None
    price: Price | None = None
    is_commitment: bool = False

    @property
    def own(self) -> OwnTerms:
        """What it has that is not the plan's."""
        return OwnTerms(self.proration, self.quantity, self.price)


class OwnTerms(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an item has that is not the plan's: a rule other than the default, a quantity, a price."""

    proration: Proration | None = None
    quantity: str | None = None
    price: Price | None = None

    def of(self, item: Item) -> Item:
        """The item of the plan as it is agreed."""
        if self is NOTHING_OWN:
            return item
        if self.quantity is not None and item.agreed is not None:
            agreed = msgspec.structs.replace(item.agreed, quantity=self.quantity)
            item = msgspec.structs.replace(item, agreed=agreed)
        return item if self.price is None else msgspec.structs.replace(item, price=self.price)


NOTHING_OWN = OwnTerms()


class Phase(msgspec.Struct, frozen=True, omit_defaults=True):
    """A stretch of time on one version of one plan, which the change `change_no` brought about, or of one
    of its prices that has a course of its own (on a track such as '#seats'). Periods are counted from
    `anchor`. A phase that ends where it starts does not take place. What was paid in
    advance beyond its end is given back, but for the items that it `keeps`."""

    phase_no: int
    change_no: int
    plan_key: str
    plan_version: int
    anchor: date
    interval_months: int
    interval_days: int
    starts_at: datetime
    items: tuple[SubscribedItem, ...]
    track: str = MAIN
    ends_at: datetime | None = None
    keeps: tuple[int, ...] = ()

    @property
    def takes_place(self) -> bool:
        """False for a phase that was planned and will not come."""
        return self.ends_at != self.starts_at

    @property
    def trial_until(self) -> datetime | None:
        """When the trial ends within which the phase began; None where there is none."""
        ends = [item.opens_at for item in self.items if item.opens_at is not None]
        return max(ends, default=None)

    @property
    def own_prices(self) -> dict[str, Price]:
        """The prices that stand in place of the plan's, by key."""
        return {item.price_key: item.price for item in self.items if item.price is not None}

    def cycle(self, time_zone: str) -> Cycle:
        """The boundaries of its billing periods on the clock of the contract."""
        return Cycle(self.anchor, Interval(self.interval_months, self.interval_days), time_zone)


class Subscription(msgspec.Struct, frozen=True, omit_defaults=True):
    """`subject` is whose usage is billed.

    `starts_on` is the first local day that is billed, `ends_on` the first that no longer is; the instants
    at which those days began are frozen beside them, whatever becomes of the zone's rules. `changes` are
    all that hold, in the order in which they were agreed; the phases follow from them. `changes_made`
    counts those that were withdrawn too: the next one has the next number.
    """

    subscription_id: UUID
    customer_id: UUID
    key: str
    currency: str
    subject: str
    time_zone: str
    starts_on: date
    starts_at: datetime
    changes: tuple[Change, ...]
    phases: tuple[Phase, ...]
    changes_made: int
    ends_on: date | None = None
    ends_at: datetime | None = None

    def item(self, item_no: int) -> tuple[Phase, SubscribedItem]:
        """An item by its number, with its phase."""
        return next(
            (phase, item)
            for phase in self.phases
            for item in phase.items
            if item.item_no == item_no
        )

    def phase_at(self, at: datetime, track: str = MAIN) -> Phase | None:
        """The phase of a track that runs at an instant; None where none does."""
        return next(
            (
                phase
                for phase in self.phases
                if phase.track == track
                and phase.starts_at <= at
                and (phase.ends_at is None or at < phase.ends_at)
            ),
            None,
        )


class Changed(msgspec.Struct, frozen=True, omit_defaults=True):
    """A contract as it stands after a change was agreed, or was withdrawn, and why. Phases with a number
    above `phases_before` are new."""

    subscription: Subscription
    change: Change
    phases_before: int
    is_withdrawn: bool = False
    reason: str = ""


STARTED = EventType("subscription.started", 1, Subscription)
CHANGED = EventType("subscription.changed", 1, Changed)
