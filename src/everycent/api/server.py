"""The HTTP interface: one application, made of the routes of its modules, and the server that runs it."""

from __future__ import annotations

import gc
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache
from importlib.metadata import version
from typing import Any

import anyio.to_thread
import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from everycent.api import (
    alarms,
    attempts,
    audit,
    bank,
    catalog,
    collections,
    coupons,
    customers,
    debit_files,
    described,
    dunning,
    entitlements,
    erp,
    exchange,
    founding,
    hooks,
    invoices,
    invoices_changed,
    journal,
    keys,
    ledger,
    ledger_export,
    live,
    me,
    measurements,
    members,
    messages,
    methods,
    owed,
    payments,
    plans,
    previews,
    queueing,
    rates,
    refunds,
    report_configs,
    reports,
    runs,
    simulations,
    subscription_changes,
    subscriptions,
    subservices,
    tenant,
    tenants,
    usage,
    usage_corrected,
    usage_found,
    usage_watched,
    verifying,
    wallets,
    wallets_changed,
    webhooks,
)
from everycent.api.answering import route_of
from everycent.api.away import ALIVE, Away
from everycent.api.identity import Identity
from everycent.api.openapi import document
from everycent.api.operation import Open, Operation, raw
from everycent.api.patience import Patience, PatientProtocol
from everycent.api.problems import HANDLERS
from everycent.api.service import close, service_for, service_of
from everycent.api.shapes import Shown
from everycent.api.slashes import Slashes
from everycent.app.wiring import App
from everycent.kernel.errors import Unavailable

_BACKLOG = 512
_MAX_CONNECTIONS = 1000
_IDLE_SECONDS = 30
_PACKED_FROM = 2000  # bytes
_DRAIN_SECONDS = 60
_OBJECTS_BETWEEN_COLLECTIONS = 100_000
_NOT_KEPT = {"Cache-Control": "no-store"}
_NO_LONGER = {"Cache-Control": "no-cache"}
_STYLES = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


class Health(Shown):
    """It works."""

    status: str


async def livez(request: Request) -> Response:  # noqa: ARG001
    """Says that the process works, whatever is with the database."""
    return JSONResponse({"status": "ok"}, headers=_NOT_KEPT)


async def readyz(request: Request) -> Response:
    """Says that the database is there with the schema that is needed; 503 when it is not. It waits for
    nobody."""
    service_of(request).app.database.check()
    return JSONResponse({"status": "ok"}, headers=_NOT_KEPT)


_EVERYBODY = Open("it says nothing of anybody")
_ALIASES = [
    Route("/v1/healthz", readyz, methods=["GET"]),
    Route("/rest/health", readyz, methods=["GET"]),
]
OPERATIONS: list[Operation] = [
    raw("GET", ALIVE, _EVERYBODY, livez, Health),
    raw("GET", "/readyz", _EVERYBODY, readyz, Health),
    *usage.OPERATIONS,
    *live.OPERATIONS,
    *usage_found.OPERATIONS,
    *usage_watched.OPERATIONS,
    *usage_corrected.OPERATIONS,
    *entitlements.OPERATIONS,
    *founding.OPERATIONS,
    *collections.OPERATIONS,
    *invoices.OPERATIONS,
    *invoices_changed.OPERATIONS,
    *owed.OPERATIONS,
    *attempts.OPERATIONS,
    *bank.OPERATIONS,
    *payments.OPERATIONS,
    *refunds.OPERATIONS,
    *queueing.OPERATIONS,
    *methods.OPERATIONS,
    *debit_files.OPERATIONS,
    *dunning.OPERATIONS,
    *wallets_changed.OPERATIONS,
    *wallets.OPERATIONS,
    *erp.OPERATIONS,
    *exchange.OPERATIONS,
    *alarms.OPERATIONS,
    *runs.OPERATIONS,
    *ledger.OPERATIONS,
    *ledger_export.OPERATIONS,
    *journal.OPERATIONS,
    *verifying.OPERATIONS,
    *subservices.OPERATIONS,
    *reports.OPERATIONS,
    *report_configs.OPERATIONS,
    *messages.OPERATIONS,
    *tenant.OPERATIONS,
    *tenants.OPERATIONS,
    *keys.OPERATIONS,
    *members.OPERATIONS,
    *me.OPERATIONS,
    *audit.OPERATIONS,
    *customers.OPERATIONS,
    *subscriptions.OPERATIONS,
    *subscription_changes.OPERATIONS,
    *catalog.OPERATIONS,
    *plans.OPERATIONS,
    *coupons.OPERATIONS,
    *previews.OPERATIONS,
    *simulations.OPERATIONS,
    *rates.OPERATIONS,
    *measurements.OPERATIONS,
    *webhooks.OPERATIONS,
    *hooks.OPERATIONS,
]
"""All that can be asked. A module has a list of its own, which is added here."""


