"""The client: a method for each operation, sent again where that helps and done once, errors as classes."""

from __future__ import annotations

import asyncio
import inspect
import pydoc
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from scripts import client as script

from everycent.api import server
from everycent_client import (
    AsyncClient,
    Client,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NoAnswerError,
    NotFoundError,
    RateLimitedError,
    RefusedError,
    UnauthorizedError,
    UnavailableError,
    calls,
    core,
    models,
)
from tests.api.asking import Asking, asking
from tests.client.misbehaving import Reply, misbehaving
from tests.conftest import Place

OPERATIONS = [one for one in server.OPERATIONS if one.path.startswith("/v1/")]
PAGE = {"items": [], "next": None}


@pytest.fixture(scope="module")
def api(module_place: Place) -> Iterator[Asking]:
    with asking(module_place) as found:
        yield found


@pytest.mark.parametrize("one", OPERATIONS, ids=lambda one: one.name)
def test_an_operation_has_a_method_in_both_clients(one: Any):
    for kind in (Client, AsyncClient):
        made = getattr(kind, one.name)
        assert (made.__doc__ or "").strip()
        told = inspect.signature(made.__get__(object())).parameters  # as help() shows a method
        assert told == inspect.signature(getattr(calls, one.name)).parameters
    if one.is_planned:
        assert hasattr(Client, f"plan_{one.name}")


def test_help_shows_what_a_method_takes(api: Asking):
    with Client(api.address, api.key) as billing:
        told = str(inspect.signature(billing.create_subscription))
        assert "customer: 'str'" in told
        assert told.endswith("-> 'Subscription'")
        shown = pydoc.render_doc(billing.create_subscription, renderer=pydoc.plaintext)
        assert "create_subscription(*, customer: 'str', plan: 'str'" in shown


def test_a_plan_is_asked_for_with_the_method_for_it(api: Asking):
    with Client(api.address, api.key) as billing:
        with pytest.raises(ValueError, match=r"call plan_apply_catalog\(…\)"):
            billing.apply_catalog(catalog={}, plan="show")
        told = billing.plan_apply_catalog(catalog={})
        assert billing.apply_catalog(catalog={}, plan=told.plan).items == []

    async def story() -> None:
        async with AsyncClient(api.address, api.key) as billing:
            with pytest.raises(ValueError, match="plan_apply_catalog"):
                await billing.apply_catalog(catalog={}, plan="show")

    asyncio.run(story())


def test_what_is_written_out_of_the_operations_is_up_to_date():
    stale = [path.name for path, text in script.written().items() if path.read_text() != text]
    assert stale == [], "run `python scripts/client.py`"


def test_a_list_is_walked_to_its_end_page_by_page(api: Asking):
    with Client(api.address, api.key) as billing:
        made = {billing.create_key(name=f"k{n}", scopes=["usage:read"]).key_id for n in range(5)}
        assert made <= {one.key_id for one in billing.list_keys()}
        entries = list(billing.list_audit(operation="create_key", size=2))
        assert len({one.entry for one in entries}) == len(entries) >= 5
        sizes = [len(page.items) for page in billing.list_audit(size=2).pages()]
        assert set(sizes[:-1]) == {2}


def test_the_async_client_does_the_same(api: Asking):
    async def story() -> tuple[str, list[str]]:
        async with AsyncClient(api.address, api.key) as billing:
            made = await billing.create_key(name="async", scopes=["usage:read"])
            names = [one.name async for one in billing.list_keys()]
            await billing.revoke_key(made.key_id)
            return made.key_id, names

    key_id, names = asyncio.run(story())
    assert "async" in names
    with Client(api.address, api.key) as billing:
        (found,) = [one for one in billing.list_keys() if one.key_id == key_id]
        assert found.revoked_at is not None


def test_a_change_is_sent_again_under_the_same_key_and_done_once(api: Asking):
    waits: list[float] = []
    with (
        misbehaving(
            Reply(0),
            Reply(503, {"code": "database.unavailable"}, {"retry-after": "1"}),
            Reply(409, {"code": "request.under_way"}),
            Reply(200, {"key_id": "key_1", "is_new": True}),
        ) as there,
        Client(there.address, "k", sleep=waits.append, jitter=lambda: 0.0) as billing,
    ):
        assert billing.revoke_key("key_1").is_new
    keys = {headers["idempotency-key"] for _, _, headers, _ in there.seen}
    assert (len(there.seen), len(keys)) == (4, 1)
    assert waits == [0.125, 1.0, 0.5]


