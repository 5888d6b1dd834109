"""Collecting with a provider that answers in 150 ms: charges per second beside what so many calls at once
can come to at most."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

from benchmarks import seller
from benchmarks.answering import answering
from benchmarks.figure import Figure, Say
from everycent.app import collecting, processes
from everycent.app.wiring import random_ids, utc_now
from everycent.charging.policy import DEFAULT, Policies
from everycent.customers import queries as customers
from everycent.db.connection import Database
from everycent.flows import bill
from everycent.flows.collect import start, work
from everycent.flows.collect.desk import Desk
from everycent.integrations.provider_http import HttpProvider
from everycent.invoicing import queries as invoicing
from everycent.methods import operations as methods
from everycent.methods.operations import New

_MILLISECONDS = 150
_SECONDS = 16
CONCURRENCY = (16, 64, 256)


def measure(conninfo: str, say: Say) -> Iterator[Figure]:
    """One worker process; every stage of every attempt is durable before the next."""
    database, tenant_id, _ = seller.fresh(conninfo, "everycent_bench")
    counts = [concurrency * 1000 * _SECONDS // _MILLISECONDS for concurrency in CONCURRENCY]
    say(f"preparing {sum(counts):,} invoices")
    waiting = _invoices(database, tenant_id, sum(counts))
    with answering(_MILLISECONDS / 1000) as url:
        for concurrency, count in zip(CONCURRENCY, counts, strict=True):
            say(f"charging {count:,} invoices, {concurrency} at once")
            some, waiting = waiting[:count], waiting[count:]
            seconds = _charged(database, tenant_id, url, concurrency, some)
            limit = concurrency * 1000 / _MILLISECONDS
            yield Figure(
                "charges", f"{count:,} invoices, {concurrency} calls at once", seconds,
                count / seconds, "charges", limit, f"provider answers in {_MILLISECONDS} ms",
            )  # fmt: skip
    seller.drop(conninfo, "everycent_bench", database)


def _invoices(database: Database, tenant_id: int, count: int) -> list[UUID]:
    seller.open_shop(database, tenant_id, count)
    bill.run(database, tenant_id, seller.AS_OF, clock=utc_now, ids=random_ids,
             terms=bill.Terms("bench"), workers=2)  # fmt: skip
    with database.transaction(tenant_id) as tx:
        owners = customers.page(tx, limit=count)
        methods.add(
            tx, [New(one.customer_id, "bench", one.key, f"tok_{one.key}") for one in owners],
            at=utc_now(), actor="bench", ids=random_ids,
        )  # fmt: skip
        found = [row.invoice_id for row in invoicing.open_of_customer(tx, None)]
    database.refresh_statistics()
    assert len(found) == count, len(found)
    return found


def _charged(
    database: Database, tenant_id: int, url: str, concurrency: int, invoices: list[UUID]
) -> float:
    provider = HttpProvider(
        url=url, key="sk_bench", latest_commit=timedelta(minutes=1), concurrency=concurrency,
        deadline=timedelta(seconds=30), idempotent_for=timedelta(hours=24), looks_up=True,
        name="bench",
    )  # fmt: skip
    desk = Desk(
        database, tenant_id, {"bench": provider}, Policies(DEFAULT, {}), utc_now, random_ids, "bench",
        processes.this_process(random_ids("")),
    )  # fmt: skip
    run = start.on_demand(
        desk, due_by=datetime(2027, 1, 1, tzinfo=UTC), time_zone="UTC", invoices=invoices
    )
    begun = time.perf_counter()

    async def charge() -> None:
        await work.on_run(desk, run.run_id, processes.is_gone, work.Stop())
        await provider.close()

    with work.alive(desk):
        collecting.run(charge())
    seconds = time.perf_counter() - begun
    done = start.progress(desk, run.run_id)
    assert done.outcomes == {"succeeded": len(invoices)}, done
    return seconds