def openapi() -> dict[str, Any]:
    """The OpenAPI document of all operations."""
    return document(OPERATIONS, version("everycent"))


@cache
def _documents() -> tuple[bytes, str]:
    """The OpenAPI document and its page; they stay the same while the process lives."""
    told = openapi()
    return msgspec.json.encode(told), described.page(told)


async def get_openapi(request: Request) -> Response:  # noqa: ARG001
    """The OpenAPI document."""
    return Response(_documents()[0], media_type="application/json", headers=_NO_LONGER)


async def get_docs(request: Request) -> Response:  # noqa: ARG001
    """The page that shows people what can be asked."""
    return HTMLResponse(_documents()[1], headers=_NO_LONGER | {"Content-Security-Policy": _STYLES})


def make_app(app: App, more: Sequence[BaseRoute] = ()) -> Starlette:
    """The application over the opened product, with more routes if there are. What was taken in is stored
    before it ends."""

    @asynccontextmanager
    async def lifespan(application: Starlette) -> AsyncIterator[None]:
        service = service_for(app)
        application.state.service = service
        try:
            yield
        finally:
            await anyio.to_thread.run_sync(close, service)

    return Starlette(
        routes=[
            *map(route_of, OPERATIONS),
            *_ALIASES,
            Route("/v1/openapi.json", get_openapi, methods=["GET"]),
            Route("/v1/docs", get_docs, methods=["GET"]),
            *more,
        ],
        middleware=[
            Middleware(Identity),
            Middleware(Patience),
            Middleware(GZipMiddleware, minimum_size=_PACKED_FROM),
            Middleware(Away),
            Middleware(Slashes),
        ],
        exception_handlers=HANDLERS,
        lifespan=lifespan,
    )


def listen(host: str, port: int, count: int = 1) -> list[socket.socket]:
    """So many sockets that share an address, each with connections of its own; port 0 takes any free one.

    Raises Unavailable `server.no_address`, also where another server listens.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        first = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        if count == 1:
            return [first]
        # Sharing is for ourselves: whether another server is there was seen above, without it.
        shared = (host, first.getsockname()[1])
        first.close()
        return [
            socket.create_server(shared, family=family, backlog=_BACKLOG, reuse_port=True)
            for _ in range(count)
        ]
    except (OSError, OverflowError) as error:
        raise Unavailable(
            "server.no_address",
            f"{host} port {port} can't be listened on: {error}",
            field="port",
            hint="is another server running there? choose with --host and --port",
        ) from error


def address_of(listening: socket.socket) -> str:
    """Where a socket listens, as a URL."""
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"


def serve(
    app: App,
    listening: socket.socket,
    on_ready: Callable[[], None],
    is_asked: threading.Event,
    more: Sequence[BaseRoute] = (),
) -> None:
    """Serves until SIGTERM or SIGINT, then answers what it has begun and returns; at once when it
    `is_asked` to stop already. `on_ready` is called before connections are taken."""
    config = uvicorn.Config(
        make_app(app, more),
        http=PatientProtocol,
        loop="uvloop",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=_MAX_CONNECTIONS,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    server = uvicorn.Server(config)

    def stop(*_: object) -> None:
        server.should_exit = True

    # uvicorn stops on these by itself and then sends them to the process again, which would die of it.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    if is_asked.is_set():
        stop()
    # Records of a large request are many objects and no garbage: to look for cycles among them each time
    # that some hundred were made takes a tenth of all time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    on_ready()
    server.run(sockets=[listening])
