"""The archive's rows, and records on their way between the table and a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any

import psycopg

from everycent.archives.archive import span_of
from everycent.db import bulk, statements
from everycent.db.connection import Tx
from everycent.kernel.table import table

SQL = statements.beside(__file__)

BATCH = table(
    "usage_archive_batch",
    "tenant_id int4, month date, part_no int4, batch_id int8, records int4",
    key="tenant_id, month, part_no, batch_id",
)


def _of(tx: Tx, month: date, **more: Any) -> dict[str, Any]:
    span = span_of(month)
    times = {"starts_at": span.start, "ends_at": span.end}
    return {"tenant_id": tx.tenant_id, "month": month} | times | more


def lock(tx: Tx) -> None:
    """One at a time archives or restores; held to the end of the transaction."""
    tx.run(SQL["lock_archive"], {"tenant_id": tx.tenant_id})


def list_months(tx: Tx, before: date) -> list[date]:
    """The months before `before` of which the table has records."""
    params = {"tenant_id": tx.tenant_id, "before": before}
    return [month for (month,) in tx.tuples(SQL["list_months"], params)]


def list_parts(tx: Tx, month: date | None) -> list[Any]:
    """The parts of a month, or of all, in order."""
    return tx.rows(SQL["list_parts"], {"tenant_id": tx.tenant_id, "month": month})


def stage_pending(tx: Tx, month: date) -> Any:
    """Finds the batches whose records of the month are in no part; returns them in numbers."""
    tx.run(SQL["stage_pending"])
    tx.run("truncate stage_pending")
    tx.run(SQL["fill_pending"], _of(tx, month))
    tx.run("analyze stage_pending")
    return tx.row(SQL["pending_facts"], {"tenant_id": tx.tenant_id})


def pending_batches(tx: Tx) -> list[tuple[Any, ...]]:
    """The staged batches with the number of their records in the month."""
    return tx.tuples(SQL["pending_batches"])


def export(tx: Tx, month: date) -> Iterator[bytes]:
    """The pending records as CSV, in pieces."""
    with psycopg.ClientCursor(tx.connection) as binding:
        statement = binding.mogrify(SQL["export"], _of(tx, month))  # COPY takes no parameters
    with tx.connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
        for piece in copy:
            yield bytes(piece)


def stage_file(tx: Tx, pieces: Iterable[bytes]) -> Any:
    """Loads a file's CSV where the other statements find it; returns it in numbers.

    `stage_archived` must be there and empty; what a file names that we don't know is missing in it.
    """
    tx.run(SQL["stage_file"])
    tx.run("truncate stage_file")
    with tx.connection.cursor() as cursor, cursor.copy(SQL["copy_file"].encode()) as copy:
        for piece in pieces:
            copy.write(piece)
    tx.run("analyze stage_file")
    tx.run(SQL["fill_archived"], {"tenant_id": tx.tenant_id})
    tx.run("analyze stage_archived")
    return tx.row(SQL["file_facts"])


def count_differing(tx: Tx, month: date) -> int:
    """Pending records that are not in the loaded file as they are in the table."""
    return int(tx.value(SQL["differing_records"], _of(tx, month)))


def count_strange(tx: Tx, month: date) -> int:
    """Loaded records of another month, or that no key knows."""
    return int(tx.value(SQL["strange_records"], _of(tx, month)))


def count_strange_batches(tx: Tx, month: date, part_no: int) -> int:
    """Batches of which the loaded file has another number of records than its part says."""
    return int(tx.value(SQL["strange_batches"], _of(tx, month, part_no=part_no)))


def count_present(tx: Tx, month: date) -> int:
    """Loaded records that are in the table."""
    return int(tx.value(SQL["present_records"], _of(tx, month)))


def insert_batches(tx: Tx, month: date, part_no: int, batches: Sequence[tuple[Any, ...]]) -> None:
    """How many records of each batch are in a part."""
    bulk.insert(tx, BATCH, [(tx.tenant_id, month, part_no, *batch) for batch in batches])


def ensure_month(tx: Tx, month: date) -> None:
    """Makes the partition of a month, unless it is there."""
    tx.run(SQL["ensure_month"], {"month": month})


def put_back(tx: Tx) -> int:
    """Puts the loaded records into the table; returns how many."""
    return tx.run(SQL["put_back"], {"tenant_id": tx.tenant_id})


def hold(tx: Tx, month: date, at: datetime, *, is_held: bool, even_unbilled: bool) -> None:
    """Says whether the tenant holds what the table has of a month, and whether it may go unbilled."""
    params = {
        "tenant_id": tx.tenant_id,
        "month": month,
        "is_held": is_held,
        "even_unbilled": even_unbilled,
        "said_at": at,
    }
    tx.run(SQL["hold"], params)


def may_go_unbilled(tx: Tx, month: date) -> bool:
    """Whether the tenant said last that a month may go unbilled."""
    rows = tx.tuples(SQL["may_go_unbilled"], {"tenant_id": tx.tenant_id, "month": month})
    return any(said for (said,) in rows)


def look_at_month(tx: Tx, month: date) -> Any:
    """How many tenants have records in a month that are in no part, or hold them, and up to when that
    was looked at. Call it in a `snapshot`."""
    return tx.row(SQL["look_at_month"], {"month": month})


def drop_month(tx: Tx, month: date, at: datetime, seen: Any, patience_seconds: int) -> bool:
    """Drops a month in which nothing has come since all of it was `seen` in parts; says whether it did.

    Raises psycopg's LockNotAvailable when somebody uses the table for longer than the patience.
    """
    tx.run("select set_config('lock_timeout', %s, true)", (f"{patience_seconds}s",))
    params = {"month": month, "dropped_at": at, "since": seen.since, "moves": seen.moves}
    return bool(tx.value(SQL["drop_month"], params))


def list_parts_of_batches(tx: Tx, batches: Sequence[int]) -> list[tuple[int, date, int]]:
    """The parts in files alone that hold records of some batches: (batch, month, part)."""
    params = {"tenant_id": tx.tenant_id, "batches": list(batches)}
    return [(row[0], row[1], row[2]) for row in tx.tuples(SQL["parts_of_batches"], params)]


def reasons_away(tx: Tx) -> dict[str, int]:
    """The records in files alone by the reasons that they had."""
    return dict(tx.tuples(SQL["reasons_away"], {"tenant_id": tx.tenant_id}))


def list_violations(tx: Tx) -> list[str]:
    """Parts whose bookkeeping does not add up."""
    params = {"tenant_id": tx.tenant_id}
    return [text for (text,) in tx.tuples(SQL["false_parts"], params, binary=False)]
