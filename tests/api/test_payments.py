"""/v1/payments, payment attempts and methods: money that comes in, what it pays, and what goes back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from everycent.tenants import operations as tenants
from tests.api.asking import Asking, asking
from tests.api.serving import make_key
from tests.collecting import shop
from tests.conftest import NOW, Place
from tests.payments.fake import running_fake

SCOPES = ("invoices:read", "payments:read", "payments:write")


@pytest.fixture(scope="module")
def api(module_place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    """A shop of ten with 37.20 open each. Of the first two the provider was asked: it took the money of
    one, and never answered about the other."""
    shop.open_shop(module_place, 10, token=None)
    shop.give_methods(module_place, {"c0000": "tok_ok", "c0001": "tok_ok"})
    folder = tmp_path_factory.mktemp("fake")
    with running_fake(folder, mode="forgetful", looks_up=False) as fake:
        fake.fault("hang_after_charge", where={"payer": "c0001"})
        shop.collect(
            shop.desk_at(module_place, shop.provider_of(fake, "forgetful", looks_up=False))
        )
    with asking(module_place, SCOPES) as found:
        yield found


def invoice_of(api: Asking, customer: str) -> str:
    (one,) = api.get("/v1/invoices", customer=customer, kind="invoice")["items"]
    return str(one["number"])


def left_of(api: Asking, invoice: str) -> str:
    return str(api.get(f"/v1/invoices/{invoice}")["open"])


def test_money_by_hand_is_booked_once_and_pays_what_is_told(api: Asking):
    invoice = invoice_of(api, "c0002")
    body = {
        "customer": "c0002", "amount": "40.00", "reference": "tr-1", "received_on": "2026-01-20",
        "invoices": [{"invoice": invoice}],
    }  # fmt: skip
    first, second = (
        api.send("POST", "/v1/payments", json=body, idempotency_key="p-1") for _ in range(2)
    )
    assert (first.status_code, second.json()) == (201, first.json())
    done = first.json()
    assert done["settled"] == [{"invoice": invoice, "amount": "37.20", "open": "0.00"}]
    assert (done["left"], left_of(api, invoice)) == ("2.80", "0.00")
    assert api.refused("POST", "/v1/payments", body) == (409, "payment.booked_before")
    path = f"/v1/payments/{done['payment']}"
    off = api.post(f"{path}/unapply", {"reason": "another one was meant"})
    assert (off["left"], left_of(api, invoice)) == ("40.00", "37.20")
    on = api.post(f"{path}/apply", {"invoices": [{"invoice": invoice, "amount": "30.00"}]})
    assert (on["settled"][0]["open"], on["left"]) == ("7.20", "10.00")
    more = api.send("POST", f"{path}/refund", json={"amount": "30.00", "reason": "x"}).json()
    assert (more["code"], more["value"]) == ("payment.refund_too_large", "30.00")
    back = api.post(f"{path}/refund", {"amount": "10.00", "reason": "too much"})
    assert (back["refunded"], back["left"], back["attempt"]) == ("10.00", "0.00", None)
    moves = api.get(path)["moves"]
    assert [(one["kind"], one["amount"]) for one in moves] == [
        ("received", "40.00"), ("applied", "37.20"), ("unapplied", "37.20"), ("applied", "30.00"),
        ("refund", "10.00"),
    ]  # fmt: skip


def test_a_payment_is_planned_with_what_it_posts(api: Asking):
    invoice = invoice_of(api, "c0003")
    body = {
        "customer": "c0003", "amount": "37.20", "reference": "tr-2", "way": "cash",
        "account": "till", "invoices": [{"invoice": invoice}],
    }  # fmt: skip
    plan = api.post("/v1/payments", body, plan="show")
    assert plan["events"] == {"payment.received": 1}
    assert {one["amount"] for one in plan["postings"]} == {"37.20", "-37.20"}
    assert left_of(api, invoice) == "37.20"
    done = api.post("/v1/payments", body, plan=plan["plan"], status=201)
    assert done["left"] == "0.00"
    again = {**body, "reference": "tr-3"}
    assert api.refused("POST", "/v1/payments", again, plan=plan["plan"])[0] == 422
    repeated = api.post("/v1/payments", body, plan=plan["plan"], status=201)
    assert repeated == done


def test_what_a_provider_charged_goes_back_with_a_credit_note_over_its_lines(api: Asking):
    invoice = invoice_of(api, "c0000")
    (charged,) = api.get("/v1/payments", customer="c0000")["items"]
    assert (charged["way"], charged["amount"], charged["left"]) == ("charge", "37.20", "0.00")
    path = f"/v1/payments/{charged['payment']}"
    body = {
        "reason": "half of it was down",
        "of_lines": {"invoice": invoice, "lines": [{"line": 1, "percent": "50"}]},
    }
    done = api.post(f"{path}/refund", body)
    assert (done["refunded"], done["note"]["gross"], done["note"]["credits"]) == (
        "18.60", "-18.60", invoice,
    )  # fmt: skip
    assert done["attempt"].startswith("att_")
    (step,) = api.get(f"{path}/trail")["items"]
    assert (step["attempt"], step["amount"]) == (done["attempt"], "18.60")
    assert api.get(path)["refunds"] == [
        {"attempt": done["attempt"], "amount": "18.60", "status": "claimed"}
    ]
    both = {**body, "amount": "1.00"}
    assert api.refused("POST", f"{path}/refund", both) == (400, "payment.amount_or_lines")


def test_an_attempt_of_which_nobody_knows_is_resolved_by_a_person(api: Asking):
    invoice = invoice_of(api, "c0001")
    (unknown,) = [one for one in api.get("/v1/payments/attention")["attempts"] if one["invoice"]]
    assert (unknown["invoice"], unknown["status"], unknown["failure"]) == (
        invoice, "unknown", "timed_out",
    )  # fmt: skip
    assert api.refused("POST", f"/v1/invoices/{invoice}/requeue") == (409, "collection.under_way")
    path = f"/v1/payment-attempts/{unknown['attempt']}"
    said = {"charged": "ch_found", "reason": "it is in their books"}
    assert api.refused("POST", f"{path}/resolve", {"reason": "x"}) == (
        400, "payment_attempt.charged_or_not",
    )  # fmt: skip
    assert api.post(f"{path}/resolve", said)["status"] == "succeeded"
    assert (api.get(path)["status"], left_of(api, invoice)) == ("succeeded", "0.00")
    assert api.refused("POST", f"{path}/resolve", said) == (409, "payment_attempt.settled")
    stages = api.get(f"/v1/invoices/{invoice}/trail")["items"]
    assert stages == api.get(f"{path}/trail")["items"]
    assert stages[0]["stage"] == "claimed"
    assert {"unknown", "succeeded"} <= {one["status"] for one in stages}


def test_an_invoice_is_stopped_requeued_and_agreed_to_be_paid_in_parts(api: Asking):
    path = f"/v1/invoices/{invoice_of(api, 'c0004')}"
    stopped = api.post(f"{path}/stop", {"reason": "pays by transfer"})
    assert (stopped["status"], stopped["changed"], stopped["reason"]) == (
        "STOPPED", True, "pays by transfer",
    )  # fmt: skip
    assert path.endswith(api.get("/v1/payments/attention")["stopped"][0]["invoice"])
    queued = [api.post(f"{path}/requeue") for _ in range(2)]
    assert [(one["status"], one["changed"]) for one in queued] == [
        ("PENDING", True), ("PENDING", False),
    ]  # fmt: skip
    parts = [
        {"due_on": "2026-03-01", "amount": "27.20"},
        {"due_on": "2026-02-01", "amount": "10.00"},
    ]
    agreed = api.send("PUT", f"{path}/instalments", json={"parts": parts}).json()
    assert agreed["parts"] == parts[::-1]
    assert api.refused("PUT", f"{path}/instalments", {"parts": [parts[0], parts[0]]}) == (
        400, "collection.bad_instalments",
    )  # fmt: skip


def test_methods_are_added_listed_and_taken_away(api: Asking):
    path = "/v1/customers/c0005/payment-methods"
    made = api.post(path, {"token": "tok_1", "provider": "psp", "label": "Visa"}, status=201)
    assert (made["payer"], made["rank"], made["state"]) == ("c0005", 1, "active")
    same = {"token": "tok_1", "provider": "psp"}
    assert api.refused("POST", path, same) == (409, "payment_method.exists")
    card = {"token": "4242424242424242", "provider": "psp"}
    assert api.refused("POST", path, card) == (400, "payment_method.card_number")
    mandate = {
        "token": "DE1",
        "provider": "psp",
        "mandate": {"id": "M1", "signed_on": "2026-01-01"},
    }
    assert api.refused("POST", path, mandate) == (400, "payment_method.no_account")
    gone = api.post(f"/v1/payment-methods/{made['method']}/remove", {"reason": "card is lost"})
    assert (gone["state"], gone["why"]) == ("removed", "card is lost")
    assert api.get(path)["items"] == [gone]


def test_runs_are_opened_on_demand_and_watched(api: Asking):
    invoice, paid = invoice_of(api, "c0006"), invoice_of(api, "c0001")
    body = {"due_by": "2026-02-01", "invoices": [invoice, paid]}
    run = api.post("/v1/collections", body, status=201)
    assert (run["kind"], run["state"], run["states"]) == ("demand", "open", {"waiting": 1})
    assert run["left_out"] == [{"invoice": paid, "why": "paid"}]
    path = f"/v1/collections/{run['run_id']}"
    assert api.post(f"{path}/pause")["state"] == "paused"
    assert api.post(f"{path}/abort")["outcomes"] == {"aborted": 1}
    assert api.refused("POST", f"{path}/resume") == (409, "collection.run_is_over")
    api.post("/v1/collections", {"due_by": "2026-01-01"}, status=201)
    runs = api.walk("/v1/collections", size=1)
    assert len(runs) == len({one["run_id"] for one in runs}) == 3
    assert api.get(path)["run_id"] in {one["run_id"] for one in runs}
    assert {one["state"] for one in api.walk("/v1/collections", state="going")} <= {
        "open",
        "paused",
    }


def test_payments_are_listed_page_by_page(api: Asking):
    for number in range(3):
        body = {"customer": "c0007", "amount": "1.00", "reference": f"page-{number}"}
        api.post("/v1/payments", body, status=201)
    found = api.walk("/v1/payments", size=2)
    assert [one["received_on"] for one in found] == sorted(one["received_on"] for one in found)
    assert len({one["payment"] for one in found}) == len(found)
    left = api.walk("/v1/payments", size=1, customer="c0007", left="true")
    assert [one["left"] for one in left] == ["1.00"] * 3


REFUSED = [
    # method, path, body → status, code
    ("GET", "/v1/payments/pay_00000000000000000000000000", None, 404, "payment.unknown"),
    ("GET", "/v1/payments/what", None, 400, "id.malformed"),
    ("GET", "/v1/payments?customer=none", None, 404, "customer.unknown"),
    ("GET", "/v1/payment-attempts/att_x", None, 404, "payment_attempt.unknown"),
    ("POST", "/v1/payments", {"customer": "c0007", "amount": "0", "reference": "x"}, 400,
     "payment.bad_amount"),
    ("POST", "/v1/payments", {"customer": "c0007", "amount": "1.001", "reference": "x"}, 400,
     "payment.bad_amount"),
    ("POST", "/v1/payments", {"customer": "c0007", "amount": 1, "reference": "x"}, 400,
     "request.bad_field"),
    ("POST", "/v1/payments", {"customer": "c0007", "amount": "1", "reference": "x", "way": "charge"},
     400, "request.bad_field"),
    ("POST", "/v1/payments", {"customer": "c0007", "amount": "1", "reference": "x", "account": "psp"},
     400, "payment.account_of_provider"),
    ("POST", "/v1/payments/pay_00000000000000000000000000/refund", {"reason": "x"}, 404,
     "payment.unknown"),
    ("GET", "/v1/collections/run_00000000000000000000000000", None, 404, "collection.run_unknown"),
    ("POST", "/v1/collections", {"invoices": ["INV-000999"]}, 404, "invoice.unknown"),
    ("POST", "/v1/payment-methods/pm_00000000000000000000000000/remove", {}, 404,
     "payment_method.unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "status", "code"), REFUSED)
def test_what_makes_no_sense_is_refused(api: Asking, method, path, body, status, code):
    assert api.refused(method, path, body) == (status, code)


def test_another_tenant_knows_none_of_it(api: Asking):
    other = tenants.create(api.place.database, "payments-other", "Other", NOW)
    theirs = api._replace(key=make_key(api.place.database, other, "theirs", SCOPES))
    payment = api.get("/v1/payments")["items"][0]["payment"]
    assert theirs.get("/v1/payments")["items"] == theirs.get("/v1/collections")["items"] == []
    assert theirs.refused("GET", f"/v1/payments/{payment}") == (404, "payment.unknown")
    assert theirs.refused("POST", f"/v1/payments/{payment}/refund", {"reason": "x"}) == (
        404, "payment.unknown",
    )  # fmt: skip
    run = api.get("/v1/collections")["items"][0]["run_id"]
    assert theirs.refused("POST", f"/v1/collections/{run}/abort") == (404, "collection.run_unknown")
    reader = api.with_scopes("payments:read")
    assert reader.refused("POST", "/v1/collections", {}) == (403, "key.missing_scope")
