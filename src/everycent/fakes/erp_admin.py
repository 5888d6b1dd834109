"""The admin API of the fake ERP: faults, settings, the books, and what is done to them by hand."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from everycent.fakes.erp_books import found
from everycent.fakes.erp_service import ErpService
from everycent.fakes.erp_words import FOUND, Record
from everycent.kernel.errors import Invalid
from everycent.standins.serving import told

_CHANGEABLE = frozenset({"customer", "currency", "net", "tax", "gross"})
_MORE = ("seller", "batch", "kind", "number", "issued_on", "digest", "at")


def _service(request: Request) -> ErpService:
    service: ErpService = request.app.state.service
    return service


async def _put_fault(request: Request) -> Response:
    """POST or PUT /admin/faults."""
    switch = _service(request).faults.put(await told(request))
    return JSONResponse(switch.shown(), 201)


async def _show_faults(request: Request) -> Response:
    """GET /admin/faults."""
    return JSONResponse({"faults": [s.shown() for s in _service(request).faults.switches]})


async def _clear_faults(request: Request) -> Response:
    """DELETE /admin/faults, DELETE /admin/faults/{id}."""
    _service(request).faults.take_away(request.path_params.get("number"))
    return JSONResponse({})


async def _settings(request: Request) -> Response:
    """GET and POST /admin/settings."""
    if request.method == "POST":
        _service(request).change(await told(request))
    return JSONResponse(_service(request).settings.shown())


async def _documents(request: Request) -> Response:
    """GET /admin/documents."""
    service = _service(request)
    now = service.now()
    shown = [
        {"id": one["id"]} | found(one, now) | {name: one[name] for name in _MORE}
        for one in service.books.documents.values()
    ]
    await service.lines.durable()
    return JSONResponse({"documents": shown})


async def _batches(request: Request) -> Response:
    """GET /admin/batches."""
    service = _service(request)
    shown = [one for batches in service.books.batches.values() for one in batches]
    await service.lines.durable()
    return JSONResponse({"batches": shown})


async def _summary(request: Request) -> Response:
    """GET /admin/summary."""
    return JSONResponse(_service(request).summary())


async def _period(request: Request) -> Response:
    """POST /admin/period."""
    service = _service(request)
    service.close_period((await told(request)).get("closed_until"))
    await service.lines.durable()
    closed = service.books.closed_until
    return JSONResponse({"closed_until": None if closed is None else closed.isoformat()})


async def _lose(request: Request) -> Response:
    """DELETE /admin/documents/{reference}."""
    books = _service(request).books
    return await _kept(request, books.forgotten(request.path_params["reference"]))


async def _double(request: Request) -> Response:
    """POST /admin/documents/{reference}/twice."""
    service = _service(request)
    reference = request.path_params["reference"]
    return await _kept(request, service.books.doubled(reference, service.now()))


async def _change(request: Request) -> Response:
    """POST /admin/documents/{reference}."""
    changes = await told(request)
    for name, value in changes.items():
        if name not in _CHANGEABLE or not isinstance(value, str):
            raise Invalid(
                "fake.bad_change", f"{name} can't be changed to that", field=name, value=value,
                hint=f"texts for {', '.join(n for n in FOUND if n in _CHANGEABLE)}",
            )  # fmt: skip
    books = _service(request).books
    return await _kept(request, books.changed(request.path_params["reference"], changes))


async def _kept(request: Request, records: list[Record]) -> Response:
    """Keeps what was decided and tells what there is under the reference now."""
    service = _service(request)
    service.keep(records)
    await service.lines.durable()
    found_now = service.books.found([request.path_params["reference"]], service.now())
    return JSONResponse({"documents": found_now})


ROUTES = [
    Route("/admin/faults", _put_fault, methods=["POST", "PUT"]),
    Route("/admin/faults", _show_faults, methods=["GET"]),
    Route("/admin/faults", _clear_faults, methods=["DELETE"]),
    Route("/admin/faults/{number:int}", _clear_faults, methods=["DELETE"]),
    Route("/admin/settings", _settings, methods=["GET", "POST"]),
    Route("/admin/documents", _documents, methods=["GET"]),
    Route("/admin/batches", _batches, methods=["GET"]),
    Route("/admin/summary", _summary, methods=["GET"]),
    Route("/admin/period", _period, methods=["POST"]),
    Route("/admin/documents/{reference:path}/twice", _double, methods=["POST"]),
    Route("/admin/documents/{reference:path}", _change, methods=["POST"]),
    Route("/admin/documents/{reference:path}", _lose, methods=["DELETE"]),
]
