"""Proofs about corrections, each naming its violators; nothing named is good."""

from __future__ import annotations

from everycent.corrections import store
from everycent.db.connection import Tx

COUNTS_ONCE = "of all that was said of a record at most one counts"


def violations(tx: Tx) -> list[str]:
    """Records of which several sayings count, and sayings that are not linked as they should be; at most
    a hundred of each."""
    counting = [
        f"{found.sayings} sayings of the record {found.record_id} of {found.source} count"
        for found in store.list_counting_twice(tx, None)
    ]
    return counting + store.list_false_sayings(tx)
