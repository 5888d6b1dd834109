"""One customer with very many contracts: all of them on one invoice, and how much memory that takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg

from benchmarks import seller
from benchmarks.figure import Figure, Say
from benchmarks.measure import watch_children
from everycent.app.wiring import random_ids, utc_now
from everycent.catalog import document
from everycent.catalog import operations as catalog
from everycent.customers import operations as customers
from everycent.customers.customer import Customer
from everycent.db.connection import Database
from everycent.flows import bill, explain
from everycent.invoicing import queries as invoices
from everycent.invoicing.invoice import name_of
from everycent.metering import operations as metering
from everycent.metering.record import UsageRecord
from everycent.subscriptions import operations as subscriptions
from everycent.subscriptions.order import Order

SIZES = (3_000, 30_000)
_AT_ONCE = 5_000


def measure(conninfo: str, say: Say) -> Iterator[Figure]:
    """Billing one customer with so many contracts, in a worker process of which the memory is watched."""
    for size in SIZES:
        say(f"preparing one customer with {size:,} contracts")
        database, tenant_id, own = seller.fresh(conninfo, "everycent_bench")
        _open_account(database, tenant_id, size)
        with psycopg.connect(own, autocommit=True) as admin:
            admin.execute("checkpoint")
        say(f"billing one customer with {size:,} contracts")
        peak = watch_children()
        started = time.perf_counter()
        (result,) = bill.run(
            database, tenant_id, seller.AS_OF, clock=utc_now, ids=random_ids,
            terms=bill.Terms("bench"), workers=2,
        )  # fmt: skip
        seconds = time.perf_counter() - started
        memory = peak()
        assert (result.progress.invoices, result.progress.lines) == (1, 2 * size), result.progress
        yield Figure(
            "one invoice", f"{size:,} contracts, {2 * size:,} lines", seconds, 2 * size / seconds,
            "lines", None, f"at most {memory} MB per worker",
        )  # fmt: skip
        yield _explaining(database, tenant_id, size)
        seller.drop(conninfo, "everycent_bench", database)


def _open_account(database: Database, tenant_id: int, size: int) -> None:
    writing: dict[str, Any] = {
        "at": seller.START, "recorded_at": utc_now(), "actor": "bench", "ids": random_ids,
    }  # fmt: skip
    owner = Customer(random_ids(""), "large", "Large", "EUR", "UTC")
    with database.transaction(tenant_id) as tx:
        catalog.apply(tx, document.parse(seller.CATALOGUE), **writing)
        customers.create(tx, [owner], **writing)
    keys = [f"c{number:08d}" for number in range(size)]
    names = metering.Names()
    for first in range(0, size, _AT_ONCE):
        some = keys[first : first + _AT_ONCE]
        with database.transaction(tenant_id) as tx:
            orders = [Order(owner, "standard", key, seller.START.date(), key) for key in some]
            subscriptions.start(tx, orders, **writing)
        records = [
            UsageRecord(
                "bench", f"{key}/{n}", key, "calls", seller.START + timedelta(days=9 * n + 1), "70"
            )
            for key in some
            for n in range(seller.RECORDS_EACH)
        ]
        metering.ingest(database, tenant_id, records, utc_now(), names)
    metering.fold(database, tenant_id)
    database.refresh_statistics()


def _explaining(database: Database, tenant_id: int, size: int) -> Figure:
    """Opening one line of that invoice down to its records."""
    with database.snapshot(tenant_id) as tx:
        (row,) = invoices.listed(tx, limit=1)
        started = time.perf_counter()
        explain.explain(tx, name_of(row.series, row.number), size)
        seconds = time.perf_counter() - started
    return Figure("explain a line of it", f"{2 * size:,} lines", seconds, None, "")
