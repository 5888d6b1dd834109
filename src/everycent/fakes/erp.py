"""The fake ERP's protocol over HTTP: deliveries, look-ups, the list, and what faults do to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hmac import compare_digest
from pathlib import Path
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from everycent.fakes import erp_admin, erp_page
from everycent.fakes.erp_faults import Asked, Fault
from everycent.fakes.erp_mutations import mutated
from everycent.fakes.erp_service import ErpService, ErpSettings
from everycent.fakes.erp_words import SCHEMA, Record, Wrong, read
from everycent.kernel.errors import Refusal
from everycent.standins import raw
from everycent.standins.serving import refused

_MOST_REFERENCES = 50
_EXCEPTION = """<!doctype html><title>KeyError</title><h1>Internal Server Error</h1><pre>
Traceback (most recent call last):
  File "posting.py", line 212, in post
    account = accounts[line.product]
KeyError: 'energy'</pre>"""


def make_app(folder: Path, settings: ErpSettings) -> Starlette:
    """The fake ERP over a folder. Raises like `ErpService`."""
    service = ErpService(folder, settings)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await service.close()

    app = Starlette(
        routes=[
            Route("/batches", _deliver, methods=["POST"]),
            Route("/documents", _look_up, methods=["GET"]),
            *erp_admin.ROUTES,
            *erp_page.ROUTES,
        ],
        exception_handlers={Refusal: refused, Wrong: _wrong},
        lifespan=lifespan,
    )
    app.state.service = service
    app.state.faults = service.faults
    return app


async def _deliver(request: Request) -> Response:
    """POST /batches."""
    service: ErpService = request.app.state.service
    service.requests += 1
    service.open_calls += 1
    service.most_open_calls = max(service.most_open_calls, service.open_calls)
    try:
        return await _delivered(request, service)
    finally:
        service.open_calls -= 1


async def _delivered(request: Request, service: ErpService) -> Response:
    _check_key(request, service)
    asked = read(await request.body())
    references = frozenset(document.reference for document in asked.delivery.documents)
    fault = service.faults.match(Asked("POST", request.url.path, references))
    if fault is not None and (early := await _before(fault)) is not None:
        return early

    def decide() -> Record:
        decided = service.books.deliver(asked, service.terms(fault))
        service.keep(decided.records)
        return decided.answer

    if fault is not None and fault.name == "late_commit":
        service.later(_wait(fault), decide)
        return raw.hanging()
    answer = decide()
    await service.lines.durable()
    return await _answered(fault, answer)


async def _look_up(request: Request) -> Response:
    """GET /documents?reference=A&reference=B, GET /documents?seller=S&after=CURSOR."""
    service: ErpService = request.app.state.service
    _check_key(request, service)
    references = request.query_params.getlist("reference")
    fault = service.faults.match(Asked("GET", request.url.path, frozenset(references)))
    if fault is not None and (early := await _before(fault)) is not None:
        return early
    answer = _found(service, request, references)
    await service.lines.durable()
    return await _answered(fault, answer)


def _found(service: ErpService, request: Request, references: list[str]) -> Record:
    told = request.query_params
    known = {"reference"} if references else {"seller", "after"}
    if not set(told) <= known or (not references and "seller" not in told):
        raise Wrong(400, "bad_request", "ask for references, or for a seller")
    if references:
        if len(references) > _MOST_REFERENCES:
            raise Wrong(400, "bad_request", f"at most {_MOST_REFERENCES} references")
        return {"schema": SCHEMA, "documents": service.books.found(references, service.now())}
    after = told.get("after", "0")
    if not (after.isascii() and after.isdigit() and len(after) < 19):
        raise Wrong(400, "bad_request", "after is no cursor of ours")
    return service.books.page(told["seller"], int(after), service.now())


async def _before(fault: Fault) -> Response | None:
    """What a fault does before anything is stored."""
    name = fault.name
    if name == "close_before":
        return raw.closed()
    if name == "hang_before":
        return raw.hanging()
    if name == "error_500_before":
        return _json(_error("internal", "something went wrong"), 500)
    if name in ("error_503", "rate_limit"):
        status, code = (503, "unavailable") if name == "error_503" else (429, "rate_limited")
        patience = {"Retry-After": str(-(-_wait(fault) // 1000))}
        return _json(_error(code, "come again later"), status, patience)
    if name == "redirect_307":
        return RedirectResponse("/batches?elsewhere", 307)
    if name == "slow":
        await asyncio.sleep(_wait(fault) / 1000)
    return None


async def _answered(fault: Fault | None, answer: Record) -> Response:
    """A true answer that stands on the disk, or what a fault makes of it."""
    name = None if fault is None else fault.name
    body = msgspec.json.encode(answer)
    if name == "close_after":
        return raw.closed()
    if name == "hang_after":
        return raw.hanging()
    if name == "error_500_after":
        return _json(_error("internal", "something went wrong"), 500)
    if name == "exception_page":
        return HTMLResponse(_EXCEPTION, 500)
    if name == "slow_loris":
        return raw.dripping(200, body)
    if name == "truncated":
        return raw.cut(200, body)
    if name == "garbage":
        return raw.garbage()
    if name == "html":
        return HTMLResponse("<!doctype html><title>Sign in</title><p>Please sign in")
    if name == "huge_body":
        return raw.huge(body)
    if name == "gzip_bomb":
        return raw.bomb()
    if fault is not None and name == "mutate":
        body = mutated(fault.detail or "", answer, fault.only)
    return Response(body, media_type="application/json")


def _wait(fault: Fault) -> int:
    return 1000 if fault.wait is None else fault.wait


def _check_key(request: Request, service: ErpService) -> None:
    wanted = f"Bearer {service.settings.key}".encode()
    if not compare_digest(request.headers.get("authorization", "").encode(), wanted):
        raise Wrong(401, "unauthorized", "the key is missing or wrong")


async def _wrong(_: Request, wrong: Exception) -> Response:
    assert isinstance(wrong, Wrong)
    return _json(wrong.body, wrong.status)


def _error(code: str, message: str) -> Record:
    return {"schema": SCHEMA, "error": {"code": code, "message": message}}


def _json(body: Any, status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(body), status, headers, "application/json")
