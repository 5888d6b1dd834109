"""Proofs about the books, each naming its violators; nothing named is good."""

from __future__ import annotations

from everycent.db.connection import Tx
from everycent.ledger import store

CHECKS = {
    "every entry balances in every currency": "unbalanced_entries",
    "every entry has at least two postings": "empty_entries",
    "every entry has the event that caused it": "uncaused_entries",
    "every posting belongs to an entry": "orphaned_postings",
    "every reversal mirrors its original": "false_reversals",
}


def violations(tx: Tx, check: str) -> list[str]:
    """The violators of one of `CHECKS`, at most a hundred."""
    return store.list_violations(tx, CHECKS[check])
