"""Proofs about usage, each naming its violators; nothing named is good."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from everycent.db.connection import Tx
from everycent.kernel.quantity import plain
from everycent.metering import store
from everycent.metering.record import EARLIEST, LATEST, UsageRecord, content_of, key_of, micros

CHECKS = {
    "every roll-up equals its records": "false_rollups",
    "every record is stored once, with its key": "unkeyed_records",
    "every record that was taken back says why": "false_reversals",
}
_SHOWN = 100


def violations(tx: Tx, check: str) -> list[str]:
    """The violators of one of `CHECKS`, at most a hundred."""
    if CHECKS[check] == "false_rollups":
        return false_rollups(tx)
    return store.list_violations(tx, CHECKS[check])


def false_rollups(tx: Tx, month: date | None = None) -> list[str]:
    """Roll-ups that differ from their records: of one month, or of all months whose records are in the
    table. What was loaded out of the archive (`create_stage_archived`) counts with the table's."""
    if month is not None:
        begin = datetime.combine(month, time(), UTC)
        end = (begin + timedelta(days=31)).replace(day=1)
        return store.list_false_rollups(tx, begin, end, [])
    create_stage_archived(tx)
    away = [datetime.combine(first, time(), UTC) for first in store.archived_months(tx)]
    return store.list_false_rollups(tx, EARLIEST, LATEST, away)


def create_stage_archived(tx: Tx) -> None:
    """An empty place, to the end of the transaction, for records out of the archive."""
    store.create_stage_archived(tx)


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
