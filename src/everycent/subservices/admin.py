"""The admin API of a sub-service: faults, settings, what is told to its book."""

from __future__ import annotations

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from everycent.kernel.errors import Invalid
from everycent.standins.serving import told
from everycent.subservices.entries import Entry, take
from everycent.subservices.faults import KINDS
from everycent.subservices.mutations import MUTATIONS
from everycent.subservices.running import Running


def _running(request: Request) -> Running:
    running: Running = request.app.state.running
    return running


async def _put_fault(request: Request) -> Response:
    """POST or PUT /admin/faults."""
    switch = _running(request).faults.put(await told(request))
    return JSONResponse(switch.shown(), 201)


async def _show_faults(request: Request) -> Response:
    """GET /admin/faults."""
    return JSONResponse({"faults": [s.shown() for s in _running(request).faults.switches]})


async def _clear_faults(request: Request) -> Response:
    """DELETE /admin/faults, DELETE /admin/faults/{id}."""
    _running(request).faults.take_away(request.path_params.get("number"))
    return JSONResponse({})


async def _kinds(_: Request) -> Response:
    """GET /admin/kinds."""
    shown = {
        name: {"what": one.what, "calls": sorted(one.calls), "pages": one.pages}
        for name, one in MUTATIONS.items()
    }
    return JSONResponse({"faults": KINDS, "mutations": shown})


async def _settings(request: Request) -> Response:
    """GET and POST /admin/settings."""
    if request.method == "POST":
        _running(request).change(await told(request))
    return JSONResponse(_running(request).settings())


async def _entries(request: Request) -> Response:
    """POST /admin/entries: one entry, or a list of them under `entries`, all or none."""
    running, body = _running(request), await told(request)
    given = body["entries"] if set(body) == {"entries"} else [body]
    if not isinstance(given, list):
        raise Invalid("subservice.bad_entry", "entries is no list", field="entries")
    entries = [Entry.of(one) for one in given]

    def keep() -> None:
        with running.book.writing():
            for entry in entries:
                take(running.book, tuple(running.desk.service.items), running.level, entry)

    await anyio.to_thread.run_sync(keep)
    return JSONResponse(running.book.counts(), 201)


async def _forget(request: Request) -> Response:
    """DELETE /admin/snapshots."""
    _running(request).desk.forget()
    return JSONResponse({})


async def _summary(request: Request) -> Response:
    """GET /admin/summary."""
    return JSONResponse(_running(request).summary())


ROUTES = [
    Route("/admin/faults", _put_fault, methods=["POST", "PUT"]),
    Route("/admin/faults", _show_faults, methods=["GET"]),
    Route("/admin/faults", _clear_faults, methods=["DELETE"]),
    Route("/admin/faults/{number:int}", _clear_faults, methods=["DELETE"]),
    Route("/admin/kinds", _kinds, methods=["GET"]),
    Route("/admin/settings", _settings, methods=["GET", "POST"]),
    Route("/admin/entries", _entries, methods=["POST"]),
    Route("/admin/snapshots", _forget, methods=["DELETE"]),
    Route("/admin/summary", _summary, methods=["GET"]),
]
