"""/v1/subscriptions on a real server: contracts from their start to their end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from everycent.access.roles import SCOPES
from everycent.tenants import operations as tenants
from tests.api.asking import Asking, asking
from tests.api.selling import customer, open_shop, subscribed
from tests.api.serving import make_key
from tests.conftest import NOW, Place


@pytest.fixture(scope="module")
def api(module_place: Place) -> Iterator[Asking]:
    open_shop(module_place)
    with asking(module_place) as found:
        subscribed(found, "held")
        yield found


def phases(told: Any) -> list[tuple[str, str, str | None]]:
    """Plan, track and end of all phases that take place."""
    return [
        (one["plan_key"], one.get("track", ""), one.get("ends_at"))
        for one in told["phases"]
        if one.get("ends_at") != one["starts_at"]
    ]


def test_a_contract_is_started_with_prices_and_quantities_of_its_own(api: Asking):
    body = {
        "customer": customer(api, "acme"), "plan": "basic", "starts_on": "2026-01-15",
        "quantities": {"seats": "12"}, "prices": {"fee": {"flat": {"amount": "8.50"}}},
        "subject": "gw-7",
    }  # fmt: skip
    made = api.post("/v1/subscriptions", body, status=201)
    assert (made["key"], made["subject"], made["starts_on"]) == ("acme/basic", "gw-7", "2026-01-15")
    assert made["subscription_id"].startswith("sub_")
    assert made["customer_id"].startswith("cus_")
    items = {one["price_key"]: one for phase in made["phases"] for one in phase["items"]}
    assert items["fee"]["price"]["scheme"] == {"type": "flat", "amount": "8.50"}
    assert items["seats"]["quantity"] == "12"
    assert api.get("/v1/subscriptions/acme%2Fbasic") == made


def test_a_contract_goes_through_all_that_can_be_agreed(api: Asking):
    path = subscribed(api, "busy")

    def agree(what: str, **body: Any) -> Any:
        return api.post(f"{path}/{what}", body)

    agree("quantities", quantities={"seats": "5"}, on="2026-02-01", reason="they grow")
    agree("add-ons", plan="support", name="care", on="2026-02-01")
    agree("switch", plan="pro", on="2026-03-01")
    agree("pause", on="2026-04-01")
    agree("resume", on="2026-05-01")
    agree("add-ons/care/drop", on="2026-06-01")
    told = agree("cancel", on="2026-07-01", keep_paid=True)
    assert told["ends_on"] == "2026-07-01"
    changes = api.get(f"{path}/changes")["items"]
    assert [(one["on"], one["what"]) for one in changes] == [
        ("2026-01-01", "basic version 1 begins"),
        ("2026-02-01", "5 × seats"),
        ("2026-02-01", "support version 1 begins as care"),
        ("2026-03-01", "pro version 1 begins"),
        ("2026-04-01", "paused"),
        ("2026-05-01", "resumed"),
        ("2026-06-01", "care is dropped"),
        ("2026-07-01", "the contract ends"),
    ]
    assert all(one["is_planned"] for one in changes if one["on"] > "2026-12-01")
    left = agree(f"changes/{changes[-1]['change_no']}/withdraw", reason="they stay")
    assert left.get("ends_on") is None
    assert api.refused("POST", f"{path}/changes/7/withdraw") == (
        404, "subscription.change_unknown",
    )  # fmt: skip


def test_what_would_clash_is_told_before_it_is_done(api: Asking):
    path = subscribed(api, "clashing")
    api.post(f"{path}/cancel", {"on": "2026-03-01"})
    before = api.get(path)
    late = {"plan": "pro", "on": "2026-04-01"}
    assert api.refused("POST", f"{path}/switch", late, plan="show")[1] == "subscription.clash"
    early = {"plan": "pro", "on": "2026-02-01"}
    shown = api.post(f"{path}/switch", early, plan="show")
    assert shown["events"] == {"subscription.changed": 1}
    assert api.get(path) == before
    assert phases(api.post(f"{path}/switch", early, plan=shown["plan"]))[-1][0] == "pro"
    other = api.refused("POST", f"{path}/withdraw-nothing", early)
    assert other == (404, "http.not_found")


def test_a_plan_of_another_request_is_refused(api: Asking):
    path = subscribed(api, "planned")
    shown = api.post(f"{path}/cancel", {"on": "2026-03-01"}, plan="show")
    refused = api.refused("POST", f"{path}/cancel", {"on": "2026-04-01"}, plan=shown["plan"])
    assert refused == (409, "plan.moved")


def test_a_change_that_is_sent_twice_is_agreed_once(api: Asking):
    path = subscribed(api, "once")
    body = {"quantities": {"seats": "7"}, "on": "2026-02-01"}
    first, again = (
        api.send("POST", f"{path}/quantities", json=body, idempotency_key="seats-7")
        for _ in range(2)
    )
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert len(api.get(f"{path}/changes")["items"]) == 2


def test_what_is_sold_once_is_a_contract_of_one_day(api: Asking):
    body = {"customer": customer(api, "buyer"), "plan": "setup", "on": "2026-02-03"}
    sold = api.post("/v1/sales", body, status=201)
    assert (sold["key"], sold["starts_on"], sold["ends_on"]) == (
        "buyer/setup/2026-02-03", "2026-02-03", "2026-02-04",
    )  # fmt: skip


def test_contracts_are_walked_in_order_of_their_keys(api: Asking):
    owner = customer(api, "owner")
    wanted = [f"walk/{number}" for number in range(5)]
    for key in reversed(wanted):
        body = {"customer": owner, "plan": "basic", "starts_on": "2026-01-01", "key": key}
        api.post("/v1/subscriptions", body)
    assert [one["key"] for one in api.walk("/v1/subscriptions", customer="owner")] == wanted
    everybody = [one["key"] for one in api.walk("/v1/subscriptions", size=3)]
    assert everybody == sorted(everybody)
    assert set(wanted) < set(everybody)


def test_terms_that_end_soon_are_told_with_what_happens_then(api: Asking):
    for number in range(3):
        subscribed(api, f"year-{number}", "yearly", f"2026-01-0{number + 1}")
    api.post("/v1/subscriptions/year-2/cancel", {"on": "2027-01-03"})
    found = api.walk("/v1/ending-terms", size=1, at="2026-12-15", within="30d")
    assert [
        (one["subscription"], one["comes_up"], one["then"], one["term_until"]) for one in found
    ] == [
        ("year-0", "end", "renews", "2027-01-01"),
        ("year-1", "end", "renews", "2027-01-02"),
        ("year-2", "end", "cancelled", "2027-01-03"),
    ]
    assert api.refused("POST", "/v1/subscriptions/year-0/cancel", {"on": "2026-06-01"})[1] == (
        "subscription.clash"
    )
    broken = {"on": "2026-06-01", "break_term": True, "reason": "agreed with them"}
    assert api.post("/v1/subscriptions/year-0/cancel", broken)["ends_on"] == "2026-06-01"


NEW = {"customer": "held", "plan": "basic", "starts_on": "2026-01-01"}
REFUSED = [
    # path                        body                                        status, code
    ("", NEW | {"key": "held"}, 409, "subscription.exists"),
    ("", NEW | {"plan": "none"}, 404, "plan.unknown"),
    ("", NEW | {"plan_version": 2}, 404, "plan.unknown_version"),
    ("", NEW | {"plan_version": 0}, 400, "request.bad_field"),
    ("", NEW | {"customer": "nobody"}, 404, "customer.unknown"),
    ("", NEW | {"starts_on": "soon"}, 400, "date.malformed"),
    ("", NEW | {"ends_on": "2025-01-01"}, 400, "subscription.ends_before_start"),
    ("", NEW | {"plan": "support"}, 400, "subscription.add_on_alone"),
    ("", NEW | {"quantities": {"seats": "many"}}, 400, "number.malformed"),
    ("", NEW | {"quantities": {"seats": "101"}}, 400, "subscription.quantity"),
    ("", NEW | {"quantities": {"seats": 5}}, 400, "request.bad_field"),
    ("", NEW | {"prices": {"nothing": {"flat": {"amount": "1"}}}}, 400,
     "subscription.price_unknown"),
    ("", NEW | {"prices": {"fee": {"flat": {"amount": "1"}, "colour": "red"}}}, 400,
     "request.bad_field"),
    ("", NEW | {"prices": {"fee": {}}}, 400, "catalog.wrong_value"),
    ("", NEW | {"term": "forever"}, 400, "interval.unknown"),
    ("/held/quantities", {"quantities": {}}, 400, "request.bad_field"),
    ("/held/quantities", {"quantities": {"seats": "3"}, "add_on": "no"}, 404,
     "subscription.no_add_on"),
    ("/held/resume", {"on": "2026-03-01"}, 409, "subscription.clash"),
    ("/held/cancel", {"on": "2025-03-01"}, 400, "subscription.before_start"),
    ("/held/changes/x/withdraw", {}, 404, "subscription.change_unknown"),
    ("/held/changes/0/withdraw", {}, 404, "subscription.change_unknown"),
    ("/nothing/cancel", {}, 404, "subscription.unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "status", "code"), REFUSED)
def test_what_can_not_be_agreed_is_refused(
    api: Asking, path: str, body: Any, status: int, code: str
):
    assert api.refused("POST", f"/v1/subscriptions{path}", body) == (status, code)


def test_another_tenant_has_other_contracts(api: Asking):
    other = tenants.create(api.place.database, "contracts-other", "Other", NOW)
    theirs = api._replace(key=make_key(api.place.database, other, "theirs", SCOPES))
    assert theirs.walk("/v1/subscriptions") == []
    assert theirs.refused("GET", "/v1/subscriptions/held") == (404, "subscription.unknown")
    for change in ("cancel", "pause", "changes/1/withdraw"):
        refused = theirs.refused("POST", f"/v1/subscriptions/held/{change}", {})
        assert refused == (404, "subscription.unknown")
