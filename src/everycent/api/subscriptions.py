"""/v1/subscriptions: contracts begin, are sold once, are listed and shown; terms that end soon."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from everycent.api.contracts import (
    Plan,
    Prices,
    Quantities,
    Subscription,
    TermTold,
    Version,
    told_of,
)
from everycent.api.operation import Asked, changing, reading
from everycent.api.parameters import day, day_or_none, instant
from everycent.api.shapes import (
    Body,
    Day,
    Instant,
    Name,
    Page,
    Paged,
    Query,
    Shown,
)
from everycent.api.writing import writing
from everycent.customers import queries as customers
from everycent.db.connection import Tx
from everycent.kernel.calendar import local_date
from everycent.subscriptions import operations, queries
from everycent.subscriptions.clash import what
from everycent.subscriptions.ending import Sign, Then, parse_within
from everycent.subscriptions.order import Order, sale
from everycent.subscriptions.shown import as_data, ending_data
from everycent.subscriptions.timeline import Action, in_order

READ, WRITE = "subscriptions:read", "subscriptions:write"


class Wanted(Paged):
    """Which contracts are wanted."""

    customer: Annotated[str | None, Meta(description="Those of this customer only.")] = None


class NewSubscription(Body):
    """A contract that is wanted. The start may lie in the past."""

    customer: Name
    plan: Plan
    starts_on: Annotated[Day, Meta(description="The first local day that is billed.")]
    ends_on: Annotated[Day | None, Meta(description="The first local day that is not.")] = None
    key: Annotated[Name | None, Meta(description="Its name; CUSTOMER/PLAN when left out.")] = None
    subject: Annotated[
        Name | None, Meta(description="Whose usage it bills; the customer's key when left out.")
    ] = None
    anchor_day: (
        Annotated[
            int, Meta(ge=1, le=31, description="Where periods are cut: 1-31, or 1-7 for weeks.")
        ]
        | None
    ) = None
    quantities: Quantities = msgspec.field(default_factory=dict)
    prices: Prices = msgspec.field(default_factory=dict)
    term: TermTold = None
    plan_version: Version = None


class Sale(Body):
    """What is sold once."""

    customer: Name
    plan: Plan
    on: Annotated[Day | None, Meta(description="The local day; today when left out.")] = None
    key: Annotated[Name | None, Meta(description="CUSTOMER/PLAN/DAY when left out.")] = None
    quantities: Quantities = msgspec.field(default_factory=dict)
    prices: Prices = msgspec.field(default_factory=dict)


class ToldChange(Shown):
    """A change of a contract in words, and as data."""

    change_no: int
    what: str
    on: Annotated[date, Meta(description="The local day on which it takes effect.")]
    is_planned: Annotated[bool, Meta(description="It takes effect later than now.")]
    keeps_paid: bool
    breaks_term: bool
    action: Action


class Ahead(Paged):
    """How far to look ahead, from an instant on."""

    within: Annotated[str, Meta(max_length=20, examples=["60d", "2 months"])] = "60d"
    at: Instant | None = None


class EndingTerm(Shown):
    """A term that ends soon, or of which the reminder or the last day of notice comes up."""

    subscription: str
    add_on: str | None
    plan: str
    term_from: date
    term_until: date
    comes_up: Sign
    on: date
    notice_before: date | None
    then: Then
    renews_until: date | None


def list_subscriptions(tx: Tx, asked: Asked[Wanted, None]) -> Page[dict[str, Any]]:
    """Contracts in order of their keys, of everybody or of one customer."""
    wanted = asked.query
    owner = None if wanted.customer is None else customers.by_name(tx, wanted.customer).customer_id
    found = queries.listed(tx, customer_id=owner, after=wanted.after or "", limit=wanted.size + 1)
    return asked.page([as_data(one) for one in found], lambda last: str(last["key"]))


def get_subscription(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """A contract with its phases, items, terms and changes, past and planned. A slash in its key is sent as
    %2F."""
    return as_data(operations.get(tx, asked.path["subscription"]))


def create_subscription(tx: Tx, asked: Asked[Query, NewSubscription]) -> dict[str, Any]:
    """Starts a contract of a customer for a plan. What is due of the time since its start is billed by the
    next run."""
    wanted = asked.body
    customer = customers.by_name(tx, wanted.customer)
    order = Order(
        customer,
        wanted.plan,
        wanted.key or f"{customer.key}/{wanted.plan}",
        day(wanted.starts_on, "starts_on"),
        wanted.subject,
        wanted.anchor_day,
        day_or_none(wanted.ends_on, "ends_on"),
        told_of(wanted),
    )
    (made,) = operations.start(tx, [order], **writing(asked))
    return as_data(made)


def sell_once(tx: Tx, asked: Asked[Query, Sale]) -> dict[str, Any]:
    """Sells a customer once what a plan sells: a contract of one day."""
    wanted = asked.body
    customer = customers.by_name(tx, wanted.customer)
    sold_on = day_or_none(wanted.on, "on") or local_date(asked.now, customer.time_zone)
    order = sale(customer, wanted.plan, sold_on, wanted.key, told_of(wanted))
    (made,) = operations.start(tx, [order], **writing(asked))
    return as_data(made)


def list_subscription_changes(tx: Tx, asked: Asked[Paged, None]) -> Page[dict[str, Any]]:
    """What was agreed of a contract and holds, in the order in which it takes effect: what did, and what is
    planned."""
    held = operations.get(tx, asked.path["subscription"])
    return asked.part(
        [
            {
                "change_no": one.change_no,
                "what": what(one.action),
                "on": local_date(one.effective_at, held.time_zone),
                "is_planned": one.effective_at > asked.now,
                "keeps_paid": one.keeps_paid,
                "breaks_term": one.breaks_term,
                "action": one.action,
            }
            for one in in_order(held.changes)
        ],
        lambda last: str(last["change_no"]),
    )


def list_ending_terms(tx: Tx, asked: Asked[Ahead, None]) -> Page[dict[str, Any]]:
    """Terms that end soon, or of which the reminder or the last day of notice comes up, the soonest first.
    It is worked out at each question, so a page is a part of what holds then."""
    wanted = asked.query
    since = asked.now if wanted.at is None else instant(wanted.at, "UTC", "at")
    told = [ending_data(one) for one in queries.ending(tx, since, parse_within(wanted.within))]
    if wanted.after is not None:
        told = [one for one in told if _place(one) > wanted.after]
    return asked.page(told[: wanted.size + 1], _place)


def _place(one: dict[str, Any]) -> str:
    return f"{one['on']}\t{one['subscription']}\t{one['add_on'] or ''}"


OPERATIONS = [
    reading("/v1/subscriptions", READ, list_subscriptions, Page[Subscription], Wanted),
    changing(
        "POST", "/v1/subscriptions", WRITE, create_subscription, Subscription, NewSubscription,
        status=201, is_planned=True,
    ),
    changing(
        "POST", "/v1/sales", WRITE, sell_once, Subscription, Sale, status=201, is_planned=True
    ),
    reading("/v1/ending-terms", READ, list_ending_terms, Page[EndingTerm], Ahead),
    reading("/v1/subscriptions/{subscription}", READ, get_subscription, Subscription),
    reading(
        "/v1/subscriptions/{subscription}/changes", READ, list_subscription_changes, Page[ToldChange],
        Paged,
    ),
]  # fmt: skip
