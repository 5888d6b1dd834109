"""Reports and configurations as programs get them, on the command line and over HTTP."""

from __future__ import annotations

from typing import Any

import msgspec

from everycent.flows.ask_services import Behind
from everycent.flows.build_report import Comparison, Outcome
from everycent.kernel.period import instant_text
from everycent.reports.queries import Report, State, Step, Version


def outcome_data(outcome: Outcome, found: Report | None) -> dict[str, Any]:
    """What came of building a report; with the report where it is told."""
    data: dict[str, Any] = {
        "period": outcome.name,
        "outcome": outcome.what,
        "problems": msgspec.to_builtins(outcome.problems),
    }
    return data if found is None else data | {"report": report_data(found)}


def report_data(found: Report) -> dict[str, Any]:
    """A report by its parts."""
    return {
        "period": found.name,
        "starts_at": instant_text(found.period.start),
        "ends_at": instant_text(found.period.end),
        "configuration": found.config,
        "lines": found.lines,
        "billed": found.billed,
        "digest": found.digest,
        "built_at": instant_text(found.built_at),
        "parts": msgspec.to_builtins(found.parts),
    }


def state_data(one: State, found: Report | None) -> dict[str, Any]:
    """Where the pulling of a period stands."""
    return {
        "period": one.name,
        "state": one.status,
        "configuration": one.config,
        "tries": one.tries,
        "next_at": None if one.next_at is None else instant_text(one.next_at),
        "problems": msgspec.to_builtins(one.problems),
        "changed_at": instant_text(one.changed_at),
        "lines": None if found is None else found.lines,
        "digest": None if found is None else found.digest,
    }


def line_data(row: Any) -> dict[str, Any]:
    """A line of a report, and what becomes of it."""
    told: dict[str, Any] = row._asdict()
    return told | {"at": instant_text(row.at)}


def step_data(step: Step) -> dict[str, Any]:
    """Something that happened on the way to a report."""
    return {
        "at": instant_text(step.at),
        "event": step.event,
        "actor": step.actor,
        "told": msgspec.to_builtins(step.payload),
    }


def answer_data(found: Any) -> dict[str, Any]:
    """What a sub-service said, word for word: bytes that are no UTF-8 stand there as \\x00."""
    return {
        "service": found.service,
        "call": found.call,
        "status": found.status,
        "at": instant_text(found.at),
        "raw": bytes(found.raw).decode("utf-8", "backslashreplace"),
    }


def behind_data(found: Behind) -> dict[str, Any]:
    """The events behind lines of a report."""
    return {
        "used": found.told,
        "events_come_to": found.found,
        "differ": found.found != found.told,
        "events": msgspec.to_builtins(found.events),
    }


def compared_data(found: Comparison) -> dict[str, Any]:
    """What came of comparing a report with what is said now, with the lines that differ."""
    lines = [msgspec.to_builtins(one._asdict()) for one in found.changes]
    told: dict[str, Any] = msgspec.to_builtins(found.told)
    return told | {"lines": lines}


def version_data(one: Version) -> dict[str, Any]:
    """A version of the configuration, and whether it holds."""
    return {
        "name": one.config.name,
        "state": version_state(one),
        "services": [service.name for service in one.config.services],
        "digest": one.digest,
        "created_at": instant_text(one.created_at),
        "actor": one.actor,
    }


def version_state(one: Version) -> str:
    """Whether a version holds, held, or never did."""
    if one.is_active:
        return "active"
    return "was active" if one.was_active else "never active"


def activation_data(row: Any) -> dict[str, Any]:
    """Since when a version held, and why."""
    told: dict[str, Any] = row._asdict()
    return told | {"at": instant_text(row.at)}
