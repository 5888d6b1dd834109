"""The page of a sub-service: its resources, its newest events, and faults as switches."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from everycent.kernel.quantity import plain
from everycent.standins import pages
from everycent.standins.forms import form, number
from everycent.subservices.contract import CALLS, shown
from everycent.subservices.faults import KINDS
from everycent.subservices.mutations import MUTATIONS
from everycent.subservices.running import Running

_SHOWN = 60
_TEMPLATE = pages.template("everycent.subservices", "page.html")


async def _page(request: Request) -> Response:
    """GET /."""
    running = _running(request)
    text = _TEMPLATE.render(
        service=running.desk.service,
        summary=running.summary(),
        resources=running.book.latest_resources(_SHOWN),
        events=running.book.latest(_SHOWN),
        levels=running.book.latest_levels(_SHOWN),
        faults=[s.shown() for s in running.faults.switches if s.times != 0],
        kinds=KINDS,
        mutations=MUTATIONS,
        calls=CALLS,
        shown=shown,
        plain=plain,
    )
    return HTMLResponse(text, headers={"Cache-Control": "no-store"})


async def _put_fault(request: Request) -> Response:
    """POST /page/faults: the form."""
    told = await form(request)
    fault: dict[str, Any] = {"fault": told.get("fault", ""), "times": number(told, "times")}
    for name in ("seconds", "bytes"):
        if told.get(name):
            fault[name] = number(told, name)
    fault["where"] = {name: told[name] for name in ("call", "page") if told.get(name)}
    _running(request).faults.put(fault)
    return pages.back(request)


async def _take_fault_away(request: Request) -> Response:
    """POST /page/faults/{id}: the switch."""
    _running(request).faults.take_away(request.path_params["number"])
    return pages.back(request)


async def _settings(request: Request) -> Response:
    """POST /page/settings: the form."""
    told = await form(request)
    _running(request).change({"page_size": number(told, "page_size")})
    return pages.back(request)


def _running(request: Request) -> Running:
    running: Running = request.app.state.running
    return running


ROUTES = [
    Route("/", _page, methods=["GET"]),
    Route("/page/faults", _put_fault, methods=["POST"]),
    Route("/page/faults/{number:int}", _take_fault_away, methods=["POST"]),
    Route("/page/settings", _settings, methods=["POST"]),
]
