"""Customers as rows."""

from __future__ import annotations

from everycent.journal.event import Event
from everycent.kernel.table import Rows, table

CUSTOMER = table(
    "customer",
    "tenant_id int4, customer_id uuid, key text, name text, currency text, time_zone text,"
    " email text, address text, tax_id text, tax_status text, tax_reason text,"
    " group_key text",
    key="tenant_id, customer_id",
)


PAYER = table(
    "customer_payer",
    "tenant_id int4, customer_id uuid, starts_at timestamptz, starts_on date, payer_id uuid, reason text",
    key="tenant_id, customer_id, starts_at",
)


def created(event: Event, rows: Rows, tenant_id: int) -> None:
    """A new customer."""
    rows.add(CUSTOMER, *_row(event, tenant_id))


def updated(event: Event, rows: Rows, tenant_id: int) -> None:
    """A customer's data as they are from now on."""
    rows.put(CUSTOMER, *_row(event, tenant_id))


def payer_set(event: Event, rows: Rows, tenant_id: int) -> None:
    """Who pays for a customer from an instant on."""
    told = event.payload
    rows.put(
        PAYER,
        tenant_id,
        told.customer_id,
        told.starts_at,
        told.starts_on,
        told.payer_id,
        told.reason,
    )


def _row(event: Event, tenant_id: int) -> tuple[object, ...]:
    c = event.payload
    return (
        tenant_id, c.customer_id, c.key, c.name, c.currency, c.time_zone, c.email, c.address, c.tax_id,
        c.tax_status.value, c.tax_reason, c.group,
    )  # fmt: skip
