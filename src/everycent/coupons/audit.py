"""Proofs about coupons, each naming its violators; nothing named is good."""

from __future__ import annotations

from everycent.coupons import store
from everycent.db.connection import Tx

USED_AS_ALLOWED = "no coupon is used more often than it may be"


def violations(tx: Tx) -> list[str]:
    """Uses that don't follow one another, or go beyond what was agreed; at most a hundred."""
    return store.list_violations(tx)
