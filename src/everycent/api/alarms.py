"""/v1/alarms: what is wrong now, and what was; seen and ended by people."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from everycent.alarms import operations, queries
from everycent.alarms.alarm import Severity
from everycent.alarms.operations import Writer
from everycent.alarms.shown import as_data
from everycent.api.operation import Asked, changing, reading
from everycent.api.shapes import Body, Page, Paged, Query, Reason, Shown
from everycent.app import alarming
from everycent.db.connection import Tx


class Alarm(Shown):
    """Something that is or was wrong, and what became of it."""

    alarm: str
    state: Literal["raised", "acknowledged", "resolved"]
    severity: Severity
    kind: Annotated[str, Meta(description="What is wrong, such as erp.slow.")]
    subject: Annotated[str, Meta(description="With what.")]
    message: str
    source: str
    raised_at: str
    acknowledged_at: str | None
    acknowledged_by: str | None
    resolved_at: str | None
    resolved_by: str | None
    reason: str


class Wanted(Paged):
    """Which alarms are wanted."""

    state: Annotated[
        Literal["open", "all"], Meta(description="Only what is wrong still, or all there ever was.")
    ] = "open"
    kind: str | None = None
    severity: Severity | None = None


class Ended(Body):
    """Why an alarm is over."""

    reason: Reason


def list_alarms(tx: Tx, asked: Asked[Wanted, None]) -> Page[dict[str, Any]]:
    """Alarms, the newest first."""
    wanted = asked.query
    before = None if wanted.after is None else queries.by_name(tx, wanted.after).alarm_id
    found = queries.listed(
        tx, is_open=wanted.state == "open", limit=wanted.size + 1, kind=wanted.kind,
        severity=wanted.severity, before=before,
    )  # fmt: skip
    return asked.page([as_data(one) for one in found], lambda last: str(last["alarm"]))


def get_alarm(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """One alarm, and what became of it."""
    return as_data(queries.by_name(tx, asked.path["alarm"]))


def acknowledge_alarm(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """Says that somebody has seen an alarm. Twice is once."""
    return as_data(operations.acknowledge(tx, asked.path["alarm"], _writer(asked)))


def resolve_alarm(tx: Tx, asked: Asked[Query, Ended]) -> dict[str, Any]:
    """Says that it is right again, and why. Where it is not, the alarm is raised anew."""
    name, reason = asked.path["alarm"], asked.body.reason
    return as_data(operations.resolve(tx, name, reason, _writer(asked)))


OPERATIONS = [
    reading("/v1/alarms", "alarms:read", list_alarms, Page[Alarm], Wanted),
    reading("/v1/alarms/{alarm}", "alarms:read", get_alarm, Alarm),
    changing("POST", "/v1/alarms/{alarm}/acknowledge", "alarms:write", acknowledge_alarm, Alarm),
    changing("POST", "/v1/alarms/{alarm}/resolve", "alarms:write", resolve_alarm, Alarm, Ended),
]


def _writer(asked: Asked[Any, Any]) -> Writer:
    app = asked.app
    return Writer(asked.now, asked.who.actor, app.ids, alarming.channels(app.settings))
