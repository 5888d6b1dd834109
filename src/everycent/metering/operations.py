"""Take usage in, and fold it into the roll-ups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import date, datetime
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

from everycent.db.connection import Database, Tx
from everycent.kernel.errors import Conflict
from everycent.kernel.period import Period, instant_text
from everycent.kernel.quantity import plain
from everycent.metering import store
from everycent.metering.record import UsageRecord, content_of, key_of, micros

_FOLD_RECORDS = 2_000_000
_REMEMBERED_NAMES = 500_000
_PACKED_TOGETHER = 500
_KINDS = ("source", "subject", "meter", "dimensions")
_NAMED = {kind: attrgetter(kind) for kind in _KINDS}
_NO_TURNS: AbstractContextManager[object] = nullcontext()


class Clash(NamedTuple):
    """A record of a batch whose id is known with other content. `stored` is what is stored, None where
    its month was taken out of the tables into an archive."""

    position: int
    stored: UsageRecord | None


class Intake(NamedTuple):
    """What became of a batch; duplicates are positions in it."""

    accepted: int
    duplicates: tuple[int, ...]
    conflicts: tuple[Clash, ...]


Numbers = dict[str, dict[str, int]]
"""Numbers by kind and name."""


def months_of(records: Iterable[UsageRecord]) -> set[tuple[int, int]]:
    """The years and months in which records are."""
    return {(record.at.year, record.at.month) for record in records}


class Names:
    """The numbers of names that are known already. One per importer, whose threads may share it; safe
    to lose."""

    def __init__(self) -> None:
        self.ids: Numbers = {kind: {} for kind in _KINDS}
        self.months: set[tuple[int, int]] = set()

    def learn(self, database: Database, tenant_id: int, records: Sequence[UsageRecord]) -> Numbers:
        """Makes sure that every name and month of the records is known, in a transaction of its own:
        a number that was handed out stays true whatever happens to the batch. Returns the numbers."""
        if sum(map(len, self.ids.values())) > _REMEMBERED_NAMES:
            self.ids = {
                kind: {} for kind in _KINDS
            }  # new ones: another thread may still read the old
        ids = self.ids
        fresh = [
            (kind, name)
            for kind, of_record in _NAMED.items()
            for name in set(map(of_record, records)) - ids[kind].keys()
        ]
        months = months_of(records) - self.months
        if fresh or months:
            with database.transaction(tenant_id) as tx:
                learnt = store.name_ids(tx, sorted(fresh))
                for year, month in sorted(months):
                    store.ensure_month(tx, date(year, month, 1))
            # Only now that they are committed: numbers that are rolled back are given out again.
            for (kind, name), number in learnt.items():
                ids[kind][name] = number
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
        return Intake(0, (), ())
    packed = _packed(database, tenant_id, records, names)
    with database.transaction(tenant_id) as tx:
        return _store(tx, records, packed, recorded_at, turn)


def _packed(
    database: Database, tenant_id: int, records: Sequence[UsageRecord], names: Names
) -> Packed:
    # Most batches name nothing new: trying it is faster than looking.
    if months_of(records) <= names.months:
        try:
            return pack(records, names.ids)
        except KeyError:
            pass
    return pack(records, names.learn(database, tenant_id, records))


def ingest_within(
    tx: Tx,
    records: Sequence[UsageRecord],
    recorded_at: datetime,
    names: Names,
    turn: AbstractContextManager[object] = _NO_TURNS,
) -> Intake:
    """The same in the caller's transaction, which may undo it. `names` have learnt the records' names."""
    return _store(tx, records, pack(records, names.ids), recorded_at, turn)


class Packed(NamedTuple):
    """Records ready to be stored: the key and the content of each, and their COPY rows, one per key
    and in order of keys, so that the index grows page by page."""

    keys: list[bytes]
    contents: list[bytes]
    frames: list[bytes]


def _store(
    tx: Tx,
    records: Sequence[UsageRecord],
    packed: Packed,
    recorded_at: datetime,
    turn: AbstractContextManager[object],
) -> Intake:
    batch_id = store.next_batch(tx)
    store.copy_stage(tx, packed.frames)
    with turn:
        known_keys = store.claim_keys(tx, batch_id)
    accepted = len(packed.frames) - len(known_keys)
    if accepted:
        store.insert_records(tx, batch_id, known_keys, accepted)
    if accepted == len(records):
        store.insert_batch(tx, batch_id, recorded_at, accepted)
        return Intake(accepted, (), ())
    known = store.known_contents(tx, known_keys) if known_keys else {}
    duplicates, conflicts = _sort_out(packed, known)
    store.insert_batch(
        tx, batch_id, recorded_at, accepted, duplicates=len(duplicates), conflicts=len(conflicts)
    )
    return Intake(accepted, tuple(duplicates), _told(tx, packed.keys, conflicts))


def _sort_out(packed: Packed, known: dict[bytes, bytes]) -> tuple[list[int], list[int]]:
    """The positions of duplicates and of conflicts: an id counts for the first record that has it."""
    first = dict(known)
    duplicates, conflicts = [], []
    for n, (key, content) in enumerate(zip(packed.keys, packed.contents, strict=True)):
        if key not in first:
            first[key] = content
        elif first[key] == content:
            duplicates.append(n)
        else:
            conflicts.append(n)
    return duplicates, conflicts


def _told(tx: Tx, keys: Sequence[bytes], conflicts: Sequence[int]) -> tuple[Clash, ...]:
    """The conflicts with what is stored in their place, all of them."""
    if not conflicts:
        return ()
    store.look_up_many(tx)
    wanted = {UUID(bytes=keys[n]) for n in conflicts}
    stored = {row.key.bytes: record_of(row) for row in store.records_by_key(tx, sorted(wanted))}
    return tuple(Clash(n, stored.get(keys[n])) for n in conflicts)


def conflict_refusal(offered: UsageRecord, stored: UsageRecord | None) -> Conflict:
    """What is told of a record whose id is known with other content: both of them."""
    told = "its month is in the archive" if stored is None else f"stored is {shown(stored)}"
    return Conflict(
        "usage.conflict",
        f"the id {offered.record_id!r} of {offered.source!r} was given before, to a record with other"
        f" content: offered is {shown(offered)}; {told}",
        field="id",
        value=offered.record_id,
        hint="a record is never overwritten; `everycent usage replace` changes one that counts, `everycent"
        " usage backfill` also one that was taken back",
    )


def shown(record: UsageRecord) -> str:
    """A record on one line, as it is told in a conflict."""
    dimensions = "" if record.dimensions == "{}" else f" {record.dimensions}"
    return f"{record.subject} {record.meter} {instant_text(record.at)} {record.value}{dimensions}"


def record_of(row: Any) -> UsageRecord:
    """A stored row as the record that was taken in."""
    return UsageRecord(
        row.source, row.record_id, row.subject, row.meter, row.at, plain(row.value), row.dimensions
    )


def pack(records: Sequence[UsageRecord], ids: Numbers) -> Packed:
    """The records ready to be stored; `ids` are the numbers of their names."""
    keys, contents, frames = _pack(records, ids)
    if len(set(keys)) < len(keys):  # of several with one key the first one counts
        frames = list(dict(zip(reversed(keys), reversed(frames), strict=True)).values())
    frames.sort()
    return Packed(keys, contents, frames)


def _pack(
    records: Sequence[UsageRecord], ids: Numbers
) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """The key, the content and the COPY row of each record."""
    keys: list[bytes] = []
    contents: list[bytes] = []
    frames: list[bytes] = []
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
                map(ids["subject"].__getitem__, subjects),
                map(ids["meter"].__getitem__, meters),
                map(ids["dimensions"].__getitem__, dimensions),
                map(ids["source"].__getitem__, sources),
                map(str.encode, values),
                map(str.encode, record_ids),
            )
        )
    return keys, contents, frames


def count_rejections(tx: Tx, day: date, door: str, records: Mapping[str, int]) -> None:
    """Counts records that were rejected at a door, by code. To be done last in a transaction: others
    that count wait until it ends."""
    store.add_rejections(tx, day, door, records)


def fold(database: Database, tenant_id: int) -> int:
    """Counts every batch that is there at the start into the roll-ups; returns how many that were.

    In large steps, each its own transaction; safe to run at any time and from many processes. What
    comes in meanwhile is for the next one, so that it ends however much is coming in.
    """
    with database.snapshot(tenant_id) as tx:
        mark = newest_batch(tx)
    folded = 0
    while True:
        with database.transaction(tenant_id) as tx:
            done = fold_step(tx, mark)
        folded += done
        if not done:
            return folded


def newest_batch(tx: Tx) -> int:
    """The newest batch that no fold has counted; 0 when there is none."""
    return store.newest_open_batch(tx)


def know_names(tx: Tx, subjects: Iterable[str], meters: Iterable[str]) -> None:
    """Gives subjects and meters their numbers before anybody looks for their usage."""
    pairs = {("subject", name) for name in subjects} | {("meter", name) for name in meters}
    store.name_ids(tx, sorted(pairs))


def fold_step(tx: Tx, until: int | None = None, records: int = _FOLD_RECORDS) -> int:
    """One step of `fold` in the caller's transaction: about so many records of batches up to `until`."""
    tx.wait_as_long_as_it_takes()
    store.lock_fold(tx)
    batches = store.list_open_batches(tx, until, records)
    if batches:
        store.fold(
            tx,
            [batch for batch, _ in batches],
            reverses=any(reversals for _, reversals in batches),
        )
    return len(batches)


