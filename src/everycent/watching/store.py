"""Thresholds, crossings and gaps out of the database, and what decides about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from everycent.db import statements
from everycent.db.connection import Tx
from everycent.kernel.quantity import plain
from everycent.watching.gap import End, Expected, Gap, Outcome, Place
from everycent.watching.threshold import Crossing, Threshold

SQL = statements.beside(__file__)


def lock(tx: Tx) -> None:
    """Waits until nobody else changes what is watched, and keeps others off until the transaction ends."""
    tx.wait_as_long_as_it_takes()
    tx.run(SQL["lock"], {"tenant_id": tx.tenant_id})


def find_thresholds(
    tx: Tx,
    key: str | None = None,
    *,
    with_removed: bool = False,
    after: str | None = None,
    limit: int | None = None,
) -> list[Threshold]:
    """Thresholds in order of their keys, after one, or one."""
    params = {
        "tenant_id": tx.tenant_id,
        "key": key,
        "with_removed": with_removed,
        "after": after,
        "limit": limit,
    }
    return [
        Threshold(row.key, row.version, plain(row.value), row.meter, row.subject, row.customer_id)
        for row in tx.rows(SQL["thresholds"], params)
    ]


def list_crossings(
    tx: Tx, key: str | None, limit: int, after: tuple[datetime, str, int, datetime] | None = None
) -> list[Crossing]:
    """The newest crossings, of all thresholds or one; after the one (as_of, key, version, starts_at)."""
    at, after_key, version, start = after or (None, None, None, None)
    params = {
        "tenant_id": tx.tenant_id,
        "key": key,
        "limit": limit,
        "after_at": at,
        "after_key": after_key,
        "after_version": version,
        "after_start": start,
    }
    return [
        Crossing(
            row.key, row.version, row.starts_at, row.ends_at, plain(row.value), plain(row.reached),
            row.unit, row.as_of,
        )
        for row in tx.rows(SQL["crossings"], params)
    ]  # fmt: skip


def crossed_already(
    tx: Tx, wanted: Sequence[tuple[str, int, datetime]]
) -> set[tuple[str, int, datetime]]:
    """Those of the (key, version, start of the period) that were crossed."""
    params = {
        "tenant_id": tx.tenant_id,
        "keys": [key for key, _, _ in wanted],
        "versions": [version for _, version, _ in wanted],
        "starts": [starts_at for _, _, starts_at in wanted],
    }
    rows = tx.tuples(SQL["crossed_already"], params)
    return {(key, version, starts_at) for key, version, starts_at in rows}


def list_new_batches(tx: Tx, fold_id: int) -> list[tuple[int, int | None]]:
    """(batch, fold) of batches that are not folded, or were folded after a fold."""
    rows = tx.tuples(SQL["new_batches"], {"tenant_id": tx.tenant_id, "fold_id": fold_id})
    return [(batch, fold) for batch, fold in rows]


def touched(tx: Tx, subjects: Sequence[str], batches: Sequence[int]) -> set[str]:
    """Those of the subjects of which the batches say something."""
    params = {
        "tenant_id": tx.tenant_id,
        "subjects": list(subjects),
        "batches": list(batches),
        "first": min(batches),
        "last": max(batches),
    }
    return {name for (name,) in tx.tuples(SQL["touched"], params)}


def plans_in_use(tx: Tx) -> list[tuple[str, int]]:
    """The versions of plans that anybody has subscribed to."""
    rows = tx.tuples(SQL["plans_in_use"], {"tenant_id": tx.tenant_id})
    return [(key, version) for key, version in rows]


def list_terms(
    tx: Tx, plans: Sequence[tuple[str, int]], as_of: datetime
) -> list[tuple[tuple[str, int], str, datetime, datetime | None]]:
    """(plan, subject, start, end) of subscriptions to the plans that have begun."""
    params = {
        "tenant_id": tx.tenant_id,
        "keys": [key for key, _ in plans],
        "versions": [version for _, version in plans],
        "as_of": as_of,
    }
    return [
        ((key, version), subject, starts_at, ends_at)
        for key, version, subject, starts_at, ends_at in tx.tuples(SQL["terms"], params)
    ]


def find_holes(
    tx: Tx, wanted: Sequence[tuple[int, int, int, Expected, datetime]]
) -> list[tuple[int, datetime, End]]:
    """(number, start, end) of holes in numbered series, told as (number, subject, meter, what is
    expected, from when on to look)."""
    params = {
        "tenant_id": tx.tenant_id,
        "numbers": [number for number, *_ in wanted],
        "subject_ids": [subject_id for _, subject_id, *_ in wanted],
        "meter_ids": [meter_id for _, _, meter_id, *_ in wanted],
        "since": [expected.since for *_, expected, _ in wanted],
        "looked_from": [looked_from for *_, looked_from in wanted],
        "until": [expected.until for *_, expected, _ in wanted],
        "allowed": [expected.allowed for *_, expected, _ in wanted],
    }
    rows = tx.tuples(SQL["holes"], params)
    return [(n, start, End(at, is_exact)) for n, start, at, is_exact in rows]


Awaited = tuple[int, int, int, datetime, datetime]
"""(number, subject, meter, start, when a record is due) of a gap."""


def find_archived(tx: Tx, places: Sequence[Awaited]) -> set[int]:
    """The numbers of those whose time is in the archive, or a part of it."""
    return {number for (number,) in tx.tuples(SQL["archived"], _awaited(tx, places))}


def find_followed(tx: Tx, places: Sequence[Awaited]) -> set[int]:
    """The numbers of those in whose time a record that is known stands."""
    return {number for (number,) in tx.tuples(SQL["followed"], _awaited(tx, places))}


def _awaited(tx: Tx, places: Sequence[Awaited]) -> dict[str, Any]:
    return {
        "tenant_id": tx.tenant_id,
        "numbers": [number for number, *_ in places],
        "subject_ids": [subject_id for _, subject_id, *_ in places],
        "meter_ids": [meter_id for _, _, meter_id, *_ in places],
        "starts": [starts_at for *_, starts_at, _ in places],
        "dues": [due_at for *_, due_at in places],
    }


def list_gaps(
    tx: Tx, *, only_open: bool, limit: int, after: Place | None = None
) -> list[tuple[Gap, End | None]]:
    """Gaps with the first record after their beginning, open ones first, the newest first; after one."""
    subject, meter, start = after or (None, None, None)
    params = {
        "tenant_id": tx.tenant_id,
        "only_open": only_open,
        "limit": limit,
        "after_subject": subject,
        "after_meter": meter,
        "after_start": start,
    }
    rows = tx.rows(SQL["gaps"], params)
    ends = [None if row.end_at is None else End(row.end_at, row.end_is_exact) for row in rows]
    return list(zip(_gaps(rows), ends, strict=True))


def find_gaps(tx: Tx, places: Sequence[Place]) -> dict[Place, Gap]:
    """The gaps that are open, and those that began at the places."""
    params = {
        "tenant_id": tx.tenant_id,
        "subjects": [place.subject for place in places],
        "meters": [place.meter for place in places],
        "starts": [place.starts_at for place in places],
    }
    return {gap.place: gap for gap in _gaps(tx.rows(SQL["gaps_at"], params))}


def _gaps(rows: Iterable[Any]) -> list[Gap]:
    return [
        Gap(
            Place(row.subject, row.meter, row.starts_at),
            row.noticed_at,
            timedelta(minutes=row.allowed_minutes),
            row.closed_at,
            Outcome(row.outcome),
        )
        for row in rows
    ]
