"""What is in the archive."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from everycent.archives import store
from everycent.archives.archive import Facts, Part, Place, StoredFile
from everycent.db.connection import Tx


def parts(tx: Tx, month: date | None = None) -> list[Part]:
    """The parts of a month, or of all months, in order."""
    return [_part(row) for row in store.list_parts(tx, month)]


def months_in_table(tx: Tx, before: date) -> list[date]:
    """The months before `before` of which the table has records of the tenant."""
    return store.list_months(tx, before)


def may_go_unbilled(tx: Tx, month: date) -> bool:
    """Whether the tenant said last that a month may be dropped with usage that is still to be billed."""
    return store.may_go_unbilled(tx, month)


def records_away(tx: Tx) -> int:
    """How many records are in files alone."""
    return sum(part.facts.records for part in parts(tx) if part.place is Place.FILE)


def reasons_away(tx: Tx) -> dict[str, int]:
    """The records in files alone by the reason for which they were billed or not when they were written."""
    return store.reasons_away(tx)


def parts_of(tx: Tx, batches: Sequence[int]) -> dict[int, list[Part]]:
    """For each of some batches the parts in files alone that hold records of it."""
    found: dict[int, list[Part]] = {}
    known = {(part.month, part.part_no): part for part in parts(tx)} if batches else {}
    for batch_id, month, part_no in store.list_parts_of_batches(tx, batches):
        found.setdefault(batch_id, []).append(known[month, part_no])
    return found


def _part(row: Any) -> Part:
    return Part(
        row.month,
        row.part_no,
        StoredFile(row.file, row.bytes, bytes(row.sha256)),
        row.location,
        Facts(row.records, row.total, bytes(row.digest)),
        row.first_fold,
        row.last_fold,
        row.archived_at,
        Place(row.place),
    )


def violations(tx: Tx) -> list[str]:
    """Parts whose bookkeeping does not add up; none is good."""
    return store.list_violations(tx)