# --- corrections: records are taken back and put back, never changed ------------------------------


def new_batch(tx: Tx) -> int:
    """The number of a batch that is about to be stored."""
    return store.next_batch(tx)


def fold_all(tx: Tx) -> None:
    """Counts everything that is committed when the fold lock is held, in the caller's transaction."""
    tx.wait_as_long_as_it_takes()
    store.lock_fold(tx)
    mark = newest_batch(tx)
    while fold_step(tx, mark):
        pass


def correct(
    tx: Tx,
    batch_id: int,
    correction_id: UUID,
    voids: Sequence[bytes],
    restores: Sequence[bytes],
    adds: Sequence[UsageRecord],
    ids: Numbers,
    recorded_at: datetime,
) -> list[UsageRecord]:
    """Takes back the records with the keys `voids`, puts back `restores` and adds `adds`, as the batch
    `batch_id`; returns the records that it took back or put back.

    The caller holds the fold lock (`fold_step`), and everything before is folded. Raises Conflict
    `usage.changed_meanwhile` when a record is not in the state that the caller saw.
    """
    reversed_rows = []
    for keys, sign in ((voids, -1), (restores, 1)):
        if keys:
            reversed_rows += store.reverse(tx, batch_id, correction_id, keys, sign)
    if len(reversed_rows) != len(voids) + len(restores):
        raise _changed(len(voids) + len(restores) - len(reversed_rows))
    added = 0
    if adds:
        packed = pack(adds, ids)
        store.copy_stage(tx, packed.frames)
        known = store.claim_keys(tx, batch_id)
        added = len(packed.frames) - len(known)
        if added != len(adds):
            raise _changed(len(adds) - added)
        store.insert_records(tx, batch_id, known, added)
    store.insert_batch(tx, batch_id, recorded_at, added, reversals=len(reversed_rows))
    return [record_of(row) for row in reversed_rows]


