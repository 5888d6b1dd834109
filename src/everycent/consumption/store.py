"""Series, days and records out: the reading statements over staged requests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from everycent.db import bulk, statements
from everycent.db.connection import Tx
from everycent.kernel.period import Period
from everycent.kernel.table import table

SQL = statements.beside(__file__)

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
