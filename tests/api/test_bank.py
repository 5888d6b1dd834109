"""Bank statements, money in suspense and files of direct debits over HTTP."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import pytest

from everycent.tenants import operations as tenants
from tests.api.asking import Asking, asking
from tests.api.serving import make_key
from tests.cli.test_debits import FILE, STATEMENT, entry
from tests.collecting import shop
from tests.conftest import NOW, Place
from tests.flows.test_debits import HOUSE, iban

SCOPES = ("invoices:read", "payments:read", "payments:write")


@pytest.fixture(scope="module")
def api(module_place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    """A shop of six with 37.20 open each; the first two have signed mandates."""
    home = tmp_path_factory.mktemp("home")
    (home / "providers.yaml").write_text(json.dumps(FILE))
    shop.open_shop(module_place, 6, token=None)
    with asking(module_place, SCOPES, EVERYCENT_HOME=str(home)) as found:
        for number in (1, 2):
            mandate = {"id": f"M-{number}", "signed_on": "2025-12-01"}
            body = {"token": iban(number), "provider": "house", "mandate": mandate}
            made = found.post(f"/v1/customers/c000{number - 1}/payment-methods", body, status=201)
            assert made["mandate"]["iban"] == iban(number)
        yield found


def statement(*entries: str) -> dict[str, str]:
    return {"content": STATEMENT.format(house=HOUSE, entries="".join(entries))}


def test_debits_go_to_the_bank_and_its_statement_says_what_became_of_them(api: Asking):
    plan = api.post("/v1/debit-files", {"account": "house"}, plan="show")
    assert plan["events"]["debit_file.written"] == 1
    assert api.get("/v1/debit-files")["items"] == []
    first, second = (
        api.send("POST", "/v1/debit-files", json={"account": "house"}, idempotency_key="d-1")
        for _ in range(2)
    )
    assert (first.status_code, second.json()) == (201, first.json())
    made = first.json()["file"]
    assert (made["debits"], made["total"], first.json()["is_more"]) == (2, "74.40", False)
    again = api.post("/v1/debit-files", {"account": "house"}, status=201)
    assert again["file"] is None
    path = f"/v1/debit-files/{made['message_id']}"
    content = api.get(f"{path}/content")
    assert hashlib.sha256(content["content"].encode()).hexdigest() == made["sha256"]
    one, two = (item["reference"] for item in api.get(path)["items"])
    lines = statement(
        entry("37.20", "B1", one), entry("40.20", "R1", two, "DBIT", "AC04"),
        entry("37.20", "R2", one, "DBIT", "MD06"),
    )  # fmt: skip
    planned = api.post("/v1/bank-statements", lines, plan="show")
    assert planned["postings"]
    taken = api.post("/v1/bank-statements", lines, plan=planned["plan"])
    assert [(each["outcome"], each["debit"], each["charge"]) for each in taken["entries"]] == [
        ("certain", one, "0.00"), ("failed", two, "3.00"), ("taken_back", one, "0.00"),
    ]  # fmt: skip
    twice = api.post("/v1/bank-statements", lines)
    assert [each["outcome"] for each in twice["entries"]] == ["known"] * 3
    shown = api.get(path)
    assert [(each["status"], each["failure"]) for each in shown["items"]] == [
        ("succeeded", None), ("failed", "declined_for_good"),
    ]  # fmt: skip
    assert [each["effect"] for each in shown["entries"]] == ["booked", "failed", "taken_back"]
    assert [shown[name] for name in ("succeeded", "returned", "failed", "pending")] == [0, 1, 1, 0]
    assert api.refused("POST", f"{path}/withdraw", {"reason": "x"}) == (
        409, "debits.reached_the_bank",
    )  # fmt: skip


def test_money_of_nobody_waits_until_somebody_says_whose_it_is(api: Asking):
    lines = statement(entry("20.00", "S1", "unheard-of"), entry("5.00", "S2", "unheard-of-too"))
    taken = api.post("/v1/bank-statements", lines)
    assert [one["outcome"] for one in taken["entries"]] == ["unmatched", "unmatched"]
    assert taken["is_left"] is True
    waiting = api.walk("/v1/payments/suspense", size=1)
    assert sorted(one["left"] for one in waiting) == ["20.00", "5.00"]
    payment = next(one["payment"] for one in waiting if one["left"] == "20.00")
    (invoice,) = api.get("/v1/invoices", customer="c0003")["items"]
    body = {"customer": "c0003", "invoices": [{"invoice": invoice["number"], "amount": "15.00"}]}
    path = f"/v1/payments/{payment}"
    plan = api.post(f"{path}/assign", body, plan="show")
    done = api.post(f"{path}/assign", body, plan=plan["plan"])
    assert (done["settled"][0]["open"], done["left"]) == ("22.20", "5.00")
    assert api.get(path)["customer"] == "c0003"
    assert [one["left"] for one in api.walk("/v1/payments/suspense")] == ["5.00"]
    assert api.refused("POST", f"{path}/assign", body)[0] == 409
    rest = next(one["payment"] for one in waiting if one["left"] == "5.00")
    file = api.get("/v1/debit-files")["items"][0]["message_id"]
    split = {"file": file, "reason": "it looks like it"}
    assert api.refused("POST", f"/v1/payments/{rest}/split", split) == (409, "debits.no_sum")


def test_a_file_that_never_went_is_withdrawn(api: Asking):
    mandate = {"id": "M-5", "signed_on": "2025-12-01"}
    body = {"token": iban(5), "provider": "house", "mandate": mandate}
    api.post("/v1/customers/c0004/payment-methods", body, status=201)
    made = api.post("/v1/debit-files", {"account": "house"}, status=201)["file"]
    gone = api.post(f"/v1/debit-files/{made['message_id']}/withdraw", {"reason": "lost key"})
    assert (gone["withdrawn"], gone["reason"]) == (made["debits"], "lost key")
    files = api.walk("/v1/debit-files", size=1)
    assert [one["withdrawn"] for one in files] == ["lost key", None]


REFUSED = [
    # method, path, body → status, code
    ("GET", "/v1/debit-files/DD-1", None, 404, "debits.unknown"),
    ("GET", "/v1/debit-files/DD-1/content", None, 404, "debits.unknown"),
    ("GET", "/v1/debit-files?after=DD-1", None, 404, "debits.unknown"),
    ("POST", "/v1/debit-files", {"account": "psp"}, 404, "debits.no_account"),
    ("POST", "/v1/debit-files", {"account": "house", "due_by": "soon"}, 400, "date.malformed"),
    ("POST", "/v1/bank-statements", {"content": "<Document/>"}, 400, "bank.unknown_file"),
    ("POST", "/v1/bank-statements", {"content": "x" * 11_000}, 400, "bank.malformed"),
    ("POST", "/v1/bank-statements", {}, 400, "request.field_missing"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "code"), REFUSED)
def test_what_makes_no_sense_is_refused(api: Asking, method, path, body, status, code):
    assert api.refused(method, path, body) == (status, code)


def test_another_tenant_sees_no_file_and_no_money(api: Asking):
    other = tenants.create(api.place.database, "bank-other", "Other", NOW)
    theirs = api._replace(key=make_key(api.place.database, other, "theirs", SCOPES))
    file = api.get("/v1/debit-files")["items"][0]["message_id"]
    assert theirs.get("/v1/debit-files")["items"] == []
    assert theirs.get("/v1/payments/suspense")["items"] == []
    assert theirs.refused("GET", f"/v1/debit-files/{file}") == (404, "debits.unknown")
    assert theirs.refused("POST", f"/v1/debit-files/{file}/withdraw", {"reason": "x"}) == (
        404, "debits.unknown",
    )  # fmt: skip
    reader = api.with_scopes("payments:read")
    assert reader.refused("POST", "/v1/bank-statements", {"content": "x"}) == (
        403, "key.missing_scope",
    )  # fmt: skip


def test_a_large_statement_is_taken_in_as_one(api: Asking):
    lines = statement(*(entry("1.00", f"L{n}", f"of {n} {'x' * 300}") for n in range(2_000)))
    assert len(lines["content"]) > 1_048_576
    taken = api.post("/v1/bank-statements", lines)
    assert {one["outcome"] for one in taken["entries"]} == {"unmatched"}
    assert len(taken["entries"]) == 2_000
