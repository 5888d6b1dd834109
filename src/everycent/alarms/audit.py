"""Proofs about alarms, each naming its violators; nothing named is good."""

from __future__ import annotations

from everycent.alarms import store
from everycent.db.connection import Tx

TOLD = "of every document with which the ERP needs a person somebody was told"


def violations(tx: Tx) -> list[str]:
    """Documents that are parked or refused and of which no alarm was ever raised; at most a hundred."""
    return store.list_untold(tx)
