"""The wire tells how far each call came, sends at most once, and keeps its deadline and its limits."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import threading
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from everycent.integrations.wire import Origin, Pool, Request, call, origin_of
from everycent.integrations.wire_connection import HEAD_LIMIT, End
from everycent.kernel import points
from everycent.kernel.errors import Invalid
from everycent.payments.provider import BODY_LIMIT

SECONDS = timedelta(seconds=5)
SHORT = timedelta(milliseconds=300)
REQUEST = Request("POST", "/charges", {"Content-Type": "application/json"}, b'{"amount":1}')
OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{"a":1}'
CHUNKED = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n4\r\n":1}\r\n0\r\n\r\n'


class Heard:
    """What a server of a test was sent, over how many connections."""

    def __init__(self):
        self.content = b""
        self.connections = 0
        self.port = 0
        self.open = 0
        self.most_open = 0


@asynccontextmanager
async def serving(answer, context=None):
    """A server that answers each request with what `answer(writer)` writes."""
    heard = Heard()

    async def handle(reader, writer):
        heard.connections += 1
        heard.open += 1
        heard.most_open = max(heard.open, heard.most_open)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                heard.content += head + await reader.readexactly(length)
                await answer(writer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            heard.open -= 1
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    heard.port = server.sockets[0].getsockname()[1]
    try:
        yield heard
    finally:
        server.close()
        await asyncio.sleep(0.01)


def saying(*parts, close=False, wait=0):
    """An answer of these bytes, with a pause after each."""

    async def answer(writer):
        for part in parts:
            writer.write(part)
            await asyncio.sleep(wait)
        if close:
            writer.close()

    return answer


def pool_of(heard, concurrency=4, **changed):
    return Pool(Origin("127.0.0.1", heard.port, False, "")._replace(**changed), concurrency)


async def called(answer, deadline=SECONDS, request=REQUEST):
    """The reply to one call, and what the server heard of it."""
    async with serving(answer) as heard:
        pool = pool_of(heard)
        reply = await call(pool, request, deadline)
        await pool.close()
    return reply, heard


def head_of(*lines):
    return b"HTTP/1.1 200 OK\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


@pytest.mark.parametrize(
    ("answer", "end", "status", "body"),
    [
        (saying(OK), End.ANSWERED, 200, b'{"a":1}'),
        (saying(CHUNKED), End.ANSWERED, 200, b'{"a":1}'),
        (saying(head_of() + b"abc", close=True), End.ANSWERED, 200, b"abc"),
        (saying(b"HTTP/1.1 100 Continue\r\n\r\n" + OK), End.ANSWERED, 200, b'{"a":1}'),
        (saying(b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n", OK), End.ANSWERED, 200, b'{"a":1}'),
        (saying(b"HTTP/1.1 204 No Content\r\n\r\n"), End.ANSWERED, 204, b""),
        (saying(b"HTTP/1.1 307 X\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"),
         End.ANSWERED, 307, b""),
        (saying(b"HTTP/1.1 101 X\r\nUpgrade: a\r\nConnection: upgrade\r\n\r\n"),
         End.GARBLED, None, None),
        (saying(OK + OK), End.ANSWERED, 200, b'{"a":1}'),
        (saying(close=True), End.SENT_AND_LOST, None, b""),
        (saying(b"HTTP/1.1 20", close=True), End.SENT_AND_LOST, None, b""),
        (saying(OK[:-1], close=True), End.SENT_AND_LOST, 200, b'{"a":1'),
        (saying(CHUNKED[:-2], close=True), End.SENT_AND_LOST, 200, b'{"a":1}'),
        (saying(b"\x00\x01 hello"), End.GARBLED, None, b"\x00\x01 hello"),
        (saying(b"HTTP/1.1 abc\r\n\r\n"), End.GARBLED, None, b"HTTP/1.1 abc\r\n\r\n"),
        (saying(b"SSH-2.0-x\r\n"), End.GARBLED, None, b"SSH-2.0-x\r\n"),
        (saying(head_of(b"Content-Length: 1", b"Content-Length: 2") + b"ab"),
         End.GARBLED, None, None),
        (saying(head_of(b"Content-Length: -1") + b"ab"), End.GARBLED, None, None),
        (saying(head_of(b"Content-Encoding: gzip", b"Content-Length: 3") + b"abc"),
         End.GARBLED, 200, b""),
        (saying(head_of(b"Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n"),
         End.GARBLED, 200, b""),
        (saying(head_of(b"Content-Length: %d" % (BODY_LIMIT + 1))), End.TOO_LARGE, 200, b""),
        (saying(head_of(b"Content-Length: %d" % 10**30)), End.GARBLED, None, None),
        (saying(head_of(*[b"X-%d: %s" % (n, b"y" * 1000) for n in range(80)])),
         End.TOO_LARGE, None, b""),
        (saying(b"HTTP/1.1 200 " + b"x" * (HEAD_LIMIT + 1)), End.TOO_LARGE, None, b""),
    ],
)  # fmt: skip
def test_what_comes_is_told_for_what_it_is(answer, end, status, body):
    reply, heard = asyncio.run(called(answer))
    assert (reply.end, reply.status) == (end, status), reply
    if body is not None:
        assert reply.body == body
    assert heard.content.count(b"POST /charges") == 1


@pytest.mark.parametrize("whole", [OK, CHUNKED])
def test_an_answer_that_breaks_off_after_any_byte_is_lost(whole):
    async def every_cut():
        ends = []
        for size in range(len(whole)):
            reply, heard = await called(saying(whole[:size], close=True))
            assert heard.content.count(b"POST") == 1
            ends.append(reply.end)
        return ends

    assert set(asyncio.run(every_cut())) == {End.SENT_AND_LOST}


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, len(CHUNKED)), max_size=6))
def test_an_answer_means_the_same_in_whatever_pieces_it_comes(cuts):
    edges = [0, *sorted(cuts), len(CHUNKED)]
    parts = [CHUNKED[a:b] for a, b in pairwise(edges)]
    reply, _ = asyncio.run(called(saying(*parts)))
    assert (reply.end, reply.status, reply.body) == (End.ANSWERED, 200, b'{"a":1}')


@pytest.mark.parametrize(
    ("answer", "end"),
    [
        (saying(wait=3), End.TIMED_OUT),
        (saying(*(bytes((b,)) for b in OK), wait=0.05), End.TIMED_OUT),
        (saying(head_of(b"Transfer-Encoding: chunked"), *[b"1\r\nx\r\n"] * 60, wait=0.05),
         End.TIMED_OUT),
    ],
)  # fmt: skip
def test_the_deadline_holds_over_the_whole_call(answer, end):
    began = time.monotonic()
    reply, _ = asyncio.run(called(answer, SHORT))
    assert reply.end is end
    assert time.monotonic() - began < 1.5


def test_no_more_is_read_than_the_limit():
    parts = [head_of(b"Transfer-Encoding: chunked"), *[b"10000\r\n" + b"x" * 65536 + b"\r\n"] * 200]
    reply, _ = asyncio.run(called(saying(*parts)))
    assert reply.end is End.TOO_LARGE
    assert len(reply.body) == BODY_LIMIT
    tiny = [head_of(b"Transfer-Encoding: chunked"), b"1\r\nx\r\n" * 600_000]
    reply, _ = asyncio.run(called(saying(*tiny)))
    assert reply.end is End.TOO_LARGE


def test_a_compressed_answer_is_not_unpacked():
    bomb = gzip.compress(bytes(10_000_000))
    head = head_of(b"Content-Encoding: gzip", b"Content-Length: %d" % len(bomb))
    reply, _ = asyncio.run(called(saying(head + bomb)))
    assert (reply.end, reply.body) == (End.GARBLED, b"")


@pytest.mark.parametrize(
    "origin",
    [
        Origin("127.0.0.1", 1, False, ""),
        Origin("nobody.invalid", 80, False, ""),
        Origin("x" * 300 + ".invalid", 80, False, ""),
    ],
)
def test_without_a_connection_nothing_is_sent(origin):
    reply = asyncio.run(call(Pool(origin, 1), REQUEST, SECONDS))
    assert reply.end is End.NOT_SENT
    assert reply.why


def test_what_fails_in_tls_was_not_sent():
    async def plain_server():
        async with serving(saying(OK)) as heard:
            reply = await call(pool_of(heard, is_tls=True), REQUEST, SHORT)
            return reply.end, heard.content

    assert asyncio.run(plain_server()) == (End.NOT_SENT, b"")


def own_certificate(folder):
    """A certificate for 127.0.0.1 that nobody has signed: a server's context, and one that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    path = folder / "server.pem"
    path.write_bytes(
        pem
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cadata=pem.decode())


