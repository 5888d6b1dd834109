"""Take usage in, and fold it into the roll-ups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import date, datetime
from itertools import repeat
from operator import attrgetter
from typing import NamedTuple

from everycent.db.connection import Database, Tx
from everycent.metering import store
from everycent.metering.record import UsageRecord, content_of, key_of, micros

_FOLD_RECORDS = 500_000
_REMEMBERED_NAMES = 500_000
_PACKED_TOGETHER = 500
_KINDS = ("source", "subject", "meter", "dimensions")
_NAMED = attrgetter("source", "subject", "meter", "dimensions")
_NO_TURNS: AbstractContextManager[object] = nullcontext()


class Intake(NamedTuple):
    """What became of a batch. Conflicts are positions in the batch: same id, other content."""

    accepted: int
    duplicates: int
    conflicts: tuple[int, ...]


Numbers = dict[tuple[str, str], int]
"""Numbers by kind and name."""


class Names:
    """The numbers of names that are known already. One per importer, whose threads may share it; safe
    to lose."""

    def __init__(self) -> None:
        self.ids: Numbers = {}
        self.months: set[date] = set()

    def learn(self, database: Database, tenant_id: int, records: Sequence[UsageRecord]) -> Numbers:
        """Makes sure that every name and month of the records is known, in a transaction of its own:
        a number that was handed out stays true whatever happens to the batch. Returns the numbers."""
        if len(self.ids) > _REMEMBERED_NAMES:
            self.ids = {}  # a new one: another thread may still be reading the old
        ids = self.ids
        used = set(map(_NAMED, records))
        wanted = {pair for names in used for pair in zip(_KINDS, names, strict=True)}
        fresh = sorted(pair for pair in wanted if pair not in ids)
        days = {record.at.date() for record in records}
        months = {day.replace(day=1) for day in days} - self.months
        if fresh or months:
            with database.transaction(tenant_id) as tx:
                learnt = store.name_ids(tx, fresh)
                for month in sorted(months):
                    store.ensure_month(tx, month)
            # Only now that they are committed: numbers that are rolled back are given out again.
            ids |= learnt
            self.months |= months
        return ids


def ingest(
    database: Database,
    tenant_id: int,
    records: Sequence[UsageRecord],
    recorded_at: datetime,
    names: Names,
    turn: AbstractContextManager[object] = _NO_TURNS,
) -> Intake:
    """Stores a batch durably, each record once for ever. One transaction: all of it or none.

    A record that is known with the same content is a duplicate and has no effect; one that is known
    with other content is a conflict and is not stored. `turn` is held while keys are claimed: of
    batches that are stored side by side, the one whose turn comes first has the first claim.
    """
    if not records:
        return Intake(0, 0, ())
    keys, contents, frames = _pack(records, names.learn(database, tenant_id, records))
    known: dict[bytes, bytes] = {}
    for key, content in zip(keys, contents, strict=True):
        known.setdefault(key, content)
    if len(known) < len(frames):
        frames = list(dict(zip(reversed(keys), reversed(frames), strict=True)).values())
    # Frames begin with their key, and in key order the index grows page by page.
    frames.sort()
    with database.transaction(tenant_id) as tx:
        store.copy_stage(tx, frames)
        with turn:
            accepted = store.claim_keys(tx)
        is_all_new = accepted == len(frames)
        if not is_all_new:
            tx.look_up_by_key()
            known |= store.list_conflicts(tx)
        if accepted:
            batch_id = store.next_batch(tx)
            store.insert_records(tx, batch_id, accepted, only_claimed=not is_all_new)
            store.insert_batch(tx, batch_id, recorded_at, accepted)
    conflicts: tuple[int, ...] = ()
    if accepted < len(records):
        pairs = enumerate(zip(keys, contents, strict=True))
        conflicts = tuple(n for n, (key, content) in pairs if known[key] != content)
    return Intake(accepted, len(records) - accepted - len(conflicts), conflicts)


def _pack(
    records: Sequence[UsageRecord], ids: Numbers
) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """The key, the content and the COPY row of each record."""
    keys: list[bytes] = []
    contents: list[bytes] = []
    frames: list[bytes] = []
    number = ids.__getitem__
    # In parts that stay in the processor's cache while they are gone through column by column.
    for start in range(0, len(records), _PACKED_TOGETHER):
        part = records[start : start + _PACKED_TOGETHER]
        sources, record_ids, subjects, meters, times, values, dimensions = zip(*part, strict=True)
        at_micros = list(map(micros, times))
        keys.extend(map(key_of, sources, record_ids))
        contents.extend(map(content_of, part, at_micros))
        frames.extend(
            map(
                store.frame,
                keys[start:],
                contents[start:],
                at_micros,
                map(number, zip(repeat("subject"), subjects, strict=False)),
                map(number, zip(repeat("meter"), meters, strict=False)),
                map(number, zip(repeat("dimensions"), dimensions, strict=False)),
                map(number, zip(repeat("source"), sources, strict=False)),
                map(str.encode, values),
                map(str.encode, record_ids),
            )
        )
    return keys, contents, frames


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


def know_names(tx: Tx, subjects: Iterable[str], meters: Iterable[str]) -> None:
    """Gives subjects and meters their numbers before anybody looks for their usage."""
    pairs = {("subject", name) for name in subjects} | {("meter", name) for name in meters}
    store.name_ids(tx, sorted(pairs))


def fold_step(tx: Tx) -> int:
    """One step of `fold` in the caller's transaction."""
    tx.wait_as_long_as_it_takes()
    store.lock_fold(tx)
    batches = store.list_open_batches(tx, _FOLD_RECORDS)
    if batches:
        store.fold(tx, batches)
    return len(batches)
