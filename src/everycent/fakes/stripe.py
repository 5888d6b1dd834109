"""A stand-in for Stripe's API over HTTP: as much of it as off-session charges need, with faults.

Requests are form-encoded and answers are JSON, as the SDKs send and read them. Idempotency keys are kept
with their answers, errors and all. What it promises is what Stripe's reference says, not what Stripe does.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from hmac import compare_digest
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from everycent.fakes import admin
from everycent.fakes.faults import Asked, Fault
from everycent.fakes.service import Settings
from everycent.fakes.stripe_bank import REFERENCE, Decided, shown
from everycent.fakes.stripe_form import decoded
from everycent.fakes.stripe_objects import Form, Said, error, invalid, missing
from everycent.fakes.stripe_service import StripeService
from everycent.kernel.errors import Refusal
from everycent.standins import raw
from everycent.standins.serving import refused

_CROSSING_SECONDS = 3
_PAGE = "<!doctype html><title>Bad gateway</title><h1>Bad gateway</h1>"
Decide = Callable[[StripeService, Request, Form, Fault | None], Decided]


def make_app(folder: Path, settings: Settings) -> Starlette:
    """The stand-in over a folder. Raises like `StripeService`."""
    service = StripeService(folder, settings)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        service.start()
        try:
            yield
        finally:
            await service.close()

    app = Starlette(
        routes=[*ROUTES, *(route for route in admin.ROUTES if "customers" not in route.path)],
        exception_handlers={Refusal: refused},
        lifespan=lifespan,
    )
    app.state.service = service
    app.state.faults = service.faults
    return app


def _create(service: StripeService, _: Request, asked: Form, fault: Fault | None) -> Decided:
    return service.bank.create(asked, fault, service.now())


def _confirm(service: StripeService, request: Request, asked: Form, fault: Fault | None) -> Decided:
    return service.bank.confirm(request.path_params["named"], asked, fault, service.now())


def _cancel(service: StripeService, request: Request, _: Form, __: Fault | None) -> Decided:
    return service.bank.cancel(request.path_params["named"], service.now())


def _refund(service: StripeService, _: Request, asked: Form, fault: Fault | None) -> Decided:
    return service.bank.refund(asked, fault, service.now())


def _writing(decide: Decide) -> Callable[[Request], object]:
    """The handler of a POST that comes to what `decide` says."""

    async def handle(request: Request) -> Response:
        service: StripeService = request.app.state.service
        if (denied := _denied(request, service)) is not None:
            return denied
        try:
            asked = decoded((await request.body()).decode())
        except ValueError as wrong:
            return _json(invalid(None, f"Invalid request: {wrong}"))
        metadata = asked.get("metadata")
        reference = metadata.get(REFERENCE) if isinstance(metadata, dict) else None
        if isinstance(reference, str):
            service.count_request(reference)
        at = Asked(
            "POST", request.url.path, reference, asked.get("customer"), asked.get("payment_method")
        )
        return await _written(service, request, asked, decide, service.faults.match(at))

    return handle


async def _written(
    service: StripeService, request: Request, asked: Form, decide: Decide, fault: Fault | None
) -> Response:
    key, path = request.headers.get("idempotency-key"), request.url.path
    await asyncio.sleep(service.settings.latency / 1000)
    if fault is not None and (early := await _before(fault)) is not None:
        await service.lines.durable()
        return early
    if key in service.in_flight:
        message = "There is currently another in-progress request using this Idempotent Key."
        return _json(error(409, "idempotency_error", "idempotency_key_in_use", message))
    since = service.now() - timedelta(seconds=service.settings.window)
    before = service.bank.remembered(key, path, asked, since)
    if before is not None:
        is_same = before.body.get("error", {}).get("type") != "idempotency_error"
        return _json(before, {"Idempotent-Replayed": "true"} if is_same else None)

    def work() -> Said:
        said, records = decide(service, request, asked, fault)
        if fault is not None and fault.name == "error_500_after":
            said = _broken()
        kept = service.bank.remembering(key, path, asked, said, service.now())
        service.keep([*records, *kept])
        service.in_flight.discard(key or "")
        return said

    if fault is not None and fault.name == "late_commit":
        service.in_flight.add(key or "")
        service.later(1000 if fault.wait is None else fault.wait, work)
        return raw.hanging()
    said = work()
    await service.lines.durable()
    return _json(said) if fault is None else await _after(fault, said, service)


async def _list(request: Request) -> Response:
    """GET /v1/payment_intents, GET /v1/refunds."""
    service: StripeService = request.app.state.service
    if (denied := _denied(request, service)) is not None:
        return denied
    path = request.url.path
    try:
        asked = decoded(request.url.query)
    except ValueError as wrong:
        return _json(invalid(None, f"Invalid request: {wrong}"))
    payer = asked.get("customer")
    paid = service.bank.intents.get(asked.get("payment_intent", ""))
    if paid is not None:
        payer = paid["customer"]
    fault = service.faults.match(Asked("GET", path, None, payer))
    await asyncio.sleep(service.settings.latency / 1000)
    if fault is not None and (early := await _before(fault)) is not None:
        return early
    bank = service.bank
    said = bank.list_refunds(asked) if path.endswith("refunds") else bank.list_intents(asked)
    if fault is not None and fault.name == "forget_lookup" and said.status == 200:
        said = Said(200, said.body | {"data": [], "has_more": False})
    await service.lines.durable()
    return _json(said) if fault is None else await _after(fault, said, service)


async def _retrieve(request: Request) -> Response:
    """GET /v1/payment_intents/{id}, GET /v1/refunds/{id}."""
    service: StripeService = request.app.state.service
    if (denied := _denied(request, service)) is not None:
        return denied
    bank, named = service.bank, request.path_params["named"]
    is_refund = request.url.path.startswith("/v1/refunds/")
    found = (bank.refunds if is_refund else bank.intents).get(named)
    if found is None:
        kind = "refund" if is_refund else "payment_intent"
        return _json(missing(kind, named, "id" if is_refund else "intent", 404))
    return _json(Said(200, shown(found)))


def _denied(request: Request, service: StripeService) -> Response | None:
    """The refusal of a request without the right key."""
    wanted = f"Bearer {service.settings.key}".encode()
    if compare_digest(request.headers.get("authorization", "").encode(), wanted):
        return None
    return _json(invalid(None, "Invalid API Key provided: sk_****", status=401))


def _broken() -> Said:
    return error(500, "api_error", None, "An unknown error occurred")


async def _before(fault: Fault) -> Response | None:
    """What a fault does before anything is charged."""
    name = fault.name
    if name == "close_before_charge":
        return raw.closed()
    if name == "hang_before_charge":
        return raw.hanging()
    if name == "error_500_before":
        return _json(_broken())
    if name == "error_502":
        return HTMLResponse(_PAGE, 502)
    if name == "error_503_not_processed":
        return _json(error(503, "api_error", None, "Stripe is down for maintenance"))
    if name == "rate_limit":
        seconds = 1 if fault.wait is None else -(-fault.wait // 1000)
        said = invalid("rate_limit", "Request rate limit exceeded.", status=429)
        return _json(said, {"Retry-After": str(seconds)})
    if name == "redirect_307":
        return RedirectResponse("/v1/payment_intents?elsewhere=1", 307)
    if name == "slow":
        await asyncio.sleep((1000 if fault.wait is None else fault.wait) / 1000)
    return None


async def _after(fault: Fault, said: Said, service: StripeService) -> Response:
    """What a fault does to an answer that is true and stands on the disk."""
    name, body = fault.name, _bytes(said)
    if name == "crossed":
        return _json(await _crossed(said, service))
    if name == "duplicate_key_json":
        twice = body[:-1] + b',"amount":1}'
        return Response(twice, said.status, media_type="application/json")
    if name in ("wrong_amount", "wrong_currency") and said.status == 200:
        return _json(_lied(said, name))
    plain: dict[str, Callable[[], Response]] = {
        "close_after_charge": raw.closed,
        "hang_after_charge": raw.hanging,
        "slow_loris": lambda: raw.dripping(said.status, body),
        "truncated": lambda: raw.cut(said.status, body),
        "garbage": raw.garbage,
        "html": lambda: HTMLResponse("<!doctype html><title>Thank you</title><p>Thank you"),
        "huge_body": lambda: raw.huge(body),
        "gzip_bomb": raw.bomb,
    }
    return plain[name]() if name in plain else _json(said)


def _lied(said: Said, name: str) -> Said:
    told = said.body
    if name == "wrong_amount":
        more = {n: told[n] + 1 for n in ("amount", "amount_received") if n in told}
        return Said(200, told | more)
    return Said(200, told | {"currency": "usd" if told["currency"] != "usd" else "eur"})


async def _crossed(said: Said, service: StripeService) -> Said:
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


def _bytes(said: Said) -> bytes:
    return json.dumps(said.body, indent=2).encode()


def _json(said: Said, headers: dict[str, str] | None = None) -> Response:
    told = {"Request-Id": "req_everycent"} | (headers or {})
    return Response(_bytes(said), said.status, told, "application/json")


ROUTES = [
    Route("/v1/payment_intents", _writing(_create), methods=["POST"]),
    Route("/v1/payment_intents", _list, methods=["GET"]),
    Route("/v1/payment_intents/{named}", _retrieve, methods=["GET"]),
    Route("/v1/payment_intents/{named}/confirm", _writing(_confirm), methods=["POST"]),
    Route("/v1/payment_intents/{named}/cancel", _writing(_cancel), methods=["POST"]),
    Route("/v1/refunds", _writing(_refund), methods=["POST"]),
    Route("/v1/refunds", _list, methods=["GET"]),
    Route("/v1/refunds/{named}", _retrieve, methods=["GET"]),
]
