"""Alarms about reports: which sub-service keeps a report from being built, and which says something else
than it said for one that is there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from everycent.alarms import operations as alarms
from everycent.alarms.alarm import Condition, Severity
from everycent.alarms.operations import Writer
from everycent.db.connection import Tx
from everycent.reports.port import Trouble
from everycent.reports.report import Compared, Problem


def reflect(
    tx: Tx, name: str, problems: Sequence[Problem], services: Iterable[str], writer: Writer
) -> None:
    """Raises and resolves alarms about the report of a period, for which these sub-services were asked. A
    key that is not set keeps every period from being built, and is one alarm."""
    source = f"report {name}"
    alarms.take_turn(tx, source)
    conditions = [
        Condition(
            "report.incomplete", f"{name} {one.service}".strip(), Severity.CRITICAL,
            f"there is no report: {told(one)}",
        )
        for one in problems
        if one.trouble != Trouble.NO_KEY
    ]  # fmt: skip
    alarms.reflect(tx, source, conditions, writer)
    for service in sorted(services):
        source = f"report key of {service}"
        alarms.take_turn(tx, source)
        keyless = [
            Condition(
                "report.incomplete", service, Severity.CRITICAL,
                f"there are no reports until its key is set: {told(one)}",
            )
            for one in problems
            if one.trouble == Trouble.NO_KEY and one.service == service
        ]  # fmt: skip
        alarms.reflect(tx, source, keyless, writer)


def reflect_compared(tx: Tx, found: Compared, writer: Writer) -> None:
    """Raises and resolves alarms about a report that was pulled again."""
    source = f"report {found.name} compared"
    alarms.take_turn(tx, source)
    changed = [
        Condition(
            "report.changed", f"{found.name} {service}", Severity.CRITICAL,
            f"{service} says something else now than when the report was built; the report stands",
        )
        for service in found.differing
    ]  # fmt: skip
    missed = [
        Condition(
            "report.not_compared", f"{found.name} {one.service}", Severity.WARNING,
            f"it could not be compared: {told(one)}",
        )
        for one in found.problems
    ]  # fmt: skip
    alarms.reflect(tx, source, [*changed, *missed], writer)


def told(problem: Problem) -> str:
    """A problem for people."""
    page = f", page {problem.page}" if problem.page > 1 else ""
    who = problem.service or "the report"
    return f"{who} /{problem.call}{page}: {problem.trouble}, {problem.what}"
