"""The gate: names are looked up once for each call, and what is connected to is the very address that was
looked at."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from everycent.integrations.webhook_gate import BODY_LIMIT, Gate, Refused, post
from everycent.webhooks.course import Answer
from everycent.webhooks.target import allowed_of

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)
NOTHING = b"HTTP/1.1 204 No Content\r\n\r\n"
SOON = timedelta(seconds=1)


class Server:
    """Listens at an address; answers every request with these bytes, and keeps what came."""

    def __init__(self, answer: bytes, host: str, port: int, context: ssl.SSLContext | None) -> None:
        self.answer, self.host = answer, host
        self.names: list[str | None] = []
        if context is not None:
            context.sni_callback = lambda _, name, __: self.names.append(name)
        self.context = context
        self.heard: list[bytes] = []
        self.connections = 0
        self.listening = socket.create_server((host, port))
        self.port = self.listening.getsockname()[1]
        self.threads = [threading.Thread(target=self._serve, daemon=True)]
        self.threads[0].start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._answer, args=(connection,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _answer(self, connection: socket.socket) -> None:
        try:
            if self.context is not None:
                connection = self.context.wrap_socket(connection, server_side=True)
            with connection:
                while content := connection.recv(65_536):
                    self.heard.append(content)
                    connection.sendall(self.answer)
        except OSError:
            connection.close()

    def close(self) -> None:
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        for thread in self.threads:
            thread.join(5)


@contextmanager
def serving(
    answer: bytes = NOTHING,
    host: str = "127.0.0.1",
    port: int = 0,
    context: ssl.SSLContext | None = None,
) -> Iterator[Server]:
    server = Server(answer, host, port, context)
    try:
        yield server
    finally:
        server.close()


class Names:
    """Who looks names up: each time the next of the answers, the last one for good."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, _: int) -> list[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def sent(gate: Gate, url: str) -> Answer | Refused:
    return post(gate, url, {"webhook-id": "m1"}, b"{}", NOW)


def at(allowed: str, names: Names | None = None, **more) -> Gate:
    return Gate(allowed_of(allowed), names, **more)


def test_a_name_that_turns_to_another_address_is_looked_at_each_time():
    names = Names(["127.0.0.1"], ["127.0.0.2"], ["127.0.0.1"])
    with serving() as good, serving(host="127.0.0.2", port=good.port) as inside:
        gate = at(f"127.0.0.1:{good.port}", names)
        url = f"http://flips.example.com:{good.port}/"
        assert sent(gate, url) == Answer(204)
        assert sent(gate, url) == Refused("its address is not public", is_final=False)
        assert sent(gate, url) == Answer(204)
        assert (good.connections, inside.connections) == (2, 0)
    assert names.asked == ["flips.example.com"] * 3


def test_a_name_is_looked_up_once_for_a_call_so_that_a_second_answer_comes_to_nothing():
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    with serving() as good, serving(host="127.0.0.2", port=good.port) as inside:
        gate = at(f"127.0.0.1:{good.port}", names)
        assert sent(gate, f"http://rebinds.example.com:{good.port}/") == Answer(204)
        assert (good.connections, inside.connections) == (1, 0)
    assert len(names.asked) == 1


def test_no_connection_is_used_again():
    with serving(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n") as good:
        gate = at("127.0.0.1")
        for _ in range(3):
            assert sent(gate, f"http://127.0.0.1:{good.port}/") == Answer(200)
        assert good.connections == 3


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"], ["::1"],
        ["::ffff:127.0.0.1"], ["169.254.169.254"], ["10.0.0.8"], ["fe80::1%lo"], ["100.64.0.1"],
        ["64:ff9b::7f00:1"], ["2002:7f00:1::"], ["0.0.0.0"], ["224.0.0.1"], ["fd00:ec2::254"], [],
    ],
)  # fmt: skip
def test_a_name_that_stands_for_something_inside_is_refused(addresses):
    """A CNAME to a name inside comes to the same: what is looked up are addresses, at the end of all."""
    found = sent(Gate((), Names(addresses)), "https://innocent.example.com/")
    assert isinstance(found, Refused)
    assert not found.is_final


def test_a_url_that_is_wrong_by_its_letters_is_refused_for_good_and_not_looked_up():
    names = Names(["8.8.8.8"])
    found = sent(Gate((), names), "https://127.0.0.1/")
    assert isinstance(found, Refused)
    assert found.is_final
    assert names.asked == []


def test_no_redirect_is_followed():
    with serving() as inside:
        answer = (
            f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{inside.port}/\r\n"
            "Content-Length: 0\r\n\r\n"
        )
        with serving(answer.encode()) as good:
            found = sent(at("127.0.0.1"), f"http://127.0.0.1:{good.port}/")
        assert found == Answer(302, "answered 302")
        assert inside.connections == 0


