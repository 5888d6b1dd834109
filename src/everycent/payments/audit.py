"""Proofs about money that came in, each naming its violators; nothing named is good."""

from __future__ import annotations

from everycent.db.connection import Tx
from everycent.payments import store

CHECKS = {
    "receivables are what is open of documents": "receivable_off",
    "what we owe customers is what is left of their payments": "unapplied_off",
    "payments say what is left of them": "left_over_off",
    "payments pay what documents say is settled": "payments_off",
    "what of a refund did not go was set aside for it": "refunds_off",
    "what is open of a document goes from step to step": "broken_steps",
    "nobody's payment pays for somebody else": "strangers_paid",
}


def violations(tx: Tx, check: str) -> list[str]:
    """The violators of one of `CHECKS`, at most a hundred."""
    return store.list_violations(tx, CHECKS[check])
