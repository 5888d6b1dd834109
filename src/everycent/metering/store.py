"""Usage rows in and out. Bulk rows are packed here into PostgreSQL's binary COPY format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from struct import Struct
from typing import Any
from uuid import UUID

import psycopg

from everycent.db import bulk, statements
from everycent.db.connection import Tx
from everycent.kernel.errors import Broken
from everycent.kernel.period import Period
from everycent.kernel.table import table

SQL = statements.beside(__file__)
_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TRAILER = b"\xff\xff"
# Nine columns: two uuids, a timestamp, four integers, then two texts of varying length.
_FIXED = Struct("!hi16si16siqiiiiiiiii").pack
_LENGTH = Struct("!i").pack
REVERSAL = table("reversal", "key uuid", key="key")
BEHIND = table(
    "behind",
    "behind_no int4, subject_id int4, meter_id int4, starts_at timestamptz, ends_at timestamptz,"
    " fold_id int8, is_open bool",
    key="behind_no",
)


def frame(
    key: bytes,
    content: bytes,
    at_micros: int,
    subject_id: int,
    meter_id: int,
    dimensions_id: int,
    source_id: int,
    value: bytes,
    record_id: bytes,
) -> bytes:
    """One staged record as a binary COPY row. Rows sort by key."""
    fixed = _FIXED(
        9, 16, key, 16, content, 8, at_micros, 4, subject_id, 4, meter_id,
        4, dimensions_id, 4, source_id, len(value),
    )  # fmt: skip
    return fixed + value + _LENGTH(len(record_id)) + record_id


def copy_stage(tx: Tx, frames: Iterable[bytes]) -> None:
    """Fills the staging table."""
    tx.run(SQL["create_stage"])
    with tx.connection.cursor() as cursor, cursor.copy(SQL["copy_stage"].encode()) as copy:
        copy.write(_HEADER)
        copy.write(b"".join(frames))
        copy.write(_TRAILER)


def claim_keys(tx: Tx, batch_id: int) -> list[UUID]:
    """Stores the keys that are new of the staged records; returns those that were known. Waits for
    another transaction that is storing one of them."""
    params: dict[str, Any] = {"tenant_id": tx.tenant_id, "batch_id": batch_id}
    known = [key for key, _ in tx.tuples(SQL["staged_known"], params)]
    try:
        with tx.savepoint():  # half the work of an insertion that is ready for conflicts
            tx.run(SQL["insert_keys"], params | {"known": known})
    except psycopg.errors.UniqueViolation:
        return [key for (key,) in tx.tuples(SQL["claim_keys"], params)]
    return known


def insert_records(tx: Tx, batch_id: int, known: Sequence[UUID], expected: int) -> None:
    """Stores the staged records as a batch, but for those whose keys were known.

    Raises Broken when they are not as many as expected.
    """
    params = {"tenant_id": tx.tenant_id, "batch_id": batch_id, "known": list(known)}
    try:
        with tx.savepoint():
            stored = tx.run(SQL["insert_claimed"], params)
    except psycopg.errors.CheckViolation:  # a month was archived since its partition was looked for
        tx.run(SQL["ensure_staged_months"])
        stored = tx.run(SQL["insert_claimed"], params)
    if stored != expected:
        raise Broken("usage.miscounted", f"{expected} records are new, but {stored} were stored")


def known_contents(tx: Tx, keys: Sequence[UUID]) -> dict[bytes, bytes]:
    """The content that is stored under each of the keys."""
    rows = tx.tuples(SQL["known_keys"], {"tenant_id": tx.tenant_id, "keys": list(keys)})
    return {key.bytes: content.bytes for key, content in rows}


def records_by_key(tx: Tx, keys: Sequence[UUID]) -> list[Any]:
    """The stored records of those keys that are in the tables."""
    return tx.rows(SQL["records_by_key"], {"tenant_id": tx.tenant_id, "keys": list(keys)})


def look_up_many(tx: Tx) -> None:
    """From here on the transaction finds many records at once: large tables are read by index, and
    what was found is matched all together. Row by row it would be each with each."""
    tx.run("select set_config('enable_seqscan', 'off', true)")


def next_batch(tx: Tx) -> int:
    """A number for a new batch."""
    return int(tx.value(SQL["next_batch"]))


def insert_batch(
    tx: Tx,
    batch_id: int,
    recorded_at: datetime,
    records: int,
    *,
    reversals: int = 0,
    duplicates: int = 0,
    conflicts: int = 0,
) -> None:
    """Makes a batch known, so that a fold will count it."""
    tx.run(
        SQL["insert_batch"],
        {
            "tenant_id": tx.tenant_id,
            "batch_id": batch_id,
            "recorded_at": recorded_at,
            "records": records,
            "reversals": reversals,
            "duplicates": duplicates,
            "conflicts": conflicts,
        },
    )


def name_ids(tx: Tx, wanted: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """The numbers of (kind, name) pairs, given to new names as needed."""
    found = find_name_ids(tx, wanted)
    missing = [pair for pair in wanted if pair not in found]
    if missing:
        tx.run(SQL["insert_names"], _pairs(tx, missing))
        found |= find_name_ids(tx, missing)
    return found


def find_name_ids(tx: Tx, wanted: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """The numbers of those (kind, name) pairs that have one."""
    rows = tx.tuples(SQL["read_names"], _pairs(tx, wanted))
    return {(kind, name): n for kind, name, n in rows}


def _pairs(tx: Tx, wanted: Sequence[tuple[str, str]]) -> dict[str, Any]:
    return {
        "tenant_id": tx.tenant_id,
        "kinds": [kind for kind, _ in wanted],
        "names": [name for _, name in wanted],
    }


def names_by_id(tx: Tx, ids: Sequence[int]) -> dict[int, str]:
    """The names behind numbers."""
    return dict(tx.tuples(SQL["names_by_id"], {"tenant_id": tx.tenant_id, "ids": list(ids)}))


def ensure_month(tx: Tx, month: date) -> None:
    """Makes the partition of a month, unless it is there."""
    try:
        with tx.savepoint():
            tx.run(SQL["ensure_month"], {"month": month})
    except psycopg.errors.DuplicateTable:
        pass  # somebody made it just now, and the server's cache of names had not heard of it


def lock_fold(tx: Tx) -> None:
    """One fold of a tenant at a time."""
    tx.run(SQL["lock_fold"], {"tenant_id": tx.tenant_id})


def newest_open_batch(tx: Tx) -> int:
    """The newest batch that was not folded; 0 when there is none."""
    return int(tx.value(SQL["newest_open_batch"], {"tenant_id": tx.tenant_id}))


def list_open_batches(tx: Tx, until: int | None, records: int) -> list[tuple[int, int]]:
    """Batches up to `until` (None: all) that were not folded, oldest first, of about `records` records
    together, each with how many records it takes back."""
    params = {"tenant_id": tx.tenant_id, "records": records, "until": until}
    return sorted((batch, reversals) for batch, reversals in tx.tuples(SQL["open_batches"], params))


def fold(tx: Tx, batches: Sequence[int], *, reverses: bool) -> None:
    """Counts the batches' records into the roll-ups; `reverses` when they take any back."""
    params = {
        "tenant_id": tx.tenant_id,
        "batches": list(batches),
        "first": min(batches),
        "last": max(batches),
        "fold_id": tx.value(SQL["next_fold"]),
    }
    tx.run(SQL["mark_folded"], params)
    tx.sort_in_memory()
    tx.run(SQL["create_stage_fold"])
    if "stage_fold" in tx.staged:
        tx.run("truncate stage_fold")
    tx.staged.add("stage_fold")
    tx.run(SQL["gather_reversed" if reverses else "gather"], params)
    tx.run("analyze stage_fold")
    tx.run(SQL["add_days"], params)
    if reverses:
        tx.run(SQL["recount_days"], params)


