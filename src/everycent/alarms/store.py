"""Alarms in and out of the database."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from everycent.alarms.alarm import Alarm, Severity
from everycent.db import statements
from everycent.db.connection import Tx

SQL = statements.beside(__file__)


def lock_source(tx: Tx, source: str) -> None:
    """Waits for whoever else says what is wrong with it."""
    tx.run(SQL["lock_source"], {"tenant_id": tx.tenant_id, "source": source})


def open_of_source(tx: Tx, source: str) -> list[Alarm]:
    """The open alarms of a source, the oldest first."""
    params = {"tenant_id": tx.tenant_id, "source": source}
    return [_alarm(row) for row in tx.rows(SQL["open_of_source"], params)]


def list_alarms(
    tx: Tx,
    *,
    is_open: bool,
    limit: int,
    kind: str | None,
    severity: Severity | None,
    before: UUID | None,
) -> list[Alarm]:
    """Alarms, the newest first."""
    params = {
        "tenant_id": tx.tenant_id, "is_open": is_open, "limit": limit, "kind": kind,
        "severity": severity, "before": before,
    }  # fmt: skip
    return [_alarm(row) for row in tx.rows(SQL["listed"], params)]


def find_alarm(tx: Tx, alarm_id: UUID) -> Alarm | None:
    """An alarm, or None."""
    row = tx.row(SQL["alarm"], {"tenant_id": tx.tenant_id, "alarm_id": alarm_id})
    return None if row is None else _alarm(row)


def lock_alarm(tx: Tx, alarm_id: UUID) -> Alarm:
    """An alarm that is there, which nobody else changes until the transaction ends."""
    return _alarm(tx.row(SQL["lock_alarm"], {"tenant_id": tx.tenant_id, "alarm_id": alarm_id}))


def list_untold(tx: Tx) -> list[str]:
    """Documents that wait for a person of which no alarm was raised."""
    return [str(text) for (text,) in tx.tuples(SQL["untold"], {"tenant_id": tx.tenant_id})]


def _alarm(row: Any) -> Alarm:
    return Alarm(**(row._asdict() | {"severity": Severity(row.severity)}))
