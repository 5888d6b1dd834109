"""Thresholds, crossings and gaps as rows."""

from __future__ import annotations

from decimal import Decimal

from everycent.journal.event import Event
from everycent.kernel.table import Rows, table
from everycent.watching.gap import Closed, Opened, Outcome
from everycent.watching.threshold import REMOVED, Crossing, Threshold

THRESHOLD = table(
    "usage_threshold",
    "tenant_id int4, key text, version int4, customer_id uuid, subject text, meter text,"
    " value numeric, is_removed bool",
    key="tenant_id, key",
)
CROSSING = table(
    "usage_crossing",
    "tenant_id int4, key text, version int4, starts_at timestamptz, ends_at timestamptz,"
    " value numeric, reached numeric, unit text, as_of timestamptz, event_id uuid",
    key="tenant_id, key, version, starts_at",
)
GAP = table(
    "usage_gap",
    "tenant_id int4, subject text, meter text, starts_at timestamptz, noticed_at timestamptz,"
    " allowed_minutes int4, closed_at timestamptz, outcome text",
    key="tenant_id, subject, meter, starts_at",
)


def threshold(event: Event, rows: Rows, tenant_id: int) -> None:
    """A threshold that was set or removed."""
    t: Threshold = event.payload
    rows.put(
        THRESHOLD, tenant_id, t.key, t.version, t.customer_id, t.subject, t.meter, t.limit,
        event.type == REMOVED.name,
    )  # fmt: skip


def crossed(event: Event, rows: Rows, tenant_id: int) -> None:
    """A threshold that was crossed."""
    c: Crossing = event.payload
    rows.add(
        CROSSING, tenant_id, c.key, c.version, c.starts_at, c.ends_at, Decimal(c.value),
        Decimal(c.reached), c.unit, c.as_of, event.event_id,
    )  # fmt: skip


def gap_opened(event: Event, rows: Rows, tenant_id: int) -> None:
    """A gap that was noticed, for the first time or again."""
    g: Opened = event.payload
    rows.put(
        GAP, tenant_id, g.subject, g.meter, g.starts_at, g.noticed_at, g.allowed_minutes, None,
        Outcome.OPEN.value,
    )  # fmt: skip


def gap_closed(event: Event, rows: Rows, tenant_id: int) -> None:
    """A gap that is none any more."""
    g: Closed = event.payload
    rows.put(
        GAP, tenant_id, g.subject, g.meter, g.starts_at, g.noticed_at, g.allowed_minutes, g.closed_at,
        g.outcome.value,
    )  # fmt: skip
