"""`make bench`: measures, prints a table, writes benchmarks/results/<date>.json and docs/benchmarks.md."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks import machine, measure, usage
from benchmarks.figure import Figure
from everycent.app import settings, wiring

_ROOT = Path(__file__).parents[1]


def main() -> None:
    """Runs the suite."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "--size", type=int, default=100_000, help="subscriptions of the billing run"
    )
    parser.add_argument("--records", type=int, default=1_000_000, help="records of the import")
    parser.add_argument(
        "--history", type=int, default=50_000_000, help="records that are there before the ingest"
    )
    parser.add_argument("--only", choices=("usage", "billing"), help="a part; publishes nothing")
    parser.add_argument("--no-publish", action="store_true", help="print only, write no files")
    told = parser.parse_args()
    console = Console(highlight=False, width=150)
    conninfo = wiring.conninfo(settings.from_environment())
    about = machine.describe(conninfo)
    figures: list[Figure] = []
    with console.status("") as status:

        def say(text: str) -> None:
            status.update(text)

        if told.only != "billing":
            figures += usage.measure(conninfo, told.history, say)
        if told.only != "usage":
            figures += measure.importing(conninfo, told.records, say)
            figures += measure.billing(conninfo, told.size, 1, say, and_more=True)
            for size in (told.size // 10, told.size, told.size * 3):
                figures += measure.billing(conninfo, size, 2, say, and_more=False)
    console.print(_table(figures))
    if not told.no_publish and told.only is None:
        _publish(about, figures)


def _cells(figure: Figure) -> list[str]:
    rate = "" if figure.rate is None else f"{figure.rate:,.0f} {figure.unit}/s"
    limit = ""
    if figure.rate is not None and figure.reference is not None:
        limit = f"{figure.reference:,.0f}/s ({figure.rate / figure.reference:.0%})"
    seconds = ""
    if figure.seconds is not None:
        is_long = figure.seconds >= 0.1
        seconds = f"{figure.seconds:,.2f} s" if is_long else f"{figure.seconds * 1000:.1f} ms"
    return [figure.what, figure.size, seconds, rate, limit, figure.note]


_COLUMNS = ["what", "size", "time", "rate", "reference", "note"]


def _table(figures: list[Figure]) -> Table:
    shown = Table(box=box.SIMPLE_HEAD)
    for column in _COLUMNS:
        shown.add_column(column, justify="left" if column in ("what", "size", "note") else "right")
    for figure in figures:
        shown.add_row(*_cells(figure))
    return shown


def _publish(about: dict[str, Any], figures: list[Figure]) -> None:
    day = datetime.now(UTC).date().isoformat()
    results = _ROOT / "benchmarks" / "results"
    results.mkdir(exist_ok=True)
    data = {"date": day, "machine": about, "figures": [figure._asdict() for figure in figures]}
    (results / f"{day}.json").write_text(json.dumps(data, indent=2) + "\n")
    lines = [
        "# Benchmarks",
        "",
        "Measured by `make bench`, which writes this page. Durable commits (fsync on), client and server",
        "on the same machine. Beside a rate stands that of its reference, measured in the same run. For",
        "import and billing: the very rows that the product wrote, written again by one process with plain",
        "binary COPY into tables of the same columns, keys and indexes, without deduplication, checks,",
        "hashes or derivations. For ingest: two processes that COPY ready-made frames into staging and",
        "INSERT … ON CONFLICT DO NOTHING into one table of six fixed-width columns under a random 16-byte",
        "key, with as many rows in it; no names, no content, no batches, no partitions, no second index.",
        "",
        (
            f"{day}, {about['processor']}, {about['cores']} cores, {about['memory_gb']} GB, Linux"
            f" {about['kernel']}, PostgreSQL {about['postgresql']}, Python {about['python']},"
            f" commit {about['commit']}."
        ),
        "",
        "| " + " | ".join(_COLUMNS) + " |",
        "|---|---|---:|---:|---:|---|",
        *("| " + " | ".join(_cells(figure)) + " |" for figure in figures),
        "",
        "The history is January: 100,000 customers × 5 meters, a set of 20 dimensions on every record. Of",
        "what is ingested 5 % is sent twice and 5 % is two weeks late. Ids are counters, or random",
        "(UUIDv4), which is the worst case for the index of keys (docs/decisions/0007).",
        "",
        "Three lines are usage, fee and tax. Everything is on: journal with hash chain, derivation of",
        "every amount, ledger, gapless numbers, row-level security, constraints.",
        "",
    ]
    (_ROOT / "docs" / "benchmarks.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