SAID = [
    # what the receiver answers                                                       status
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n" + b"x" * 100_000, 200),
    (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000, 200),
    (b"HTTP/1.1 500 Oops\r\nContent-Length: 9000\r\n\r\n" + b"secret! " * 1000, 500),
    (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", 200),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", 200),  # and nothing more, for ever
    (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", None),
    (b"SSH-2.0-OpenSSH_9.6\r\n", None),
    (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, None),
    (b"", None),  # takes it and says nothing
]


@pytest.mark.parametrize(("answer", "status"), SAID)
def test_the_status_counts_and_nothing_else_of_an_answer_is_kept(answer, status):
    with serving(answer) as good:
        found = sent(at("127.0.0.1", deadline=SOON), f"http://127.0.0.1:{good.port}/")
    assert isinstance(found, Answer)
    assert found.status == status
    assert "secret" not in found.reason
    assert BODY_LIMIT == 4096


@pytest.mark.parametrize(
    ("told", "wait"),
    [
        ("120", 120), ("0", 0), ("Sun, 01 Feb 2026 12:01:00 GMT", 60), ("9" * 50, 10**9),
        ("Sun, 01 Feb 2026 11:00:00 GMT", 0), ("soon", None), ("-1", None), ("1.5", None), ("", None),
    ],
)  # fmt: skip
def test_how_long_a_receiver_wants_us_to_wait_is_read(told, wait):
    answer = f"HTTP/1.1 429 Busy\r\nRetry-After: {told}\r\nContent-Length: 0\r\n\r\n"
    with serving(answer.encode()) as good:
        found = sent(at("127.0.0.1"), f"http://127.0.0.1:{good.port}/")
    assert found == Answer(429, "answered 429", wait)


def test_a_whole_call_ends_by_the_deadline_whoever_hangs():
    drips = threading.Event()

    def slowly(host: str, _: int) -> list[str]:
        drips.wait(30)
        return ["127.0.0.1"]

    begun = time.monotonic()
    found = sent(Gate((), slowly, deadline=SOON), "https://hangs.example.com/")
    drips.set()
    assert found == Answer(None, "its name was not looked up in time")
    with socket.create_server(("127.0.0.1", 0)) as silent:  # connects, and never answers
        port = silent.getsockname()[1]
        found = sent(at("127.0.0.1", deadline=SOON), f"http://127.0.0.1:{port}/")
    assert isinstance(found, Answer)
    assert found.status is None
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize("error", [OSError("no"), UnicodeError("no"), ValueError("no")])
def test_a_name_that_is_not_found_is_a_reason(error):
    def fails(host: str, _: int) -> list[str]:
        raise error

    assert sent(Gate((), fails), "https://gone.example.com/") == Answer(
        None, "its name was not found"
    )


def test_another_address_of_the_name_is_tried_where_one_can_not_be_connected_to():
    with serving() as good:
        names = Names(["127.0.0.3", "127.0.0.1"])
        assert sent(at("127.0.0.0/8", names), f"http://two.example.com:{good.port}/") == Answer(204)


def certified(name: str, tmp_path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a server of that name shows, and what trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = datetime.now(UTC)
    alternative = x509.IPAddress(ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(1).not_valid_before(made - SOON).not_valid_after(made + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = serialization.Encoding.PEM
    text = certificate.public_bytes(pem)
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path / "server.pem"
    path.write_bytes(private + text)
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shown.load_cert_chain(path)
    return shown, ssl.create_default_context(cadata=text.decode())


def test_tls_names_the_host_and_trusts_nobody_else(tmp_path):
    shown, trusting = certified("hooks.example.com", tmp_path)
    names = Names(["127.0.0.1"])
    with serving(context=shown) as good:
        gate = at("127.0.0.1", names, context=trusting)
        assert sent(gate, f"https://hooks.example.com:{good.port}/a?b") == Answer(204)
        assert good.heard[0].startswith(b"POST /a?b HTTP/1.1\r\n")
        assert f"Host: hooks.example.com:{good.port}\r\n".encode() in good.heard[0]
        other = sent(gate, f"https://other.example.com:{good.port}/")
        nobody = sent(at("127.0.0.1", names), f"https://hooks.example.com:{good.port}/")
        assert good.names == ["hooks.example.com", "other.example.com", "hooks.example.com"]
        assert len(good.heard) == 1
    for found in (other, nobody):
        assert isinstance(found, Answer)
        assert found.status is None
        assert "certificate" in found.reason.lower()
