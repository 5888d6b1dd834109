"""/v1/coupons: coupons of the catalogue in the hands of customers."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from everycent.api.operation import Asked, changing, reading
from everycent.api.parameters import day_or_none
from everycent.api.shapes import (
    Amount,
    Body,
    Currency,
    Day,
    Name,
    Page,
    Paged,
    Query,
    Reason,
    Shown,
)
from everycent.api.writing import writing
from everycent.coupons import operations, queries
from everycent.coupons.shown import as_data, listed_data
from everycent.customers import queries as customers
from everycent.db.connection import Tx
from everycent.kernel.calendar import local_date

_READ, _WRITE = "coupons:read", "coupons:write"


class AppliedCoupon(Shown):
    """A coupon as a customer was given it. It takes off a percentage or an amount."""

    name: Annotated[str, Meta(description="Its key and a number, such as welcome-7.")]
    coupon: str
    version: int
    customer: str
    subscription: Annotated[
        str | None, Meta(description="The only contract that it is for; null: all of them.")
    ]
    percent: Amount | None
    amount: Amount | None
    currency: Currency | None
    times: Annotated[int | None, Meta(description="On so many invoices at most.")]
    starts_on: date
    ends_on: Annotated[date | None, Meta(description="The first day it does not hold for.")]


class UsedCoupon(AppliedCoupon, kw_only=True):
    """The same with what it took off so far. `rest` is what goes to the next invoice."""

    invoices: int
    redemptions: int
    taken: Amount
    rest: Amount


class CouponsOf(Paged):
    """Whose coupons are wanted."""

    customer: str | None = None


class NewApplication(Body):
    """Who gets a coupon: a customer for all that it is billed, or one contract."""

    coupon: Annotated[str, Meta(min_length=1, max_length=80, description="Its key.")]
    customer: Name | None = None
    subscription: Name | None = None
    from_: Annotated[
        Day | None, Meta(description="The first day it holds for; today when left out.")
    ] = msgspec.field(default=None, name="from")


class CouponEnd(Body):
    """When a coupon ends, and why."""

    on: Annotated[
        Day | None, Meta(description="The first day it does not hold for; today when left out.")
    ] = None
    reason: Reason | None = None


def list_coupons(tx: Tx, asked: Asked[CouponsOf, None]) -> Page[dict[str, Any]]:
    """Coupons that customers have, by customer, and what they took off so far."""
    wanted = asked.query
    owner = None if wanted.customer is None else customers.by_name(tx, wanted.customer).customer_id
    after = None if wanted.after is None else queries.by_name(tx, wanted.after).application_id
    found = queries.listed(tx, customer_id=owner, after=after, limit=wanted.size + 1)
    return asked.page(
        [listed_data(held, row) for row, held in found], lambda last: str(last["name"])
    )


def get_coupon(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """One coupon that a customer has, and what it took off so far."""
    row, held = queries.taken(tx, asked.path["coupon"])
    return listed_data(held, row)


def apply_coupon(tx: Tx, asked: Asked[Query, NewApplication]) -> dict[str, Any]:
    """Gives a customer the newest version of a coupon of the catalogue. It is kept as it is defined now."""
    wanted = asked.body
    owner, only = operations.target(tx, wanted.customer, wanted.subscription)
    starts_on = day_or_none(wanted.from_, "from") or local_date(asked.now, owner.time_zone)
    made = operations.apply(
        tx, wanted.coupon, owner.customer_id, starts_on=starts_on, subscription=only,
        **writing(asked),
    )  # fmt: skip
    return as_data(made, owner.key)


def remove_coupon(tx: Tx, asked: Asked[Query, CouponEnd]) -> dict[str, Any]:
    """Ends a coupon that a customer has. What it took off stays."""
    name, wanted = asked.path["coupon"], asked.body
    known = queries.by_name(tx, name)
    owner = customers.by_ids(tx, [known.customer_id])[known.customer_id]
    on = day_or_none(wanted.on, "on") or local_date(asked.now, owner.time_zone)
    left = operations.remove(tx, name, on=on, reason=wanted.reason or "", **writing(asked))
    return as_data(left, owner.key)


OPERATIONS = [
    reading("/v1/coupons", _READ, list_coupons, Page[UsedCoupon], CouponsOf),
    changing(
        "POST", "/v1/coupons", _WRITE, apply_coupon, AppliedCoupon, NewApplication, status=201,
        is_planned=True,
    ),
    reading("/v1/coupons/{coupon}", _READ, get_coupon, UsedCoupon),
    changing(
        "POST", "/v1/coupons/{coupon}/remove", _WRITE, remove_coupon, AppliedCoupon, CouponEnd,
        is_planned=True,
    ),
]  # fmt: skip
