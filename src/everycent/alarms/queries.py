"""Look alarms up."""

from __future__ import annotations

from uuid import UUID

from everycent.alarms import store
from everycent.alarms.alarm import PREFIX, Alarm, Severity
from everycent.db.connection import Tx
from everycent.kernel import ids
from everycent.kernel.errors import NotFound


def listed(
    tx: Tx,
    *,
    is_open: bool = True,
    limit: int = 100,
    kind: str | None = None,
    severity: Severity | None = None,
    before: UUID | None = None,
) -> list[Alarm]:
    """Alarms, the newest first: those that are open, or all; of a kind or severity if one is named, and
    those that come after the alarm `before` in this order."""
    return store.list_alarms(
        tx, is_open=is_open, limit=limit, kind=kind, severity=severity, before=before
    )


def by_name(tx: Tx, name: str) -> Alarm:
    """An alarm by its id as people see it. Raises NotFound `alarm.unknown`, Invalid `id.malformed`."""
    found = store.find_alarm(tx, ids.parse(PREFIX, name, "alarm"))
    if found is None:
        raise NotFound(
            "alarm.unknown", f"there is no alarm {name}", field="alarm", value=name,
            hint="list them with `everycent alarm list`",
        )  # fmt: skip
    return found
