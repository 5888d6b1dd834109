"""/v1/catalog, /v1/plans, /v1/meters, /v1/coupons on a real server: what is sold, and for less."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from everycent.access.roles import SCOPES
from everycent.tenants import operations as tenants
from tests.api.asking import Asking, asking
from tests.api.selling import CATALOGUE, customer, open_shop, subscribed
from tests.api.serving import make_key
from tests.conftest import NOW, Place

DEARER = CATALOGUE.replace("flat: {amount: 20}", "flat: {amount: 25}")

MOVING = """
taxes: {vat: {rates: [{since: 2000-01-01, percent: 20}]}}
products: {base: {name: Base fee, tax: vat}}
plans:
  moving:
    currency: EUR
    anchor_day: 1
    prices: [{key: fee, product: base, flat: {amount: 1}}]
"""


@pytest.fixture(scope="module")
def api(module_place: Place) -> Iterator[Asking]:
    open_shop(module_place)
    with asking(module_place) as found:
        customer(found, "refused")
        yield found


def test_what_is_sold_is_walked_by_kind_and_key(api: Asking):
    found = [(one["kind"], one["key"]) for one in api.walk("/v1/catalog", size=4)]
    assert found == sorted(found)
    assert {kind for kind, _ in found} == {
        "coupon", "feature", "meter", "plan", "product", "tax",
    }  # fmt: skip
    assert [one["key"] for one in api.walk("/v1/catalog", kind="coupon", size=1)] == [
        "gift", "welcome",
    ]  # fmt: skip


def test_a_thing_is_shown_in_full(api: Asking):
    told = api.get("/v1/catalog/product/base")
    assert (told["version"], told["content"]) == (
        1, {"key": "base", "name": "Base fee", "tax_category": "vat"},
    )  # fmt: skip
    meter = api.get("/v1/meters/calls")
    assert (meter["content"]["unit"], meter["content"]["type"]) == ("call", "series")
    assert [one["key"] for one in api.walk("/v1/meters", size=1)] == ["calls"]


def test_a_plan_is_shown_with_its_prices(api: Asking):
    told = api.get("/v1/plans/basic")
    prices = [one["price"] for one in told["content"]["items"]]
    assert [(one["key"], one["scheme"]["type"]) for one in prices] == [
        ("fee", "flat"), ("seats", "per_unit"), ("calls", "per_unit"),
    ]  # fmt: skip
    assert "a fixed amount, 10 EUR" in told["told"]["fee"]
    keys = [one["key"] for one in api.walk("/v1/plans", size=2)]
    assert keys == ["basic", "pro", "setup", "support", "yearly"]


def test_a_change_is_told_first_then_planned_then_made_once(api: Asking):
    wanted = [("change", "plan", "yearly", 2, ["items[fee].price.scheme.amount: 20 → 25"])]

    def changed(told: Any) -> list[tuple[Any, ...]]:
        return [tuple(one.values()) for one in told["items"] if one["action"] != "keep"]

    assert changed(api.post("/v1/catalog/plan", {"yaml": DEARER})) == wanted
    assert api.get("/v1/plans/yearly")["version"] == 1
    shown = api.post("/v1/catalog/apply", {"yaml": DEARER}, plan="show")
    assert shown["events"] == {"catalog.versioned": 1}
    done = api.post("/v1/catalog/apply", {"yaml": DEARER}, plan=shown["plan"])
    assert changed(done) == wanted
    assert changed(api.post("/v1/catalog/apply", {"yaml": DEARER})) == []
    assert api.post("/v1/catalog/apply", {"yaml": DEARER}, plan=shown["plan"]) == done
    path = "/v1/catalog/plan/yearly/versions"
    assert [one["version"] for one in api.walk(path, size=1)] == [2, 1]
    amounts = [
        api.get("/v1/plans/yearly", version=number)["content"]["items"][0]["price"]["scheme"]
        for number in (1, 2)
    ]
    assert [one["amount"] for one in amounts] == ["20", "25"]
    assert api.get(f"{path}/1")["content"]["items"][0]["price"]["scheme"]["amount"] == "20"


def test_a_catalogue_as_json_is_the_same_as_its_file(api: Asking):
    sections = yaml.load(CATALOGUE, Loader=yaml.BaseLoader)
    sections["plans"]["basic"]["anchor_day"] = 1
    told = api.post("/v1/catalog/plan", {"catalog": sections})
    assert told == api.post("/v1/catalog/plan", {"yaml": CATALOGUE})


def test_contracts_go_over_to_the_newest_version_after_a_dry_run(api: Asking):
    api.post("/v1/catalog/apply", {"yaml": MOVING})
    for key in ("move-1", "move-2"):
        subscribed(api, key, "moving")
    api.post("/v1/catalog/apply", {"yaml": MOVING.replace("amount: 1}", "amount: 2}")})
    body = {"on": "2027-03-01", "reason": "new prices"}
    path = "/v1/plans/moving/move"
    tried = api.post(path, body | {"dry_run": True})
    assert (tried["moved"], tried["from_versions"]) == (2, {"1": 2})
    assert tried["differences"] == {"1": ["items[fee].price.scheme.amount: 1 → 2"]}
    assert len(api.get("/v1/subscriptions/move-1/changes")["items"]) == 1
    assert api.post(path, body)["moved"] == 2
    assert api.post(path, body)["moved"] == 0
    changes = api.get("/v1/subscriptions/move-1/changes")["items"]
    assert changes[-1]["what"] == "moving version 2 begins"
    api.post("/v1/subscriptions/move-2/cancel", {"on": "2027-01-01"})
    assert api.refused("POST", path, {"subscriptions": ["none"]}) == (404, "subscription.unknown")


def test_a_coupon_is_given_listed_and_ended(api: Asking):
    for key in ("less-1", "less-2", "less-3"):
        customer(api, key)
        body = {"coupon": "welcome", "customer": key, "from": "2026-02-01"}
        made = api.post("/v1/coupons", body, status=201)
    assert made["name"] == "welcome-3"
    assert (made["percent"], made["amount"], made["starts_on"]) == ("10", None, "2026-02-01")
    found = api.walk("/v1/coupons", size=1)
    assert [(one["name"], one["customer"]) for one in found] == [
        ("welcome-1", "less-1"), ("welcome-2", "less-2"), ("welcome-3", "less-3"),
    ]  # fmt: skip
    assert api.get("/v1/coupons/welcome-2") == found[1]
    assert (found[1]["taken"], found[1]["redemptions"]) == ("0.00", 0)
    ended = api.post("/v1/coupons/welcome-2/remove", {"on": "2026-04-01", "reason": "they left"})
    assert ended["ends_on"] == "2026-04-01"
    assert api.walk("/v1/coupons", customer="less-2")[0]["ends_on"] == "2026-04-01"


def test_a_coupon_may_be_for_one_contract_and_is_given_once(api: Asking):
    subscribed(api, "only")
    body = {"coupon": "gift", "subscription": "only"}
    answers = [
        api.send("POST", "/v1/coupons", json=body, idempotency_key="gift-1") for _ in range(2)
    ]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["subscription"] == "only"
    shown = api.post("/v1/coupons", body, plan="show")
    assert shown["events"] == {"coupon.applied": 1}
    assert len(api.walk("/v1/coupons", customer="only")) == 1


REFUSED = [
    # method, path                     body                                       status, code
    ("GET", "/v1/catalog/plan/none", None, 404, "catalog.unknown"),
    ("GET", "/v1/catalog/colour/red", None, 404, "catalog.unknown_kind"),
    ("GET", "/v1/catalog?kind=colour", None, 400, "request.bad_parameter"),
    ("GET", "/v1/catalog/plan/basic/versions/9", None, 404, "catalog.unknown_version"),
    ("GET", "/v1/catalog/plan/basic/versions/x", None, 404, "catalog.unknown_version"),
    ("GET", "/v1/plans/none", None, 404, "catalog.unknown"),
    ("GET", "/v1/plans/basic?version=0", None, 400, "request.bad_parameter"),
    ("GET", "/v1/meters/none", None, 404, "catalog.unknown"),
    ("POST", "/v1/catalog/apply", {}, 400, "catalog.not_told"),
    ("POST", "/v1/catalog/apply", {"yaml": "", "catalog": {}}, 400, "catalog.not_told"),
    ("POST", "/v1/catalog/apply", {"yaml": "plans: [}"}, 400, "catalog.unreadable"),
    ("POST", "/v1/catalog/apply", {"yaml": "colours: {}"}, 400, "catalog.wrong_shape"),
    ("POST", "/v1/catalog/apply", {"yaml": "a: &a {}\nb: *a"}, 400, "catalog.alias"),
    ("POST", "/v1/catalog/plan", {"catalog": {"plans": {"x": {}}}}, 400, "catalog.wrong_shape"),
    ("POST", "/v1/catalog/plan", {"catalog": {"plans": {"a\x01": {}}}}, 400,
     "catalog.control_character"),
    ("POST", "/v1/plans/none/move", {}, 404, "plan.unknown"),
    ("POST", "/v1/plans/basic/move", {"from_version": 1}, 400, "plan.not_older"),
    ("POST", "/v1/coupons", {"coupon": "welcome"}, 400, "coupon.bad_target"),
    ("POST", "/v1/coupons", {"coupon": "none", "customer": "refused"}, 404, "coupon.unknown"),
    ("POST", "/v1/coupons", {"coupon": "gift", "customer": "none"}, 404, "customer.unknown"),
    ("GET", "/v1/coupons/welcome-99", None, 404, "coupon.not_applied"),
    ("POST", "/v1/coupons/none/remove", {}, 404, "coupon.not_applied"),
    ("GET", "/v1/coupons?after=none", None, 404, "coupon.not_applied"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "status", "code"), REFUSED)
def test_what_makes_no_sense_is_refused(
    api: Asking, method: str, path: str, body: Any, status: int, code: str
):
    assert api.refused(method, path, body) == (status, code)


def test_another_tenant_sells_other_things(api: Asking):
    other = tenants.create(api.place.database, "catalog-other", "Other", NOW)
    theirs = api._replace(key=make_key(api.place.database, other, "theirs", SCOPES))
    for path in ("/v1/catalog", "/v1/plans", "/v1/meters", "/v1/coupons"):
        assert theirs.walk(path) == []
    assert theirs.refused("GET", "/v1/plans/basic") == (404, "catalog.unknown")
    assert theirs.refused("GET", "/v1/coupons/gift-1") == (404, "coupon.not_applied")
    assert theirs.refused("POST", "/v1/plans/basic/move", {}) == (404, "plan.unknown")
