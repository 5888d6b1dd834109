"""HTTP/1.1 calls that may move money: each is sent at most once, and the result tells how far it came.

It is a client of our own because the safety of payments rests on one question that general clients do not
answer: had a byte of the request left us when the call failed? Nothing is ever tried again, no redirect is
followed, no proxy is taken from the environment, and nothing compressed is read. One deadline holds over
the whole call, from waiting for a free connection to the last byte of the answer.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from everycent.integrations.wire_connection import Connection, End, Reply
from everycent.kernel.errors import Invalid
from everycent.kernel.points import reach
from everycent.payments.provider import BODY_LIMIT

_IDLE_SECONDS = 4
"""After how long a connection is not used again: servers close them after 5 s and more, and a request
that meets the closing leaves an outcome unknown."""
_TARGET = re.compile(r"/[!-~]*")
_NAME = re.compile(r"[A-Za-z0-9-]+")
_VALUE = re.compile(r"[ -~]*")


class Request(NamedTuple):
    """What is sent. `target` is path and query, ready for the request line."""

    method: str
    target: str
    headers: Mapping[str, str] = {}
    body: bytes = b""


class Origin(NamedTuple):
    """Where a provider listens. `base` stands before every target."""

    host: str
    port: int
    is_tls: bool
    base: str


def origin_of(url: str) -> Origin:
    """The parts of an address. Raises Invalid `payment.bad_provider_url`."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if (
        parts.scheme not in ("http", "https")
        or not host
        or not url.isascii()
        or parts.username is not None
        or parts.query
        or parts.fragment
        or not _TARGET.fullmatch(parts.path or "/")
    ):
        raise Invalid(
            "payment.bad_provider_url",
            "the provider's address is not a web address without user, query and fragment",
            field="url",
            hint="write it like https://psp.example.com/v1",
        )
    is_tls = parts.scheme == "https"
    return Origin(host, port or (443 if is_tls else 80), is_tls, parts.path.rstrip("/"))


class Pool:
    """The connections to one provider, at most `concurrency` of them. For one event loop."""

    def __init__(
        self,
        origin: Origin,
        concurrency: int,
        context: ssl.SSLContext | None = None,
        *,
        address: str | None = None,
        body_limit: int = BODY_LIMIT,
    ) -> None:
        """`context`: whom to trust; the system's authorities unless told otherwise. `address`: where to
        connect to, of one whose name was looked up already; the host is named and trusted all the same."""
        self.origin = origin
        self.slots = asyncio.Semaphore(concurrency)
        self._context = context
        self._address = address
        self._body_limit = body_limit
        self._idle: list[tuple[Connection, int]] = []
        self._is_closed = False

    async def connection(self) -> Connection:
        """One that was opened before and is fit, or a new one. Raises OSError."""
        now = int(asyncio.get_running_loop().time())
        while self._idle:
            connection, since = self._idle.pop()
            if now - since < _IDLE_SECONDS and connection.is_fit:
                return connection
            connection.close()
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: Connection(self._body_limit),
            self._address or self.origin.host,
            self.origin.port,
            ssl=self._trusted(),
            server_hostname=self.origin.host if self.origin.is_tls else None,
        )
        return connection

    def give_back(self, connection: Connection) -> None:
        """Keeps a connection for the next call, unless the pool was closed meanwhile."""
        if self._is_closed:
            connection.close()
            return
        self._idle.append((connection, int(asyncio.get_running_loop().time())))

    async def close(self) -> None:
        """Closes what is not in use now, and what is, when its call has ended."""
        self._is_closed = True
        while self._idle:
            self._idle.pop()[0].close()
        await asyncio.sleep(0)  # the loop closes sockets in its next round

    def _trusted(self) -> ssl.SSLContext | None:
        if self.origin.is_tls and self._context is None:
            self._context = ssl.create_default_context()
        return self._context if self.origin.is_tls else None


async def call(pool: Pool, request: Request, deadline: timedelta) -> Reply:
    """Sends the request, at most once, and tells what came of it by the deadline. Never raises for what
    the other side or the network does."""
    content = _content(pool.origin, request)
    loop = asyncio.get_running_loop()
    until = loop.time() + deadline.total_seconds()
    try:
        async with asyncio.timeout_at(until):
            await pool.slots.acquire()
    except TimeoutError:
        return Reply(End.NOT_SENT, why="no connection was free within the deadline")
    try:
        reach("wire.connect")
        try:
            async with asyncio.timeout_at(until):
                connection = await pool.connection()
        except TimeoutError:
            return Reply(End.NOT_SENT, why="not connected within the deadline")
        except (OSError, UnicodeError) as error:  # TLS and names are among them
            return Reply(End.NOT_SENT, why=f"not connected: {error}")
        return await _exchange(pool, connection, content, until)
    finally:
        pool.slots.release()


def once(origin: Origin, request: Request, deadline: timedelta) -> Reply:
    """`call` on a connection of its own, for who has no event loop."""
    return alone(lambda: Pool(origin, 1), request, deadline)


def alone(make_pool: Callable[[], Pool], request: Request, deadline: timedelta) -> Reply:
    """`call` in a pool that is made for it, for who has no event loop."""

    async def called() -> Reply:
        pool = make_pool()
        try:
            return await call(pool, request, deadline)
        finally:
            await pool.close()

    return asyncio.run(called())


async def _exchange(pool: Pool, connection: Connection, content: bytes, until: Any) -> Reply:
    """The request and its answer on a connection, which is kept if it can be used again."""
    is_kept = False
    try:
        reach("wire.connected")
        loop = asyncio.get_running_loop()
        if not connection.is_open:
            return Reply(End.NOT_SENT, why="the other side closed the connection at once")
        reach("wire.sending")
        if loop.time() >= until:  # looked at last, for a process may have been stopped for a while
            return Reply(End.NOT_SENT, why="not connected within the deadline")
        expiry = loop.call_at(until, connection.expire)
        try:
            answer = connection.send(content)
            await connection.sent()
            reach("wire.sent")
            reply = await answer
        finally:
            expiry.cancel()
        reach("wire.answered")
        is_kept = reply.end is End.ANSWERED and connection.is_reusable
        return reply
    finally:
        if is_kept:
            pool.give_back(connection)
        else:
            connection.close()


def _content(origin: Origin, request: Request) -> bytes:
    """The request as it goes over the wire. What can't stand in a head is a defect of ours."""
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    target = origin.base + request.target
    headers = {
        "Host": f"{host}:{origin.port}",
        "Accept-Encoding": "identity",
        "Content-Length": str(len(request.body)),
        **request.headers,
    }
    assert _TARGET.fullmatch(target)
    assert _NAME.fullmatch(request.method)
    for name, value in headers.items():
        assert _NAME.fullmatch(name)
        assert _VALUE.fullmatch(value), f"{name} can't stand in a head"
    lines = [f"{request.method} {target} HTTP/1.1", *(f"{n}: {v}" for n, v in headers.items())]
    return "\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + request.body
