"""Proofs about dunning, each naming its violators; nothing named is good."""

from __future__ import annotations

from everycent.db.connection import Tx
from everycent.dunning import store

CHECKS = {
    "every dunning step follows the one before it, on a later day": "steps_out_of_order",
    "every message that a dunning step tells of is there": "steps_without_message",
    "every message is delivered, given up, or waits for its next try": "stuck_messages",
}


def violations(tx: Tx, check: str) -> list[str]:
    """The violators of one of `CHECKS`, at most a hundred."""
    return store.list_violations(tx, CHECKS[check])
