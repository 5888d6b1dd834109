"""Proofs about exchange rates, each naming its violators; nothing named is good."""

from __future__ import annotations

from everycent.db.connection import Tx
from everycent.exchange import store

IN_ORDER = "every exchange rate is told once, and each correction stands on the one before"


def violations(tx: Tx) -> list[str]:
    """Rates whose numbers leave a gap, and corrections that correct nothing; at most a hundred."""
    return store.list_violations(tx)
