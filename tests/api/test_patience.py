"""How long the server waits, and for how many at once."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import uvicorn
from anyio import CapacityLimiter

from everycent.api import bodies, patience, service
from everycent.api.bodies import Budget
from everycent.api.patience import Patience, PatientProtocol
from everycent.kernel.errors import Unavailable

_LOOK_FIRST = (
    "it may be done all the same: look before you send it again. With a header Idempotency-Key it"
    " would be done once"
)
HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"


async def _hello(scope: Any, receive: Any, send: Any) -> None:
    """Answers `hello` to everything."""
    headers = [(b"content-length", b"5")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hello"})


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A server that waits a quarter of a second for a head, and two between requests."""
    monkeypatch.setattr(patience, "_HEAD_SECONDS", 0.25)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(
            _hello, http=PatientProtocol, lifespan="off", log_config=None, timeout_keep_alive=2
        )
    )
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join(10)


def connected(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.settimeout(10)
    return connection


def closed_after(connection: socket.socket) -> float:
    """Seconds until the server closes the connection."""
    begun = time.monotonic()
    while connection.recv(4096):
        pass
    return time.monotonic() - begun


@pytest.mark.parametrize("sent", [b"", b"G", HEAD, HEAD + b"X: " + b"y" * 1000])
def test_a_head_that_does_not_come_is_not_waited_for(port, sent):
    with connected(port) as connection:
        connection.sendall(sent)
        assert closed_after(connection) < 1.5


def test_a_second_head_is_waited_for_no_longer(port):
    with connected(port) as connection:
        connection.sendall(HEAD + b"\r\n")
        assert connection.recv(4096).endswith(b"hello")
        time.sleep(0.5)  # idle between requests is no slow head
        connection.sendall(HEAD + b"\r\n")
        assert connection.recv(4096).endswith(b"hello")
        connection.sendall(HEAD)
        assert closed_after(connection) < 1.5


async def _answer(app: Any, path: str = "/") -> list[dict[str, Any]]:
    """What the application sends to a request."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    await app({"type": "http", "method": "GET", "path": path, "headers": []}, receive, send)
    return sent


def test_requests_beyond_the_limit_are_told_to_come_again(monkeypatch):
    monkeypatch.setattr(patience, "_MAX_REQUESTS", 2)
    answers = []

    async def work() -> None:
        gate = asyncio.Event()

        async def slow(scope: Any, receive: Any, send: Any) -> None:
            await gate.wait()
            await _hello(scope, receive, send)

        app = Patience(slow)
        begun = [asyncio.create_task(_answer(app)) for _ in range(2)]
        await asyncio.sleep(0)
        answers.append(await _answer(app))
        gate.set()
        answers.extend(await asyncio.gather(*begun))
        answers.append(await _answer(app))

    asyncio.run(work())
    assert [sent[0]["status"] for sent in answers] == [503, 200, 200, 200]
    headers = dict(answers[0][0]["headers"])
    assert headers[b"retry-after"] == b"1"
    assert json.loads(answers[0][1]["body"])["code"] == "server.busy"


def test_those_without_a_key_have_a_share_of_their_own_and_life_is_always_told(monkeypatch):
    monkeypatch.setattr(patience, "_MAX_OPEN", 2)
    answers: list[Any] = []

    async def work() -> None:
        gate = asyncio.Event()

        async def slow(scope: Any, receive: Any, send: Any) -> None:
            if scope["path"].startswith(patience.OPEN):
                await gate.wait()
            await _hello(scope, receive, send)

        app = Patience(slow)
        begun = [asyncio.create_task(_answer(app, "/hooks/a/b")) for _ in range(2)]
        await asyncio.sleep(0)
        answers.extend([await _answer(app, "/hooks/a/b"), await _answer(app, "/v1/keys")])
        monkeypatch.setattr(patience, "_MAX_REQUESTS", 2)
        answers.extend([await _answer(app, "/v1/keys"), await _answer(app, "/livez")])
        gate.set()
        answers.extend(await asyncio.gather(*begun))

    asyncio.run(work())
    assert [sent[0]["status"] for sent in answers] == [503, 200, 503, 200, 200, 200]


@pytest.mark.parametrize("is_started", [False, True])
def test_an_answer_that_takes_too_long_is_given_up(monkeypatch, is_started):
    monkeypatch.setattr(patience, "_ANSWER_SECONDS", 0)

    async def never(scope: Any, receive: Any, send: Any) -> None:
        if is_started:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.Event().wait()

    if is_started:
        with pytest.raises(TimeoutError):
            asyncio.run(_answer(Patience(never)))
    else:
        sent = asyncio.run(_answer(Patience(never)))
        assert sent[0]["status"] == 503
        assert json.loads(sent[1]["body"])["code"] == "server.too_slow"


@pytest.mark.parametrize(
    ("method", "path", "headers", "told"),
    [
        ("GET", "/v1/owed", [], "ask for less at a time, or again later"),
        ("POST", "/v1/usage", [], "send it again: what is stored already is recognised"),
        ("POST", "/v1/payments", [(b"idempotency-key", b"k")],
         "send it again: what is stored already is recognised"),
        ("POST", "/v1/payments", [], _LOOK_FIRST),
    ],
)  # fmt: skip
def test_what_to_do_when_there_is_no_answer_depends_on_what_was_asked(method, path, headers, told):
    assert patience._what_to_do({"method": method, "path": path, "headers": headers}) == told


def test_a_thread_counts_until_it_ends_though_nobody_waits_for_it():
    limiter, ended = CapacityLimiter(1), threading.Event()
    pool = ThreadPoolExecutor(2)

    async def work() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await service._in_thread(pool, limiter, lambda: ended.wait(10))
        assert limiter.borrowed_tokens == 1
        ended.set()
        assert await service._in_thread(pool, limiter, lambda: "next") == "next"

    with pool:
        asyncio.run(work())


def test_bodies_together_are_bounded():
    budget = Budget(10)
    budget.take(6)
    with pytest.raises(Unavailable) as busy:
        budget.take(5)
    assert busy.value.code == "server.busy"
    budget.take(4)
    budget.give_back(10)
    budget.take(10)


def test_the_bound_of_all_bodies_has_room_for_several_of_the_largest():
    assert bodies._MAX_HELD >= 4 * bodies.MAX_BYTES
