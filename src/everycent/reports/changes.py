"""Changes: lines of a report, then and now, where a sub-service says something else by now."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from everycent.reports.contract import Line


class Change(NamedTuple):
    """What is said of an item of a resource: in the report, and now. None where it has no line."""

    service: str
    customer: str
    resource: str
    item: str
    then: Line | None
    now: Line | None


def between(service: str, then: Iterable[Line], now: Iterable[Line]) -> list[Change]:
    """The lines that are not as they were, by customer, resource and item. A line that only has another
    number is as it was."""
    before, after = ({_key(line): line for line in lines} for lines in (then, now))
    return [
        Change(service, *key, before.get(key), after.get(key))
        for key in sorted(before.keys() | after.keys())
        if _content(before.get(key)) != _content(after.get(key))
    ]


def _key(line: Line) -> tuple[str, str, str]:
    return line.customer, line.resource, line.item


def _content(line: Line | None) -> tuple[object, ...] | None:
    if line is None:
        return None
    return line.unit, line.at, line.used, line.included, line.billable, line.events
