"""A thing of the catalogue in words: meters and plans as people say it, all else as it is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from everycent.catalog import queries
from everycent.catalog.meter import Measure
from everycent.catalog.plan import Plan
from everycent.db.connection import Tx
from everycent.flows import meter_told, plan_told
from everycent.flows.meter_told import Lines


def lines(tx: Tx, row: Any) -> Lines:
    """Everything that one version of a thing says, as names and texts."""
    match row.kind:
        case "meter":
            return _meter(tx, row)
        case "plan":
            return plan_told.lines(msgspec.json.decode(row.content, type=Plan))
    return list(_flat("", msgspec.json.decode(row.content)))


def _meter(tx: Tx, row: Any) -> Lines:
    plans = [msgspec.json.decode(plan.content, type=Plan) for plan in queries.listed(tx, "plan")]
    measure = msgspec.json.decode(row.content, type=Measure)
    return meter_told.lines(row.key, measure, queries.intake_policies(tx), plans)


def named(told: Lines) -> dict[str, str]:
    """The same by name."""
    return {name.strip(): text for name, text in told}


def _flat(path: str, value: Any) -> Iterator[tuple[str, str]]:
    """What a document holds as places and values, in its own names."""
    if isinstance(value, dict):
        for name, held in value.items():
            yield from _flat(f"{path}.{name}" if path else name, held)
    elif isinstance(value, list) and any(isinstance(held, dict | list) for held in value):
        for number, held in enumerate(value, start=1):
            yield from _flat(f"{path}[{number}]", held)
    elif isinstance(value, list):
        yield path, ", ".join(map(str, value))
    elif isinstance(value, bool):
        yield path, "true" if value else "false"
    elif value is not None:
        yield path, str(value)
