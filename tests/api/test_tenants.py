"""/v1/tenants: the operator makes tenants, and nobody else reaches beyond one's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from everycent.access.roles import OPERATORS, SCOPES
from tests.api.asking import Asking, asking
from tests.api.serving import make_key
from tests.conftest import Place


@pytest.fixture(scope="module")
def api(module_place: Place) -> Iterator[Asking]:
    """Somebody who may do everything in the tenant `default`, and nothing beyond."""
    with asking(module_place) as found:
        yield found


@pytest.fixture(scope="module")
def operator(api: Asking) -> Asking:
    """Somebody who may make tenants, and nothing in one."""
    place = api.place
    return api._replace(key=make_key(place.database, place.tenant_id, "operator", OPERATORS))


def test_a_tenant_is_made_with_a_key_that_opens_it_and_no_other(api: Asking, operator: Asking):
    made = operator.post("/v1/tenants", {"tenant": "acme", "name": "Acme Ltd"}, status=201)
    assert (made["tenant"], made["name"]) == ("acme", "Acme Ltd")
    assert sorted(made["key"]["scopes"]) == sorted(SCOPES)
    theirs = api._replace(key=made["key"]["key"])
    assert theirs.get("/v1/tenant")["tenant"] == "acme"
    theirs.post("/v1/customers", {"key": "c", "name": "C", "currency": "EUR", "time_zone": "UTC"})
    assert [one["key"] for one in theirs.walk("/v1/customers")] == ["c"]
    assert api.walk("/v1/customers") == []
    assert theirs.post("/v1/verify")["holds"]


def test_tenants_are_listed_page_by_page(operator: Asking):
    for slug in ("b-1", "b-2", "b-3"):
        operator.post("/v1/tenants", {"tenant": slug})
    found = [(one["tenant"], one["name"]) for one in operator.walk("/v1/tenants", size=2)]
    assert found == sorted(found)
    assert {("b-1", "b-1"), ("b-2", "b-2"), ("b-3", "b-3"), ("default", "Default")} <= set(found)


def test_a_request_that_comes_twice_makes_one_tenant_and_shows_its_key_once(operator: Asking):
    body = {"tenant": "twice", "scopes": ["usage:write"]}
    first, second = (
        operator.send("POST", "/v1/tenants", json=body, idempotency_key="t-1") for _ in range(2)
    )
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["key"]["scopes"] == ["usage:write"]
    assert first.json()["key"]["key"] is not None
    assert second.json() == first.json() | {"key": first.json()["key"] | {"key": None}}


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        ({"tenant": "default"}, (409, "tenant.exists")),
        ({"tenant": "No Slug"}, (400, "tenant.bad_slug")),
        ({"tenant": ""}, (400, "request.bad_field")),
        ({"tenant": "t", "name": "a\nb"}, (400, "tenant.bad_name")),
        ({"tenant": "t", "name": " "}, (400, "tenant.bad_name")),
        ({"tenant": "t", "scopes": []}, (400, "key.no_scope")),
        ({"tenant": "t", "scopes": ["all"]}, (400, "key.bad_scope")),
        ({"tenant": "t", "other": 1}, (400, "request.unknown_field")),
    ],
)
def test_what_makes_no_sense_is_refused_and_makes_nothing(
    operator: Asking, body: dict[str, object], refused: tuple[int, str]
):
    before = operator.walk("/v1/tenants")
    assert operator.refused("POST", "/v1/tenants", body) == refused
    assert operator.walk("/v1/tenants") == before


def test_whoever_may_do_all_in_a_tenant_reaches_no_other(api: Asking, operator: Asking):
    assert api.refused("GET", "/v1/tenants") == (403, "key.missing_scope")
    assert api.refused("POST", "/v1/tenants", {"tenant": "mine"}) == (403, "key.missing_scope")
    wider = {"name": "wider", "scopes": ["tenants:write"]}
    assert api.refused("POST", "/v1/keys", wider) == (403, "key.wider")
    place = api.place
    half = make_key(place.database, place.tenant_id, "half", ["tenants:write"])
    body = {"tenant": "more", "scopes": ["tenants:read"]}
    assert api._replace(key=half).refused("POST", "/v1/tenants", body) == (403, "key.wider")
    assert operator.refused("GET", "/v1/customers") == (403, "key.missing_scope")
