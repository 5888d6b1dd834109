"""Hostile input to every operation: refused in words, at a bounded price, and never a fault of ours.

The requests are made out of `server.OPERATIONS`, so that an operation that is added is attacked too. What
the server spends on them is printed (`pytest -s`), and stands in docs/testing.md.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import socket
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import httpx2
import msgspec
import psycopg
import pytest

from everycent.access.roles import SCOPES
from everycent.api import server
from everycent.api.asking import Faults, plain_as
from everycent.api.openapi import Problem
from everycent.api.operation import Kind, Operation
from everycent.api.usage import OfferedData, OfferedEvent
from tests.api import shaped
from tests.api.serving import Served, make_key, served
from tests.conftest import Place
from tests.flows import world

BOMBS = [
    "1e999999", "1e1000000000", "-1e999999", "1e-1000000000", "9" * 5000, "0." + "1" * 5000, "NaN",
    "-Infinity", "sNaN", "٣٤", "１２", "1_000", " 1", "1 ", "1\u00a0000", "0x10", "1e", "+-1", "--1",
    "1.000.000,00", "²", "½", "\u200b1",
]  # fmt: skip
TRICKS = [
    "", " ", "\u202eacme", "\u2066x\u2069", "a\u0301" * 100, "\ufeffacme", "\u0000", "a\nb", "\x7f",
    "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "x" * 10_000, "x" * 10_001,
    "'; drop table customer; --", "../../etc/passwd", "{{7*7}}", "%s%n", "\\", "<script>",
    "9999-12-31", "0001-01-01", "2026-02-30", "2026-01-01T00:00:00+99:99", "\U0010ffff",
]  # fmt: skip
NUMBERS = [10**18, 10**17, -1, 0, 2**31, 2**63]
RAW_NUMBERS = [b"1e999999", b"1e1000000000", b"9" * 5000, b"NaN", b"-Infinity", b"1.5"]
RAW = [
    b"", b"null", b"[]", b'"x"', b"1", b"{", b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}", b"\xff",
    b"[" * 100_000, b'{"a":' * 100_000, b'{"a":' + b"[" * 40 + b"]" * 40 + b"}",
    b'{"a": 1, "a": 2}', b'{"a": "\\ud800"}', b'{"a": "\\u0000"}', b'{"a": "' + b"x" * 10_001 + b'"}',
    b'{"a": "\xed\xa0\x80"}', b'{"' + b"x" * 100_000 + b'": 1}',
    b"{" + b",".join(b'"k%d":1' % n for n in range(50_000)) + b"}",
    b"[" + b"{}," * 100_000 + b"{}]",
    *(b'{"a": ' + number + b"}" for number in RAW_NUMBERS),
]  # fmt: skip
IN_PATH = [
    "%00", "%ED%A0%80", "%FF", "..%2F..%2Fetc", "x" * 300, "1e999999", "%D9%A3", "%E2%80%AEx", "%0A",
    "a%CC%81" * 60, "9" * 5000, "%25", "'", "--",
]  # fmt: skip
JSON = "application/json"
LARGE = b'{"a": "' + b"x" * 1_100_000 + b'"}'
BOMB = gzip.compress(b" " * 40_000_000, 9)
_MOST_RSS_MB = 1000
_MOST_CPU = 5.0


WHOLE = bool(os.environ.get("EVERYCENT_FUZZ"))
"""Whether everything is tried at every place (`make fuzz`), or a few things at each, others at others."""


def some(values: Sequence[Any], place: str, count: int) -> Sequence[Any]:
    """All values, or so many of them: always the same at a place."""
    if WHOLE or len(values) <= count:
        return values
    first = zlib.crc32(place.encode())
    return [values[(first + n * 7) % len(values)] for n in range(count)]


class Price(NamedTuple):
    """What a request cost the server: CPU seconds, and which it was."""

    cpu: float
    what: str


class Attack:
    """Sends requests to a server, and looks at every answer and at what it cost."""

    def __init__(self, api: Served, key: str) -> None:
        self._api, self._key = api, key
        self._pid = api.process.pid
        self.prices: list[Price] = []
        self.started = self.memory()

    @property
    def base(self) -> str:
        return self._api.address

    def lives(self) -> bool:
        """Whether the server is the one that was started, and works."""
        return self._api.process.poll() is None and self._api.client.get("/readyz").is_success

    def memory(self, what: str = "VmHWM") -> int:
        """The most memory that the server had, in MB."""
        told = Path(f"/proc/{self._pid}/status").read_text("ascii", errors="replace")
        found = re.search(rf"{what}:\s+(\d+) kB", told)
        assert found is not None, "the server lives"
        return int(found[1]) // 1024

    def cpu(self) -> float:
        """CPU seconds of all threads of the server."""
        spent = 0
        for task in Path(f"/proc/{self._pid}/task").iterdir():
            try:
                spent += int((task / "schedstat").read_text().split()[0])
            except OSError:  # it ended meanwhile
                continue
        return spent / 1e9

    def send(self, one: Operation, address: str, **more: Any) -> httpx2.Response:
        """Sends a request; what is answered is no fault of ours, and a problem says what is wrong."""
        headers = {"authorization": f"Bearer {self._key}"} | more.pop("headers", {})
        before = self.cpu()
        answer = self._api.client.request(one.method, address, headers=headers, **more)
        told = f"{one.name} {address[:80]} {str(more)[:80]}"
        self.prices.append(Price(self.cpu() - before, told))
        assert answer.status_code < 500, (told, answer.text[:500])
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json", (told, answer.text)
            problem = msgspec.json.decode(answer.content, type=Problem)
            assert problem.status == answer.status_code
            assert "." in problem.code
            assert problem.detail
            assert len(answer.content) < 100_000, told
        return answer


@pytest.fixture(scope="module")
def attack(module_place: Place) -> Iterator[Attack]:
    world.sell(module_place, [("acme", "api")])
    with served(module_place) as api:
        key = make_key(module_place.database, module_place.tenant_id, "hostile", SCOPES)
        found = Attack(api, key)
        yield found
        prices = sorted(found.prices, reverse=True)
        total = sum(one.cpu for one in prices)
        print(
            f"\n{len(prices)} hostile requests to {len(server.OPERATIONS)} operations: 0 faults of ours;"
            f" CPU {1000 * total / len(prices):.1f} ms on average, the worst"
            f" {1000 * prices[0].cpu:.0f} ms; memory {found.started} MB at first,"
            f" {found.memory()} MB at most"
        )
        for one in prices[:5]:
            print(f"  {1000 * one.cpu:6.0f} ms  {one.what}")
        assert found.memory() < _MOST_RSS_MB
        assert prices[0].cpu < _MOST_CPU, prices[
            0
        ]  # a bomb takes minutes; this says nothing of speed
        assert found.lives()


def name_of(one: Operation) -> str:
    return one.name


ALL = pytest.mark.parametrize("one", server.OPERATIONS, ids=name_of)
CHANGING = [one for one in server.OPERATIONS if one.method != "GET"]
TAKING = [one for one in CHANGING if one.body is not None]


def address_of(one: Operation, text: str = "none") -> str:
    return re.sub(r"\{\w+(:\w+)?\}", text, one.path)


def is_refused(answer: httpx2.Response) -> bool:
    """Whether nothing was done: usage is answered record by record."""
    if answer.status_code == 200 and urlsplit(str(answer.url)).path == "/v1/usage":
        return bool(answer.json()["accepted"] == 0)
    return 400 <= answer.status_code < 500


@ALL
def test_no_text_of_a_parameter_is_a_fault(attack: Attack, one: Operation):
    told = shaped.query_of(one)
    for place in shaped.places_of(one.query):
        key = f"{one.name}?{place.name}"
        for text in (*some(BOMBS, key, 3), *some(TRICKS, key, 3)):
            asked = told | {place.name: text}
            query = "&".join(f"{name}={quote(value)}" for name, value in asked.items())
            answer = attack.send(one, f"{address_of(one)}?{query}")
            if place.is_number and text in BOMBS:
                assert is_refused(answer), (one.name, place.name, text, answer.text)
    answer = attack.send(one, f"{address_of(one)}?tenant_id=1")
    if one.kind is not Kind.RAW:
        assert is_refused(answer)


@pytest.mark.parametrize("one", [one for one in server.OPERATIONS if "{" in one.path], ids=name_of)
def test_no_text_in_a_path_is_a_fault(attack: Attack, one: Operation):
    for text in some(IN_PATH, one.name, 4):
        body = {"json": shaped.body_of(one)} if one.body is not None else {}
        answer = attack.send(one, address_of(one, text), params=shaped.query_of(one), **body)
        assert is_refused(answer) or one.kind is Kind.RAW or one.method in ("GET", "PUT"), (
            one.name, text, answer.text,
        )  # fmt: skip


@pytest.mark.parametrize("one", TAKING, ids=name_of)
def test_no_value_in_a_body_is_a_fault(attack: Attack, one: Operation):
    body, query = shaped.body_of(one), shaped.query_of(one)
    bodies = body if isinstance(body, dict) else {}
    for place in shaped.places_of(one.body):
        key = f"{one.name}.{place.name}"
        values = (*BOMBS, *NUMBERS) if place.is_number else (*TRICKS, *BOMBS[:4], 10**18)
        for value in some(values, key, 6 if place.is_number else 3):
            told = json.dumps(shaped.with_at(bodies, place, value)).encode()
            answer = attack.send(
                one, address_of(one), params=query, content=told, headers={"content-type": JSON}
            )
            if place.is_number and value in BOMBS:
                assert is_refused(answer), (one.name, place.name, value, answer.text)


def needs(one: Operation) -> bool:
    """Whether its body must tell something."""
    return one.body is not None and any(
        field.required for field in msgspec.structs.fields(one.body)
    )


@pytest.mark.parametrize("one", CHANGING, ids=name_of)
def test_a_body_that_can_be_misread_is_refused(attack: Attack, one: Operation):
    for raw in some(RAW, one.name, 8):
        told = {"content": raw, "headers": {"content-type": JSON}}
        answer = attack.send(one, address_of(one), params=shaped.query_of(one), **told)
        is_nothing = raw in (b"", b"[]", b"null")
        assert is_refused(answer) or (is_nothing and (one.kind is Kind.RAW or not needs(one))), (
            one.name, raw[:60], answer.text,
        )  # fmt: skip


@pytest.mark.parametrize("one", CHANGING, ids=name_of)
def test_a_body_that_is_too_large_is_refused_packed_or_not(attack: Attack, one: Operation):
    packed = {"content": BOMB, "headers": {"content-type": JSON, "content-encoding": "gzip"}}
    answer = attack.send(one, address_of(one), **packed)
    assert is_refused(answer), (one.name, answer.text)
    large = {"content": LARGE, "headers": {"content-type": JSON}}
    assert is_refused(attack.send(one, address_of(one), **large)), one.name
    for wrong in (b"", b"\x1f\x8b", BOMB[:100], gzip.compress(b"{}") + b"x"):
        told = {"content": wrong, "headers": {"content-type": JSON, "content-encoding": "gzip"}}
        answer = attack.send(one, address_of(one), **told)
        assert is_refused(answer), (one.name, wrong[:10], answer.text)


@ALL
def test_no_header_is_a_fault(attack: Attack, one: Operation):
    for name in ("idempotency-key", "x-request-id", "if-none-match", "accept", "content-type",
                 "ce-specversion", "cookie", "everycent-tenant"):  # fmt: skip
        values = ("", "x" * 5000, b"\xff\xfe", b"1e999999", b'W/"', b"*/*")
        for value in some(values, one.name + name, 1):
            attack.send(one, address_of(one), headers={name: value})


def columns(place: Place) -> list[str]:
    with psycopg.connect(place.conninfo) as connection:
        rows = connection.execute(
            "select distinct column_name from information_schema.columns"
            " where table_schema = 'everycent' order by 1"
        )
        return [name for (name,) in rows]


def test_no_column_can_be_set_that_is_no_field(module_place: Place, attack: Attack):
    names = columns(module_place)
    assert len(names) > 200
    for one in TAKING:
        if one.kind is Kind.RAW:
            continue
        fields = shaped.fields_of(one.body)
        unknown = [name for name in names if name not in fields]
        for name in unknown:
            with pytest.raises(Faults) as refused:
                plain_as(shaped.body_of(one) | {name: 1}, one.body)
            codes = {(each.code, each.field) for each in refused.value.found}
            assert ("request.unknown_field", name) in codes, (one.name, name)
        told = shaped.body_of(one) | dict.fromkeys(unknown, "1")
        assert is_refused(attack.send(one, address_of(one), json=told))


OPEN = {OfferedEvent, OfferedData}
"""Events may have attributes of their own; what is no dimension of theirs is not looked at."""


@ALL
def test_nothing_that_is_read_takes_what_it_does_not_know(one: Operation):
    for shape in (one.query, one.body, *one.bodies.values()):
        for found in shaped.structs_of(shape) - OPEN:
            assert found.__struct_config__.forbid_unknown_fields, (one.name, found)


def test_slow_clients_hold_up_nobody(attack: Attack):
    address = urlsplit(str(attack.base))
    assert address.hostname is not None
    slow = []
    try:
        for n in range(40):
            one = socket.create_connection((address.hostname, address.port or 80), timeout=10)
            head = b"POST /v1/usage HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n"
            one.sendall(head[: 10 + n] if n % 2 else head + b"\r\n{")
            slow.append(one)
        for each in server.OPERATIONS:
            if each.method == "GET":
                attack.send(each, address_of(each))
    finally:
        for one in slow:
            one.close()
