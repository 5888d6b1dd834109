"""Usage at size: a month that holds a long history, folded, added up, added to, and billed beside."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import psycopg

from benchmarks import history, ingest, seller
from benchmarks.figure import Figure, Say
from everycent.app.wiring import random_ids, utc_now
from everycent.consumption import queries
from everycent.consumption.store import Total
from everycent.db.connection import Database
from everycent.flows import bill
from everycent.kernel.period import Period
from everycent.metering import operations as metering

_JANUARY = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))
_JANUARY_IN_BERLIN = Period(*(at - timedelta(hours=1) for at in _JANUARY))
_MARCH = datetime(2026, 3, 1, tzinfo=UTC)
_BILLED = 10_000
_BATCHES = 100
_SHORT = 1_000_000
_READS = 3


def measure(conninfo: str, records: int, say: Say) -> Iterator[Figure]:
    """All figures about usage, over a history of `records` records in January 2026."""
    database, tenant_id, own = _prepared(conninfo, records, say)
    held = f"{records:,} records"
    yield _folded(database, tenant_id, records, say)
    yield from _added_up(database, tenant_id, own, held, say)
    yield from _ingested(own, records, held, say)
    yield _disk(own, records)
    say("fold what was ingested")
    metering.fold(database, tenant_id)
    yield _billed(database, tenant_id, own, held, say)
    seller.drop(conninfo, "everycent_bench", database)
    if records > _SHORT:
        database, tenant_id, own = _prepared(conninfo, _SHORT, say)
        metering.fold(database, tenant_id)
        yield _billed(database, tenant_id, own, f"{_SHORT:,} records", say)
        seller.drop(conninfo, "everycent_bench", database)


def _prepared(conninfo: str, records: int, say: Say) -> tuple[Database, int, str]:
    say(f"making a history of {records:,} records")
    database, tenant_id, own = seller.fresh(conninfo, "everycent_bench")
    history.make(own, records)
    return database, tenant_id, own


def _folded(database: Database, tenant_id: int, records: int, say: Say) -> Figure:
    say(f"folding {records:,} records")
    seconds = _timed(lambda: metering.fold(database, tenant_id))
    return Figure("fold the history", f"{records:,} records", seconds, records / seconds, "records")


def _added_up(database: Database, tenant_id: int, own: str, held: str, say: Say) -> list[Figure]:
    with psycopg.connect(own, autocommit=True) as admin:
        admin.execute("vacuum (analyze) everycent.usage_day")
    found: dict[str, list[Total]] = {}
    figures = []
    for name, month, from_records in (
        ("roll-ups", _JANUARY, False),
        ("roll-ups, cut in Berlin", _JANUARY_IN_BERLIN, False),
        ("records", _JANUARY, True),
    ):
        say(f"everybody's month from {name}")
        tries = []
        for _ in range(_READS):
            started = time.perf_counter()
            with database.snapshot(tenant_id) as tx:
                tx.sort_in_memory()
                found[name] = queries.totals(tx, month, from_records=from_records)
            tries.append(time.perf_counter() - started)
        series = f"{len(found[name]):,} series of {held}"
        told = f"median of {_READS}; the first time {tries[0]:.2f} s"
        figures.append(Figure(f"everybody's month from {name}", series, median(tries), note=told))
    assert sorted(found["roll-ups"]) == sorted(found["records"])
    return figures


def _ingested(own: str, records: int, held: str, say: Say) -> list[Figure]:
    figures = []
    rates = {}
    for ids in ("counters", "random"):
        say(f"ingest beside {held}, ids are {ids}")
        measured = ingest.product(own, _BATCHES, ids)
        rates[ids] = measured
    say(f"reference: ingest beside {held}")
    limit = ingest.limit(own, _BATCHES, records)
    for ids, measured in rates.items():
        figures.append(
            Figure(
                f"ingest, 2 processes, ids are {ids}",
                f"into {held}",
                measured.seconds,
                measured.rate,
                "records",
                limit.rate,
                f"a batch of {ingest.BATCH:,}: p99 {measured.p99() * 1000:.0f} ms,"
                f" of the reference {limit.p99() * 1000:.0f} ms",
            )
        )
    return figures


def _disk(own: str, records: int) -> Figure:
    held = records + 2 * ingest.PROCESSES * (ingest.WARM_UP + _BATCHES) * ingest.BATCH
    sizes = ingest.sizes(own, ["usage_record", "usage_key", "usage_day"])
    told = ", ".join(f"{name} {size / held:.0f}" for name, size in sizes.items())
    total = sum(sizes.values()) / held
    return Figure("disk, with indexes", f"{held:,} records", None, None, "", None,
                  f"{total:.0f} bytes per record: {told}")  # fmt: skip


def _billed(database: Database, tenant_id: int, own: str, held: str, say: Say) -> Figure:
    say(f"billing February beside {held}")
    seller.open_shop(database, tenant_id, _BILLED, datetime(2026, 2, 1, tzinfo=UTC))
    with psycopg.connect(own, autocommit=True) as admin:
        admin.execute("vacuum (analyze)")
        admin.execute("checkpoint")
    results: list[Any] = []
    seconds = _timed(
        lambda: results.extend(
            bill.run(
                database, tenant_id, _MARCH, clock=utc_now, ids=random_ids,
                terms=bill.Terms("bench"),
            )
        )
    )  # fmt: skip
    assert results[0].progress.invoices == _BILLED, results
    return Figure(
        "billing run of February, 1 worker", f"{_BILLED:,} × 3 lines beside {held}", seconds,
        _BILLED / seconds, "invoices",
    )  # fmt: skip


def _timed(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started
