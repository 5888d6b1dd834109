"""Give coupons to customers, and take them away."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from everycent.catalog import queries as catalog
from everycent.coupons import application as applications
from everycent.coupons import projection, queries, store
from everycent.coupons.application import APPLIED, REMOVED, Application, Removed
from everycent.customers import operations as customers
from everycent.customers import queries as known
from everycent.customers.customer import Customer, stream
from everycent.db.connection import Tx
from everycent.journal import operations as journal
from everycent.journal.event import Draft
from everycent.kernel.errors import Conflict, Invalid
from everycent.kernel.ids import IdSource
from everycent.subscriptions import operations as contracts


def target(
    tx: Tx, customer: str | None, subscription: str | None
) -> tuple[Customer, tuple[UUID, str] | None]:
    """Who gets a coupon, and (its id and key) for which subscription only: one of the two is told. Raises
    Invalid `coupon.bad_target`, NotFound `customer.unknown`, `subscription.unknown`."""
    if (customer is None) == (subscription is None):
        raise Invalid(
            "coupon.bad_target",
            "a coupon is for a customer, or for one subscription",
            field="customer",
            hint="give a customer or a subscription, and not both",
        )
    if subscription is None:
        return known.by_name(tx, customer or ""), None
    found = contracts.get(tx, subscription)
    owner = known.by_ids(tx, [found.customer_id])[found.customer_id]
    return owner, (found.subscription_id, found.key)


def apply(
    tx: Tx,
    coupon: str,
    customer_id: UUID,
    *,
    starts_on: date,
    subscription: tuple[UUID, str] | None = None,
    at: datetime,
    recorded_at: datetime,
    actor: str,
    ids: IdSource,
) -> Application:
    """Gives a customer the newest version of a coupon, for everything or for one subscription (its id and
    key).

    Raises NotFound `coupon.unknown`, `customer.unknown`, Invalid `coupon.not_valid`, Conflict
    `coupon.limit_reached`, `coupon.not_combinable`, `coupon.other_currency`, `coupon.contract_ended`.
    """
    told = catalog.newest_coupon(tx, coupon)
    store.lock_coupon(tx, coupon)
    (customer,) = customers.lock(tx, [customer_id])
    if subscription is not None:
        _check_contract(tx, subscription[1], starts_on)
    if told[1].currency not in (None, customer.currency):
        raise Conflict(
            "coupon.other_currency",
            f"the coupon {coupon!r} is in {told[1].currency}, and {customer.key} is billed in"
            f" {customer.currency}",
            field="coupon",
            value=coupon,
            hint="apply a coupon in the customer's currency, or one with a percentage",
        )
    given = [held.application for _, held in store.list_held(tx, customer_id, customer_id)]
    applied = store.count_applied(tx, coupon)
    application_id = ids(f"coupon/{coupon}/{applied + 1}")
    made = applications.made(
        application_id, customer_id, told, given, applied, starts_on, subscription
    )
    event_id = ids(f"coupon.applied/{made.name}")
    draft = Draft(event_id, stream(customer_id), APPLIED, at, actor, made)
    journal.record(tx, [draft], recorded_at, projection.applied)
    return made


def _check_contract(tx: Tx, key: str, starts_on: date) -> None:
    """Refuses a coupon for a contract that is over before it would hold."""
    ends_on = contracts.get(tx, key).ends_on
    if ends_on is not None and starts_on >= ends_on:
        raise Conflict(
            "coupon.contract_ended",
            f"{key} ends on {ends_on}, and the coupon would hold from {starts_on} on",
            field="starts_on",
            value=starts_on,
            hint="choose an earlier day, or another contract",
        )


def remove(
    tx: Tx,
    name: str,
    *,
    on: date,
    reason: str = "",
    at: datetime,
    recorded_at: datetime,
    actor: str,
    ids: IdSource,
) -> Application:
    """Ends an application: lines with a day of supply from `on` on are not reached. What it took off
    stays. Raises NotFound `coupon.not_applied`, Conflict `coupon.removed_before`."""
    customers.lock(tx, [queries.by_name(tx, name).customer_id])
    left = applications.ended(queries.by_name(tx, name), on)
    event_id = ids(f"coupon.removed/{name}/{recorded_at.isoformat()}")
    draft = Draft(event_id, stream(left.customer_id), REMOVED, at, actor, Removed(left, reason))
    journal.record(tx, [draft], recorded_at, projection.removed)
    return left