def _changed(records: int) -> Conflict:
    return Conflict(
        "usage.changed_meanwhile",
        f"{records} records are not as they were when the correction was decided, or their month is"
        " in the archive",
        hint="look again; an archived month is restored with everycent usage restore",
    )


def find(tx: Tx, keys: Sequence[bytes]) -> list[tuple[bytes, UsageRecord, bytes, bool]]:
    """The stored records of those keys that there are: key, record, content, and whether it counts."""
    if not keys:
        return []
    wanted = sorted({UUID(bytes=key) for key in keys})
    return [
        (row.key.bytes, record_of(row), row.content.bytes, row.reversals % 2 == 0)
        for row in store.records_by_key(tx, wanted)
    ]


def standing_in(
    tx: Tx,
    subjects: Sequence[str],
    meters: Sequence[str],
    period: Period,
    source: str | None,
    *,
    limit: int,
) -> list[tuple[bytes, UsageRecord, bytes]]:
    """The records that count of some subjects and meters in a period, of one source or of all."""
    rows = store.standing_in(tx, subjects, meters, period, source, limit)
    return [(row.key.bytes, record_of(row), row.content.bytes) for row in rows]


class Touched(NamedTuple):
    """What a correcting batch took back, put back and added; `later` are those of them of which
    that is no longer true, because of a later correction."""

    voided: tuple[bytes, ...]
    restored: tuple[bytes, ...]
    added: tuple[bytes, ...]
    later: tuple[bytes, ...]


def touched_by(tx: Tx, batch_id: int) -> Touched:
    """The records that a correcting batch touched."""
    rows = store.touched_by(tx, batch_id)

    def those(what: str) -> tuple[bytes, ...]:
        return tuple(row.key.bytes for row in rows if row.what == what)

    later = tuple(row.key.bytes for row in rows if row.is_later)
    return Touched(those("voided"), those("restored"), those("added"), later)
