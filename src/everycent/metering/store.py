"""Usage rows in and out. Bulk rows are packed here into PostgreSQL's binary COPY format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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

REQUEST = table(
    "request",
    "request_no int4, subject_id int4, meter_id int4, span_set int4, wants_latest bool,"
    " window_set int4, fine_minutes int4, is_sampled bool, each text, percentile numeric,"
    " distinct_of text, is_level bool, level_day timestamptz, level_at timestamptz, is_counter bool,"
    " since timestamptz, own text[], others text[]",
    key="request_no",
)
SPAN = table(
    "span",
    "span_set int4, starts_at timestamptz, ends_at timestamptz, is_days bool",
    key="span_set",
)
WINDOW = table(
    "window", "window_set int4, bucket timestamptz, window_at timestamptz", key="window_set"
)
REVERSAL = table("reversal", "key uuid", key="key")


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
    params = {"tenant_id": tx.tenant_id, "batch_id": batch_id}
    return [key for (key,) in tx.tuples(SQL["claim_keys"], params)]


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


def list_open_batches(tx: Tx, records: int) -> list[tuple[int, int]]:
    """Batches that were not folded, oldest first, of about `records` records together, each with how
    many records it takes back."""
    params = {"tenant_id": tx.tenant_id, "records": records}
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


def stage_requests(
    tx: Tx,
    requests: Sequence[Sequence[Any]],
    spans: Sequence[Sequence[Any]],
    windows: Sequence[Sequence[Any]],
) -> None:
    """Puts wanted series, their spans and windows where the reading statements find them."""
    for target, rows in ((REQUEST, requests), (SPAN, spans), (WINDOW, windows)):
        tx.run(f"analyze {bulk.stage(tx, target, rows)}")


def fill_tail(tx: Tx, *, is_live: bool) -> None:
    """Puts what is not folded yet of the staged requests where the reading statements find it; nothing
    when that is not wanted."""
    tx.run(SQL["create_stage_tail"])
    if "stage_tail" in tx.staged:
        tx.run("truncate stage_tail")
    tx.staged.add("stage_tail")
    if not is_live:
        return
    first, last = tx.tuples(SQL["list_open_range"], {"tenant_id": tx.tenant_id})[0]
    if first is not None:
        tx.run(SQL["fill_tail"], {"tenant_id": tx.tenant_id, "first": first, "last": last})


def read(tx: Tx, statement: str, *, is_live: bool = False) -> list[tuple[Any, ...]]:
    """Runs one of the reading statements over the staged requests."""
    return tx.tuples(SQL[statement], {"tenant_id": tx.tenant_id, "is_live": is_live})


def read_groups(tx: Tx, dimension: str, *, is_live: bool) -> list[Any]:
    """What the roll-ups say about the staged requests, for each value of a dimension apart."""
    return tx.rows(
        SQL["read_groups"], {"tenant_id": tx.tenant_id, "dimension": dimension, "is_live": is_live}
    )


def read_fold(tx: Tx) -> int:
    """The newest fold."""
    return int(tx.value(SQL["read_fold"], {"tenant_id": tx.tenant_id}))


def page_records(
    tx: Tx,
    subject_id: int,
    meter_id: int,
    spans: Sequence[tuple[datetime, datetime]],
    ends_included: bool,
    fold_id: int,
    own: list[str] | None,
    others: list[str] | None,
    after: tuple[datetime, UUID],
    limit: int,
) -> list[Any]:
    """A page of the records in the spans, as folded up to `fold_id`; `own` and `others` are the
    patterns of a segment and of those before it."""
    return tx.rows(
        SQL["page_records"],
        {
            "tenant_id": tx.tenant_id,
            "subject_id": subject_id,
            "meter_id": meter_id,
            "starts": [start for start, _ in spans],
            "ends": [end for _, end in spans],
            "ends_included": ends_included,
            "fold_id": fold_id,
            "own": own,
            "others": others,
            "after_at": after[0],
            "after_key": after[1],
            "limit": limit,
        },
    )


def list_daily(
    tx: Tx,
    subject_id: int,
    meter_id: int,
    spans: Sequence[tuple[int, datetime, datetime]],
    window_minutes: int,
) -> list[Any]:
    """What the roll-ups hold in each numbered span; a number may have several spans."""
    return tx.rows(
        SQL["daily"],
        {
            "tenant_id": tx.tenant_id,
            "subject_id": subject_id,
            "meter_id": meter_id,
            "numbers": [number for number, _, _ in spans],
            "starts": [start for _, start, _ in spans],
            "ends": [end for _, _, end in spans],
            "window_minutes": window_minutes,
        },
    )


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


def read_slots(
    tx: Tx,
    pieces: Sequence[tuple[int, datetime, datetime, bool]],
    dimension: str | None,
    window_minutes: int,
    *,
    is_live: bool,
) -> list[tuple[Any, ...]]:
    """What the staged series holds in the slots, told as (number, start, end, whether it is whole days)."""
    params = {
        "tenant_id": tx.tenant_id,
        "numbers": [number for number, *_ in pieces],
        "starts": [start for _, start, _, _ in pieces],
        "ends": [end for _, _, end, _ in pieces],
        "days": [is_days for *_, is_days in pieces],
        "dimension": dimension,
        "window_minutes": window_minutes,
        "is_live": is_live,
    }
    return tx.tuples(SQL["read_slots"], params)


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


def archived_uses(
    tx: Tx, uses: Sequence[tuple[int, int, int, datetime, datetime]]
) -> dict[int, date]:
    """Of numbered (subject, meter, start, end) those that need records which are in the archive, with
    the first month of them."""
    numbers, subjects, meters, starts, ends = zip(*uses, strict=True)
    params = {
        "tenant_id": tx.tenant_id,
        "numbers": list(numbers),
        "subjects": list(subjects),
        "meters": list(meters),
        "starts": list(starts),
        "ends": list(ends),
    }
    return dict(tx.tuples(SQL["archived_uses"], params))


def totals(
    tx: Tx, period: Period, first_day: datetime, last_day: datetime, *, from_records: bool
) -> list[tuple[Any, ...]]:
    """Everybody's usage over a period; `first_day` to `last_day` are the whole days in it."""
    statement = "totals_of_records" if from_records else "totals_of_days"
    return tx.tuples(
        SQL[statement],
        {
            "tenant_id": tx.tenant_id,
            "starts_at": period.start,
            "ends_at": period.end,
            "first_day": first_day,
            "last_day": last_day,
        },
    )
