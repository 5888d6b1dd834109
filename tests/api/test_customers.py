"""/v1/customers on a real server: who is billed, and who pays for whom."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from everycent.access.roles import SCOPES
from everycent.tenants import operations as tenants
from tests.api.asking import Asking, asking
from tests.api.serving import make_key
from tests.conftest import NOW, Place

ACME = {"key": "acme", "name": "Acme", "currency": "EUR", "time_zone": "Europe/Zagreb"}


@pytest.fixture(scope="module")
def api(module_place: Place) -> Iterator[Asking]:
    with asking(module_place) as found:
        found.post("/v1/customers", ACME | {"email": "pay@acme.test"}, status=201)
        yield found


def new(key: str, **more: Any) -> dict[str, Any]:
    return ACME | {"key": key, "name": key.title()} | more


def test_a_customer_is_found_by_its_key_and_by_its_id(api: Asking):
    found = api.get("/v1/customers/acme")
    assert found == ACME | {"email": "pay@acme.test", "customer_id": found["customer_id"]}
    assert found["customer_id"].startswith("cus_")
    assert api.get(f"/v1/customers/{found['customer_id']}") == found


def test_a_key_may_have_a_slash_and_other_signs(api: Asking):
    for key in ("team/ÖBB 1", "50%2F"):
        api.post("/v1/customers", new(key))
    assert api.get("/v1/customers/team%2F%C3%96BB%201")["key"] == "team/ÖBB 1"
    assert api.get("/v1/customers/team%2f%C3%96BB%201/payers") == {"items": [], "next": None}
    assert api.get("/v1/customers/50%252F")["key"] == "50%2F"
    assert api.refused("GET", "/v1/customers/team/x") == (404, "http.not_found")


def test_data_that_are_told_are_changed_and_the_others_stay(api: Asking):
    api.post("/v1/customers", new("changing", email="a@b.c", tax_id="HR1"))
    path = "/v1/customers/changing"

    def change(**fields: Any) -> Any:
        answer = api.send("PATCH", path, json=fields)
        assert answer.status_code == 200, answer.text
        assert api.get(path) == answer.json()
        return answer.json()

    assert change(name="Other")["email"] == "a@b.c"
    assert "email" not in change(email=None)
    told = change(tax_status="exempt", tax_reason="art. 151")
    assert (told["tax_status"], told["tax_reason"]) == ("exempt", "art. 151")
    assert "tax_reason" not in change(tax_status="reverse_charge")
    assert "tax_status" not in change(tax_status="taxed")


def test_a_list_is_walked_in_order_of_the_keys_each_once(api: Asking):
    wanted = [f"walk-{number:02d}" for number in range(7)]
    body = {"customers": [new(key) for key in reversed(wanted)]}
    assert api.post("/v1/customers/batch", body)["created"] == wanted[::-1]
    keys = [one["key"] for one in api.walk("/v1/customers", size=3)]
    assert keys == sorted(keys)
    assert [key for key in keys if key in wanted] == wanted


def test_many_are_made_all_or_none_and_a_list_can_be_sent_again(api: Asking):
    body = {"customers": [new("many-1"), new("many-2")]}
    assert api.post("/v1/customers/batch", body) == {
        "created": ["many-1", "many-2"], "unchanged": 0,
    }  # fmt: skip
    body["customers"].append(new("many-3"))
    assert api.post("/v1/customers/batch", body) == {"created": ["many-3"], "unchanged": 2}
    other = {"customers": [new("many-4"), new("many-1", name="Other")]}
    assert api.refused("POST", "/v1/customers/batch", other) == (409, "customer.differs")
    assert api.refused("GET", "/v1/customers/many-4") == (404, "customer.unknown")


def test_another_customer_pays_from_a_day_on(api: Asking):
    api.post("/v1/customers/batch", {"customers": [new("child"), new("parent")]})
    path = "/v1/customers/child/payers"
    told = {"payer": "parent", "from": "2026-03-01", "reason": "one invoice"}
    assert api.post(path, told) == {"customer": "child", "payer": "parent", "from": "2026-03-01"}
    api.post(path, {"payer": None, "from": "2026-05-01"})
    assert api.get(path)["items"] == [
        {"payer": "parent", "from": "2026-03-01", "until": "2026-05-01", "reason": "one invoice"},
        {"payer": "child", "from": "2026-05-01", "until": "", "reason": ""},
    ]


REFUSED = [
    # method, path                       body                                    status, code
    ("POST", "", ACME, 409, "customer.exists"),
    ("POST", "", {"key": "x"}, 400, "request.field_missing"),
    ("POST", "", new("x", colour="red"), 400, "request.unknown_field"),
    ("POST", "", new("x", currency="EURO"), 400, "currency.unknown"),
    ("POST", "", new("x", currency="XXX"), 400, "currency.unknown"),
    ("POST", "", new("x", time_zone="Mars/One"), 400, "zone.unknown"),
    ("POST", "", new("x", email="nobody"), 400, "customer.bad_email"),
    ("POST", "", new("x", tax_status="reverse_charge"), 400, "customer.no_tax_id"),
    ("POST", "", new("x", at="yesterday"), 400, "time.malformed"),
    ("POST", "/batch", {"customers": []}, 400, "request.bad_field"),
    ("PATCH", "/acme", {"key": "other"}, 400, "request.unknown_field"),
    ("PATCH", "/acme", {"name": None}, 400, "request.bad_field"),
    ("PATCH", "/nobody", {"name": "x"}, 404, "customer.unknown"),
    ("GET", "/nobody", None, 404, "customer.unknown"),
    ("POST", "/acme/payers", {"payer": "acme", "from": "2026-03-01"}, 400, "customer.pays_itself"),
    ("POST", "/acme/payers", {"payer": "no", "from": "2026-03-01"}, 404, "customer.unknown"),
    ("POST", "/acme/payers", {"payer": None, "from": "1.3.2026"}, 400, "date.malformed"),
    ("POST", "/acme/payers", {"payer": None, "from": "2026-03-01", "reason": "\n"}, 400,
     "request.bad_field"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "status", "code"), REFUSED)
def test_what_makes_no_sense_is_refused(
    api: Asking, method: str, path: str, body: Any, status: int, code: str
):
    assert api.refused(method, f"/v1/customers{path}", body) == (status, code)


def test_another_tenant_sees_nothing_of_them(api: Asking):
    other = tenants.create(api.place.database, "customers-other", "Other", NOW)
    theirs = api._replace(key=make_key(api.place.database, other, "theirs", SCOPES))
    assert theirs.walk("/v1/customers") == []
    for method in ("GET", "PATCH"):
        body = {"name": "x"} if method == "PATCH" else None
        refused = theirs.refused(method, "/v1/customers/acme", body)
        assert refused == (404, "customer.unknown")


def test_a_key_needs_the_scope(api: Asking):
    reader = api.with_scopes("customers:read")
    assert reader.get("/v1/customers/acme")["key"] == "acme"
    assert reader.refused("POST", "/v1/customers", new("x")) == (403, "key.missing_scope")
