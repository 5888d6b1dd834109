"""An alarm as programs get it, on the command line and over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from everycent.alarms.alarm import Alarm
from everycent.kernel.period import instant_text


def as_data(one: Alarm) -> dict[str, Any]:
    """The alarm, and what became of it."""
    return {
        "alarm": one.name,
        "state": one.state,
        "severity": one.severity.value,
        "kind": one.kind,
        "subject": one.subject,
        "message": one.message,
        "source": one.source,
        "raised_at": instant_text(one.raised_at),
        "acknowledged_at": _instant(one.acknowledged_at),
        "acknowledged_by": one.acknowledged_by,
        "resolved_at": _instant(one.resolved_at),
        "resolved_by": one.resolved_by,
        "reason": one.reason,
    }


def _instant(at: datetime | None) -> str | None:
    return None if at is None else instant_text(at)
