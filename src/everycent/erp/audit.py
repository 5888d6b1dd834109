"""Proofs about the way into the ERP, each naming its violators; nothing named is good."""

from __future__ import annotations

from everycent.db.connection import Tx
from everycent.erp import store

CHECKS = {
    "every batch for the ERP names the one before it and has the documents it says": "bad_batches",
    "every document that was handed over stands somewhere": "documents_without_state",
    "what is said of a document in the ERP is there word for word": "answers_missing",
}


def violations(tx: Tx, check: str) -> list[str]:
    """The violators of one of `CHECKS`, at most a hundred."""
    return store.list_violations(tx, CHECKS[check])
