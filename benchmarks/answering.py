"""A payment provider that does nothing but answer after a while: what is measured is the product."""

from __future__ import annotations

import asyncio
import itertools
import json
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import cast

import httptools
import uvloop


class _Answering(asyncio.Protocol):
    """One connection: each request is answered `delay` seconds after it came."""

    def __init__(self, delay: float, numbers: Iterator[int]) -> None:
        self.delay, self.numbers = delay, numbers
        self.body = b""
        self.parser = httptools.HttpRequestParser(self)
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is not one by its class

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        told = json.loads(self.body)
        self.body = b""
        answer = json.dumps(
            {
                "id": f"ch_{next(self.numbers)}", "reference": told["reference"],
                "amount": told["amount"], "currency": told["currency"], "status": "captured",
                "fee": 0, "created": "2026-01-01T00:00:00Z",
            }
        ).encode()  # fmt: skip
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(answer)}\r\n\r\n"
        asyncio.get_running_loop().call_later(self.delay, self._send, head.encode() + answer)

    def _send(self, data: bytes) -> None:
        if self.transport is not None:
            self.transport.write(data)


async def _serve(delay: float, told: Connection) -> None:
    numbers = itertools.count(1)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Answering(delay, numbers), "127.0.0.1", 0)
    told.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def _run(delay: float, told: Connection) -> None:
    uvloop.run(_serve(delay, told))


@contextmanager
def answering(delay: float) -> Iterator[str]:
    """The provider in a process of its own; its address."""
    mine, theirs = multiprocessing.get_context("spawn").Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(
        target=_run, args=(delay, theirs), daemon=True
    )
    process.start()
    try:
        yield f"http://127.0.0.1:{mine.recv()}"
    finally:
        process.kill()
        process.join()
