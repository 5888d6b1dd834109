"""Proofs about usage, each naming its violators; nothing named is good."""

from __future__ import annotations

from everycent.db.connection import Tx
from everycent.metering import store

CHECKS = {
    "every roll-up equals its records": "false_rollups",
    "every record is stored once, with its key": "unkeyed_records",
}


def violations(tx: Tx, check: str) -> list[str]:
    """The violators of one of `CHECKS`, at most a hundred."""
    return store.list_violations(tx, CHECKS[check])
