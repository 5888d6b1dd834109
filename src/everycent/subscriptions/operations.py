"""Start and cancel subscriptions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

import msgspec

from everycent.catalog import queries as catalog
from everycent.catalog.meter import series_of
from everycent.catalog.plan import Plan
from everycent.customers import operations as customers
from everycent.customers.customer import Customer
from everycent.customers.customer import stream as customer_stream
from everycent.db.connection import Tx
from everycent.journal import operations as journal
from everycent.journal.event import Draft
from everycent.kernel import calendar
from everycent.kernel.errors import Conflict, Invalid, NotFound
from everycent.kernel.ids import IdSource
from everycent.kernel.period import instant_text
from everycent.metering import operations as metering
from everycent.metering.record import check_name
from everycent.subscriptions import projection, store
from everycent.subscriptions.subscription import (
    CANCELLED,
    STARTED,
    Cancelled,
    SubscribedItem,
    Subscription,
)

_FIRST_DAY = date(2000, 1, 1)
_LAST_DAY = date(2199, 12, 31)
"""Usage is taken for these years, and the calendar can count on from there."""


class Order(NamedTuple):
    """What somebody wants to subscribe to. `key` names the subscription and must be unique.

    Without `subject` the usage of the customer's own key is billed; without `anchor_day` the plan's
    rule decides where periods are cut.
    """

    customer: Customer
    plan_key: str
    key: str
    starts_on: date
    subject: str | None = None
    anchor_day: int | None = None
    ends_on: date | None = None


def start(
    tx: Tx,
    orders: Sequence[Order],
    *,
    at: datetime,
    recorded_at: datetime,
    actor: str,
    ids: IdSource,
) -> list[Subscription]:
    """Starts subscriptions, any number at once, each on the newest version of its plan.

    Raises NotFound `plan.unknown`, Conflict `subscription.exists`, Invalid.
    """
    plans = {key: catalog.newest_plan(tx, key) for key in sorted({o.plan_key for o in orders})}
    customers.lock(tx, sorted({order.customer.customer_id for order in orders}))
    _check_keys(tx, [order.key for order in orders])
    drafts = []
    for order in orders:
        version, plan = plans[order.plan_key]
        subscription = decide(order, version, plan, ids)
        drafts.append(
            Draft(
                ids(f"subscription.started/{order.key}"),
                customer_stream(order.customer.customer_id),
                STARTED,
                at,
                actor,
                subscription,
            )
        )
    metering.know_names(
        tx,
        {draft.payload.subject for draft in drafts},
        {
            series.meter
            for _, plan in plans.values()
            for item in plan.items
            if item.measure is not None
            for _, series in series_of(item.measure)
        },
    )
    journal.record(tx, drafts, recorded_at, projection.started)
    return [draft.payload for draft in drafts]


def decide(order: Order, version: int, plan: Plan, ids: IdSource) -> Subscription:
    """The subscription that an order makes. Raises Invalid."""
    customer = order.customer
    if plan.currency != customer.currency:
        raise Invalid(
            "subscription.currency",
            f"plan {plan.key} is priced in {plan.currency}, {customer.key} is billed in"
            f" {customer.currency}",
            field="plan",
            value=plan.key,
        )
    if not 0 < len(order.key) <= 200 or not order.key.isprintable():
        raise Invalid("subscription.bad_key", "a key has 1 to 200 visible characters", field="key")
    if order.subject is not None:
        check_name(order.subject, "subject")
    for field, day in (("starts_on", order.starts_on), ("ends_on", order.ends_on)):
        if day is not None:
            _check_day(day, field)
    if order.ends_on is not None and order.ends_on <= order.starts_on:
        raise Invalid(
            "subscription.ends_before_start",
            f"it would end on {order.ends_on}, before it starts on {order.starts_on}",
            field="ends_on",
            value=order.ends_on,
        )
    interval = calendar.parse_interval(plan.interval)
    anchor_day = plan.anchor_day if order.anchor_day is None else order.anchor_day
    cycle = calendar.anchored(order.starts_on, interval, anchor_day, customer.time_zone)
    return Subscription(
        subscription_id=ids(f"subscription/{order.key}"),
        customer_id=customer.customer_id,
        key=order.key,
        plan_key=plan.key,
        plan_version=version,
        currency=plan.currency,
        subject=order.subject or customer.key,
        anchor=cycle.anchor,
        interval_months=interval.months,
        interval_days=interval.days,
        time_zone=customer.time_zone,
        starts_on=order.starts_on,
        starts_at=calendar.start_of_day(order.starts_on, customer.time_zone),
        items=tuple(
            SubscribedItem(number, item.price.key, item.price.in_advance)
            for number, item in enumerate(plan.items, start=1)
        ),
        ends_on=order.ends_on,
        ends_at=_instant(order.ends_on, customer.time_zone),
    )


def _check_day(day: date, field: str) -> None:
    if not _FIRST_DAY <= day <= _LAST_DAY:
        raise Invalid(
            "subscription.day_out_of_range",
            f"{day} is not between the years 2000 and 2199",
            field=field,
            value=day,
        )


def _instant(day: date | None, zone: str) -> datetime | None:
    return None if day is None else calendar.start_of_day(day, zone)


def _check_keys(tx: Tx, keys: Sequence[str]) -> None:
    taken = {found.key for found in store.find(tx, keys=keys)}
    seen: set[str] = set()
    for key in keys:
        if key in taken or key in seen:
            raise Conflict(
                "subscription.exists",
                f"there is a subscription {key!r} already",
                field="key",
                value=key,
                hint="choose another --key; several subscriptions of one customer need their own",
            )
        seen.add(key)


def cancel(
    tx: Tx,
    key: str,
    ends_on: date | None,
    *,
    reason: str,
    at: datetime,
    recorded_at: datetime,
    actor: str,
    ids: IdSource,
) -> Subscription:
    """Ends a subscription; `ends_on` is the first local day that is no longer billed, and None stands
    for the end of the period that runs at `at`.

    What was billed in advance beyond the end is not given back (docs/guarantees.md). Raises NotFound
    `subscription.unknown`, Conflict `subscription.cancelled`, `subscription.billed_beyond`, Invalid.
    """
    subscription = get(tx, key)
    customers.lock(tx, [subscription.customer_id])
    subscription = get(tx, key)
    if subscription.ends_on is not None:
        raise Conflict(
            "subscription.cancelled",
            f"{key} has its end on {subscription.ends_on} already",
            field="key",
            value=key,
        )
    if ends_on is None:
        cycle = subscription.cycle
        today = max(calendar.local_date(at, cycle.zone), subscription.starts_on)
        ends_on = cycle.boundary(cycle.index(today) + 1)
    _check_day(ends_on, "ends_on")
    if ends_on <= subscription.starts_on:
        raise Invalid(
            "subscription.ends_before_start",
            f"it would end on {ends_on}, before it has started on {subscription.starts_on}",
            field="ends_on",
            value=ends_on,
        )
    ended = msgspec.structs.replace(
        subscription, ends_on=ends_on, ends_at=_instant(ends_on, subscription.time_zone)
    )
    until = store.billed_until(tx, subscription.subscription_id)
    if until is not None and ended.ends_at is not None and until > ended.ends_at:
        raise Conflict(
            "subscription.billed_beyond",
            f"its usage is billed up to {instant_text(until)}, beyond {ends_on}",
            field="ends_on",
            value=ends_on,
            hint="choose a later end, and credit the invoice if the customer should not pay it",
        )
    draft = Draft(
        ids(f"subscription.cancelled/{key}"),
        customer_stream(subscription.customer_id),
        CANCELLED,
        at,
        actor,
        Cancelled(ended, reason),
    )
    journal.record(tx, [draft], recorded_at, projection.cancelled)
    return ended


def get(tx: Tx, key: str) -> Subscription:
    """A subscription by key. Raises NotFound `subscription.unknown`."""
    found = store.find(tx, keys=[key])
    if not found:
        raise NotFound(
            "subscription.unknown",
            f"there is no subscription {key!r}",
            field="key",
            value=key,
            hint="list them with `everycent subscription list`",
        )
    return found[0]
