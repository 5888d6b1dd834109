"""/v1/invoices and /v1/owed: documents, where they come from, what is taken back, and who owes what."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from everycent.tenants import operations as tenants
from tests.api.asking import Asking, asking
from tests.api.serving import make_key
from tests.conftest import NOW, Place
from tests.flows import world

SCOPES = ("invoices:read", "invoices:write")
FIRST = [
    ("INV-000001", "ana", "37.20"),
    ("INV-000002", "cleo", "37.20"),
    ("INV-000003", "ben", "37.20"),
]


@pytest.fixture(scope="module")
def api(module_place: Place) -> Iterator[Asking]:
    """Three who pay 31.00 and taxes in advance, and one of whom usage is billed as well."""
    world.sell(module_place, [(key, "advance") for key in ("ana", "ben", "cleo")])
    world.run(module_place, world.midnight(date(2026, 1, 1)))
    world.sell(module_place, [("dora", "api")])
    world.use(module_place, [world.calls("dora", 150, date(2026, 1, 10))])
    world.run(module_place, world.midnight(date(2026, 2, 1)))
    with asking(module_place, SCOPES) as found:
        yield found


def test_documents_are_listed_page_by_page_and_by_what_is_asked_for(api: Asking):
    listed = api.walk("/v1/invoices", size=2, kind="invoice")
    assert [(one["number"], one["customer"], one["gross"]) for one in listed][:3] == FIRST
    numbers = [one["number"] for one in listed]
    assert numbers == sorted(numbers)
    assert {one["kind"] for one in listed} == {"invoice"}
    of_dora = api.walk("/v1/invoices", customer="dora")
    assert [one["customer"] for one in of_dora] == ["dora"]
    january = api.walk("/v1/invoices", **{"from": "2026-01-01", "to": "2026-01-31"})
    assert {one["number"] for one in january} == {number for number, *_ in FIRST}
    assert api.walk("/v1/invoices", **{"from": "2027-01-01"}) == []


def test_an_invoice_is_told_with_lines_and_taxes(api: Asking):
    found = api.get("/v1/invoices/INV-000001")
    assert api.get(f"/v1/invoices/{found['invoice_id']}") == found
    same = {
        "kind": "invoice", "customer": "ana", "currency": "EUR", "net": "31.00", "tax": "6.20",
        "gross": "37.20", "payable": "37.20", "credits": None, "prepaid": "0.00",
    }  # fmt: skip
    assert found | same == found
    (line,) = found["lines"]
    assert (line["product"], line["net"], line["amount"]) == ("base", "31.00", "31.00")
    assert line["starts_at"] == "2025-12-31T23:00:00Z"
    assert found["taxes"] == [
        {"category": "vat", "percent": "20", "is_included": False, "base": "31.00", "amount": "6.20",
         "reason": None}
    ]  # fmt: skip


def test_every_cent_is_explained_down_to_the_usage(api: Asking):
    (one,) = api.walk("/v1/invoices", customer="dora")
    path = f"/v1/invoices/{one['number']}"
    tree = api.get(f"{path}/explanation")
    assert tree["kind"] == "invoice"
    assert tree["facts"]["invoice"] == one["number"]
    calls = next(line for line in api.get(path)["lines"] if line["price"] == "calls")
    assert (calls["quantity"], calls["unit"]) == ("150", "call")
    alone = api.get(f"{path}/explanation", line=calls["line"])
    assert [child["facts"]["line"] for child in alone["children"] if child["kind"] == "line"] == [
        str(calls["line"])
    ]
    records = api.walk(f"{path}/records", line=calls["line"])
    assert [(record["value"], record["dimensions"]) for record in records] == [("150", {})]
    assert api.refused("GET", f"{path}/explanation?line=99") == (404, "invoice.line_unknown")


def test_parts_of_lines_and_whole_invoices_are_taken_back_once(api: Asking):
    path = "/v1/invoices/INV-000002/credit-notes"
    body = {"lines": [{"line": 1, "percent": "50"}], "reason": "half of it was down"}
    first, second = (api.send("POST", path, json=body, idempotency_key="cn-1") for _ in range(2))
    assert (first.status_code, first.json()["gross"]) == (201, "-18.60")
    assert first.json() == second.json()
    assert second.headers["idempotency-replayed"] == "true"
    note = api.get(first.headers["location"])
    assert (note["kind"], note["credits"], note["reason"]) == (
        "credit_note", "INV-000002", "half of it was down",
    )  # fmt: skip
    assert note["lines"][0]["corrects"] == {"invoice": "INV-000002", "line": 1}
    (listed,) = [x for x in api.walk("/v1/invoices") if x["number"] == note["number"]]
    assert note["due_on"] is listed["due_on"] is None
    original = api.get("/v1/invoices/INV-000002")
    assert (original["open"], original["line_notes"]) == (
        "18.60", [{"number": note["number"], "gross": "-18.60"}],
    )  # fmt: skip
    rest = api.post(path, {"rest": True, "reason": "the other half too"}, status=201)
    assert (rest["gross"], api.get("/v1/invoices/INV-000002")["open"]) == ("-18.60", "0.00")
    assert api.refused("POST", path, {"reason": "all"}) == (409, "invoice.lines_credited")
    both = {"rest": True, "lines": [{"line": 1}], "reason": "x"}
    assert api.refused("POST", path, both) == (400, "invoice.line_and_rest")


def test_what_is_planned_is_done_only_if_nothing_moved(api: Asking):
    path = "/v1/invoices/INV-000003/credit-notes"
    body = {"reason": "never delivered"}
    plan = api.post(path, body, plan="show")
    assert [(one["kind"], one["customer"], one["gross"]) for one in plan["documents"]] == [
        ("credit_note", "ben", "-37.20")
    ]
    assert api.get("/v1/invoices/INV-000003")["credited_by"] is None
    off = api.post("/v1/invoices/INV-000003/write-off", {"reason": "gone"})
    assert (off["amount"], off["open"]) == ("37.20", "0.00")
    assert api.refused("POST", path, body, plan=plan["plan"])[0] == 409
    back = api.post("/v1/invoices/INV-000003/undo-write-off", {"reason": "came back"})
    assert (back["amount"], back["open"]) == ("37.20", "37.20")
    assert api.refused("POST", path, body, plan=plan["plan"])[1] == "plan.moved"
    plan = api.post(path, body, plan="show")
    assert plan["answer"]["gross"] == "-37.20"
    done = api.post(path, body, plan=plan["plan"], status=201)
    assert (done["gross"], done["open"], done["credits"]) == ("-37.20", "0.00", "INV-000003")
    again = api.get("/v1/invoices/INV-000003")
    assert (again["credited_by"], again["open"]) == (done["number"], "0.00")
    assert again["number"] in {one["number"] for one in api.walk("/v1/invoices", state="settled")}
    assert "INV-000001" in {one["number"] for one in api.walk("/v1/invoices", state="open")}


def test_it_is_told_who_owes_how_much_and_why(api: Asking):
    owed = api.walk("/v1/owed", size=1)
    assert [(one["customer"], one["owed"]["amount"]) for one in owed][:3] == [
        ("ana", "74.40"), ("ben", "37.20"), ("cleo", "37.20"),
    ]  # fmt: skip
    assert [one["customer"] for one in owed][3:] == ["dora"]
    (ana,) = api.get("/v1/owed/ana")["items"]
    assert [one["balance"]["amount"] for one in ana["reasons"]] == ["37.20", "74.40"]
    assert ana["reasons"][0]["document"] == "INV-000001"
    before = api.get("/v1/owed", as_of="2025-12-01")
    assert before == {"items": [], "next": None}
    then = api.walk("/v1/owed", as_of="2026-01-15", size=2)
    assert [one["customer"] for one in then] == ["ana", "ben", "cleo"]


def test_a_statement_begins_with_what_was_owed_before(api: Asking):
    path = "/v1/owed/cleo/statement"
    whole = api.walk(path, size=1)
    assert [one["amount"] for one in whole] == ["37.20", "37.20", "-18.60", "-18.60"]
    assert whole[-1]["balance"] == "37.20"
    found = api.get(path, **{"from": "2026-01-02", "zone": "Europe/Zagreb"})
    assert (found["opening"], found["closing"]) == ("37.20", "37.20")
    assert [one["entry"] for one in found["items"]] == [one["entry"] for one in whole[1:]]
    early = api.get(path, to="2026-01-02")
    assert (early["opening"], early["closing"], len(early["items"])) == ("0.00", "37.20", 1)


REFUSED = [
    # method, path, body → status, code
    ("GET", "/v1/invoices/INV-000999", None, 404, "invoice.unknown"),
    ("GET", "/v1/invoices?customer=nobody", None, 404, "customer.unknown"),
    ("GET", "/v1/invoices?state=paid", None, 400, "request.bad_parameter"),
    ("GET", "/v1/invoices?from=yesterday", None, 400, "date.malformed"),
    ("GET", "/v1/invoices?after=INV-000999", None, 404, "invoice.unknown"),
    ("GET", "/v1/invoices/INV-000001/records", None, 400, "request.parameter_missing"),
    ("POST", "/v1/invoices/INV-000001/credit-notes", {}, 400, "request.field_missing"),
    ("POST", "/v1/invoices/INV-000001/credit-notes",
     {"reason": "x", "lines": [{"line": 1, "amount": "4%"}]}, 400, "request.bad_field"),
    ("POST", "/v1/invoices/INV-000001/credit-notes",
     {"reason": "x", "lines": [{"line": 1, "amount": "4", "percent": "5"}]}, 400,
     "invoice.amount_and_percent"),
    ("POST", "/v1/invoices/INV-000001/credit-notes", {"reason": "x", "lines": [{"line": 9}]}, 404,
     "invoice.line_unknown"),
    ("POST", "/v1/invoices/INV-000001/credit-notes", {"reason": "x", "at": "2199-01-01"}, 400,
     "date.in_the_future"),
    ("POST", "/v1/invoices/INV-000001/undo-write-off", {"reason": "x"}, 409, "invoice.not_written_off"),
    ("GET", "/v1/owed/nobody", None, 404, "customer.unknown"),
    ("GET", "/v1/owed?after=nobody~EUR", None, 404, "customer.unknown"),
    ("GET", "/v1/owed/ana/statement?currency=XYZ", None, 400, "currency.unknown"),
    ("GET", "/v1/owed/ana/statement?after=evt_00000000000000000000000000", None, 404,
     "ledger.entry_unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "status", "code"), REFUSED)
def test_what_makes_no_sense_is_refused(api: Asking, method, path, body, status, code):
    assert api.refused(method, path, body) == (status, code)


def test_another_tenant_sees_nothing_of_it(api: Asking):
    other = tenants.create(api.place.database, "money-other", "Other", NOW)
    theirs = api._replace(key=make_key(api.place.database, other, "theirs", SCOPES))
    assert theirs.get("/v1/invoices")["items"] == theirs.get("/v1/owed")["items"] == []
    invoice_id = api.get("/v1/invoices/INV-000001")["invoice_id"]
    for name in ("INV-000001", invoice_id):
        assert theirs.refused("GET", f"/v1/invoices/{name}") == (404, "invoice.unknown")
        path = f"/v1/invoices/{name}/credit-notes"
        assert theirs.refused("POST", path, {"reason": "x"}) == (404, "invoice.unknown")
    assert theirs.refused("GET", "/v1/owed/ana") == (404, "customer.unknown")


def test_to_take_back_needs_a_scope_of_its_own(api: Asking):
    reader = api.with_scopes("invoices:read")
    path = "/v1/invoices/INV-000001/write-off"
    assert reader.refused("POST", path, {"reason": "x"}) == (403, "key.missing_scope")
