"""Proofs about usage, each naming its violators; nothing named is good."""

from __future__ import annotations

from everycent.db.connection import Tx
from everycent.kernel.quantity import plain
from everycent.metering import store
from everycent.metering.record import UsageRecord, content_of, key_of, micros

CHECKS = {
    "every roll-up equals its records": "false_rollups",
    "every record is stored once, with its key": "unkeyed_records",
}
_SHOWN = 100


def violations(tx: Tx, check: str) -> list[str]:
    """The violators of one of `CHECKS`, at most a hundred."""
    return store.list_violations(tx, CHECKS[check])


def altered_records(tx: Tx) -> list[str]:
    """Records whose key or content does not follow from what they say: somebody changed them."""
    names = store.all_names(tx)
    found = []
    for row in store.stream_fingerprints(tx):
        key, content, source_id, record_id, subject_id, meter_id, at, value, dimensions_id = row
        record = UsageRecord(
            names[source_id], record_id, names[subject_id], names[meter_id], at, plain(value),
            names[dimensions_id],
        )  # fmt: skip
        if (
            key_of(record.source, record_id) != key.bytes
            or content_of(record, micros(at)) != content.bytes
        ):
            found.append(f"{record.source} {record_id} is not what was taken in")
            if len(found) == _SHOWN:
                break
    return found
