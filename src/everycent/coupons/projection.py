"""Coupons that were applied, and their uses, as rows."""

from __future__ import annotations

from everycent.coupons.application import Application
from everycent.journal.event import Event
from everycent.kernel.canonical import encode
from everycent.kernel.table import Rows, table

APPLICATION = table(
    "coupon_application",
    "tenant_id int4, application_id uuid, customer_id uuid, coupon text, version int4, number int4,"
    " most int4, order_no int4, subscription_id uuid, starts_on date, ends_on date, times int4,"
    " content text",
    key="tenant_id, application_id",
)
USE = table(
    "coupon_use",
    "tenant_id int4, application_id uuid, use_no int4, redemption_no int4, times int4, invoice_id uuid,"
    " amount int8, rest int8",
    key="tenant_id, application_id, use_no",
)


def applied(event: Event, rows: Rows, tenant_id: int) -> None:
    """A coupon that a customer has from now on."""
    rows.add(APPLICATION, *_row(event.payload, tenant_id))


def removed(event: Event, rows: Rows, tenant_id: int) -> None:
    """A coupon that was taken from a customer."""
    rows.put(APPLICATION, *_row(event.payload.application, tenant_id))


def _row(a: Application, tenant_id: int) -> tuple[object, ...]:
    return (
        tenant_id, a.application_id, a.customer_id, a.coupon.key, a.version, a.number, a.coupon.limit,
        a.order_no, a.subscription_id, a.starts_on, a.ends_on, a.coupon.times, encode(a).decode(),
    )  # fmt: skip
