"""Why records are billed or not, counted: all that are stored, and what was offered and not stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from everycent.db.connection import Tx
from everycent.flows import verify
from everycent.invoicing.reasons import Accounted, Reason, accounted
from everycent.metering import queries as usage


def reasons(tx: Tx) -> Accounted:
    """Every stored record under exactly one reason. Call it in a `snapshot`: it reads every record."""
    tx.sort_in_memory()
    offered = usage.counts(tx)
    return accounted(verify.reasons_of_usage(tx), offered.duplicates, offered.conflicts)


def as_data(found: Accounted) -> dict[str, Any]:
    """The counts as a program gets them."""
    return {
        "records": found.records,
        "stored": _rows(found.stored),
        "offered": _rows(found.offered),
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
