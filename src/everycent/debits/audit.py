"""Proofs about direct debits, each naming its violators; nothing named is good."""

from __future__ import annotations

from everycent.db.connection import Tx
from everycent.debits import store

CHECKS = {
    "every file of direct debits comes to its debits": "false_sums",
    "every direct debit is in a file, and is what its attempt asks for": "strays",
    "what statements say about direct debits is what became of them": "false_effects",
}


def violations(tx: Tx, check: str) -> list[str]:
    """The violators of one of `CHECKS`, at most a hundred."""
    return store.list_violations(tx, CHECKS[check])