def count_voided(tx: Tx) -> int:
    """How many records are taken back at present."""
    return int(tx.value(SQL["list_voided"], {"tenant_id": tx.tenant_id}))


def count_records(tx: Tx) -> int:
    """All records of the tenant."""
    return int(tx.value(SQL["count_records"], {"tenant_id": tx.tenant_id}))


def get_counts(tx: Tx) -> Any:
    """Batches and records, in all and not folded."""
    return tx.row(SQL["count_by_fold"], {"tenant_id": tx.tenant_id})


def list_violations(tx: Tx, check: str) -> list[str]:
    """What a checking statement finds; empty is good."""
    return [text for (text,) in tx.tuples(SQL[check], {"tenant_id": tx.tenant_id}, binary=False)]


def stream_fingerprints(tx: Tx) -> Iterator[tuple[Any, ...]]:
    """Every record with what its key and its content are made of."""
    return tx.stream(SQL["read_fingerprints"], {"tenant_id": tx.tenant_id}, batch=20_000)


def all_names(tx: Tx) -> dict[int, str]:
    """Every name by its number."""
    return dict(tx.tuples(SQL["all_names"], {"tenant_id": tx.tenant_id}))


def reverse(
    tx: Tx, batch_id: int, correction_id: UUID, keys: Sequence[bytes], sign: int
) -> list[Any]:
    """Takes back (`sign` -1) the records with these keys that count, or puts back (+1) those that do
    not; returns those that it was true of."""
    bulk.stage(tx, REVERSAL, [(UUID(bytes=key),) for key in sorted(set(keys))])
    tx.run("analyze stage_reversal")
    params = {
        "tenant_id": tx.tenant_id,
        "batch_id": batch_id,
        "correction_id": correction_id,
        "sign": sign,
    }
    tx.run(SQL["reverse"], params)
    return tx.rows(SQL["list_reversed"], params)


