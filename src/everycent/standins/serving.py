"""The server process of a stand-in: a port, an end on SIGTERM, nothing printed but the address."""

from __future__ import annotations

import json
import logging
import signal
import socket
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from everycent.kernel.errors import Conflict, Invalid, NotFound, Refusal, Unavailable
from everycent.standins.raw import FaultyProtocol

_BACKLOG = 2048
_STATUS = {Conflict: 409, NotFound: 404}


def serve(
    app: Starlette,
    host: str,
    port: int,
    on_ready: Callable[[str], None],
    *,
    certificate: tuple[str, str] | None = None,
) -> None:
    """Serves until SIGTERM or SIGINT. `on_ready` is told the address; port 0 takes any free one. With a
    `certificate`, the files of it and of its key, it speaks TLS.

    An application that can have faults has them in `state.faults`. Raises Unavailable `fake.no_address`.
    """
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    try:
        listening = socket.create_server((host, port), backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        raise Unavailable(
            "fake.no_address",
            f"{host} port {port} can't be listened on: {error}",
            field="port",
            hint="choose another one with --port",
        ) from error
    config = uvicorn.Config(
        app,
        http=FaultyProtocol if hasattr(app.state, "faults") else "httptools",
        loop="uvloop",
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=1,
        ssl_certfile=certificate[0] if certificate else None,
        ssl_keyfile=certificate[1] if certificate else None,
    )
    server = uvicorn.Server(config)

    def stop(*_: object) -> None:
        server.should_exit = True

    # uvicorn stops on these by itself and then sends them to the process again, which would die of it.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    scheme = "https" if certificate else "http"
    on_ready(f"{scheme}://{host}:{listening.getsockname()[1]}")
    server.run(sockets=[listening])


async def told(request: Request) -> dict[str, Any]:
    """The JSON object of a request's body; numbers with a point become Decimal. Raises Invalid."""
    content = await request.body()
    try:
        found = json.loads(content or b"{}", parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Invalid("fake.not_json", f"the body is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise Invalid("fake.not_json", "the body is not a JSON object")
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")


async def refused(_: Request, refusal: Exception) -> Response:
    """A refusal of the admin API."""
    assert isinstance(refusal, Refusal)
    return JSONResponse({"error": refusal.as_dict()}, status_code=_STATUS.get(type(refusal), 400))
