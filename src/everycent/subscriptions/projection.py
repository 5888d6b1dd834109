"""Subscriptions as rows. Each item opens its chain of billed periods where the contract starts."""

from __future__ import annotations

from everycent.journal.event import Event
from everycent.kernel.table import Rows, table
from everycent.subscriptions.subscription import Subscription

SUBSCRIPTION = table(
    "subscription",
    "tenant_id int4, subscription_id uuid, customer_id uuid, key text, plan_key text,"
    " plan_version int4, currency text, subject text, anchor date, interval_months int4,"
    " interval_days int4, time_zone text, starts_on date, ends_on date, starts_at timestamptz,"
    " ends_at timestamptz",
    key="tenant_id, subscription_id",
)
ITEM = table(
    "subscription_item",
    "tenant_id int4, subscription_id uuid, item_no int2, price_key text, in_advance bool",
    key="tenant_id, subscription_id, item_no",
)
BILLED_PERIOD = table(
    "billed_period",
    "tenant_id int4, subscription_id uuid, item_no int2, starts_at timestamptz,"
    " ends_at timestamptz, invoice_id uuid, line_no int4",
    key="tenant_id, subscription_id, item_no, ends_at",
)


def started(event: Event, rows: Rows, tenant_id: int) -> None:
    """A new contract with its items."""
    s: Subscription = event.payload
    rows.of(SUBSCRIPTION).append(_row(s, tenant_id))
    for item in s.items:
        rows.of(ITEM).append(
            (tenant_id, s.subscription_id, item.item_no, item.price_key, item.in_advance)
        )
        rows.of(BILLED_PERIOD).append(
            (tenant_id, s.subscription_id, item.item_no, None, s.starts_at, None, None)
        )


def cancelled(event: Event, rows: Rows, tenant_id: int) -> None:
    """A contract that got its end."""
    rows.put(SUBSCRIPTION, *_row(event.payload.subscription, tenant_id))


def _row(s: Subscription, tenant_id: int) -> tuple[object, ...]:
    return (
        tenant_id, s.subscription_id, s.customer_id, s.key, s.plan_key, s.plan_version, s.currency,
        s.subject, s.anchor, s.interval_months, s.interval_days, s.time_zone, s.starts_on, s.ends_on,
        s.starts_at, s.ends_at,
    )  # fmt: skip
