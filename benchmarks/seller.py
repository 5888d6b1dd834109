"""A seller of any size: each customer has one subscription with usage and a fee, and VAT on both."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from everycent.app.wiring import random_ids, utc_now
from everycent.catalog import document
from everycent.catalog import operations as catalog
from everycent.customers import operations as customers
from everycent.customers.customer import Customer
from everycent.db.connection import Database
from everycent.db.migrate import migrate
from everycent.metering import operations as metering
from everycent.metering.record import UsageRecord
from everycent.subscriptions import operations as subscriptions
from everycent.subscriptions.order import Order
from everycent.tenants import operations as tenants

CATALOGUE = """
meters:
  calls: {unit: call}
  storage: {unit: GB}
  egress: {unit: GB}
  seats: {unit: seat}
  builds: {unit: build}
taxes: {vat: {rates: [{since: 2000-01-01, percent: 20}]}}
products: {api: {name: API calls, tax: vat}, base: {name: Base fee, tax: vat}}
plans:
  standard:
    currency: EUR
    anchor_day: 1
    prices:
      - key: calls
        product: api
        meter: calls
        graduated: {tiers: [{up_to: 100, unit_amount: 0.05}, {unit_amount: 0.03}]}
      - {key: fee, product: base, flat: {amount: 9.90}}
"""
START = datetime(2026, 1, 1, tzinfo=UTC)
AS_OF = datetime(2026, 2, 1, tzinfo=UTC)
RECORDS_EACH = 3
_BATCH = 5_000


def fresh(conninfo: str, name: str) -> tuple[Database, int, str]:
    """A new database with one tenant; drops an old one of that name."""
    with psycopg.connect(conninfo, autocommit=True) as admin:
        admin.execute(f"drop database if exists {name} with (force)".encode())
        admin.execute(f"create database {name}".encode())
    own = make_conninfo(conninfo, dbname=name)
    migrate(own)
    database = Database(own)
    return database, tenants.create(database, "bench", "Bench", utc_now()), own


def drop(conninfo: str, name: str, database: Database) -> None:
    """Takes the database away again."""
    database.close()
    with psycopg.connect(conninfo, autocommit=True) as admin:
        admin.execute(f"drop database if exists {name} with (force)".encode())


def open_shop(
    database: Database,
    tenant_id: int,
    size: int,
    start: datetime = START,
    catalogue: str = CATALOGUE,
) -> None:
    """`size` customers with their subscriptions from `start` on, and a few usage records each in the
    month after it, folded."""
    writing: dict[str, Any] = {
        "at": start,
        "recorded_at": utc_now(),
        "actor": "bench",
        "ids": random_ids,
    }
    with database.transaction(tenant_id) as tx:
        catalog.apply(tx, document.parse(catalogue), **writing)
    for first in range(0, size, _BATCH):
        with database.transaction(tenant_id) as tx:
            made = [
                Customer(random_ids(""), key, f"Customer {key}", "EUR", "UTC")
                for key in (f"c{n:08d}" for n in range(first, min(first + _BATCH, size)))
            ]
            customers.create(tx, made, **writing)
            orders = [Order(c, "standard", c.key, start.date()) for c in made]
            subscriptions.start(tx, orders, **writing)
        database.refresh_statistics()
    names = metering.Names()
    batch: list[UsageRecord] = []
    for record in usage(size, start):
        batch.append(record)
        if len(batch) == 20_000:
            metering.ingest(database, tenant_id, batch, utc_now(), names)
            batch = []
    metering.ingest(database, tenant_id, batch, utc_now(), names)
    metering.fold(database, tenant_id)


def usage(size: int, start: datetime) -> Iterator[UsageRecord]:
    """The customers' records in the month after `start`."""
    for n in range(size):
        key = f"c{n:08d}"
        for k in range(RECORDS_EACH):
            at = start + timedelta(days=1 + 9 * k, minutes=n % 1440)
            yield UsageRecord("bench", f"{key}/{k}", key, "calls", at, str(10 + (n + k) % 290))
