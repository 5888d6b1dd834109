"""The page of the fake ERP: documents with the newest on top, batches, sums, and faults as switches."""

from __future__ import annotations

from itertools import islice
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from everycent.fakes.erp_books import found
from everycent.fakes.erp_faults import KINDS
from everycent.fakes.erp_mutations import MUTATIONS
from everycent.fakes.erp_service import MODES, ErpService
from everycent.standins import pages
from everycent.standins.forms import form, number

_SHOWN = 60
_TEMPLATE = pages.template("everycent.fakes", "erp_page.html")


async def _page(request: Request) -> Response:
    """GET /."""
    service = _service(request)
    books, now = service.books, service.now()
    summary = service.summary()
    doubles = summary["more_than_once"]
    batches = [one for batches in books.batches.values() for one in batches[-_SHOWN:]]
    text = _TEMPLATE.render(
        summary=summary,
        doubles=len(doubles),
        first_double=next(iter(doubles), ""),
        documents=[
            one | found(one, now) for one in islice(reversed(books.documents.values()), _SHOWN)
        ],
        batches=sorted(batches, key=lambda one: one["at"], reverse=True)[:_SHOWN],
        faults=[s.shown() for s in service.faults.switches if s.times != 0],
        settings=service.settings,
        kinds=KINDS,
        mutations=MUTATIONS,
        modes=MODES,
    )
    return HTMLResponse(text, headers={"Cache-Control": "no-store"})


async def _put_fault(request: Request) -> Response:
    """POST /page/faults: the form."""
    told = await form(request)
    fault: dict[str, Any] = {"fault": told.get("fault", ""), "times": number(told, "times")}
    if told.get("seconds"):
        fault["seconds"] = number(told, "seconds")
    fault["where"] = {name: told[name] for name in ("reference", "path") if told.get(name)}
    _service(request).faults.put(fault)
    return pages.back(request)


async def _take_fault_away(request: Request) -> Response:
    """POST /page/faults/{id}: the switch."""
    _service(request).faults.take_away(request.path_params["number"])
    return pages.back(request)


async def _settings(request: Request) -> Response:
    """POST /page/settings: the form."""
    service, told = _service(request), await form(request)
    service.change({"mode": told.get("mode", ""), "delay": number(told, "delay")})
    service.close_period(told.get("closed_until") or None)
    await service.lines.durable()
    return pages.back(request)


async def _lose(request: Request) -> Response:
    """POST /page/documents/lose: the button of a document."""
    service, told = _service(request), await form(request)
    service.keep(service.books.forgotten(told.get("reference", "")))
    await service.lines.durable()
    return pages.back(request)


async def _double(request: Request) -> Response:
    """POST /page/documents/twice: the button of a document."""
    service, told = _service(request), await form(request)
    service.keep(service.books.doubled(told.get("reference", ""), service.now()))
    await service.lines.durable()
    return pages.back(request)


def _service(request: Request) -> ErpService:
    service: ErpService = request.app.state.service
    return service


ROUTES = [
    Route("/", _page, methods=["GET"]),
    Route("/page/faults", _put_fault, methods=["POST"]),
    Route("/page/faults/{number:int}", _take_fault_away, methods=["POST"]),
    Route("/page/settings", _settings, methods=["POST"]),
    Route("/page/documents/lose", _lose, methods=["POST"]),
    Route("/page/documents/twice", _double, methods=["POST"]),
]
