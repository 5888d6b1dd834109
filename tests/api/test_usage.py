"""POST /v1/usage on a real server: what is read, what is answered, who is let in, what is too much."""

from __future__ import annotations

import gzip
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from everycent.access import operations as access
from everycent.tenants import operations as tenants
from tests.api.serving import COMMAND, JSON, Served, held, key_id, make_key, record, served, stored
from tests.conftest import NOW, Place
from tests.flows import world
from tests.store import books

EVENT = "application/cloudevents+json"
EVENTS = "application/cloudevents-batch+json"
LINES = "application/x-ndjson"
PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def api(server) -> Iterator[Served]:
    with books.fresh(server, "test_api_usage") as place:
        world.sell(place, [])
        with served(place) as found:
            yield found


def event(name: str, **changed: object) -> dict[str, object]:
    told = {
        "specversion": "1.0", "id": name, "source": "gw", "subject": "acme", "type": "calls",
        "time": "2026-01-05T12:00:00Z", "data": {"value": 2, "region": "eu"},
    }  # fmt: skip
    return told | changed


def counts(answer: httpx2.Response) -> tuple[int, int, int, int]:
    assert answer.status_code == 200, answer.text
    told = answer.json()
    return told["accepted"], told["duplicates"], told["conflicts"], told["rejected"]


def code(answer: httpx2.Response) -> tuple[int, str]:
    """The status and the code of a problem, whose form is checked."""
    assert answer.headers["content-type"] == PROBLEM, answer.text
    told = answer.json()
    assert told["status"] == answer.status_code
    assert told["type"] == f"urn:everycent:{told['code']}"
    assert told["title"]
    assert told["detail"]
    return answer.status_code, told["code"]


# --- what is read -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "kind", "accepted"),
    [
        ("one", record("one"), JSON, 1),
        ("array", [record("array-1"), record("array-2", "2.50")], JSON, 2),
        ("utf8", [record("utf8-š")], "application/json; charset=utf-8", 1),
        ("none", [], JSON, 0),
        ("lines", b"\n".join(json.dumps(record(f"lines-{n}")).encode() for n in range(3)), LINES, 3),
        ("event", event("event"), EVENT, 1),
        ("batch", [event("batch-1"), event("batch-2")], EVENTS, 2),
    ],
)  # fmt: skip
def test_every_content_type_is_read_and_a_second_time_has_no_effect(
    api, name, content, kind, accepted
):
    assert counts(api.post(content, kind)) == (accepted, 0, 0, 0)
    assert counts(api.post(content, kind)) == (0, accepted, 0, 0)
    assert sum(stored(api.place, name).values()) == accepted


def test_an_event_in_binary_mode_is_its_headers(api):
    headers = {
        "ce_specversion": "1.0", "ce_id": "binary-%C5%A1", "ce_source": "gw", "ce_subject": "acme",
        "ce_type": "calls", "ce_time": "2026-01-05T13:00:00%2B01:00",
    }  # fmt: skip
    assert counts(api.post({"value": "1e2"}, **headers)) == (1, 0, 0, 0)
    assert stored(api.place, "binary") == {("binary-š", "100"): 1}
    assert counts(api.post(event("binary-š", data={"value": 100}), EVENT)) == (0, 1, 0, 0)
    xml = api.post(b"<x/>", "text/xml", **headers).json()
    assert [told["code"] for told in xml["results"]] == ["usage.data_not_json"]


def test_an_attribute_in_two_headers_is_refused(api):
    headers = [
        ("ce-specversion", "1.0"), ("ce-id", "twice-a"), ("ce-id", "twice-b"), ("ce-source", "gw"),
        ("ce-subject", "acme"), ("ce-type", "calls"), ("ce-time", "2026-01-05T12:00:00Z"),
        ("content-type", JSON), ("authorization", f"Bearer {api.key}"),
    ]  # fmt: skip
    answer = api.client.post("/v1/usage", content=b"{}", headers=headers)
    assert code(answer) == (400, "usage.key_twice")
    assert stored(api.place, "twice") == {}


