"""/v1/alarms: what is wrong now, and what was; seen and ended by people.

To read needs a key with the scope `alarms:read`, to acknowledge and resolve one with `alarms:write`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from everycent.alarms import operations, queries
from everycent.alarms.alarm import Alarm, Severity
from everycent.alarms.operations import Writer
from everycent.alarms.shown import as_data
from everycent.api.parameters import choice, parameters, whole
from everycent.api.reading import json_response, read
from everycent.api.service import admitted, in_thread, service_of
from everycent.api.told import reason_of
from everycent.app import alarming
from everycent.db.connection import Tx

_READ, _WRITE = "alarms:read", "alarms:write"
_USUAL, _MOST = 100, 500
_ACTOR = "http"
_OPEN, _ALL = "open", "all"


async def get_alarms(request: Request) -> Response:
    """Alarms, the newest first: a page of `size`, of those `after` an alarm; those that are open unless
    `state` is all, and of a `kind` or `severity`."""
    told = parameters(request, "state", "kind", "severity", "size", "after")
    size = whole(told, "size", _USUAL, 1, _MOST)
    is_open = choice(told, "state", (_OPEN, _ALL), _OPEN) == _OPEN
    severity = None
    if "severity" in told:
        severity = Severity(choice(told, "severity", tuple(Severity), ""))
    kept = {name: text for name, text in told.items() if name != "after"} | {"size": str(size)}

    def work(tx: Tx, _: datetime) -> dict[str, Any]:
        before = queries.by_name(tx, told["after"]).alarm_id if "after" in told else None
        found = queries.listed(
            tx, is_open=is_open, limit=size + 1, kind=told.get("kind"), severity=severity,
            before=before,
        )  # fmt: skip
        following = None
        if len(found) > size:
            following = f"{request.url.path}?{urlencode(kept | {'after': found[size - 1].name})}"
        return {"alarms": [as_data(one) for one in found[:size]], "next": following}

    return json_response(await read(request, _READ, work))


async def get_alarm(request: Request) -> Response:
    """One alarm, and what became of it."""
    parameters(request)
    name = request.path_params["alarm"]
    return json_response(
        await read(request, _READ, lambda tx, _: as_data(queries.by_name(tx, name)))
    )


async def post_acknowledge(request: Request) -> Response:
    """Says that somebody has seen an alarm. Twice is once."""
    tenant_id = await admitted(request, _WRITE)
    parameters(request)
    name = request.path_params["alarm"]
    return await _changed(
        request, tenant_id, lambda tx, writer: operations.acknowledge(tx, name, writer)
    )


async def post_resolve(request: Request) -> Response:
    """Says that it is right again, and why. Where it is not, the alarm is raised anew."""
    tenant_id = await admitted(request, _WRITE)
    parameters(request)
    name = request.path_params["alarm"]
    try:
        reason = await reason_of(request)
    except ClientDisconnect:
        return Response(status_code=400)  # nobody is there to read it
    return await _changed(
        request, tenant_id, lambda tx, writer: operations.resolve(tx, name, reason, writer)
    )


ROUTES = [
    Route("/v1/alarms", get_alarms, methods=["GET"]),
    Route("/v1/alarms/{alarm}", get_alarm, methods=["GET"]),
    Route("/v1/alarms/{alarm}/acknowledge", post_acknowledge, methods=["POST"]),
    Route("/v1/alarms/{alarm}/resolve", post_resolve, methods=["POST"]),
]


async def _changed(
    request: Request, tenant_id: int, change: Callable[[Tx, Writer], Alarm]
) -> Response:
    service = service_of(request)
    app = service.app

    def work() -> dict[str, Any]:
        writer = Writer(app.clock(), _ACTOR, app.ids, alarming.channels(app.settings))
        with app.database.transaction(tenant_id) as tx:
            return as_data(change(tx, writer))

    return json_response(await in_thread(service, work))
