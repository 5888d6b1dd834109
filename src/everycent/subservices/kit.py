"""The kit: a sub-service in thirty lines.

    from everycent.subservices.kit import Event, Resource, Service, serve

    service = Service("printing", "secret", {"pages": "1"}, resources, events)
    serve(service, port=8730)

`resources` and `events` are functions of yours that take a period and return what you know of it. The
kit does the rest of docs/sub-services.md: HTTP, parameters, snapshots, pages, numbers, sums, trailers,
digests, current use, charts, what is included, errors.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from hmac import compare_digest

import anyio.to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from everycent.kernel.period import Period
from everycent.standins import serving
from everycent.subservices.accounts import Event, Included, Resource, Service
from everycent.subservices.contract import CALLS, SCHEMA, Wrong, bad, encoded
from everycent.subservices.desk import Answer, Desk

__all__ = ["Event", "Included", "Period", "Resource", "Service", "make_app", "serve"]

_LOG = logging.getLogger("everycent.subservices")


def serve(service: Service, *, host: str = "127.0.0.1", port: int = 0) -> None:
    """Answers for a service until SIGTERM or Ctrl-C, and prints the address."""

    def tell(address: str) -> None:
        print(f"listening on {address}", flush=True)

    serving.serve(make_app(service), host, port, tell)


def make_app(service: Service) -> Starlette:
    """The service as an ASGI application, for a server of your own."""
    desk = Desk(service)

    async def answer(request: Request) -> Response:
        return await answered(desk, request)

    return Starlette(
        routes=routes(answer),
        exception_handlers={Wrong: refused, 404: unknown, 405: not_get},
    )


def routes(answer: Callable[[Request], Awaitable[Response]]) -> list[Route]:
    """A route for each of the five calls."""
    return [Route(f"/{call}", answer, methods=["GET"]) for call in CALLS]


async def answered(desk: Desk, request: Request) -> Response:
    """The true answer to a request. Raises Wrong."""
    return json_of(encoded((await asked(desk, request)).body))


async def asked(desk: Desk, request: Request) -> Answer:
    """What the desk says to a request. Raises Wrong."""
    check_key(desk.service, request)
    pairs = request.query_params.multi_items()
    told = dict(pairs)
    if len(told) < len(pairs):
        raise bad("a parameter stands there twice")
    call = request.url.path.strip("/")
    try:
        found = await anyio.to_thread.run_sync(desk.answer, call, told)
    except Wrong:
        raise
    except (
        Exception
    ) as error:  # the service's own functions; whatever it is, half an answer is none
        _LOG.exception("%s can't answer %s", desk.service.name, call)
        message = f"{desk.service.name} can't answer: {type(error).__name__}: {error}"
        raise Wrong(503, "unavailable", message) from error
    return found


def check_key(service: Service, request: Request) -> None:
    """Raises Wrong unless the request carries the service's key."""
    wanted = f"Bearer {service.key}".encode()
    if not compare_digest(request.headers.get("authorization", "").encode(), wanted):
        raise Wrong(401, "unauthorized", "the key is missing or wrong")


def json_of(body: bytes, status: int = 200) -> Response:
    """A response that says it is JSON."""
    return Response(body, status, media_type="application/json")


async def refused(_: Request, wrong: Exception) -> Response:
    """A refusal as the contract has it."""
    assert isinstance(wrong, Wrong)
    return json_of(encoded(wrong.body), wrong.status)


async def unknown(request: Request, _: Exception) -> Response:
    """A path that is no call."""
    return _error(404, "unknown_call", f"there is no call {request.url.path[:80]}")


async def not_get(*_: object) -> Response:
    """Another method than GET."""
    return _error(405, "bad_request", "calls are asked with GET")


def _error(status: int, code: str, message: str) -> Response:
    body = {"schema": SCHEMA, "error": {"code": code, "message": message}}
    return json_of(encoded(body), status)