def test_a_change_is_done_once_with_a_key_of_ones_own(api: Asking):
    with Client(api.address, api.key) as billing:
        first, again = (
            billing.create_key(name="own", scopes=["usage:read"], idempotency_key="own-1")
            for _ in range(2)
        )
    assert first.key_id == again.key_id
    assert (first.key is None, again.key is None) == (False, True)


def test_what_is_never_answered_is_not_known_to_be_done():
    with (
        misbehaving(Reply(0)) as there,
        Client(there.address, "k", tries=3, sleep=lambda _: None) as billing,
        pytest.raises(NoAnswerError) as unknown,
    ):
        billing.revoke_key("key_1")
    assert len(there.seen) == 3
    assert unknown.value.idempotency_key == there.seen[0][2]["idempotency-key"]


@pytest.mark.parametrize(
    ("status", "kind", "tries"),
    [
        (400, InvalidError, 1),
        (401, UnauthorizedError, 1),
        (403, ForbiddenError, 1),
        (404, NotFoundError, 1),
        (408, UnavailableError, 3),
        (409, ConflictError, 1),
        (413, InvalidError, 1),
        (422, InvalidError, 1),
        (429, RateLimitedError, 3),
        (500, UnavailableError, 1),
        (503, UnavailableError, 3),
        (507, UnavailableError, 3),
        (302, InvalidError, 1),
    ],
)
def test_a_refusal_is_an_exception_of_its_kind(status: int, kind: type[Exception], tries: int):
    problem = {"code": "a.b", "detail": "why", "field": "name", "hint": "what to do"}
    with (
        misbehaving(Reply(status, problem, {"x-request-id": "req_1"})) as there,
        Client(there.address, "k", tries=3, sleep=lambda _: None) as billing,
        pytest.raises(RefusedError) as refused,
    ):
        list(billing.list_alarms())
    told = refused.value
    assert type(told) is kind
    assert (told.code, told.message, told.field, told.hint) == ("a.b", "why", "name", "what to do")
    assert (str(told), told.request_id) == ("why [a.b] → what to do", "req_1")
    assert len(there.seen) == tries


def test_only_a_problem_document_is_believed_about_what_is_wrong():
    of_a_proxy = Reply(400, {"code": "usage.bad_json"}, {"content-type": "application/json"})
    with (
        misbehaving(of_a_proxy) as there,
        Client(there.address, "k") as billing,
        pytest.raises(InvalidError) as refused,
    ):
        billing.get_alarm("alm_1")
    assert (refused.value.code, refused.value.hint) == ("http.400", None)


def test_the_wait_stays_bounded_however_often_it_was_tried():
    assert core.wait(5000, None, 1.0) == core.wait(10, None, 1.0) == 20.0


def test_an_answer_that_is_no_json_is_no_success():
    with (
        misbehaving(Reply(200, "text")) as there,
        Client(there.address, "k") as billing,
        pytest.raises(NoAnswerError),
    ):
        billing.get_alarm("alm_1")


def test_a_name_can_hold_anything_without_becoming_another_address():
    with misbehaving(Reply(404, {})) as there, Client(there.address, "k") as billing:
        with pytest.raises(NotFoundError):
            billing.get_alarm("../keys?x=1#y/z")
        assert there.seen[0][1] == "/v1/alarms/..%2Fkeys%3Fx%3D1%23y%2Fz"


def test_refusals_of_the_real_server_are_told(api: Asking):
    with Client(api.address, api.key) as billing:
        with pytest.raises(InvalidError) as refused:
            billing.create_key(name="", scopes=[])
        assert [one.field for one in refused.value.errors] == ["name", "scopes"]
        with pytest.raises(NotFoundError) as unknown:
            billing.get_alarm("alm_00000000000000000000000000")
        assert unknown.value.code == "alarm.unknown"
    with Client(api.address, "ec_none") as billing, pytest.raises(UnauthorizedError):
        list(billing.list_alarms())


def test_every_model_can_be_read():
    found = [
        one
        for _, one in inspect.getmembers(models, inspect.isclass)
        if one.__module__ == models.__name__
    ]
    assert len(found) > 100
    for one in found:
        msgspec.json.Decoder(one)
