"""How long the server waits: for a request's head, for an answer, and how many requests it works on."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from everycent.api import problems
from everycent.api.away import ALIVE
from everycent.kernel.errors import Unavailable

_HEAD_SECONDS = 10
_ANSWER_SECONDS = 120
_MAX_REQUESTS = 256
OPEN = "/hooks/"
_USAGE = "/v1/usage"
_MAX_OPEN = 32  # of those that come without a key: a provider's webhooks


class PatientProtocol(HttpToolsProtocol):
    """Closes connections whose request line and headers do not come in time, the first as any later.

    Between requests the server's keep-alive time-out holds, for bodies that of `bodies.body_of`.
    """

    _waiting_for_head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """A connection was opened: a head should come."""
        super().connection_made(transport)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        """Bytes came in: outside of a request they begin a head."""
        if self.cycle is None or self.cycle.response_complete:
            self._wait_for_head()
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._stop_waiting()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        if self._waiting_for_head is None:
            self._waiting_for_head = self.loop.call_later(_HEAD_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._waiting_for_head is not None:
            self._waiting_for_head.cancel()
            self._waiting_for_head = None

    def _give_up(self) -> None:
        self._waiting_for_head = None
        if not self.transport.is_closing():
            self.transport.close()


def _what_to_do(scope: Scope) -> str:
    names = {name for name, _ in scope["headers"]}
    if scope["method"] in ("GET", "HEAD"):
        return "ask for less at a time, or again later"
    if b"idempotency-key" in names or scope["path"] == _USAGE:
        return "send it again: what is stored already is recognised"
    return (
        "it may be done all the same: look before you send it again. With a header Idempotency-Key it"
        " would be done once"
    )


class Patience:
    """ASGI middleware: refuses requests beyond a number at once, and ends those that take too long."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._requests = 0
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets a request through or answers that there are too many."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["path"] == ALIVE:  # says that the process lives, however busy it is
            await self._app(scope, receive, send)
            return
        is_open = scope["path"].startswith(OPEN)
        if self._requests >= _MAX_REQUESTS or (is_open and self._open >= _MAX_OPEN):
            busy = Unavailable(
                "server.busy",
                f"{self._requests} requests are being worked on",
                hint="send it again in a second; nothing of it was stored",
            )
            await problems.response_of(busy)(scope, receive, send)
            return
        self._requests += 1
        self._open += is_open
        try:
            await self._in_time(scope, receive, send)
        finally:
            self._requests -= 1
            self._open -= is_open

    async def _in_time(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_started = False

        async def sending(message: Message) -> None:
            nonlocal is_started
            is_started = True
            await send(message)

        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._app(scope, receive, sending)
        except TimeoutError:
            if is_started:  # the client does not read its answer: the connection is closed
                raise
            slow = Unavailable(
                "server.too_slow",
                f"there is no answer after {_ANSWER_SECONDS} seconds",
                hint=_what_to_do(scope),
            )
            await problems.response_of(slow)(scope, receive, send)
