"""Measurement rows in and out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from everycent.db import statements
from everycent.db.connection import Tx
from everycent.measurements.measurement import Covered, Failure, Measurement, State
from everycent.measurements.records import Gathered, Span

SQL = statements.beside(__file__)
_Definition = msgspec.json.Decoder(Measurement)
_Gathered = msgspec.json.Decoder(Gathered)


def lock(tx: Tx, key: str) -> None:
    """Waits until nobody else works on a measurement, and has it until the transaction ends."""
    tx.run(SQL["lock"], {"tenant_id": tx.tenant_id, "key": key})


def try_lock(tx: Tx, key: str) -> bool:
    """The same without waiting; False when somebody else works on it."""
    return bool(tx.value(SQL["try_lock"], {"tenant_id": tx.tenant_id, "key": key}))


def find_states(
    tx: Tx, key: str | None = None, after: str = "", limit: int | None = None
) -> list[State]:
    """All measurements in order of their keys, or one; or so many behind a key."""
    params = {"tenant_id": tx.tenant_id, "key": key, "after": after, "limit": limit}
    return [
        State(
            _Definition.decode(row.content),
            row.version,
            row.at,
            row.is_paused,
            row.covered_until,
            _failure(row),
        )
        for row in tx.rows(SQL["states"], params)
    ]


def _failure(row: Any) -> Failure | None:
    if row.code is None:
        return None
    return Failure(
        row.failed_starts_at, row.code, row.message, row.since, row.last_at, row.attempts
    )


def list_totals(tx: Tx, key: str | None = None) -> list[Any]:
    """Counts of intervals and records per measurement."""
    return tx.rows(SQL["totals"], {"tenant_id": tx.tenant_id, "key": key})


def list_newest(tx: Tx, key: str, limit: int) -> list[Covered]:
    """The intervals covered last."""
    params = {"tenant_id": tx.tenant_id, "key": key, "limit": limit}
    return [Covered(*row) for row in tx.tuples(SQL["newest_intervals"], params)]


def list_spans(tx: Tx, plan_key: str, after: datetime, before: datetime) -> list[Span]:
    """When subscriptions to a plan ran between the two instants."""
    params = {
        "tenant_id": tx.tenant_id,
        "plan_key": plan_key,
        "after": after,
        "before": before,
    }
    return [Span(*row) for row in tx.tuples(SQL["spans_of_plan"], params)]


def last_values(
    tx: Tx, meter: str, subjects: Sequence[str], ends: Sequence[datetime]
) -> list[tuple[str, datetime, Decimal]]:
    """The last value of each subject before each instant."""
    params = _levels(tx, meter, subjects, ends)
    return [(subject, at, value) for subject, at, value in tx.tuples(SQL["last_values"], params)]


def hidden_levels(
    tx: Tx, meter: str, subjects: Sequence[str], ends: Sequence[datetime]
) -> date | None:
    """The first month of which the archive may hold any of those values."""
    found: date | None = tx.value(SQL["hidden_levels"], _levels(tx, meter, subjects, ends))
    return found


def _levels(
    tx: Tx, meter: str, subjects: Sequence[str], ends: Sequence[datetime]
) -> dict[str, Any]:
    return {
        "tenant_id": tx.tenant_id,
        "meter": meter,
        "subjects": list(subjects),
        "ends": list(ends),
    }


def put_failure(
    tx: Tx, key: str, starts_at: datetime, code: str, message: str, at: datetime
) -> None:
    """Notes a failed attempt."""
    params = {
        "tenant_id": tx.tenant_id,
        "key": key,
        "starts_at": starts_at,
        "code": code,
        "message": message,
        "at": at,
    }
    tx.run(SQL["put_failure"], params)


def clear_failure(tx: Tx, key: str) -> None:
    """Forgets what went wrong."""
    tx.run(SQL["clear_failure"], {"tenant_id": tx.tenant_id, "key": key})


def put_answer(tx: Tx, key: str, gathered: Gathered) -> None:
    """Keeps what is known of an interval."""
    params = {
        "tenant_id": tx.tenant_id,
        "key": key,
        "starts_at": gathered.interval.start,
        "content": msgspec.json.encode(gathered).decode(),
    }
    tx.run(SQL["put_answer"], params)


def find_answer(tx: Tx, key: str, starts_at: datetime) -> Gathered | None:
    """What is kept of the interval that begins then."""
    params = {"tenant_id": tx.tenant_id, "key": key, "starts_at": starts_at}
    content = tx.value(SQL["find_answer"], params)
    return None if content is None else _Gathered.decode(content)


def clear_answer(tx: Tx, key: str) -> None:
    """Lets go of what was kept."""
    tx.run(SQL["clear_answer"], {"tenant_id": tx.tenant_id, "key": key})


def find_lease(tx: Tx, key: str, now: datetime) -> datetime | None:
    """Until when somebody is asking the source; None when nobody is."""
    until: datetime | None = tx.value(
        SQL["find_lease"], {"tenant_id": tx.tenant_id, "key": key, "now": now}
    )
    return until


def put_lease(tx: Tx, key: str, worker: str, until: datetime) -> int:
    """Notes who asks from now on, and returns the fence of it."""
    params = {"tenant_id": tx.tenant_id, "key": key, "worker": worker, "until": until}
    return int(tx.value(SQL["put_lease"], params))


def has_lease(tx: Tx, key: str, fence: int) -> bool:
    """Whether the work with this fence has been taken over by nobody."""
    params = {"tenant_id": tx.tenant_id, "key": key, "fence": fence}
    return bool(tx.value(SQL["has_lease"], params))


def end_lease(tx: Tx, key: str, fence: int) -> None:
    """Lets go, unless somebody else has it by now."""
    tx.run(SQL["end_lease"], {"tenant_id": tx.tenant_id, "key": key, "fence": fence})
