"""Take usage in, and fold it into the roll-ups."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from everycent.db.connection import Database, Tx
from everycent.metering import store
from everycent.metering.record import UsageRecord, content_of, key_of, micros

_FOLD_RECORDS = 500_000


class Intake(NamedTuple):
    """What became of a batch. Conflicts are positions in the batch: same id, other content."""

    accepted: int
    duplicates: int
    conflicts: tuple[int, ...]


class Names:
    """The numbers of names that are known already. One per importer; safe to lose."""

    def __init__(self) -> None:
        self.ids: dict[tuple[str, str], int] = {}
        self.months: set[tuple[int, int]] = set()

    def learn(self, database: Database, tenant_id: int, records: Sequence[UsageRecord]) -> None:
        """Makes sure that every name and month of the records is known, in a transaction of its own:
        a number that was handed out stays true whatever happens to the batch."""
        wanted = {
            pair
            for r in records
            for pair in (("source", r[0]), ("subject", r[2]), ("meter", r[3]), ("dimensions", r[6]))
        }
        fresh = sorted(wanted - self.ids.keys())
        months = {(r[4].year, r[4].month) for r in records} - self.months
        if not fresh and not months:
            return
        with database.transaction(tenant_id) as tx:
            self.ids |= store.name_ids(tx, fresh)
            for year, month in sorted(months):
                store.ensure_month(tx, date(year, month, 1))
        self.months |= months


def ingest(
    database: Database,
    tenant_id: int,
    records: Sequence[UsageRecord],
    recorded_at: datetime,
    names: Names,
) -> Intake:
    """Stores a batch durably, each record once for ever. One transaction: all of it or none.

    A record that is known with the same content is a duplicate and has no effect; one that is known
    with other content is a conflict and is not stored.
    """
    names.learn(database, tenant_id, records)
    frames, twice, conflicts = _pack(records, names.ids)
    with database.transaction(tenant_id) as tx:
        store.copy_stage(tx, frames)
        batch_id = store.next_batch(tx)
        accepted = store.take_in(tx, batch_id)
        if accepted:
            store.insert_batch(tx, batch_id, recorded_at, accepted)
        if accepted < len(frames):
            conflicts.extend(store.list_conflicts(tx))
    duplicates = len(records) - accepted - len(conflicts)
    assert duplicates >= twice
    return Intake(accepted, duplicates, tuple(sorted(conflicts)))


def _pack(
    records: Sequence[UsageRecord], ids: dict[tuple[str, str], int]
) -> tuple[list[bytes], int, list[int]]:
    """The batch as COPY rows, each key once; the number of repeats and the positions of conflicts."""
    frames: list[bytes] = []
    seen: dict[bytes, bytes] = {}
    twice = 0
    conflicts: list[int] = []
    frame = store.frame
    for position, record in enumerate(records):
        source, record_id, subject, meter, at, value, dimensions = record
        key = key_of(source, record_id)
        at_micros = micros(at)
        content = content_of(record, at_micros)
        known = seen.setdefault(key, content)
        if len(seen) == len(frames):
            if known == content:
                twice += 1
            else:
                conflicts.append(position)
            continue
        frames.append(
            frame(
                key,
                content,
                at_micros,
                ids["subject", subject],
                ids["meter", meter],
                ids["dimensions", dimensions],
                ids["source", source],
                position,
                value.encode(),
                record_id.encode(),
            )
        )
    return frames, twice, conflicts


def fold(database: Database, tenant_id: int) -> int:
    """Counts every batch that is committed into the roll-ups; returns how many batches that were.

    In large steps, each its own transaction; safe to run at any time and from many processes.
    """
    folded = 0
    while True:
        with database.transaction(tenant_id) as tx:
            done = fold_step(tx)
        folded += done
        if not done:
            return folded


def fold_step(tx: Tx) -> int:
    """One step of `fold` in the caller's transaction."""
    store.lock_fold(tx)
    batches = store.list_open_batches(tx, _FOLD_RECORDS)
    if batches:
        store.fold(tx, batches)
    return len(batches)