def test_tls_is_checked_and_its_connections_are_kept(tmp_path):
    server, trusting = own_certificate(tmp_path)

    async def both():
        async with serving(saying(OK), server) as heard:
            origin = Origin("localhost", heard.port, True, "")
            distrusting = await call(Pool(origin, 1), REQUEST, SECONDS)
            pool = Pool(origin._replace(host="localhost"), 1, trusting)
            replies = [await call(pool, REQUEST, SECONDS) for _ in range(5)]
            await pool.close()
            connections = heard.connections
            return distrusting, replies, connections, heard.content

    distrusting, replies, connections, content = asyncio.run(both())
    assert distrusting.end is End.NOT_SENT
    assert "certificate" in distrusting.why.lower()
    assert {(reply.end, reply.status) for reply in replies} == {(End.ANSWERED, 200)}
    assert connections <= 2
    assert content.count(b"POST") == 5


def test_one_connection_serves_calls_one_after_another():
    async def three():
        async with serving(saying(OK)) as heard:
            pool = pool_of(heard)
            for _ in range(3):
                assert (await call(pool, REQUEST, SECONDS)).end is End.ANSWERED
            await pool.close()
            return heard.connections

    assert asyncio.run(three()) == 1


@pytest.mark.parametrize(
    "answer",
    [
        saying(OK, close=True),
        saying(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")),
        saying(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        saying(OK.replace(b"HTTP/1.1", b"HTTP/1.0")),
    ],
)
def test_a_connection_that_ended_or_said_too_much_is_not_used_again(answer):
    async def two():
        async with serving(answer) as heard:
            pool = pool_of(heard)
            replies = []
            for _ in range(3):
                replies.append(await call(pool, REQUEST, SECONDS))
                await asyncio.sleep(0.02)  # what the other side does after its answer arrives
            await pool.close()
            return [reply.end for reply in replies], heard.connections

    assert asyncio.run(two()) == ([End.ANSWERED] * 3, 3)


def test_an_end_that_the_loop_has_not_seen_yet_is_seen_before_writing():
    async def closed_while_the_loop_stood_still():
        listening = socket.create_server(("127.0.0.1", 0))
        taken = []

        def answer_once():
            connection, _ = listening.accept()
            connection.recv(65536)
            taken.append(connection)
            connection.sendall(OK)

        threading.Thread(target=answer_once).start()
        pool = Pool(Origin("127.0.0.1", listening.getsockname()[1], False, ""), 1)
        assert (await call(pool, REQUEST, SECONDS)).end is End.ANSWERED
        ((connection, _),) = pool._idle
        assert connection.is_fit
        taken[0].close()
        time.sleep(0.05)
        seen = connection.is_open, connection.is_fit
        await pool.close()
        listening.close()
        return seen

    assert asyncio.run(closed_while_the_loop_stood_still()) == (True, False)


def test_no_more_connections_are_open_than_allowed_and_who_waits_too_long_sent_nothing():
    async def crowd():
        async with serving(saying(b"", OK, wait=0.2)) as heard:
            pool = pool_of(heard, concurrency=2)
            replies = await asyncio.gather(*(call(pool, REQUEST, SHORT) for _ in range(8)))
            await pool.close()
            return [reply.end for reply in replies], heard

    ends, heard = asyncio.run(crowd())
    assert heard.most_open <= 2
    assert ends.count(End.NOT_SENT) == 4
    assert heard.content.count(b"POST") <= 4


def test_the_points_are_reached_in_order_and_only_as_far_as_the_call_came():
    def reached(work):
        found = []
        points.on_reach(found.append)
        try:
            asyncio.run(work)
        finally:
            points.on_reach(None)
        return [name.removeprefix("wire.") for name in found]

    whole = ["connect", "connected", "sending", "sent", "answered"]
    assert reached(called(saying(OK))) == whole
    assert reached(called(saying(close=True)))[:4] == whole[:4]
    assert reached(call(Pool(Origin("127.0.0.1", 1, False, ""), 1), REQUEST, SECONDS)) == [
        "connect"
    ]


def test_a_process_that_stood_still_past_the_deadline_sends_nothing():
    def stand_still(name):
        if name == "wire.sending":
            time.sleep(0.5)

    points.on_reach(stand_still)
    try:
        reply, heard = asyncio.run(called(saying(OK), SHORT))
    finally:
        points.on_reach(None)
    assert reply.end is End.NOT_SENT
    assert heard.content == b""


def test_nothing_from_the_environment_leads_elsewhere(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    reply, heard = asyncio.run(called(saying(OK)))
    assert reply.end is End.ANSWERED
    assert b"Accept-Encoding: identity\r\n" in heard.content
    assert heard.content.startswith(b"POST /charges HTTP/1.1\r\nHost: 127.0.0.1:")


def test_a_call_that_is_cancelled_leaves_no_connection_behind():
    async def cancelled():
        async with serving(saying(wait=3)) as heard:
            pool = pool_of(heard, concurrency=1)
            task = asyncio.create_task(call(pool, REQUEST, SECONDS))
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            free = not pool.slots.locked()
            await pool.close()
            return free, pool._idle

    assert asyncio.run(cancelled()) == (True, [])


def test_a_large_request_is_sent_whole():
    body = b"x" * 3_000_000
    reply, heard = asyncio.run(called(saying(OK), request=REQUEST._replace(body=body)))
    assert reply.end is End.ANSWERED
    assert heard.content.endswith(b"\r\n\r\n" + body)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://psp.example.com", Origin("psp.example.com", 443, True, "")),
        ("http://localhost:8710/", Origin("localhost", 8710, False, "")),
        ("https://psp.example.com/v1/", Origin("psp.example.com", 443, True, "/v1")),
        ("http://[::1]:80/v1", Origin("::1", 80, False, "/v1")),
        ("ftp://psp.example.com", None),
        ("psp.example.com", None),
        ("https://user:secret@psp.example.com", None),
        ("https://psp.example.com/?a=b", None),
        ("https://psp.example.com/#a", None),
        ("https://psp.example.com/a b", None),
        ("https://psp.example.com/\r\nX: y", None),
        ("https://psp.example.com:99999", None),
        ("https://[::1", None),
        ("https://", None),
        ("", None),
    ],
)
def test_an_address_is_taken_apart_or_refused(url, origin):
    if origin is not None:
        assert origin_of(url) == origin
        return
    with pytest.raises(Invalid) as refused:
        origin_of(url)
    assert refused.value.code == "payment.bad_provider_url"
    assert "secret" not in str(refused.value.as_dict())
