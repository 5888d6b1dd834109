"""Alarm: something is wrong with something, since an instant, until it is right again.

    raised ──► resolved          by recovery: whoever saw what was wrong sees it right; or by a person
       └─► acknowledged ──► …    somebody has seen it

Alarms follow conditions. Whoever watches over something (a `source`) says what is wrong with it now; what
is new is raised, what stands is left alone, and what is no longer said is resolved. So nothing is raised
twice, and nothing has to be closed by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

import msgspec

from everycent.journal.types import EventType
from everycent.kernel import ids

PREFIX = "alm"
RECOVERY = "recovery"
"""Who resolves an alarm when what was wrong is right again."""


class Severity(StrEnum):
    """WARNING: it is dealt with, look when you have time. CRITICAL: it waits for a person."""

    WARNING = "warning"
    CRITICAL = "critical"


class Condition(NamedTuple):
    """What is wrong: a `kind` such as erp.away with a `subject`, and what a person reads."""

    kind: str
    subject: str
    severity: Severity
    message: str


class Alarm(msgspec.Struct, frozen=True, omit_defaults=True):
    """An alarm: what was raised by whom, and what became of it."""

    alarm_id: UUID
    source: str
    kind: str
    severity: Severity
    subject: str
    message: str
    raised_at: datetime
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    reason: str = ""

    @property
    def name(self) -> str:
        """Its id as people see it."""
        return ids.show(PREFIX, self.alarm_id)

    @property
    def state(self) -> str:
        """raised, acknowledged or resolved."""
        if self.resolved_at is not None:
            return "resolved"
        return "raised" if self.acknowledged_at is None else "acknowledged"


RAISED = EventType("alarm.raised", 1, Alarm)
ACKNOWLEDGED = EventType("alarm.acknowledged", 1, Alarm)
RESOLVED = EventType("alarm.resolved", 1, Alarm)
TYPES = (RAISED, ACKNOWLEDGED, RESOLVED)


def stream(alarm_id: UUID) -> str:
    """The stream of one alarm."""
    return f"alarm:{ids.show(PREFIX, alarm_id)}"


def changes(
    standing: Sequence[Alarm], conditions: Iterable[Condition]
) -> tuple[list[Condition], list[Alarm]]:
    """What is to be raised, and which alarms to be resolved, where these are the open ones of a source and
    those its conditions now. Of conditions that are told twice the first counts."""
    wanted = {(one.kind, one.subject): one for one in reversed(list(conditions))}
    open_ones = {(one.kind, one.subject): one for one in standing}
    new = [one for key, one in wanted.items() if key not in open_ones]
    over = [one for key, one in open_ones.items() if key not in wanted]
    return sorted(new), over
