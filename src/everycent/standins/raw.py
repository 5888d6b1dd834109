"""Answers that no well-behaved server gives: connections reset, cut, held open, dripping.

`FaultyProtocol` lends the connection to the handlers; the functions here make responses that use it.
"""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cache
from typing import Any

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_DRIP_MILLISECONDS = 100
_HUGE = 100 * 1_048_576
_BOMB = 64 * 1_048_576
_PART = 1_048_576
_TRANSPORT = "everycent.transport"


class FaultyProtocol(HttpToolsProtocol):
    """The server's protocol. The application has its faults in `state.faults`."""

    def connection_made(self, transport: Any) -> None:
        """A connection was opened; a fault may reset it at once."""
        super().connection_made(transport)
        if self.app.state.faults.refuses_connection():
            reset(transport)

    def on_message_begin(self) -> None:
        """A request begins: whoever answers it can have the connection itself."""
        super().on_message_begin()
        self.scope["extensions"] = {_TRANSPORT: {"transport": self.transport}}


def reset(transport: Any) -> None:
    """Ends the connection with a RST instead of a FIN."""
    taken = transport.get_extra_info("socket")
    if taken is not None:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class Raw(Response):
    """A response that does something with the connection, which is closed afterwards."""

    def __init__(self, work: Callable[[Any], Awaitable[None]]) -> None:
        super().__init__()
        self._work = work

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Works until the client is gone or the work is done."""
        transport = scope["extensions"][_TRANSPORT]["transport"]
        working = asyncio.ensure_future(self._work(transport))
        gone = asyncio.ensure_future(_gone(receive))
        try:
            await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
            transport.close()
            await gone  # so that the server knows it too before the handler ends
        except asyncio.CancelledError:  # the server ends, and with it whoever was made to wait
            transport.abort()
        finally:
            working.cancel()
            gone.cancel()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def closed() -> Response:
    """Closes the connection without a word."""

    async def nothing(_: Any) -> None:
        pass

    return Raw(nothing)


def hanging() -> Response:
    """Says nothing until the client is gone."""

    async def wait(_: Any) -> None:
        await asyncio.Event().wait()

    return Raw(wait)


def dripping(status: int, body: bytes) -> Response:
    """The answer byte by byte."""

    async def drip(transport: Any) -> None:
        for byte in _message(status, body):
            transport.write(bytes((byte,)))
            await asyncio.sleep(_DRIP_MILLISECONDS / 1000)

    return Raw(drip)


def cut(status: int, body: bytes, size: int | None = None) -> Response:
    """The answer up to so many bytes of its body, or up to the middle of it."""
    kept = len(body) // 2 if size is None else min(size, len(body) - 1)
    message = _message(status, body)
    return _saying(message[: len(message) - len(body) + kept])


def garbage() -> Response:
    """Bytes that are not HTTP."""
    return _saying(b"\x00\xff\x13 this is not a status line \r\n\r\n\x7f" * 8)


def _saying(content: bytes) -> Response:
    async def say(transport: Any) -> None:
        transport.write(content)

    return Raw(say)


def huge(body: bytes) -> Response:
    """JSON of 100 MB that begins as the true answer does."""

    async def parts() -> AsyncIterator[bytes]:
        yield body[:-1] + b',"padding":"'
        for _ in range(_HUGE // _PART):
            yield b"x" * _PART
        yield b'"}'

    return StreamingResponse(parts(), media_type="application/json")


def bomb() -> Response:
    """A small compressed body that becomes a large one."""
    headers = {"Content-Encoding": "gzip"}
    return Response(_compressed(), media_type="application/json", headers=headers)


def compressed(body: bytes) -> Response:
    """The answer compressed with gzip, whether that was asked for or not."""
    return Response(
        gzip.compress(body, mtime=0),
        media_type="application/json",
        headers={"Content-Encoding": "gzip"},
    )


@cache
def _compressed() -> bytes:
    work = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return b"".join(work.compress(bytes(_PART)) for _ in range(_BOMB // _PART)) + work.flush()


def _message(status: int, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body
