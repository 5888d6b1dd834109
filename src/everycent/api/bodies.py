"""Reads the bodies of requests: bounded one by one and all together, counted while they come in."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request

from everycent.kernel.errors import Invalid, Unavailable

MAX_BYTES = 16_000_000  # of one body, packed and unpacked
_MAX_HELD = 64_000_000  # of all bodies that are being read or decoded
_SECONDS = 30
_GZIP = 31  # zlib's name for the format: 15 bits of window, and 16 for gzip


class Budget:
    """How many bytes of bodies may be held at a time. Used by one thread, that of the event loop."""

    def __init__(self, most: int = _MAX_HELD) -> None:
        self._most = most
        self._held = 0

    def take(self, count: int) -> None:
        """Raises Unavailable `server.busy` when there is no room for so many more."""
        if self._held + count > self._most:
            raise Unavailable(
                "server.busy",
                "too many requests are being read",
                hint="send it again in a second; nothing of it was stored",
            )
        self._held += count

    def give_back(self, count: int) -> None:
        """So many are held no longer."""
        self._held -= count


@asynccontextmanager
async def body_of(
    request: Request, budget: Budget, *, most: int = MAX_BYTES
) -> AsyncIterator[bytes]:
    """The whole body of at most so many bytes, unpacked if it is gzip; it counts against the budget until
    the block ends.

    Raises Invalid `request.too_large`, `request.too_slow`, `request.bad_gzip`,
    `request.unsupported_encoding`, `request.bad_length`; Unavailable `server.busy`.
    """
    _check_length(request, most)
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise Invalid(
            "request.unsupported_encoding",
            f"the content encoding {encoding[:40]!r} is not read",
            field="content-encoding",
            hint="send gzip, or nothing packed",
        )
    taken = 0
    try:
        pieces = []
        async with asyncio.timeout(_SECONDS):
            async for piece in _unpacked(request, most) if encoding == "gzip" else request.stream():
                if taken + len(piece) > most:
                    raise _too_large(most)
                budget.take(len(piece))
                taken += len(piece)
                pieces.append(piece)
        body = b"".join(pieces)
        pieces.clear()
        yield body
    except TimeoutError as error:
        raise Invalid(
            "request.too_slow", f"the body did not come within {_SECONDS} seconds"
        ) from error
    finally:
        budget.give_back(taken)


async def _unpacked(request: Request, most: int) -> AsyncIterator[bytes]:
    packed = zlib.decompressobj(_GZIP)
    size = 0
    async for piece in request.stream():
        # One byte more than allowed tells that there is more, whatever the rest would unpack to.
        room = most + 1 - size
        try:
            part = packed.decompress(piece, room)
        except zlib.error as error:
            raise _bad_gzip() from error
        size += len(part)
        if size > most:
            raise _too_large(most)
        if packed.unused_data:
            raise _bad_gzip()
        yield part
    if not packed.eof:
        raise _bad_gzip()


def _check_length(request: Request, most: int) -> None:
    told = request.headers.get("content-length", "0")
    if not (told.isascii() and told.isdecimal()):
        raise Invalid("request.bad_length", "Content-Length is no number", field="content-length")
    if int(told) > most:
        raise _too_large(most)


def _too_large(most: int) -> Invalid:
    return Invalid(
        "request.too_large",
        f"a body may have {most} bytes here, unpacked too",
        hint="send it in several requests",
    )


def _bad_gzip() -> Invalid:
    return Invalid("request.bad_gzip", "the body is not one gzip stream", field="content-encoding")
