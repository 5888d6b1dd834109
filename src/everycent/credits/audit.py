"""Proofs about prepaid credit, each naming its violators; nothing named is good."""

from __future__ import annotations

from everycent.credits import store
from everycent.db.connection import Tx

CHECKS = {
    "no grant is overdrawn, and every grant is drawn, expired or left": "overdrawn_grants",
    "every wallet holds what the ledger owes": "false_balances",
    "every draw has its invoice or its reason, and every invoice its draws": "undocumented_draws",
    "no payment was put into a wallet twice": "payments_granted_twice",
}


def violations(tx: Tx, check: str) -> list[str]:
    """The violators of one of `CHECKS`, at most a hundred."""
    return store.list_violations(tx, CHECKS[check])
