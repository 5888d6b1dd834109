"""The measurements, each a function that prepares, runs, and returns figures."""

from __future__ import annotations

import contextlib
import csv
import multiprocessing
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import reference, seller
from benchmarks.figure import Figure, Say
from everycent.app.wiring import random_ids, utc_now
from everycent.catalog import queries as catalog_queries
from everycent.flows import bill, explain, import_usage, owed, replay, verify
from everycent.integrations import usage_files
from everycent.invoicing import queries as invoices
from everycent.kernel.period import instant_text
from everycent.metering import mapping
from everycent.metering import operations as metering


def billing(conninfo: str, size: int, workers: int, say: Say, *, and_more: bool) -> list[Figure]:
    """A billing run over `size` subscriptions × 3 lines; with `and_more` what is read afterwards."""
    database, tenant_id, own = seller.fresh(conninfo, "everycent_bench")
    say(f"preparing {size:,} subscriptions")
    seller.open_shop(database, tenant_id, size)
    with psycopg.connect(own, autocommit=True) as admin:
        admin.execute("checkpoint")
    say(f"billing {size:,} subscriptions with {workers} workers")
    peak = watch_children()
    started = time.perf_counter()
    (result,) = bill.run(
        database,
        tenant_id,
        seller.AS_OF,
        clock=utc_now,
        ids=random_ids,
        terms=bill.Terms("bench"),
        workers=workers,
    )
    seconds = time.perf_counter() - started
    assert result.progress.invoices == size, result.progress
    memory = f"at most {peak()} MB per worker" if workers > 1 else ""
    limit = None
    after: list[Figure] = []
    if and_more:
        # What autovacuum would do beside the measurements is done before them.
        with psycopg.connect(own, autocommit=True) as admin:
            admin.execute("vacuum (analyze)")
            admin.execute("checkpoint")
        after = _after(database, tenant_id, size, say)
    if and_more:
        say("reference: the same rows by COPY")
        spent = reference.copy_seconds(
            own,
            reference.BILLING,
            {"journal_event": "type = 'invoice.issued'", "billed_period": "invoice_id is not null"},
        )
        limit = size / spent
    name = f"billing run, {workers} worker{'s' if workers > 1 else ''}"
    figures = [
        Figure(name, f"{size:,} × 3 lines", seconds, size / seconds, "invoices", limit, memory)
    ]
    figures += after
    seller.drop(conninfo, "everycent_bench", database)
    return figures


def watch_children() -> Callable[[], int]:
    """Looks at the memory of worker processes while they live; gives the most that one used, in MB."""
    peak_kb = [0]
    is_over = threading.Event()

    def look() -> None:
        while not is_over.wait(1 / 5):
            for child in multiprocessing.active_children():
                with contextlib.suppress(OSError):
                    for line in Path(f"/proc/{child.pid}/status").read_text().splitlines():
                        if line.startswith("VmHWM"):
                            peak_kb[0] = max(peak_kb[0], int(line.split()[1]))

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()

    def stop() -> int:
        is_over.set()
        watcher.join()
        return peak_kb[0] // 1024

    return stop


def _after(database: Any, tenant_id: int, size: int, say: Say) -> list[Figure]:
    figures = []
    say("owed")
    with database.snapshot(tenant_id) as tx:
        started = time.perf_counter()
        found = owed.owed(tx, seller.AS_OF, utc_now())
        seconds = time.perf_counter() - started
        assert len(found) == size
    figures.append(Figure("owed, everybody", f"{size:,} customers", seconds))
    say("replay")
    with database.snapshot(tenant_id) as tx:
        started = time.perf_counter()
        rebuilt = replay.replay(tx)
        seconds = time.perf_counter() - started
        assert not rebuilt.differences
    rows = sum(rebuilt.rows.values())
    figures.append(
        Figure("replay and compare", f"{rebuilt.events:,} events, {rows:,} rows", seconds,
               rebuilt.events / seconds, "events")
    )  # fmt: skip
    say("verify")
    with database.snapshot(tenant_id) as tx:
        started = time.perf_counter()
        checks = list(verify.verify(tx, trusted_key=None, with_replay=False))
        seconds = time.perf_counter() - started
        assert not any(check.violators for check in checks)
    figures.append(Figure("verify, everything but replay", f"{size:,} invoices", seconds))
    return figures


def importing(conninfo: str, rows: int, say: Say) -> list[Figure]:
    """Import of a CSV file, again of the same file, and explaining a line over its records."""
    database, tenant_id, own = seller.fresh(conninfo, "everycent_bench")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "usage.csv"
        say(f"writing a file of {rows:,} records")
        _write_csv(path, rows)
        seller.open_shop(database, tenant_id, 100)
        with database.snapshot(tenant_id) as tx:
            meters = catalog_queries.raw_meters(tx)
        figures = []
        for name in ("import from CSV, durable, deduplicated", "the same file again"):
            say(name)
            started = time.perf_counter()
            result = _import(database, tenant_id, path, meters)
            seconds = time.perf_counter() - started
            assert result.accepted + result.duplicates == rows, result
            figures.append(Figure(name, f"{rows:,} records", seconds, rows / seconds, "records"))
    say("fold")
    started = time.perf_counter()
    metering.fold(database, tenant_id)
    seconds = time.perf_counter() - started
    figures.append(
        Figure("fold into roll-ups", f"{rows:,} records", seconds, rows / seconds, "records")
    )
    figures += _explaining(database, tenant_id, say)
    say("reference: the same rows by COPY")
    spent = reference.copy_seconds(own, reference.USAGE, {})
    figures[0] = figures[0]._replace(reference=(rows + 300) / spent)
    seller.drop(conninfo, "everycent_bench", database)
    return figures


def _write_csv(path: Path, rows: int) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "subject", "meter", "at", "value"])
        for n in range(rows):
            at = seller.START + timedelta(seconds=n * 2_600_000 // rows)
            writer.writerow(
                [
                    f"rec-{n:09d}",
                    f"c{n % 100:08d}",
                    "calls",
                    instant_text(at),
                    f"{n % 977}.{n % 1000:03d}",
                ]
            )


def _import(database: Any, tenant_id: int, path: Path, meters: set[str]) -> Any:
    with usage_files.open_rows(str(path), None, None, ()) as source:
        return import_usage.import_usage(
            database,
            tenant_id,
            source.batches,
            mapping.parser(mapping.ColumnMapping("bench-file"), source.header, meters),
            recorded_at=utc_now(),
            on_reject=lambda reject: None,
            on_progress=lambda progress: None,
        )


def _explaining(database: Any, tenant_id: int, say: Say) -> list[Figure]:
    say("explain")
    bill.run(
        database, tenant_id, seller.AS_OF, clock=utc_now, ids=random_ids, terms=bill.Terms("bench")
    )
    with database.snapshot(tenant_id) as tx:
        name = f"INV-{invoices.listed(tx, limit=1)[0].number:06d}"
        explain.explain(tx, name, 1)
        samples = []
        for _ in range(20):
            started = time.perf_counter()
            explain.explain(tx, name, 1)
            samples.append(time.perf_counter() - started)
    samples.sort()
    return [Figure("explain a line, median of 20", "records as imported", samples[10])]
