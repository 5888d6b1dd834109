"""`make bench`: measures, prints tables, writes benchmarks/results/<date>-<part>.json and the page."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks import collecting, entitlements, http, large, machine, measure, proof, usage
from benchmarks.figure import Figure, Say
from everycent.app import settings, wiring

_ROOT = Path(__file__).parents[1]
_RESULTS = _ROOT / "benchmarks" / "results"
PARTS = ("usage", "billing", "large", "collecting", "entitlements", "http", "verify")


def main() -> None:
    """Runs the suite."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "--size", type=int, default=100_000, help="subscriptions, of the billing run and else"
    )
    parser.add_argument("--records", type=int, default=1_000_000, help="records of the import")
    parser.add_argument(
        "--history", type=int, default=50_000_000, help="records that are there before the ingest"
    )
    parser.add_argument("--invoices", type=int, default=200_000, help="invoices that are verified")
    parser.add_argument("--only", choices=PARTS, help="a part; the page keeps the rest")
    parser.add_argument("--no-publish", action="store_true", help="print only, write no files")
    told = parser.parse_args()
    console = Console(highlight=False, width=150)
    conninfo = wiring.conninfo(settings.from_environment())
    about = machine.describe(conninfo)
    parts = PARTS if told.only is None else (told.only,)
    with console.status("") as status:

        def say(text: str) -> None:
            console.log(text)
            status.update(text)

        for part in parts:
            figures = []
            for figure in _measured(part, conninfo, told, say):
                console.log(" · ".join(filter(None, _cells(figure))))
                figures.append(figure)
            console.print(_table(figures))
            if not told.no_publish:
                _keep(part, about, figures)
    if not told.no_publish:
        _write_page()


def _measured(part: str, conninfo: str, told: Any, say: Say) -> Iterator[Figure]:
    if part == "usage":
        yield from usage.measure(conninfo, told.history, say)
        return
    if part == "entitlements":
        yield from entitlements.measure(conninfo, told.size, say)
        return
    if part == "http":
        yield from http.measure(conninfo, told.size, say)
        return
    if part == "large":
        yield from large.measure(conninfo, say)
        return
    if part == "verify":
        yield from proof.measure(conninfo, told.invoices, say)
        return
    if part == "collecting":
        yield from collecting.measure(conninfo, say)
        return
    yield from measure.importing(conninfo, told.records, say)
    yield from measure.billing(conninfo, told.size, 1, say, and_more=True)
    for size in (told.size // 10, told.size, told.size * 3):
        yield from measure.billing(conninfo, size, 2, say, and_more=False)


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


def _keep(part: str, about: dict[str, Any], figures: list[Figure]) -> None:
    """Writes the result of one part; the page shows the newest of each."""
    day = datetime.now(UTC).date().isoformat()
    _RESULTS.mkdir(exist_ok=True)
    data = {"date": day, "machine": about, "figures": [figure._asdict() for figure in figures]}
    (_RESULTS / f"{day}-{part}.json").write_text(json.dumps(data, indent=2) + "\n")


def _write_page() -> None:
    lines = list(_HEAD)
    for part in PARTS:
        newest = max(_RESULTS.glob(f"*-{part}.json"), default=None)
        if newest is None:
            continue
        result = json.loads(newest.read_text())
        about = result["machine"]
        lines += [
            f"## {_TITLES[part]}",
            "",
            *_ABOUT[part],
            "",
            _told_of(result["date"], about),
            "",
            "| " + " | ".join(_COLUMNS) + " |",
            "|---|---|---:|---:|---:|---|",
            *("| " + " | ".join(_cells(Figure(**told))) + " |" for told in result["figures"]),
            "",
        ]
    (_ROOT / "docs" / "benchmarks.md").write_text("\n".join(lines))


def _told_of(day: str, about: dict[str, Any]) -> str:
    return (
        f"{day}, {about['processor']}, {about['cores']} cores, {about['memory_gb']} GB, Linux"
        f" {about['kernel']}, PostgreSQL {about['postgresql']} with {about['shared_buffers']} of shared"
        f" buffers, Python {about['python']}, commit {about['commit']}."
    )


_HEAD = [
    "# Benchmarks",
    "",
    "Measured by `make bench`, which writes this page (`.venv/bin/python -m benchmarks --only usage` for a",
    "part of it). Durable commits (fsync on), client and server on the same machine. Beside a rate stands",
    "that of its reference, measured in the same run.",
    "",
]
_TITLES = {
    "usage": "Usage",
    "billing": "Billing",
    "large": "One large invoice",
    "collecting": "Collecting",
    "entitlements": "Entitlements",
    "http": "Over HTTP",
    "verify": "The proof",
}
_ABOUT = {
    "verify": [
        "Every promise over books that the product billed by itself, and all tables built again from the",
        "journal. The note names the promises that took longest; four times the books shall take no more",
        "than some four times as long.",
    ],
    "collecting": [
        "One worker process charges through the HTTP adapter. The provider stands in for a real one: a",
        "process on the same machine that answers every call 150 ms after it came, and does nothing else.",
        "Every stage is durable before the next: claimed, sending, answered, and booked with its payment,",
        "what it settles and its ledger entry. The reference is what so many calls at once come to when",
        "nothing but the provider takes time.",
    ],
    "usage": [
        "The history is January: 100,000 customers × 5 meters, a set of 20 dimensions on every record. Of",
        "what is ingested 5 % is sent twice and 5 % is two weeks late. Ids are counters, or random",
        "(UUIDv4), which is the worst case for the index of keys (docs/decisions/0007). A million records",
        "of each kind go before those that are measured, as the reference's table has just been made and",
        "is in memory. The reference of ingest: two processes that COPY ready-made frames into staging and",
        "INSERT … ON CONFLICT DO",
        "NOTHING into one table of six fixed-width columns under a random 16-byte key, with as many rows",
        "in it; no names, no content, no batches, no partitions, no second index. The history is made",
        "inside the server and vacuumed; folding, reading, ingest and billing are the product's own.",
    ],
    "entitlements": [
        "One client in the same process asks one question after another, of customers at random; every",
        "question is a transaction of its own that begins with the customer's key. The time is the median.",
        "Some 5,000 records are not folded yet, as there always are some. The reference: as many round",
        "trips as the question makes statements, with nothing in them (`select 1`), in a transaction begun",
        "the same way.",
    ],
    "http": [
        "`everycent serve` with a process for each core, and a client that is a process of its own and",
        "keeps its connections open. Batches: as fast as answers come, each durable before its answer;",
        "the reference are the same records, all dimensions and all, as rows of texts with a JSON column:",
        "two processes COPY batches of 1,000 that are ready-made into staging and INSERT … ON CONFLICT DO",
        "NOTHING into a new table under a random key, with nothing else. Single requests are sent at a",
        "steady rate, whether answers come or not, and their time counts from when they were due: what",
        "waits behind a slow answer has waited. How many there may be at most was measured over 16",
        "connections at once. All customers have a contract since the first of the month: there is a",
        "month to be billed.",
    ],
    "large": [
        "One customer has all the contracts, each with usage and a fee: they stand on one invoice, made in",
        "one transaction by a worker process. The memory is the most that it ever had (VmHWM).",
    ],
    "billing": [
        "The reference: the very rows that the product wrote, written again by one process with plain",
        "binary COPY into tables of the same columns, keys and indexes, without deduplication, checks,",
        "hashes or derivations. Three lines are usage, fee and tax. Everything is on: journal with hash",
        "chain, derivation of every amount, ledger, gapless numbers, row-level security, constraints.",
    ],
}


if __name__ == "__main__":
    main()
