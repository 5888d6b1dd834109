"""Why records are billed or not, counted: all that are stored, and what was offered and not stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from everycent.archives import queries as archives
from everycent.db.connection import Tx
from everycent.flows import verify
from everycent.invoicing.reasons import Accounted, Reason, Rejected, accounted
from everycent.metering import queries as usage


def reasons(tx: Tx) -> Accounted:
    """Every stored record under exactly one reason, and apart from them what was rejected at the doors.
    Call it in a `snapshot`: it reads every record."""
    tx.sort_in_memory()
    offered = usage.counts(tx)
    away = archives.reasons_away(tx)
    found = accounted(verify.reasons_of_usage(tx), offered.duplicates, offered.conflicts, away)
    return found._replace(rejected=rejected(tx))


def rejected(tx: Tx) -> list[Rejected]:
    """What could not be taken at all, by code and door, the most frequent first."""
    return [
        Rejected(row.code, row.door, row.records, row.first_day, row.last_day)
        for row in usage.rejections(tx)
    ]


def counts_data(found: Any) -> dict[str, Any]:
    """How many records and batches are stored, as a program gets it."""
    return {
        "records": found.records,
        "batches": found.batches,
        "open_records": found.open_records,
        "open_batches": found.open,
    }


def as_data(found: Accounted) -> dict[str, Any]:
    """The counts as a program gets them."""
    return {
        "records": found.records,
        "stored": _rows(found.stored),
        "offered": _rows(found.offered),
        "archived": _rows(found.archived),
        "rejected": [row._asdict() for row in found.rejected],
    }


def _rows(rows: Sequence[Reason]) -> list[dict[str, Any]]:
    return [
        {
            "reason": row.code,
            "records": row.records,
            "tone": row.told.tone.value,
            "sentence": row.told.sentence,
            "advice": row.told.advice,
        }
        for row in rows
    ]
