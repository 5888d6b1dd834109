"""The fake provider's protocol over HTTP: charges, refunds and look-ups, and what faults do to them."""

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

from everycent.fakes import admin, page
from everycent.fakes.faults import Asked, Fault
from everycent.fakes.service import Service, Settings
from everycent.fakes.words import Said, error, is_text, method_fault
from everycent.kernel.errors import Invalid, Refusal
from everycent.standins import raw
from everycent.standins.serving import refused, told

_CROSSING_SECONDS = 3
_PAGE = "<!doctype html><title>Bad gateway</title><h1>Bad gateway</h1>"


def make_app(folder: Path, settings: Settings) -> Starlette:
    """The fake provider over a folder. Raises like `Service`."""
    service = Service(folder, settings)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        service.start()
        try:
            yield
        finally:
            await service.close()

    app = Starlette(
        routes=[
            Route("/charges", _money, methods=["POST"]),
            Route("/charges", _look_up, methods=["GET"]),
            Route("/refunds", _money, methods=["POST"]),
            Route("/refunds", _look_up, methods=["GET"]),
            *admin.ROUTES,
            *page.ROUTES,
        ],
        exception_handlers={Refusal: refused},
        lifespan=lifespan,
    )
    app.state.service = service
    app.state.faults = service.faults
    return app


async def _money(request: Request) -> Response:
    """POST /charges, POST /refunds."""
    service: Service = request.app.state.service
    service.open_calls += 1
    service.most_open_calls = max(service.most_open_calls, service.open_calls)
    try:
        return await _answered(request, service)
    finally:
        service.open_calls -= 1


async def _answered(request: Request, service: Service) -> Response:
    if (denied := _denied(request, service)) is not None:
        return denied
    try:
        asked = await told(request)
    except Invalid as refusal:
        return _json(error(400, "bad_request", refusal.message))
    kind = request.url.path.strip("/").removesuffix("s")
    reference, method = asked.get("reference"), asked.get("method")
    if is_text(reference):
        service.count_request(reference)
    of_method = method_fault(method) if isinstance(method, str) else None
    at = Asked("POST", request.url.path, reference, asked.get("payer"), method)
    fault = service.faults.match(at) or of_method
    # a method that is always declined stays so, whatever else happens to the request
    decisive = of_method if of_method is not None and of_method.name == "decline" else fault
    await _pause(service.settings.latency)
    if fault is not None and (early := await _before(fault, reference)) is not None:
        return early
    key = request.headers.get("idempotency-key")

    def decide() -> Said:
        decider = service.bank.charge if kind == "charge" else service.bank.refund
        said, records = decider(asked, key, decisive, service.settings.terms, service.now())
        service.keep(records)
        return said

    if fault is not None and fault.name == "late_commit":
        service.later(1000 if fault.wait is None else fault.wait, decide)
        return raw.hanging()
    said = decide()
    await service.lines.durable()
    return _json(said) if fault is None else await _after(fault, said, service)


def _denied(request: Request, service: Service) -> Response | None:
    """The refusal of a request without the right key."""
    wanted = f"Bearer {service.settings.key}".encode()
    if compare_digest(request.headers.get("authorization", "").encode(), wanted):
        return None
    return _json(error(401, "unauthorized", "the key is missing or wrong"))


async def _before(fault: Fault, reference: Any) -> Response | None:
    """What a fault does before anything is charged."""
    name = fault.name
    more = {"reference": reference} if is_text(reference) else {}
    if name == "close_before_charge":
        return raw.closed()
    if name == "hang_before_charge":
        return raw.hanging()
    if name == "error_500_before":
        return _json(error(500, "internal", "something went wrong", **more))
    if name == "error_502":
        return HTMLResponse(_PAGE, 502)
    if name == "error_503_not_processed":
        return _json(error(503, "not_processed", "nothing was processed; come again", **more))
    if name == "rate_limit":
        seconds = 1 if fault.wait is None else -(-fault.wait // 1000)
        patience = error(429, "rate_limited", "too many requests", **more)
        return _json(patience, {"Retry-After": str(seconds)})
    if name == "redirect_307":
        return RedirectResponse("/charges?elsewhere", 307)
    if name == "slow":
        await _pause(1000 if fault.wait is None else fault.wait)
    return None


async def _after(fault: Fault, said: Said, service: Service) -> Response:
    """What a fault does to an answer that is true and stands on the disk."""
    name, body = fault.name, _bytes(said)
    if name == "close_after_charge":
        return raw.closed()
    if name == "hang_after_charge":
        return raw.hanging()
    if name == "error_500_after":
        return _json(error(500, "internal", "something went wrong"))
    if name == "slow_loris":
        return raw.dripping(said.status, body)
    if name == "truncated":
        return raw.cut(said.status, body)
    if name == "garbage":
        return raw.garbage()
    if name == "html":
        return HTMLResponse("<!doctype html><title>Thank you</title><p>Thank you")
    if name == "huge_body":
        return raw.huge(body)
    if name == "gzip_bomb":
        return raw.bomb()
    if name == "crossed":
        return _json(await _crossed(said, service))
    if name == "duplicate_key_json":
        twice = body[:-1] + b',"amount":1}'
        return Response(twice, said.status, media_type="application/json")
    if name in ("wrong_amount", "wrong_currency") and said.status == 200:
        return _json(_lied(said, name))
    return _json(said)


def _lied(said: Said, name: str) -> Said:
    amount, currency = said.body["amount"], said.body["currency"]
    if name == "wrong_amount":
        return Said(200, said.body | {"amount": amount + 1})
    return Said(200, said.body | {"currency": "USD" if currency != "USD" else "EUR"})


async def _crossed(said: Said, service: Service) -> Said:
    """The answer of the next request that this happens to, which gets this one; one's own if none comes."""
    if service.crossing is not None:
        (theirs, waiting), service.crossing = service.crossing, None
        waiting.set_result(said)
        return theirs
    mine: asyncio.Future[Said] = asyncio.get_running_loop().create_future()
    service.crossing = said, mine
    done, _ = await asyncio.wait({mine}, timeout=_CROSSING_SECONDS)
    if done:
        return mine.result()
    service.crossing = None
    return said


async def _look_up(request: Request) -> Response:
    """GET /charges?reference=R, GET /refunds?reference=R."""
    service: Service = request.app.state.service
    if (denied := _denied(request, service)) is not None:
        return denied
    await _pause(service.settings.latency)
    reference = request.query_params.get("reference", "")
    kind = request.url.path.strip("/").removesuffix("s")
    fault = service.faults.match(Asked("GET", request.url.path, reference))
    if fault is not None and (early := await _before(fault, reference)) is not None:
        return early
    if not service.settings.looks_up:
        return _json(error(404, "no_lookup", "charges can't be looked up here"))
    found = service.bank.found(kind, reference)
    await service.lines.durable()
    if fault is not None and fault.name == "forget_lookup":
        found = []
    said = Said(200, {f"{kind}s": found})
    return _json(said) if fault is None else await _after(fault, said, service)


async def _pause(milliseconds: int) -> None:
    if milliseconds:
        await asyncio.sleep(milliseconds / 1000)


def _bytes(said: Said) -> bytes:
    return msgspec.json.encode(said.body)


def _json(said: Said, headers: dict[str, str] | None = None) -> Response:
    return Response(_bytes(said), said.status, headers, "application/json")