def test_the_answer_tells_every_record_that_was_not_accepted(api):
    api.post([record("told-a"), record("told-b")])
    answer = api.post(
        [
            record("told-a"),
            record("told-new"),
            record("told-b", "7.0", dimensions={"x": "y"}),
            record("told-c", "NaN"),
            record("told-d", meter="nothing"),
            {"id": "told-e"},
            7,
        ]
    )
    assert counts(answer) == (1, 1, 1, 4)
    results = answer.json()["results"]
    assert [(told["position"], told["status"], told.get("id"), told.get("code")) for told in results] == [
        (0, "duplicate", "told-a", None),
        (2, "conflict", "told-b", "usage.conflict"),
        (3, "rejected", "told-c", "number.malformed"),
        (4, "rejected", "told-d", "usage.unknown_meter"),
        (5, "rejected", "told-e", "usage.missing_field"),
        (6, "rejected", None, "usage.no_object"),
    ]  # fmt: skip
    assert all(told["message"] for told in results[1:])
    assert results[1]["stored"] == record("told-b", "1", dimensions={})
    assert results[1]["offered"] == record("told-b", "7", dimensions={"x": "y"})


def test_an_atomic_request_is_stored_whole_or_not_at_all(api):
    def post(*records: object) -> tuple[int, int, int, int]:
        answer = api.client.post(
            "/v1/usage",
            params={"atomic": "true"},
            json=list(records),
            headers={"authorization": f"Bearer {api.key}"},
        )
        return counts(answer)

    assert post(record("atom-1"), record("atom-2", "x")) == (0, 0, 0, 2)
    assert post(record("atom-1"), record("atom-2")) == (2, 0, 0, 0)
    assert post(record("atom-1"), record("atom-3"), record("atom-2", 5)) == (0, 0, 1, 2)
    assert post(record("atom-1"), record("atom-3")) == (1, 1, 0, 0)
    assert len(stored(api.place, "atom")) == 3


# --- who is let in ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ec_short", "Bearer ec_" + "0" * 43, "Basic dTpw", "ec_" + "x" * 43],
)  # fmt: skip
def test_without_a_valid_key_nothing_is_taken_in(api, authorization):
    headers = {} if authorization is None else {"authorization": authorization}
    answer = api.client.post("/v1/usage", json=record("nobody"), headers=headers)
    assert code(answer) == (401, "key.refused")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert stored(api.place, "nobody") == {}


def test_a_key_may_do_what_its_scopes_name(api):
    reader = make_key(api.place.database, api.place.tenant_id, "reader", ["usage:read"])
    assert code(api.post(record("reader"), key=reader)) == (403, "key.missing_scope")
    both = make_key(api.place.database, api.place.tenant_id, "both", ["usage:read", "usage:write"])
    assert counts(api.post(record("reader"), key=both)) == (1, 0, 0, 0)


def test_a_revoked_key_opens_nothing_within_a_second(api):
    key = make_key(api.place.database, api.place.tenant_id, "gone")
    assert counts(api.post(record("gone-1"), key=key)) == (1, 0, 0, 0)
    with api.place.database.transaction(api.place.tenant_id) as tx:
        access.revoke_key(tx, key_id("gone"), **api.place.writing)
    time.sleep(1.1)
    assert code(api.post(record("gone-2"), key=key)) == (401, "key.refused")


def test_tenants_don_t_meet(api):
    place = api.place
    other = tenants.create(place.database, "other", "Other", NOW)
    world.sell(place._replace(tenant_id=other, ids=lambda key: place.ids(f"other/{key}")), [])
    theirs = make_key(place.database, other, "theirs")
    assert counts(api.post(record("meet", 1))) == (1, 0, 0, 0)
    assert counts(api.post(record("meet", 2), key=theirs)) == (1, 0, 0, 0)
    assert counts(api.post(record("meet", 2), key=theirs)) == (0, 1, 0, 0)
    assert stored(place, "meet") == {("meet", "1"): 1}
    assert stored(place, "meet", other) == {("meet", "2"): 1}


# --- what is refused as a whole -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "kind", "expected"),
    [
        (b"{", JSON, (400, "usage.bad_json")),
        (b"", JSON, (400, "usage.bad_json")),
        (b'[{"id":NaN}]', JSON, (400, "usage.bad_json")),
        (b"[" * 100_000, JSON, (400, "usage.bad_json")),
        (b"{}", EVENTS, (400, "usage.bad_json")),
        (b"a=b", "application/x-www-form-urlencoded", (415, "request.unsupported_type")),
        (b"{}", "", (415, "request.unsupported_type")),
        (b"{}", None, (415, "request.unsupported_type")),
        (b"[" + b"{}," * 10_000 + b"{}]", JSON, (413, "usage.too_many_records")),
        (b" " * 16_000_001, JSON, (413, "request.too_large")),
    ],
)
def test_a_request_that_can_not_be_read_is_told_why(api, content, kind, expected):
    assert code(api.post(content, kind)) == expected


