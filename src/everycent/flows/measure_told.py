"""Measurements as programs get them, on the command line and over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from everycent.flows import measure as flow
from everycent.kernel import ids
from everycent.measurements.measurement import Covered, State


def as_data(state: State, totals: Any) -> dict[str, Any]:
    """How far time is covered, when the next interval is due, and what is wrong. `totals` is the row of
    what all intervals came to."""
    known = state.measurement
    failure = state.failure
    return {
        "key": known.key,
        "version": state.version,
        "meter": known.meter,
        "every": known.every,
        "covered_until": state.covered_until,
        "next_due_at": flow.next_wake([msgspec.structs.replace(state, failure=None)]),
        "is_paused": state.is_paused,
        "taken": totals.taken,
        "missed": totals.missed,
        "records": totals.records,
        "conflicts": totals.conflicts,
        "total": format(totals.total, "f"),
        "failure": None if failure is None else msgspec.structs.asdict(failure),
    }


def in_full(state: State, totals: Any, intervals: Sequence[Covered]) -> dict[str, Any]:
    """The same with its definition, and intervals that it covered."""
    return as_data(state, totals) | {
        "definition": msgspec.to_builtins(state.measurement),
        "defined_at": state.defined_at,
        "intervals": [_interval(one) for one in intervals],
    }


def _interval(one: Covered) -> dict[str, Any]:
    return msgspec.structs.asdict(one) | {"event_id": ids.show(ids.EVENT, one.event_id)}
