"""Proofs about charges, each naming its violators; nothing named is good."""

from __future__ import annotations

from everycent.charging import store
from everycent.db.connection import Tx

CHECKS = {
    "every charge that succeeded is booked once": "unbooked_charges",
    "nothing was charged twice": "charged_twice",
    "every attempt has its trail": "broken_trails",
}


def violations(tx: Tx, check: str) -> list[str]:
    """The violators of one of `CHECKS`, at most a hundred."""
    return store.list_violations(tx, CHECKS[check])
