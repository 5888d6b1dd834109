"""Alarms as rows."""

from __future__ import annotations

from everycent.alarms.alarm import Alarm
from everycent.journal.event import Event
from everycent.kernel.table import Rows, table

ALARM = table(
    "alarm",
    "tenant_id int4, alarm_id uuid, source text, kind text, severity text, subject text,"
    " message text, raised_at timestamptz, acknowledged_at timestamptz, acknowledged_by text,"
    " resolved_at timestamptz, resolved_by text, reason text",
    key="tenant_id, alarm_id",
)


def alarm(event: Event, rows: Rows, tenant_id: int) -> None:
    """An alarm as it stands."""
    one: Alarm = event.payload
    rows.put(
        ALARM, tenant_id, one.alarm_id, one.source, one.kind, one.severity.value, one.subject,
        one.message, one.raised_at, one.acknowledged_at, one.acknowledged_by, one.resolved_at,
        one.resolved_by, one.reason,
    )  # fmt: skip
