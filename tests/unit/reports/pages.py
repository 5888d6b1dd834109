"""Answers of a sub-service, made by hand, to be spoiled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from everycent.kernel.period import Period
from everycent.reports.port import Reply

JANUARY = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))
NAMES = {"resources": "resources", "report": "lines", "events": "events"}


def line(number: int, **other: Any) -> dict[str, Any]:
    """A line of the resource that is numbered like it."""
    return {
        "line": number,
        "customer": "acme",
        "resource": f"vm-{number}",
        "item": "vm_time",
        "unit": "s",
        "at": "2026-01-31T23:00:00Z",
        "used": "7200",
        "included": "3600",
        "billable": "3600",
        "events": 2,
    } | other


def resource(number: int, **other: Any) -> dict[str, Any]:
    """A resource, numbered."""
    return {
        "number": number,
        "resource": f"vm-{number}",
        "customer": "acme",
        "kind": "machine",
        "name": "web",
        "since": "2025-11-03T10:00:00Z",
        "until": None,
    } | other


def pages(call: str, rows: Sequence[dict[str, Any]], size: int = 2) -> list[dict[str, Any]]:
    """The pages of an answer with these rows."""
    parts = [rows[n : n + size] for n in range(0, len(rows), size)] or [[]]
    made = []
    for n, part in enumerate(parts, start=1):
        is_last = n == len(parts)
        made.append(
            {
                "schema": "everycent-accounting/1",
                "service": "compute",
                "call": call,
                "from": "2026-01-01T00:00:00Z",
                "to": "2026-02-01T00:00:00Z",
                "snapshot": "s-1",
                "page": n,
                NAMES[call]: list(part),
                "next": None if is_last else f"after-{n}",
                "trailer": trailer(rows) if is_last else None,
            }
        )
    return made


def trailer(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What rows come to; written down by itself here, and not by the code under test."""
    text = "".join(
        json.dumps(row, separators=(",", ":"), ensure_ascii=False) + "\n" for row in rows
    )
    sums = []
    if rows and "line" in rows[0]:
        for item, unit in sorted({(row["item"], row["unit"]) for row in rows}):
            of_item = [row for row in rows if row["item"] == item]
            told = {
                part: str(sum(int(row[part]) for row in of_item))
                for part in ("used", "included", "billable")
            }
            sums.append({"item": item, "unit": unit} | told)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return {"rows": len(rows), "sums": sums, "digest": digest}


def reply(page: Any) -> Reply:
    """A page as it comes over the wire."""
    raw = page if isinstance(page, bytes) else json.dumps(page, ensure_ascii=False).encode()
    return Reply(raw, 200)
