"""Sends requests over HTTP/1.1 with little work: from a process of its own, over connections that
stay open, at a rate that does not slow down when answers do."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

_END = b"\r\n\r\n"
_LENGTH = b"content-length: "


class Sent(NamedTuple):
    """The seconds from when each request was due, or sent where there is no rate, to its answer, how many
    were not answered 200, and how long it took altogether."""

    seconds: list[float]
    failed: int
    elapsed: float

    def p(self, share: float) -> float:
        """The time that this share of requests does not exceed."""
        return sorted(self.seconds)[max(0, int(len(self.seconds) * share) - 1)]


def request(method: str, path: str, key: str, body: bytes = b"", kind: str = "") -> bytes:
    """A request as bytes."""
    told = f"{method} {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\n"
    if method == "POST":
        told += f"content-type: {kind}\r\ncontent-length: {len(body)}\r\n"
    return told.encode() + b"\r\n" + body


def steadily(
    port: int, requests: Sequence[bytes], per_second: float, connections: int = 32
) -> Sent:
    """Sends them at a rate, whether answers come or not."""
    return _elsewhere(port, requests, per_second, connections)


def at_once(port: int, requests: Sequence[bytes], connections: int) -> Sent:
    """Sends them as fast as answers come, over so many connections."""
    return _elsewhere(port, requests, None, connections)


def _elsewhere(
    port: int, requests: Sequence[bytes], per_second: float | None, connections: int
) -> Sent:
    spawn = multiprocessing.get_context("spawn")
    results = spawn.Queue()
    process = spawn.Process(
        target=_work, args=(port, list(requests), per_second, connections, results)
    )
    process.start()
    found: Sent = results.get()
    process.join()
    return found


def _work(
    port: int, requests: list[bytes], per_second: float | None, connections: int, results: Any
) -> None:
    results.put(asyncio.run(_send(port, requests, per_second, connections)))


async def _send(
    port: int, requests: list[bytes], per_second: float | None, connections: int
) -> Sent:
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(connections)]
    waiting: asyncio.Queue[tuple[bytes, float]] = asyncio.Queue()
    seconds: list[float] = []
    failed = 0

    async def work(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal failed
        while True:
            raw, due = await waiting.get()
            due = time.perf_counter() if per_second is None else due
            writer.write(raw)
            head = await reader.readuntil(_END)
            low = head.lower()
            at = low.index(_LENGTH) + len(_LENGTH)
            length = int(low[at : low.index(b"\r", at)])
            await reader.readexactly(length)
            seconds.append(time.perf_counter() - due)
            failed += not head.startswith(b"HTTP/1.1 200")
            waiting.task_done()

    tasks = [asyncio.create_task(work(*pair)) for pair in opened]
    began = time.perf_counter()
    for number, raw in enumerate(requests):
        due = began if per_second is None else began + number / per_second
        wait = due - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        waiting.put_nowait((raw, due))
    await waiting.join()
    elapsed = time.perf_counter() - began
    for task in tasks:
        task.cancel()
    for _, writer in opened:
        writer.close()
    return Sent(seconds, failed, elapsed)
