"""/v1/entitlements on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import date

import httpx2
import psycopg
import pytest

from everycent.entitlements.answer import Reason
from tests.api.serving import Served, make_key, record, served
from tests.flows import world
from tests.store import books

CATALOGUE = world.CATALOGUE.replace(
    "plans:\n  api:\n",
    """features:
  sso: {kind: switch}
  calls: {kind: metered, meter: calls, reset: year}
plans:
  api:
    features: {calls: 100}
""",
)
YEAR = date(2026, 1, 1)


@pytest.fixture(scope="module")
def api(server) -> Iterator[Served]:
    """A server on which `acme` has used 40 of 100 calls of the year, which no fold has counted yet."""
    with books.fresh(server, "test_api_entitled") as place:
        world.sell(place, [("acme", "api")], text=CATALOGUE, starts_on=YEAR)
        with served(place) as found:
            assert found.post([record("r1", 40)]).json()["accepted"] == 1
            yield found


_keys: dict[str, str] = {}


def get(api: Served, query: str, scope: str = "entitlements:read") -> httpx2.Response:
    if scope not in _keys:
        _keys[scope] = make_key(
            api.place.database, api.place.tenant_id, scope.replace(":", "-"), (scope,)
        )
    told = {"authorization": f"Bearer {_keys[scope]}"}
    return api.client.get(f"/v1/entitlements{query}", headers=told)


def ask(api: Served, feature: str, query: str) -> httpx2.Response:
    return get(api, f"/{feature}{query}")


AT = "&at=2026-06-01"


def test_a_feature_is_answered_with_what_is_left_and_why(api):
    answer = ask(api, "calls", f"?customer=acme&amount=60{AT}")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    data = answer.json()
    found = {name: data[name] for name in ("allowed", "code", "limit", "used", "left", "amount")}
    assert found == {
        "allowed": True, "code": "within_limit", "limit": "100", "used": "40", "left": "60",
        "amount": "60",
    }  # fmt: skip
    assert data["reasons"][1]["subscription"] == "acme"


NO = [
    # feature, query                       code
    ("sso", "", "not_included"),
    ("calls", "&amount=60.5", "beyond_limit"),
    ("calls", "&subscription=acme&amount=61", "beyond_limit"),
]


@pytest.mark.parametrize(("feature", "query", "code"), NO)
def test_a_no_is_an_answer_like_any_other(api, feature, query, code):
    answer = ask(api, feature, f"?customer=acme{query}{AT}")
    assert answer.status_code == 200, answer.text
    assert (answer.json()["allowed"], answer.json()["code"]) == (False, code)
    assert code in list(Reason)


def test_a_record_that_was_acknowledged_is_in_the_next_answer(api):
    for number in range(3):
        before = ask(api, "calls", f"?customer=acme{AT}").json()
        api.post([record(f"one-{number}", 1)])
        after = ask(api, "calls", f"?customer=acme{AT}").json()
        assert int(after["used"]) == int(before["used"]) + 1
    api.post([record("back", -3)])


def test_without_a_feature_all_are_told(api):
    data = get(api, f"?customer=acme{AT}").json()
    assert data["customer"] == "acme"
    assert [(one["feature"], one["allowed"]) for one in data["entitlements"]] == [
        ("calls", True), ("sso", False),
    ]  # fmt: skip
    now = ask(api, "sso", "?customer=acme").json()
    assert now["at"].endswith("Z")


REFUSED = [
    # query                                             status code                        field
    ("", 400, "request.parameter_missing", "customer"),
    ("?customer=", 400, "request.parameter_missing", "customer"),
    ("?customer=nobody", 404, "customer.unknown", "customer"),
    ("/nothing?customer=acme", 404, "feature.unknown", "feature"),
    ("/calls?customer=acme&subscription=no", 404, "subscription.unknown", "subscription"),
    ("?customer=acme&amount=5", 400, "request.unknown_parameter", "amount"),
    ("/calls?customer=acme&amount=", 400, "number.malformed", "amount"),
    ("/calls?customer=acme&amount=NaN", 400, "number.malformed", "amount"),
    ("/calls?customer=acme&amount=9e99", 400, "number.out_of_range", "amount"),
    ("/calls?customer=acme&amount=-1", 400, "entitlement.bad_amount", "amount"),
    ("/sso?customer=acme&amount=1", 400, "entitlement.bad_amount", "amount"),
    ("/calls?customer=acme&at=yesterday", 400, "time.malformed", "at"),
    ("/calls?customer=acme&at=1999-01-01", 400, "date.out_of_range", "at"),
    ("/calls?customer=acme&at=2201-01-01T00:00:00Z", 400, "date.out_of_range", "at"),
    ("?customer=acme&color=red", 400, "request.unknown_parameter", "color"),
    ("?customer=acme&customer=acme", 400, "request.repeated_parameter", "customer"),
    (f"?customer={'x' * 201}", 400, "usage.bad_name", "customer"),
    (f"/{'x' * 201}?customer=acme", 404, "request.no_such_name", "feature"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "status", "code", "field"), REFUSED)
def test_what_is_no_question_is_refused_with_its_field(api, query, status, code, field):
    answer = get(api, query)
    data = answer.json()
    assert (answer.status_code, data["code"], data["field"]) == (status, code, field)


@pytest.mark.parametrize("scope", ["usage:read", "usage:write"])
def test_a_key_without_the_scope_is_told_so(api, scope):
    answer = get(api, "?customer=acme", scope)
    assert (answer.status_code, answer.json()["code"]) == (403, "key.missing_scope")


def test_slow_questions_of_others_hold_up_no_check(api):
    get(api, "?customer=acme")
    get(api, "?customer=acme", "books:read")
    books_read = {"authorization": f"Bearer {_keys['books:read']}"}

    def ask_slowly(_: int) -> int:
        return api.client.get("/v1/ledger/trial-balance", headers=books_read).status_code

    with (
        ThreadPoolExecutor(8) as slow,
        psycopg.connect(api.place.conninfo, options="-c search_path=everycent") as holding,
    ):
        holding.execute("lock table ledger_posting in access exclusive mode")
        asked = [slow.submit(ask_slowly, n) for n in range(8)]
        wait(asked, timeout=1)
        answers = [ask(api, "calls", "?customer=acme").status_code for _ in range(20)]
        assert not any(one.done() for one in asked)
        holding.rollback()
    assert answers == [200] * 20
    assert {one.result() for one in asked} == {200}
