"""Proofs about the way into the ERP, each naming its violators; nothing named is good."""

from __future__ import annotations

from collections import defaultdict

import msgspec

from everycent.db.connection import Tx
from everycent.erp import batch, store, told
from everycent.erp.told import Total
from everycent.kernel.money import Money, plain

CHECKS = {
    "every batch for the ERP names the one before it and has the documents it says": "bad_batches",
    "every batch for the ERP comes to what its documents come to": "false_batches",
    "no credit note went to the ERP before its invoice": "notes_before_invoices",
    "every document that was handed over stands somewhere": "documents_without_state",
    "what is said of a document in the ERP is there word for word": "answers_missing",
}
_TOLD = msgspec.json.Decoder(tuple[tuple[Total, ...], str])
_MOST = 100


def violations(tx: Tx, check: str) -> list[str]:
    """The violators of one of `CHECKS`, at most a hundred."""
    if CHECKS[check] == "false_batches":
        return false_batches(tx)
    return store.list_violations(tx, CHECKS[check])


def false_batches(tx: Tx) -> list[str]:
    """Batches whose control totals are not those of the documents in them, or whose digests do not follow
    from what they say; at most a hundred."""
    sums: dict[tuple[str, int], list[Total]] = defaultdict(list)
    for row in store.list_batch_sums(tx):
        amounts = (plain(Money(one, row.currency)) for one in (row.net, row.tax, row.gross))
        sums[row.erp, row.batch_no].append(Total(row.currency, row.documents, *amounts))
    found = []
    for row in store.list_batch_members(tx):
        totals, control = _TOLD.decode(row.told)
        wanted = told.digest_of_all(row.digests)
        digest = batch.digest_of_batch(row.erp, row.batch_no, row.previous, control, totals)
        if list(totals) != sums[row.erp, row.batch_no] or (control, row.digest) != (wanted, digest):
            found.append(f"{row.erp} batch {row.batch_no}")
    return found[:_MOST]
