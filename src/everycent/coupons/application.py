"""Application: a coupon in the hands of a customer, as it was defined when it was given."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

import msgspec

from everycent.catalog.coupon import Coupon, ends_on
from everycent.journal.types import EventType
from everycent.kernel.errors import Conflict, Invalid


class Application(msgspec.Struct, frozen=True, omit_defaults=True):
    """Lines with a day of supply from `starts_on` on and before `ends_on` (None: without end) are reached;
    of one subscription only, if one is named. It is the `number`-th application of the coupon to anybody,
    and the `order_no`-th of a coupon to the customer."""

    application_id: UUID
    customer_id: UUID
    coupon: Coupon
    version: int
    number: int
    order_no: int
    starts_on: date
    ends_on: date | None = None
    subscription_id: UUID | None = None
    subscription: str | None = None

    @property
    def name(self) -> str:
        """How people name it: 'welcome-7'."""
        return f"{self.coupon.key}-{self.number}"

    def holds_on(self, day: date) -> bool:
        """Whether a line with this day of supply is in its time."""
        return self.starts_on <= day and (self.ends_on is None or day < self.ends_on)


class Held(NamedTuple):
    """An application with what was taken by it so far: on how many invoices, how often that counted as
    using the coupon, and what is left of a fixed amount (minor units)."""

    application: Application
    uses: int = 0
    redemptions: int = 0
    rest: int = 0

    @property
    def is_fresh(self) -> bool:
        """Whether the coupon may be used once more."""
        times = self.application.coupon.times
        return times is None or self.redemptions < times

    @property
    def is_used_up(self) -> bool:
        """Whether nothing more comes of it."""
        return not self.is_fresh and not self.rest


class Removed(msgspec.Struct, frozen=True, omit_defaults=True):
    """An application as it stands after somebody ended it, and why."""

    application: Application
    reason: str = ""


APPLIED = EventType("coupon.applied", 1, Application)
REMOVED = EventType("coupon.removed", 1, Removed)


def in_order(held: Sequence[Held]) -> list[Held]:
    """The order in which coupons take: by priority, then as they were applied."""
    return sorted(held, key=lambda h: (h.application.coupon.priority, h.application.order_no))


def made(
    application_id: UUID,
    customer_id: UUID,
    told: tuple[int, Coupon],
    given: Sequence[Application],
    applied: int,
    starts_on: date,
    subscription: tuple[UUID, str] | None,
) -> Application:
    """A new application. `told` is the coupon and its version, `given` what the customer was given
    before, `applied` how often the coupon was applied to anybody.

    Raises Invalid `coupon.not_valid`, Conflict `coupon.limit_reached`, `coupon.not_combinable`.
    """
    version, coupon = told
    _check_day(coupon, starts_on)
    if coupon.limit is not None and applied >= coupon.limit:
        raise Conflict(
            "coupon.limit_reached",
            f"the coupon {coupon.key!r} was applied {applied} times, and {coupon.limit} is the most",
            field="coupon",
            value=coupon.key,
            hint="apply a catalogue file with a higher limit, or another coupon",
        )
    subscription_id, key = subscription or (None, None)
    found = Application(
        application_id,
        customer_id,
        coupon,
        version,
        applied + 1,
        max((other.order_no for other in given), default=0) + 1,
        starts_on,
        ends_on(coupon, starts_on),
        subscription_id,
        key,
    )
    _check_combinable(found, given)
    return found


def _check_day(coupon: Coupon, day: date) -> None:
    early = coupon.valid_from is not None and day < coupon.valid_from
    late = coupon.valid_until is not None and day >= coupon.valid_until
    if early or late:
        bound = f"from {coupon.valid_from} on" if early else f"before {coupon.valid_until}"
        raise Invalid(
            "coupon.not_valid",
            f"the coupon {coupon.key!r} may be applied for days {bound}, and not for {day}",
            field="from",
            value=day.isoformat(),
            hint="choose another day, or another coupon",
        )


def _check_combinable(new: Application, given: Sequence[Application]) -> None:
    for other in given:
        alone = [each for each in (new, other) if not each.coupon.combinable]
        if alone and _meet(new, other):
            raise Conflict(
                "coupon.not_combinable",
                f"the coupon {alone[0].coupon.key!r} stands alone, and {other.name} holds at that time",
                field="coupon",
                value=new.coupon.key,
                hint=f"end it with `everycent coupon remove {other.name}`, or choose another day",
            )


def _meet(one: Application, other: Application) -> bool:
    """Whether there is a day and a subscription on which both hold."""
    apart = (
        one.subscription_id is not None
        and other.subscription_id is not None
        and one.subscription_id != other.subscription_id
    )
    return (
        not apart
        and (one.ends_on is None or other.starts_on < one.ends_on)
        and (other.ends_on is None or one.starts_on < other.ends_on)
        and one.ends_on != one.starts_on
        and other.ends_on != other.starts_on
    )


def ended(application: Application, day: date) -> Application:
    """The application as it holds no longer from `day` on; not before it began.

    Raises Conflict `coupon.removed_before` when it does not hold then anyway.
    """
    if application.ends_on is not None and day >= application.ends_on:
        raise Conflict(
            "coupon.removed_before",
            f"{application.name} holds before {application.ends_on} only",
            field="on",
            value=day.isoformat(),
        )
    return msgspec.structs.replace(application, ends_on=max(day, application.starts_on))
