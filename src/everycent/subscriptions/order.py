"""An order, and the contract that it makes. Everything here is pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from everycent.catalog.offer import Offer, check_offer
from everycent.catalog.plan import Plan
from everycent.catalog.policies import DEFAULTS, Policies
from everycent.customers.customer import Customer
from everycent.kernel import calendar
from everycent.kernel.errors import Conflict, Invalid
from everycent.kernel.ids import IdSource
from everycent.metering.record import check_name
from everycent.subscriptions.currencies import check_currency
from everycent.subscriptions.phases import ends_of, phases_of
from everycent.subscriptions.subscription import Subscription
from everycent.subscriptions.terms import terms_of
from everycent.subscriptions.timeline import Begin, Cancel, Change
from everycent.subscriptions.told import NOTHING_TOLD, Told
from everycent.subscriptions.trial import first_trial

_FIRST_DAY = date(2000, 1, 1)
_LAST_DAY = date(2199, 12, 31)
"""Usage is taken for these years, and the calendar can count on from there."""


class Order(NamedTuple):
    """What somebody wants to subscribe to. `key` names the subscription and must be unique.

    Without `subject` the usage of the customer's own key is billed; without `anchor_day` the plan's
    rule decides where periods are cut. `told` is what it says of single prices.
    """

    customer: Customer
    plan_key: str
    key: str
    starts_on: date
    subject: str | None = None
    anchor_day: int | None = None
    ends_on: date | None = None
    told: Told = NOTHING_TOLD


def sale(
    customer: Customer, plan_key: str, sold_on: date, key: str | None, told: Told = NOTHING_TOLD
) -> Order:
    """What a plan sells, sold once: a contract of one day. Without a key it has that of the customer, of
    the plan and of the day."""
    name = key or f"{customer.key}/{plan_key}/{sold_on}"
    ends_on = sold_on + timedelta(days=1)
    return Order(customer, plan_key, name, sold_on, ends_on=ends_on, told=told)


def decide(
    order: Order, offer: Offer, ids: IdSource, policies: Policies = DEFAULTS
) -> Subscription:
    """The subscription that an order makes. Raises Invalid, Conflict `subscription.clash`,
    `plan.version_later`."""
    customer, (version, plan, *_) = order.customer, offer
    check_currency(plan, customer.currency, customer.key, policies)
    check_alone(plan)
    if not 0 < len(order.key) <= 200 or not order.key.isprintable():
        raise Invalid("subscription.bad_key", "a key has 1 to 200 visible characters", field="key")
    if order.subject is not None:
        check_name(order.subject, "subject")
    for field, day in (("starts_on", order.starts_on), ("ends_on", order.ends_on)):
        if day is not None:
            check_day(day, field)
    if order.ends_on is not None and order.ends_on <= order.starts_on:
        raise Invalid(
            "subscription.ends_before_start",
            f"it would end on {order.ends_on}, before it starts on {order.starts_on}",
            field="ends_on",
            value=order.ends_on,
        )
    anchor_day = plan.anchor_day if order.anchor_day is None else order.anchor_day
    zone = customer.time_zone
    check_offer(offer, order.starts_on, zone)
    starts_at = calendar.start_of_day(order.starts_on, zone)
    trial = first_trial(plan.trial, order.starts_on, zone)
    terms = terms_of(plan, version, order.starts_on, anchor_day, zone, trial, order.told)
    changes = [Change(0, starts_at, Begin(terms))]
    if order.ends_on is not None:
        changes.append(Change(1, calendar.start_of_day(order.ends_on, zone), Cancel()))
    phases = phases_of(changes, (), {(plan.key, version): plan}, zone, customer.currency)
    ends_at = ends_of(phases)
    return Subscription(
        ids(f"subscription/{order.key}"), customer.customer_id, order.key, customer.currency,
        order.subject or customer.key, zone, order.starts_on, starts_at, tuple(changes), phases,
        len(changes), None if ends_at is None else calendar.local_date(ends_at, zone), ends_at,
    )  # fmt: skip


def check_keys(keys: Sequence[str], taken: Collection[str]) -> None:
    """Refuses a key that another contract has, with Conflict `subscription.exists`."""
    seen = set(taken)
    for key in keys:
        if key in seen:
            raise Conflict(
                "subscription.exists",
                f"there is a subscription {key!r} already",
                field="key",
                value=key,
                hint="choose another key; several subscriptions of one customer need their own",
            )
        seen.add(key)


def check_alone(plan: Plan) -> None:
    """Refuses an add-on as the plan of a contract, with Invalid `subscription.add_on_alone`."""
    if plan.adds_to:
        raise Invalid(
            "subscription.add_on_alone",
            f"{plan.key} is an add-on to {', '.join(plan.adds_to)}, and no contract by itself",
            field="plan",
            value=plan.key,
            hint="add it to a contract with `everycent subscription add`",
        )


def check_day(day: date, field: str) -> None:
    """Refuses days that can't be billed, with Invalid `subscription.day_out_of_range`."""
    if not _FIRST_DAY <= day <= _LAST_DAY:
        raise Invalid(
            "subscription.day_out_of_range",
            f"{day} is not between the years 2000 and 2199",
            field=field,
            value=day,
        )
