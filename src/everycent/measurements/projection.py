"""Measurements as rows: definitions, their present state, and the intervals that are covered."""

from __future__ import annotations

from decimal import Decimal

from everycent.journal.event import Event
from everycent.kernel.table import Rows, table

VERSION = table(
    "measurement_version",
    "tenant_id int4, key text, version int4, at timestamptz, content text",
    key="tenant_id, key, version",
)
MEASUREMENT = table(
    "measurement",
    "tenant_id int4, key text, version int4, starts_at timestamptz, is_paused bool",
    key="tenant_id, key",
)
INTERVAL = table(
    "measurement_interval",
    "tenant_id int4, key text, starts_at timestamptz, ends_at timestamptz, version int4,"
    " outcome text, records int4, total numeric, conflicts int4, reason text, event_id uuid",
    key="tenant_id, key, ends_at",
)


_NOTHING = Decimal(0)


def stream(key: str) -> str:
    """The stream of one measurement."""
    return f"measurement:{key}"


def defined(event: Event, rows: Rows, tenant_id: int) -> None:
    """A new version. The first one also begins the chain of covered intervals."""
    d = event.payload
    rows.add(VERSION, tenant_id, d.key, d.version, event.at, bytes(d.content).decode())
    if d.version > 1:
        rows.put(MEASUREMENT, tenant_id, d.key, d.version, d.starts_at, d.is_paused)
        return
    rows.add(MEASUREMENT, tenant_id, d.key, d.version, d.starts_at, d.is_paused)
    rows.add(
        INTERVAL, tenant_id, d.key, None, d.starts_at, d.version, "begun", 0, _NOTHING, 0, None,
        event.event_id,
    )  # fmt: skip


def switched(event: Event, rows: Rows, tenant_id: int) -> None:
    """Paused or resumed."""
    s = event.payload
    rows.put(MEASUREMENT, tenant_id, s.key, s.version, s.starts_at, s.is_paused)


def taken(event: Event, rows: Rows, tenant_id: int) -> None:
    """An interval that was measured."""
    t = event.payload
    rows.add(
        INTERVAL, tenant_id, t.key, t.starts_at, t.ends_at, t.version, "taken", t.records,
        Decimal(t.total), t.conflicts, None, event.event_id,
    )  # fmt: skip


def missed(event: Event, rows: Rows, tenant_id: int) -> None:
    """An interval that nobody can measure any more."""
    m = event.payload
    rows.add(
        INTERVAL, tenant_id, m.key, m.starts_at, m.ends_at, m.version, "missed", 0, _NOTHING, 0,
        m.reason, event.event_id,
    )  # fmt: skip