def standing_in(
    tx: Tx,
    subjects: Sequence[str],
    meters: Sequence[str],
    period: Period,
    source: str | None,
    limit: int,
) -> list[Any]:
    """The records that count of some subjects and meters in a period, in order of time."""
    return tx.rows(
        SQL["standing_in"],
        {
            "tenant_id": tx.tenant_id,
            "subjects": list(subjects),
            "meters": list(meters),
            "starts_at": period.start,
            "ends_at": period.end,
            "source": source,
            "limit": limit,
        },
    )


def touched_by(tx: Tx, batch_id: int) -> list[Any]:
    """The records that a correcting batch took back, put back or added."""
    return tx.rows(SQL["touched_by"], {"tenant_id": tx.tenant_id, "batch_id": batch_id})


def list_false_rollups(
    tx: Tx, starts_at: datetime, ends_at: datetime, away: Sequence[datetime]
) -> list[str]:
    """Roll-ups of whole months that differ from their records, but for the months that begin at `away`."""
    params = {
        "tenant_id": tx.tenant_id,
        "starts_at": starts_at,
        "ends_at": ends_at,
        "away": list(away),
    }
    return [text for (text,) in tx.tuples(SQL["false_rollups"], params, binary=False)]


def create_stage_archived(tx: Tx) -> None:
    """An empty place for records out of the archive."""
    tx.run(SQL["create_stage_archived"])
    tx.run("truncate stage_archived")


def archived_months(tx: Tx) -> list[date]:
    """The months of which records are in the archive and not in the table."""
    return [month for (month,) in tx.tuples(SQL["archived_months"], {"tenant_id": tx.tenant_id})]


def add_rejections(tx: Tx, day: date, door: str, records: Mapping[str, int]) -> None:
    """Adds to how many records were rejected at a door on a day, by code."""
    params = {
        "tenant_id": tx.tenant_id,
        "day": day,
        "door": door,
        "codes": list(records),
        "records": list(records.values()),
    }
    tx.run(SQL["add_rejections"], params)


def list_rejections(tx: Tx) -> list[Any]:
    """How many records were rejected by door and code, and from which day to which."""
    return tx.rows(SQL["list_rejections"], {"tenant_id": tx.tenant_id})


def stage_behind(tx: Tx, rows: Sequence[tuple[Any, ...]]) -> None:
    """Puts uses where `stream_behind` finds them, beside records out of the archive, if there are any."""
    bulk.stage(tx, BEHIND, rows)
    tx.run("analyze stage_behind")
    tx.run(SQL["create_stage_archived"])
    tx.run(SQL["index_stage_archived"])
    tx.run("analyze stage_archived")


def stream_behind(tx: Tx) -> Iterator[tuple[Any, ...]]:
    """The raw records behind the staged uses: number, time, value and the number of its
    dimensions, in order."""
    return tx.stream(SQL["records_behind"], {"tenant_id": tx.tenant_id})