def test_a_body_is_counted_while_it_comes(api):
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 400_000_000:
            sent += 1_000_000
            yield b" " * 1_000_000

    headers = {"authorization": f"Bearer {api.key}", "content-type": JSON}
    try:
        answer = api.client.post("/v1/usage", content=endless(), headers=headers)
        assert code(answer) == (413, "request.too_large")
    except httpx2.TransportError:
        pass  # the server has closed the connection before the client looked for an answer
    assert 16_000_000 <= sent < 400_000_000
    assert counts(api.post(record("after-endless"))) == (1, 0, 0, 0)


@pytest.mark.parametrize(
    ("content", "encoding", "expected"),
    [
        (gzip.compress(b" " * 400_000_000, 1, mtime=0), "gzip", (413, "request.too_large")),
        (gzip.compress(b"[]", mtime=0)[:-3], "gzip", (400, "request.bad_gzip")),
        (gzip.compress(b"[]", mtime=0) + b"more", "gzip", (400, "request.bad_gzip")),
        (b"[]", "gzip", (400, "request.bad_gzip")),
        (b"[]", "br", (415, "request.unsupported_encoding")),
    ],
)
def test_packed_bodies_are_bounded_too(api, content, encoding, expected):
    assert code(api.post(content, content_encoding=encoding)) == expected


def test_a_packed_body_is_unpacked(api):
    packed = gzip.compress(json.dumps([record(f"packed-{n}") for n in range(1000)]).encode())
    assert counts(api.post(packed, content_encoding="gzip")) == (1000, 0, 0, 0)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/usage", 405), ("GET", "/", 404), ("POST", "/v1/other", 404)],
)
def test_other_paths_and_methods_are_problems_too(api, method, path, status):
    answer = api.client.request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM)


def test_health_needs_no_key(api):
    answer = api.client.get("/v1/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_a_parameter_that_is_neither_true_nor_false_is_refused(api):
    answer = api.client.post(
        "/v1/usage?atomic=1", json=[], headers={"authorization": f"Bearer {api.key}"}
    )
    assert code(answer) == (400, "request.bad_parameter")


# --- many at a time, and the end ----------------------------------------------------------------


def test_hundreds_of_small_requests_share_transactions(api):
    def batches() -> int:
        with api.place.database.transaction(api.place.tenant_id) as tx:
            return int(tx.value("select count(*) from usage_batch"))

    before = batches()
    with ThreadPoolExecutor(100) as pool:
        with held(api.place):
            waiting = [pool.submit(api.post, record(f"small-{n}")) for n in range(100)]
            time.sleep(2)
        assert {counts(answer.result(60)) for answer in waiting} == {(1, 0, 0, 0)}
    assert len(stored(api.place, "small")) == 100
    assert batches() - before <= 10


def test_a_client_that_hangs_up_does_no_harm(api):
    host, port = api.address.removeprefix("http://").split(":")
    head = f"POST /v1/usage HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.key}\r\n"
    head += f"Content-Type: {JSON}\r\nContent-Length: 1000\r\n\r\n["
    for _ in range(20):
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(head.encode())
    assert counts(api.post(record("after-hangup"))) == (1, 0, 0, 0)


def test_what_was_begun_is_answered_before_the_server_stops(place: Place):
    world.sell(place, [])
    with served(place) as api, ThreadPoolExecutor(20) as pool:
        with held(place):
            waiting = [pool.submit(api.post, record(f"last-{n}")) for n in range(20)]
            time.sleep(1)
            api.process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            with pytest.raises(httpx2.TransportError):
                httpx2.get(f"{api.address}/v1/healthz")
        assert {counts(answer.result(60)) for answer in waiting} == {(1, 0, 0, 0)}
        assert api.process.wait(20) == 0
    assert len(stored(place, "last")) == 20


def test_a_server_says_when_its_port_is_taken(api):
    port = api.address.rpartition(":")[2]
    command = [part if part != "0" else port for part in COMMAND]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=os.environ | {"EVERYCENT_DATABASE_URL": api.place.conninfo},
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert json.loads(done.stderr)["error"]["code"] == "server.no_address"
