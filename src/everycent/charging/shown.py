"""Collection runs as programs get them, on the command line and over HTTP."""

from __future__ import annotations

from typing import Any

from everycent.charging.run import Progress, Run
from everycent.kernel import ids
from everycent.kernel.period import instant_text


def run_data(run: Run, done: Progress) -> dict[str, Any]:
    """A run, and how far it is."""
    return {
        "run_id": ids.show(ids.RUN, run.run_id),
        "kind": run.kind.value,
        "due_by": run.due_by.isoformat(),
        "state": run.state,
        "started_at": instant_text(run.started_at),
        "finished_at": None if run.finished_at is None else instant_text(run.finished_at),
        "invoices": done.total,
        "through": done.through,
        "states": done.states,
        "outcomes": done.outcomes,
    }
