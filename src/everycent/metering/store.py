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
    " window_minutes int4, distinct_of text, is_counter bool, since timestamptz",
    key="request_no",
)
SPAN = table("span", "span_set int4, starts_at timestamptz, ends_at timestamptz", key="span_set")


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


def claim_keys(tx: Tx) -> int:
    """Stores the keys that are new of the staged records; returns how many. Waits for another
    transaction that is storing one of them."""
    return tx.run(SQL["claim_keys"], {"tenant_id": tx.tenant_id})


def insert_records(tx: Tx, batch_id: int, claimed: int, *, only_claimed: bool) -> None:
    """Stores the staged records as a batch: all, or only those whose keys this transaction claimed.

    Raises Broken when they are not as many as were claimed.
    """
    stored = tx.run(
        SQL["insert_claimed" if only_claimed else "insert_all"],
        {"tenant_id": tx.tenant_id, "batch_id": batch_id},
    )
    if stored != claimed:
        raise Broken("usage.miscounted", f"{claimed} records are new, but {stored} were stored")


def list_conflicts(tx: Tx) -> dict[bytes, bytes]:
    """Keys of staged records that are known with other content, and that content."""
    rows = tx.tuples(SQL["conflicts"], {"tenant_id": tx.tenant_id})
    return {key.bytes: content.bytes for key, content in rows}


def next_batch(tx: Tx) -> int:
    """A number for a new batch."""
    return int(tx.value(SQL["next_batch"]))


def insert_batch(tx: Tx, batch_id: int, recorded_at: datetime, records: int) -> None:
    """Makes a batch known, so that a fold will count it."""
    tx.run(
        SQL["insert_batch"],
        {
            "tenant_id": tx.tenant_id,
            "batch_id": batch_id,
            "recorded_at": recorded_at,
            "records": records,
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


def hold_fold(tx: Tx) -> None:
    """Keeps folds away to the end of the transaction."""
    tx.run(SQL["hold_fold"], {"tenant_id": tx.tenant_id})


def list_open_batches(tx: Tx, records: int) -> list[int]:
    """Batches that were not folded, oldest first, of about `records` records together."""
    params = {"tenant_id": tx.tenant_id, "records": records}
    return sorted(batch for (batch,) in tx.tuples(SQL["open_batches"], params))


def fold(tx: Tx, batches: Sequence[int]) -> None:
    """Counts the batches' records into the roll-ups."""
    fold_id = tx.value(SQL["next_fold"])
    params = {
        "tenant_id": tx.tenant_id,
        "batches": list(batches),
        "first": min(batches),
        "last": max(batches),
        "fold_id": fold_id,
    }
    tx.run(SQL["mark_folded"], params)
    tx.sort_in_memory()
    tx.run(SQL["create_stage_fold"])
    tx.run(SQL["gather"], params)
    tx.run("analyze stage_fold")
    tx.run(SQL["create_stage_recount"])
    known = tx.run(SQL["find_known_buckets"], params)
    tx.run(SQL["add_buckets"], params)
    if known:
        tx.run("analyze stage_recount")
        tx.run(SQL["recount"], params)


def stage_requests(
    tx: Tx, requests: Sequence[Sequence[Any]], spans: Sequence[Sequence[Any]]
) -> None:
    """Puts wanted series and their spans where the reading statements find them."""
    bulk.stage(tx, REQUEST, requests)
    bulk.stage(tx, SPAN, spans)
    tx.run("analyze stage_request")
    tx.run("analyze stage_span")


def read(tx: Tx, statement: str) -> list[tuple[Any, ...]]:
    """Runs one of the reading statements over the staged requests."""
    return tx.tuples(SQL[statement], {"tenant_id": tx.tenant_id})


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
    after: tuple[datetime, UUID],
    limit: int,
) -> list[Any]:
    """A page of the records in the spans, as folded up to `fold_id`."""
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
