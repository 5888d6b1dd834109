"""/v1/collections: runs that charge what is due, while they go: how far they are, by state and by what
became of invoices; paused, resumed, aborted.

To read needs a key with the scope `payments:read`, to change one with `payments:write`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from everycent.api.operation import raw
from everycent.api.parameters import parameters, whole
from everycent.api.reading import json_response, read
from everycent.api.service import admitted, in_thread, service_of
from everycent.charging import operations_runs as running
from everycent.charging import queries
from everycent.charging.run import ABORTED, OPEN, PAUSED, Progress, Run
from everycent.db.connection import Tx
from everycent.kernel import ids
from everycent.kernel.period import instant_text

_READ, _WRITE = "payments:read", "payments:write"
_USUAL, _MOST = 20, 100


async def get_runs(request: Request) -> Response:
    """The newest runs, `size` of them, each with how far it is."""
    size = whole(parameters(request, "size"), "size", _USUAL, 1, _MOST)

    def work(tx: Tx, _: datetime) -> dict[str, Any]:
        found = queries.runs(tx, size)
        return {"collections": [_run(one, queries.progress(tx, one.run_id)) for one in found]}

    return json_response(await read(request, work))


async def get_run(request: Request) -> Response:
    """One run, and how far it is."""
    parameters(request)
    name = request.path_params["run"]

    def work(tx: Tx, _: datetime) -> dict[str, Any]:
        found = queries.run(tx, name)
        return _run(found, queries.progress(tx, found.run_id))

    return json_response(await read(request, work))


async def post_pause(request: Request) -> Response:
    """Begins nothing new of a run; what is under way comes to its end."""
    return await _switched(request, PAUSED)


async def post_resume(request: Request) -> Response:
    """Lets a run that was paused go on."""
    return await _switched(request, OPEN)


async def post_abort(request: Request) -> Response:
    """Ends a run: what waits is not charged."""
    return await _switched(request, ABORTED)


async def _switched(request: Request, to: str) -> Response:
    tenant_id = (await admitted(request)).tenant_id
    parameters(request)
    name = request.path_params["run"]
    service = service_of(request)

    def work() -> dict[str, Any]:
        with service.app.database.transaction(tenant_id) as tx:
            found = running.switch_run(tx, queries.run(tx, name), to, service.app.clock())
            return _run(found, queries.progress(tx, found.run_id))

    return json_response(await in_thread(service, work))


def _run(run: Run, done: Progress) -> dict[str, Any]:
    return {
        "id": ids.show(ids.RUN, run.run_id),
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


OPERATIONS = [
    raw("GET", "/v1/collections", _READ, get_runs, Any),
    raw("GET", "/v1/collections/{run}", _READ, get_run, Any),
    raw("POST", "/v1/collections/{run}/pause", _WRITE, post_pause, Any),
    raw("POST", "/v1/collections/{run}/resume", _WRITE, post_resume, Any),
    raw("POST", "/v1/collections/{run}/abort", _WRITE, post_abort, Any),
]
