"""The proof of books with very many invoices: `verify`, without and with rebuilding every table."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg

from benchmarks import seller
from benchmarks.figure import Figure, Say
from everycent.app.wiring import random_ids, utc_now
from everycent.db.connection import Database
from everycent.flows import bill
from everycent.flows.verify import verify

_SHOWN = 4


def measure(conninfo: str, size: int, say: Say) -> Iterator[Figure]:
    """A quarter of so many invoices, and all: what takes longer than four times as long grows faster than
    its books."""
    for some in (size // 4, size):
        say(f"preparing {some:,} subscriptions")
        database, tenant_id, own = seller.fresh(conninfo, "everycent_bench")
        seller.open_shop(database, tenant_id, some)
        say(f"billing {some:,} subscriptions")
        (result,) = bill.run(
            database, tenant_id, seller.AS_OF, clock=utc_now, ids=random_ids,
            terms=bill.Terms("bench"), workers=2,
        )  # fmt: skip
        assert result.progress.invoices == some, result.progress
        with psycopg.connect(own, autocommit=True) as admin:
            admin.execute("vacuum (analyze)")
            admin.execute("checkpoint")
        for with_replay in (False, True):
            say(f"verifying {some:,} invoices{' with replay' if with_replay else ''}")
            yield _verified(database, tenant_id, some, with_replay=with_replay)
        seller.drop(conninfo, "everycent_bench", database)


def _verified(database: Database, tenant_id: int, size: int, *, with_replay: bool) -> Figure:
    took: list[tuple[float, str]] = []
    with database.snapshot(tenant_id) as tx:
        started = before = time.perf_counter()
        for check in verify(tx, trusted_key=None, with_replay=with_replay):
            now = time.perf_counter()
            assert not check.violators, check
            took.append((now - before, check.promise))
            before = now
    seconds = before - started
    slowest = sorted(took, reverse=True)[:_SHOWN]
    return Figure(
        "verify --replay" if with_replay else "verify", f"{size:,} invoices, {len(took)} promises",
        seconds, size / seconds, "invoices", None,
        "; ".join(f"{part:.1f} s {promise}" for part, promise in slowest),
    )  # fmt: skip
