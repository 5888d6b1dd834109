"""Where a request comes from, and how it is called in logs and answers."""

from __future__ import annotations

import re
import secrets

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-Request-Id"
_FORM = re.compile(r"[A-Za-z0-9_.:-]{1,100}", re.ASCII)


class Identity:
    """ASGI middleware: each request has an id, its sender's or a new one, and every answer names it.
    Headers in the request's state are those of its answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets the request through with its id."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        told = Request(scope).headers.get(HEADER, "")
        request_id = told if _FORM.fullmatch(told) else "req_" + secrets.token_hex(12)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = request_id
                message["headers"].extend(state.get("headers", ()))
            await send(message)

        await self._app(scope, receive, sending)


def told_by(request: Request) -> str:
    """The network address that a request came from."""
    return "" if request.client is None else request.client.host[:100]
