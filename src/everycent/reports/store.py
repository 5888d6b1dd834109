"""Configurations and reports, in and out of the database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from everycent.db import bulk, statements
from everycent.db.connection import Tx
from everycent.kernel.period import Period
from everycent.kernel.quantity import plain
from everycent.reports import projection
from everycent.reports.config import Config
from everycent.reports.contract import Line
from everycent.reports.report import Converted

SQL = statements.beside(__file__)
_CONFIG = msgspec.json.Decoder(Config)


def lock_configs(tx: Tx) -> None:
    """Waits for whoever else creates or activates a version."""
    tx.run(SQL["lock_configs"], {"tenant_id": tx.tenant_id})


def list_configs(tx: Tx, name: str | None = None) -> list[Any]:
    """Versions, the newest first; or the one of a name."""
    return tx.rows(SQL["configs"], {"tenant_id": tx.tenant_id, "name": name})


def config_of(row: Any) -> Config:
    """The configuration of a row."""
    return _CONFIG.decode(row.told)


def list_activations(tx: Tx, limit: int, *, before: int | None = None) -> list[Any]:
    """Which versions held, the newest first, of those before a number."""
    params = {"tenant_id": tx.tenant_id, "limit": limit, "before": before}
    return tx.rows(SQL["activations"], params)


def find_active(tx: Tx) -> Config | None:
    """The version that holds."""
    row = tx.row(SQL["active"], {"tenant_id": tx.tenant_id})
    return None if row is None else _CONFIG.decode(row.told)


def claim(tx: Tx, name: str, lease: timedelta) -> bool:
    """Takes a period for so long; whether nobody else had it."""
    params = {"tenant_id": tx.tenant_id, "name": name, "lease": lease}
    return tx.row(SQL["claim"], params) is not None


def release(tx: Tx, name: str) -> None:
    """Anybody may take the period."""
    tx.run(SQL["release"], {"tenant_id": tx.tenant_id, "name": name})


def lock_state(tx: Tx, name: str) -> Any | None:
    """Where a period stands, which nobody changes until the transaction ends."""
    return tx.row(SQL["lock_state"], {"tenant_id": tx.tenant_id, "name": name})


def list_states(tx: Tx, name: str | None, limit: int, *, before: str | None = None) -> list[Any]:
    """Where the pulling of periods stands, the newest first, of those before one."""
    params = {"tenant_id": tx.tenant_id, "name": name, "limit": limit, "before": before}
    return tx.rows(SQL["states"], params)


def list_reports(tx: Tx, name: str | None, limit: int) -> list[Any]:
    """Reports, the newest first."""
    params = {"tenant_id": tx.tenant_id, "name": name, "limit": limit}
    return tx.rows(SQL["reports"], params)


def list_parts(tx: Tx, name: str) -> list[Any]:
    """The parts of a report, by sub-service."""
    return tx.rows(SQL["parts"], {"tenant_id": tx.tenant_id, "name": name})


def list_lines(
    tx: Tx, name: str, customer: str | None, limit: int, *, after: tuple[str, int] = ("", 0)
) -> list[Any]:
    """The lines of a report, of a customer or of all, of those after one."""
    params = {
        "tenant_id": tx.tenant_id, "name": name, "customer": customer, "limit": limit,
        "after_service": after[0], "after_no": after[1],
    }  # fmt: skip
    return tx.rows(SQL["lines"], params)


def told_lines(tx: Tx, name: str, service: str) -> Iterator[Line]:
    """The lines of a sub-service in a report, as they were told."""
    params = {"tenant_id": tx.tenant_id, "name": name, "service": service}
    for row in tx.stream(SQL["told_lines"], params):
        yield Line(*row)


def reports_within(tx: Tx, period: Period) -> list[tuple[Period, str]]:
    """The periods of reports that lie in a span of time, or partly, with their configurations."""
    params = {"tenant_id": tx.tenant_id, "start": period.start, "end": period.end}
    return [
        (Period(row.starts_at, row.ends_at), row.config) for row in tx.rows(SQL["within"], params)
    ]


def insert_lines(
    tx: Tx, name: str, service: str, lines: Sequence[tuple[Converted, datetime]]
) -> None:
    """Writes the lines of a part, with the instants that they tell."""
    rows = [
        (
            tx.tenant_id, name, service, line.line, line.customer, line.resource, line.item, line.unit,
            at, line.at, line.used, line.included, line.billable, line.events, one.subject,
            one.item.meter, plain(one.value),
        )
        for one, at in lines
        for line in (one.line,)
    ]  # fmt: skip
    bulk.insert(tx, projection.LINE, rows)


def insert_answer(
    tx: Tx,
    *,
    answer_id: UUID,
    service: str,
    call: str,
    status: int | None,
    raw: bytes,
    at: datetime,
) -> None:
    """Keeps an answer, word for word."""
    params = {
        "tenant_id": tx.tenant_id, "answer_id": answer_id, "service": service, "call": call,
        "status": status, "raw": raw, "at": at,
    }  # fmt: skip
    tx.run(SQL["put_answer"], params)


def find_answer(tx: Tx, answer_id: UUID) -> Any | None:
    """An answer that was kept."""
    return tx.row(SQL["answer"], {"tenant_id": tx.tenant_id, "answer_id": answer_id})


def part_lines(tx: Tx) -> Iterator[tuple[str, str, Line]]:
    """The lines of all parts in order, as they were told."""
    for name, service, number, *told in tx.stream(SQL["part_lines"], {"tenant_id": tx.tenant_id}):
        yield name, service, Line(number, *told)


def part_digests(tx: Tx) -> dict[tuple[str, str], tuple[int, str]]:
    """How many lines every part has, and their digest."""
    rows = tx.rows(SQL["part_digests"], {"tenant_id": tx.tenant_id})
    return {(row.name, row.service): (row.lines, row.digest) for row in rows}


def list_violations(tx: Tx, name: str) -> list[str]:
    """What one of the statements of the proofs names."""
    return [row[0] for row in tx.tuples(SQL[name], {"tenant_id": tx.tenant_id})]
