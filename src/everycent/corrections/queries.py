"""Look corrections up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from everycent.corrections import store
from everycent.corrections.correction import Saying, revised
from everycent.db.connection import Tx
from everycent.kernel.errors import NotFound
from everycent.kernel.period import Period
from everycent.metering.operations import record_of
from everycent.metering.record import EARLIEST, UsageRecord, key_of


def get(tx: Tx, correction_id: UUID) -> Any:
    """A correction. Raises NotFound `correction.unknown`."""
    found = store.find(tx, correction_id)
    if found is None:
        raise NotFound(
            "correction.unknown",
            f"there is no correction {correction_id}",
            field="correction",
            value=str(correction_id),
            hint="everycent usage corrections lists them",
        )
    return found


def newest(tx: Tx, limit: int = 20, before: int | None = None) -> list[Any]:
    """The newest corrections first, of those before a batch."""
    return store.newest(tx, limit, before)


class Stored(NamedTuple):
    """A record that was taken in by the batch `batch_id`. `record` is None where it is in the archive.
    `is_counted` is false when it was taken back; `changed_by` is the correction that last took it back or
    put it back, with its kind and reason."""

    key: UUID
    content: bytes
    source: str
    record_id: str
    record: UsageRecord | None
    batch_id: int
    recorded_at: datetime
    is_counted: bool = True
    changed_by: UUID | None = None
    kind: str | None = None
    reason: str | None = None


def stored(
    tx: Tx,
    subject: str | None,
    meter: str | None,
    period: Period,
    after: tuple[datetime, UUID],
    limit: int,
) -> list[Stored]:
    """Records of a subject and a meter (None: of any) in a period, in order of time, after the one at
    (time, key), whether they count or not."""
    rows = store.list_records(tx, subject, meter, period, after, limit)
    return _told(tx, [(row, row.source, row.record_id) for row in rows])


def sayings(tx: Tx, keys: Sequence[bytes]) -> dict[bytes, list[Saying]]:
    """What was ever said under the ids of some keys, by the key of the first saying, in order; wherever
    the records are. Keys that nobody knows are left out."""
    found: dict[bytes, list[Saying]] = {}
    for row in store.list_sayings(tx, keys):
        said = Saying(
            row.first_key.bytes, row.saying_no, row.key.bytes, row.content.bytes, row.is_standing
        )
        found.setdefault(said.first_key, []).append(said)
    return found


def said_of(tx: Tx, source: str, record_ids: Sequence[str]) -> list[Stored]:
    """The records of some ids, each with what took its place after it, wherever they are; ids that nobody
    knows are left out."""
    asked = {key_of(source, record_id): record_id for record_id in record_ids}
    groups = sayings(tx, list(asked))
    names: dict[UUID, str] = {}
    for group in groups.values():
        known = next(said for said in group if said.key in asked)
        first = (
            asked[known.key].removesuffix(f"~{known.number}")
            if known.number > 1
            else asked[known.key]
        )
        anyone = UsageRecord(source, first, "", "", EARLIEST, "0")
        names |= {UUID(bytes=said.key): revised(anyone, said.number).record_id for said in group}
    rows = {row.key: row for row in store.records_by_key(tx, list(names))}
    return _told(tx, [(rows[key], source, name) for key, name in names.items()])


def with_keys(tx: Tx, keys: Sequence[UUID]) -> list[Stored]:
    """The records of some keys that are in the table, in the order of the keys."""
    rows = {row.key: row for row in store.records_by_key(tx, keys) if row.at is not None}
    return _told(
        tx, [(rows[key], rows[key].source, rows[key].record_id) for key in keys if key in rows]
    )


def _told(tx: Tx, rows: Sequence[tuple[Any, str, str]]) -> list[Stored]:
    last = store.last_reversals(tx, [row.key for row, _, _ in rows])
    found = []
    for row, source, record_id in rows:
        record = None if row.at is None else record_of(row)
        said = Stored(
            row.key, row.content.bytes, source, record_id, record, row.batch_id, row.recorded_at
        )
        if row.key in last:
            change = last[row.key]
            said = said._replace(
                is_counted=change.sign == 1,
                changed_by=change.correction_id,
                kind=change.kind,
                reason=change.reason,
            )
        found.append(said)
    return found


class Touched(NamedTuple):
    """A record that a correction took back (`voided`), put back (`restored`) or `added`."""

    what: str
    key: UUID
    record: UsageRecord


def touched(tx: Tx, batch_id: int, after: tuple[datetime, UUID], limit: int) -> list[Touched]:
    """The records of a correction, given by its batch, in order of time after the one at (time, key);
    those that it added and that are in the archive now are left out."""
    return [
        Touched(row.what, row.key, record_of(row))
        for row in store.list_touched(tx, batch_id, after, limit)
    ]


def changed_series(tx: Tx, batch_id: int) -> list[Any]:
    """Rows (subject, meter, last_at): what a correcting batch is about, and the last instant of it."""
    return store.list_changed_series(tx, batch_id)
