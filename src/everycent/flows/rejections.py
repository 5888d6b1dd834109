"""What is not taken at a door: judged by the same policies everywhere, and counted where it is refused.

Counts are written in the transaction that stores the rest of the batch, one statement for all of them. A
record that is offered and rejected again is counted again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from enum import StrEnum

from everycent.catalog.intake import IntakePolicy
from everycent.db.connection import Database, Tx
from everycent.kernel.errors import Invalid
from everycent.metering import operations as metering
from everycent.metering import queries as usage
from everycent.metering.bounds import refusals_of
from everycent.metering.record import UsageRecord, key_of


class Door(StrEnum):
    """Where usage comes in and rejected records are counted."""

    HTTP = "http"
    FILE = "file"
    PROGRAM = "program"


def judge(
    database: Database,
    tenant_id: int,
    records: Sequence[UsageRecord],
    policies: Mapping[str, IntakePolicy],
    now: datetime,
) -> dict[int, Invalid]:
    """Which of the records their meters' policies refuse now, by their position, and why.

    A record whose id is stored is never among them, however old it is by now: it is a duplicate or a
    conflict, which storing it tells. Asks the database only when something would be refused.
    """
    refusals = refusals_of(records, policies, now)
    if not refusals:
        return {}
    keys = {n: key_of(records[n].source, records[n].record_id) for n in refusals}
    with database.snapshot(tenant_id) as tx:
        known = usage.known_keys(tx, keys.values())
    return {n: refusal for n, refusal in refusals.items() if keys[n] not in known}


def ingest(
    database: Database,
    tenant_id: int,
    records: Sequence[UsageRecord],
    now: datetime,
    names: metering.Names,
    turn: AbstractContextManager[object],
    door: Door,
    rejected: Mapping[str, int],
) -> metering.Intake:
    """Stores a batch durably as `metering.ingest` does, and with it how many were `rejected`, by code."""
    if not rejected:
        return metering.ingest(database, tenant_id, records, now, names, turn)
    if records:
        names.learn(database, tenant_id, records)
    with database.transaction(tenant_id) as tx:
        intake = metering.Intake(0, (), ())
        if records:
            intake = metering.ingest_within(tx, records, now, names, turn)
        count(tx, now, door, rejected)
    return intake


def count(tx: Tx, now: datetime, door: Door, rejected: Mapping[str, int]) -> None:
    """Counts what was rejected, by code. The last thing to do in a transaction."""
    metering.count_rejections(tx, now.astimezone(UTC).date(), door.value, rejected)


def by_code(codes: Iterable[str]) -> dict[str, int]:
    """How often each code comes."""
    found: dict[str, int] = {}
    for code in codes:
        found[code] = found.get(code, 0) + 1
    return found
