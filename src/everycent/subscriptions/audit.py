"""Proofs about contracts, each naming its violators; nothing named is good."""

from __future__ import annotations

from everycent.db.connection import Tx
from everycent.subscriptions import store

APART = "of one track of a contract one phase runs at a time"


def violations(tx: Tx) -> list[str]:
    """Phases that begin before one of the same track has ended; at most a hundred."""
    return store.list_violations(tx)
