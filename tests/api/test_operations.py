"""What holds of every operation, whatever it does: its permission, its document, and how it is asked."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from everycent.access import operations as access
from everycent.access.answers import Kept
from everycent.access.roles import ALL_SCOPES, OPERATORS, ROLES, SCOPES
from everycent.api import server
from everycent.api.openapi import document
from everycent.api.operation import Kind, Member, Open, Operation
from everycent.tenants import operations as tenants
from tests.api.asking import Asking, asking
from tests.api.serving import make_key
from tests.conftest import NOW, Place


@pytest.fixture(scope="module")
def api(module_place: Place) -> Iterator[Asking]:
    with asking(module_place) as found:
        yield found


def name_of(one: Operation) -> str:
    return f"{one.method} {one.path}"


@pytest.mark.parametrize("one", server.OPERATIONS, ids=name_of)
def test_an_operation_says_what_it_needs_and_does(one: Operation):
    if not isinstance(one.scope, Open | Member):
        assert one.scope in ALL_SCOPES
        is_known_as_post = one.method == "POST" and one.scope.endswith(":read")
        assert one.scope.endswith(":read") == (one.method == "GET") or is_known_as_post
        assert one.kind is not Kind.CHANGING or one.scope.endswith(":write")
    assert (one.work.__doc__ or "").strip()
    assert one.answer is not None
    assert (one.method == "GET") == (one.kind is Kind.READING) or one.kind is Kind.RAW


def test_names_and_addresses_are_there_once():
    assert [
        n for n, count in Counter(one.name for one in server.OPERATIONS).items() if count > 1
    ] == []
    addresses = Counter(map(name_of, server.OPERATIONS))
    assert [n for n, count in addresses.items() if count > 1] == []


def test_a_role_that_reads_changes_nothing():
    assert {scope.partition(":")[2] for scope in ROLES["read-only"]} == {"read"}
    assert ROLES["owner"] == set(SCOPES)


def test_no_role_reaches_beyond_its_tenant():
    assert not any(may & set(OPERATORS) for may in ROLES.values())
    beyond = {one.scope for one in server.OPERATIONS if one.path.startswith("/v1/tenants")}
    assert beyond == set(OPERATORS)


def test_the_document_is_the_same_for_the_same_operations():
    told = [json.dumps(document(server.OPERATIONS, "1"), sort_keys=True) for _ in range(2)]
    assert told[0] == told[1]


def made(api: Asking, body: Any, once: str | None, **more: Any) -> Any:
    headers = {} if once is None else {"idempotency_key": once}
    return api.send("POST", "/v1/keys", json=body, **headers, **more)


BODY = {"name": "once", "scopes": ["usage:read"]}


def named(api: Asking, name: str) -> int:
    return sum(one["name"] == name for one in api.get("/v1/keys")["items"])


def test_a_request_that_comes_twice_is_done_once(api: Asking):
    first, second = (made(api, BODY, "k-1") for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["key_id"] == second.json()["key_id"]
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert named(api, "once") == 1


def test_what_is_shown_once_is_not_kept_for_whoever_repeats_the_request(api: Asking):
    first, second = (made(api, BODY | {"name": "secret"}, "k-2").json() for _ in range(2))
    assert second == first | {"key": None}
    with api.place.database.transaction(api.place.tenant_id) as tx:
        kept = tx.tuples("select body from request_answer")
    assert not any(first["key"].encode() in bytes(body) for (body,) in kept)


def test_a_key_that_came_with_something_else_is_refused(api: Asking):
    made(api, BODY | {"name": "third"}, "k-3")
    other = made(api, BODY | {"name": "fourth"}, "k-3")
    assert (other.status_code, other.json()["code"]) == (422, "request.key_reused")
    assert named(api, "fourth") == 0


def test_a_request_that_was_refused_may_be_sent_again_corrected(api: Asking):
    assert made(api, {"name": "fifth", "scopes": ["none"]}, "k-5").json()["code"] == "key.bad_scope"
    assert made(api, BODY | {"name": "fifth"}, "k-5").status_code == 201


def test_a_key_is_kept_for_a_month(api: Asking):
    now, digest = datetime.now(UTC), bytes(32)
    with api.place.database.transaction(api.place.tenant_id) as tx:
        for number, days in enumerate([*range(31, 43), 29]):
            at = now - timedelta(days=days)
            access.keep(tx, f"old-{number}", digest, at, Kept(200, {}, b"{}"))
    made(api, BODY | {"name": "sixth"}, "k-30")
    made(api, BODY | {"name": "seventh"}, "k-31")
    with api.place.database.snapshot(api.place.tenant_id) as tx:
        kept = tx.tuples("select key from request_answer where key like 'old-%%'")
    assert kept == [("old-12",)]


def test_a_key_under_which_something_was_refused_is_free_for_another_request(api: Asking):
    body = {"as_of": "2199-01-01"}
    refused = api.send("POST", "/v1/runs", json=body, idempotency_key="k-8")
    assert refused.status_code == 400
    first, second = (made(api, BODY | {"name": "eighth"}, "k-8") for _ in range(2))
    assert first.json()["key_id"] == second.json()["key_id"]
    assert second.headers["idempotency-replayed"] == "true"
    again = api.send("POST", "/v1/runs", json=body, idempotency_key="k-8")
    assert (again.status_code, again.json()["code"]) == (422, "request.key_reused")


def test_of_many_at_once_one_is_done(api: Asking):
    answers: list[Any] = []

    def send() -> None:
        answers.append(made(api, BODY | {"name": "many"}, "k-6"))

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert named(api, "many") == 1
    assert {one.status_code for one in answers} <= {201, 409}
    assert {one.json()["code"] for one in answers if one.status_code == 409} <= {
        "request.under_way"
    }


def test_the_key_of_another_tenant_is_another_key(api: Asking):
    made(api, BODY | {"name": "seventh"}, "k-31")
    other = tenants.create(api.place.database, "keys-other", "Other", NOW)
    theirs = make_key(api.place.database, other, "theirs", SCOPES)
    answer = made(api, BODY | {"name": "another"}, "k-7", key=theirs)
    assert (answer.status_code, answer.json()["name"]) == (201, "another")


def test_a_key_can_not_make_one_that_may_do_more(api: Asking):
    small = api.with_scopes("keys:write", "usage:read")
    body = {"name": "wide", "scopes": ["usage:read", "payments:write"]}
    assert small.refused("POST", "/v1/keys", body) == (403, "key.wider")


HERE, SOON, LATER = "127.0.0.0/8", "2099-01-01T00:00:00Z", "2099-01-02T00:00:00Z"
BOUNDED = [
    # told of the new key                          networks, and the end, it has; or the refused field
    ({}, ([HERE], SOON)),
    ({"networks": ["127.0.0.1/32"], "expires_at": "2098-01-01T00:00:00Z"},
     (["127.0.0.1/32"], "2098-01-01T00:00:00Z")),
    ({"networks": ["0.0.0.0/0"]}, "networks"),
    ({"networks": ["127.0.0.1/32", "::1/128"]}, "networks"),
    ({"expires_at": LATER}, "expires_at"),
]  # fmt: skip


@pytest.mark.parametrize(("more", "expected"), BOUNDED)
def test_a_key_keeps_within_the_bounds_of_the_key_that_makes_it(
    api: Asking, more: dict[str, Any], expected: Any
):
    bounds = {"networks": [HERE], "expires_at": SOON}
    wide = {"name": "bounded", "scopes": ["keys:write", "usage:read"]}
    maker = api._replace(key=api.post("/v1/keys", wide | bounds, status=201)["key"])
    answer = maker.send("POST", "/v1/keys", json={"name": "n", "scopes": ["usage:read"], **more})
    told = answer.json()
    if isinstance(expected, str):
        assert (answer.status_code, told["code"], told["field"]) == (403, "key.wider", expected)
    else:
        assert (told["networks"], told["expires_at"]) == expected


def test_a_key_revokes_none_that_may_do_more(api: Asking):
    small = api.with_scopes("keys:write", "usage:read", "usage:write")
    made = [
        api.post("/v1/keys", {"name": "r", "scopes": [scope]}, status=201)["key_id"]
        for scope in ("invoices:write", "usage:read")
    ]
    assert small.refused("POST", f"/v1/keys/{made[0]}/revoke") == (403, "key.wider")
    assert small.post(f"/v1/keys/{made[1]}/revoke")["is_new"]
    assert api.post(f"/v1/keys/{made[0]}/revoke")["is_new"]


def test_all_that_is_wrong_is_told_at_once(api: Asking):
    answer = api.send("POST", "/v1/keys", json={"name": "", "scope": [], "scopes": [1]})
    told = answer.json()
    assert answer.status_code == 400
    assert [(one["code"], one["field"]) for one in told["errors"]] == [
        ("request.unknown_field", "scope"),
        ("request.bad_field", "name"),
        ("request.bad_field", "scopes[0]"),
    ]
    assert (told["code"], told["field"]) == ("request.unknown_field", "scope")


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"[]", "request.bad_body"),
        (b"{", "request.bad_body"),
        (b'{"name": "a", "name": "b", "scopes": ["usage:read"]}', "request.bad_body"),
        (b'{"name": NaN}', "request.bad_body"),
        (b'{"name": 1e999999}', "request.bad_body"),
        (b'{"name": 1.5}', "request.bad_body"),
        (b'{"name": ' + b"9" * 5000 + b"}", "request.bad_body"),
        (b'{"name": ' + b"[" * 100_000 + b"}", "request.bad_body"),
        (b'{"name": ' + b"[" * 40 + b"]" * 40 + b"}", "request.bad_body"),
        (b'{"name": "\\ud800", "scopes": ["usage:read"]}', "request.bad_body"),
        (b'{"name": "\\u0000", "scopes": ["usage:read"]}', "request.bad_body"),
        (b'{"name": "' + b"x" * 10_001 + b'"}', "request.bad_body"),
        (b"\xff", "request.bad_body"),
        (b" " * 1_048_577, "request.too_large"),
    ],
)
def test_a_body_that_can_be_misread_is_refused(api: Asking, raw: bytes, code: str):
    headers = {"authorization": f"Bearer {api.key}", "content-type": "application/json"}
    answer = api.client.post("/v1/keys", content=raw, headers=headers)
    assert answer.json()["code"] == code
    assert answer.status_code == (413 if code == "request.too_large" else 400)


def test_what_is_asked_again_and_is_the_same_is_not_sent_again(api: Asking):
    first = api.send("GET", "/v1/keys")
    again = api.send("GET", "/v1/keys", if_none_match=first.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")


def test_who_did_what_is_written_down(api: Asking):
    made(api, BODY | {"name": "seen"}, None, x_request_id="req-seen", user_agent="tester/1")
    small = api.with_scopes("usage:read")
    small.refused("GET", "/v1/audit")
    small.refused("POST", "/v1/keys", BODY)
    newest = api.get("/v1/audit", size=3)["items"]
    assert [(one["operation"], one["status"], one["code"]) for one in newest] == [
        ("create_key", 403, "key.missing_scope"),
        ("list_audit", 403, "key.missing_scope"),
        ("create_key", 201, ""),
    ]
    assert (newest[2]["request_id"], newest[2]["agent"]) == ("req-seen", "tester/1")
    assert newest[2]["address"] == "127.0.0.1"
    assert newest[2]["actor"] != newest[1]["actor"] == newest[0]["actor"]
    walked = api.walk("/v1/audit", operation="create_key")
    assert [one["entry"] for one in walked] == sorted(
        (one["entry"] for one in walked), reverse=True
    )


def test_a_request_has_an_id_that_its_answer_names(api: Asking):
    assert api.send("GET", "/v1/keys", x_request_id="mine").headers["x-request-id"] == "mine"
    assert api.send("GET", "/v1/keys").headers["x-request-id"].startswith("req_")
    assert (
        api.send("GET", "/v1/keys", x_request_id="no blanks")
        .headers["x-request-id"]
        .startswith("req_")
    )


TOLD = [
    # path, body, field, a part of what is told
    ("/v1/members", '{"subject": "x", "role": "boss"}', "role", "it takes developer, finance"),
    ("/v1/customers/none/preview", '{"change": {"type": "swich"}}', "change.type",
     "did you mean switch?"),
    ("/v1/customers/none/preview", '{"change": {"type": "quantities", "quantities": {"a": 5.5}}}',
     "change.quantities.a", "change.quantities.a: 5.5 has to be sent as a text"),
    ("/v1/keys", '{"name": "x", "scopes": ["usage:wite"]}', "scopes", "did you mean usage:write?"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "field", "part"), TOLD)
def test_what_could_have_been_said_is_told(api, path: str, body: str, field: str, part: str):
    answer = api.client.post(path, content=body, headers={
        "authorization": f"Bearer {api.key}", "content-type": "application/json",
    })  # fmt: skip
    told = answer.json()
    assert (answer.status_code, told["field"]) == (400, field)
    assert part in f"{told['detail']} {told.get('hint')}"
