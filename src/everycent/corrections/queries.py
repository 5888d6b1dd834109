"""Look corrections up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from everycent.corrections import store
from everycent.corrections.correction import revised
from everycent.db.connection import Tx
from everycent.kernel.errors import NotFound
from everycent.kernel.period import Period
from everycent.metering.operations import record_of
from everycent.metering.record import EARLIEST, UsageRecord, key_of

_SAYINGS_AT_ONCE = 8


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


def newest(tx: Tx, limit: int = 20) -> list[Any]:
    """The newest corrections first."""
    return store.newest(tx, limit)


class Stored(NamedTuple):
    """A record as it is stored. `is_counted` is false when it was taken back; `changed_by` is the
    correction that last took it back or put it back, with its kind and reason."""

    key: UUID
    record: UsageRecord
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
    return _told(tx, store.list_records(tx, subject, meter, period, after, limit))


def sayings(tx: Tx, source: str, record_id: str) -> list[Stored]:
    """The record of an id and what took its place, in that order; none where there is no such record."""
    anyone = UsageRecord(source, record_id, "", "", EARLIEST, "0")
    found: list[Stored] = []
    while True:
        first = len(found) + 1
        ids = [revised(anyone, n).record_id for n in range(first, first + _SAYINGS_AT_ONCE)]
        keys = [UUID(bytes=key_of(source, text)) for text in ids]
        known = {row.key: row for row in _told(tx, store.records_by_key(tx, keys))}
        here = [known[key] for key in keys if key in known]
        found.extend(here)
        if len(here) < _SAYINGS_AT_ONCE:
            return found


def _told(tx: Tx, rows: Sequence[Any]) -> list[Stored]:
    last = store.last_reversals(tx, [row.key for row in rows])
    found = []
    for row in rows:
        said = Stored(row.key, record_of(row), row.recorded_at)
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


def changed_series(tx: Tx, batch_id: int) -> list[Any]:
    """Rows (subject, meter, last_at): what a correcting batch is about, and the last instant of it."""
    return store.list_changed_series(tx, batch_id)


def archived(tx: Tx, records: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those of the records, given by (source, id), that were taken in and are in the archive now."""
    keys = {
        UUID(bytes=key_of(source, record_id)): (source, record_id) for source, record_id in records
    }
    return sorted(keys[key] for key in store.archived_keys(tx, sorted(keys)))


def archived_count(tx: Tx, keys: Sequence[bytes]) -> int:
    """How many of the records with these keys are in the archive now."""
    return len(store.archived_keys(tx, sorted({UUID(bytes=key) for key in keys})))
