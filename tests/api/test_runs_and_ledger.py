"""Billing runs and the books over HTTP: a month is billed, and what it has posted is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from everycent.app.wiring import random_ids
from everycent.flows import bill
from everycent.kernel import clock
from everycent.tenants import operations as tenants
from tests.api.asking import Asking, asking
from tests.api.serving import make_key
from tests.conftest import NOW, Place
from tests.flows.world import apply, midnight, sell

KEYS = [f"c{n}" for n in range(5)]
AS_OF = "2026-01-01"
BEGIN = {"as_of": AS_OF, "zone": "Europe/Zagreb", "payment_days": 30}
OTHER = "run_00000000000000000000000000"


def billed(place: Place) -> None:
    """Does what `everycent work` does with a run that is open."""
    bill.run(
        place.database, place.tenant_id, midnight(date(2026, 1, 1)), clock=clock.fixed(NOW),
        ids=random_ids, terms=bill.Terms("worker"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def api(module_place: Place) -> Iterator[Asking]:
    sell(module_place, [(key, "advance") for key in KEYS])
    with asking(module_place) as found:
        yield found


@pytest.fixture(scope="module")
def told(api: Asking) -> dict[str, Any]:
    """The run from what is due to the last invoice."""
    due = api.walk("/v1/runs/due", as_of=AS_OF)
    begun = api.send("POST", "/v1/runs", json=BEGIN)
    again = api.send("POST", "/v1/runs", json=BEGIN)
    for other in ({"payment_days": 1}, {"zone": "UTC"}, {"as_of": "2025-12-01"}):
        assert api.refused("POST", "/v1/runs", BEGIN | other) == (409, "billing.run_open")
    assert api.post("/v1/runs", {})["was_resumed"]
    billed(api.place)
    return {"due": due, "begun": begun, "again": again}


def test_a_run_is_begun_once_and_shows_how_far_it_is(api: Asking, told: dict[str, Any]):
    begun, again = told["begun"], told["again"]
    assert sorted(one["customer"] for one in told["due"]) == KEYS
    assert (begun.status_code, again.status_code) == (202, 202)
    first = begun.json()
    assert (first["was_resumed"], again.json()["was_resumed"]) == (False, True)
    assert again.json() == first | {"was_resumed": True}
    assert (first["customers"], first["invoices"], first["finished_at"]) == (5, 0, None)
    done = api.get(begun.headers["location"])
    assert (done["run_id"], done["invoices"], done["parked"]) == (first["run_id"], 5, 0)
    assert (done["chunks_done"], done["finished_at"]) == (done["chunks"], "2026-01-01T12:00:00Z")
    assert api.get("/v1/runs/due", as_of=AS_OF)["items"] == []


def test_runs_are_walked_from_the_newest_on(api: Asking, told: dict[str, Any]):
    for _ in range(2):
        api.post("/v1/runs", BEGIN, status=202)
        billed(api.place)
    found = [one["run_id"] for one in api.walk("/v1/runs", size=1)]
    assert len(found) == len(set(found)) >= 3
    assert told["begun"].json()["run_id"] in found


def test_who_could_not_be_billed_is_told_with_the_reason(api: Asking):
    place = api.place
    tenant_id = tenants.create(place.database, "runs-parked", "Parked", NOW)
    theirs = place._replace(tenant_id=tenant_id)
    sell(theirs, [(key, "advance") for key in KEYS])
    apply(theirs, "policies: {currency.home: USD}")
    api = api._replace(key=make_key(place.database, tenant_id, "runs-parked", ["runs:read"]))
    billed(theirs)
    (run,) = api.get("/v1/runs")["items"]
    assert (run["invoices"], run["parked"]) == (0, 5)
    parked = api.walk(f"/v1/runs/{run['run_id']}/parked")
    assert [(one["customer"], one["code"]) for one in parked] == [
        (key, "exchange.no_rate") for key in KEYS
    ]


def test_the_trial_balance_sums_to_nothing_now_and_before(api: Asking, told: dict[str, Any]):
    now = api.get("/v1/ledger/trial-balance")
    balances = {one["account"]: one["balance"] for one in now["accounts"]}
    assert balances["receivable"] == "186.00"
    assert balances["tax_payable"] == "-31.00"
    assert sum(Decimal(one["balance"]) for one in now["accounts"]) == 0
    assert api.get("/v1/ledger/trial-balance", as_of="2025-12-31")["accounts"] == []
    before = api.get("/v1/ledger/trial-balance", known_at="2026-01-01T11:59:59Z")
    assert (before["accounts"], before["known_at"]) == ([], "2026-01-01T11:59:59Z")


def test_accounts_are_those_of_the_chart(api: Asking):
    found = {one["account"]: one["kind"] for one in api.get("/v1/ledger/accounts")["items"]}
    assert (found["receivable"], found["revenue"], len(found)) == ("asset", "income", 18)


def test_entries_are_walked_by_what_they_post_to(api: Asking, told: dict[str, Any]):
    everything = api.walk("/v1/ledger/entries")
    assert [one["kind"] for one in everything] == ["invoice"] * 5
    assert len({one["entry"] for one in everything}) == 5
    for one in everything:
        assert sum(Decimal(leg["amount"]) for leg in one["postings"]) == 0
    (own,) = api.walk("/v1/ledger/entries", customer="c3", account="receivable")
    (leg,) = [leg for leg in own["postings"] if leg["customer"] is not None]
    assert leg == {
        "account": "receivable", "customer": "c3", "currency": "EUR", "amount": "37.20",
    }  # fmt: skip
    assert api.get(f"/v1/ledger/entries/{own['entry']}") == own
    assert api.get("/v1/ledger/entries", document=own["document"])["items"] == [own]
    for nothing in ({"account": "cash"}, {"kind": "payment"}, {"from": "2026-01-02"}):
        assert api.get("/v1/ledger/entries", **nothing)["items"] == []
    assert len(api.walk("/v1/ledger/entries", to="2026-01-02", kind="invoice")) == 5


def test_a_statement_runs_from_opening_to_closing_over_all_pages(api: Asking, told: dict[str, Any]):
    path = "/v1/ledger/accounts/receivable/statement"
    whole = api.get(path, currency="EUR")
    assert [one["balance"] for one in whole["items"]] == [
        "37.20", "74.40", "111.60", "148.80", "186.00",
    ]  # fmt: skip
    assert (whole["opening"], whole["closing"], whole["from"]) == ("0.00", "186.00", None)
    assert api.walk(path, currency="EUR") == whole["items"]
    own = api.get(path, currency="EUR", customer="c2")
    assert [(one["amount"], one["balance"]) for one in own["items"]] == [("37.20", "37.20")]
    after = api.get(path, currency="EUR", **{"from": "2026-01-02", "to": "2026-02-01"})
    assert (after["opening"], after["closing"], after["items"]) == ("186.00", "186.00", [])
    before = api.get(path, currency="EUR", to="2025-12-01")
    assert (before["opening"], before["closing"]) == ("0.00", "0.00")
    assert api.get(path, currency="USD")["closing"] == "0.00"


@pytest.mark.parametrize(
    ("method", "path", "body", "refusal"),
    [
        ("GET", f"/v1/runs/{OTHER}", None, (404, "billing.run_unknown")),
        ("GET", f"/v1/runs/{OTHER}/parked", None, (404, "billing.run_unknown")),
        ("GET", "/v1/runs/7", None, (400, "id.malformed")),
        ("GET", f"/v1/runs?after={OTHER}", None, (404, "billing.run_unknown")),
        ("GET", "/v1/runs/due?as_of=2300-01-01", None, (400, "date.out_of_range")),
        ("GET", "/v1/runs/due?after=nobody", None, (404, "customer.unknown")),
        ("POST", "/v1/runs", {"as_of": "2100-01-01"}, (400, "billing.in_the_future")),
        ("POST", "/v1/runs", {"as_of": "2100-01-01", "future": True},
         (400, "request.unknown_field")),
        ("POST", "/v1/runs", {"zone": "Nowhere"}, (400, "zone.unknown")),
        ("POST", "/v1/runs", {"payment_days": 366}, (400, "request.bad_field")),
        ("POST", "/v1/runs", {"workers": 2}, (400, "request.unknown_field")),
        ("GET", "/v1/ledger/entries?account=gold", None, (404, "ledger.account_unknown")),
        ("GET", "/v1/ledger/entries?customer=nobody", None, (404, "customer.unknown")),
        ("GET", "/v1/ledger/entries?document=INV-999", None, (404, "invoice.unknown")),
        ("GET", "/v1/ledger/entries?from=2026-02-01&to=2026-01-01", None, (400, "period.empty")),
        ("GET", "/v1/ledger/entries?after=7", None, (400, "id.malformed")),
        ("GET", f"/v1/ledger/entries/{OTHER.replace('run', 'evt')}", None,
         (404, "ledger.entry_unknown")),
        ("GET", "/v1/ledger/accounts/gold/statement?currency=EUR", None,
         (404, "ledger.account_unknown")),
        ("GET", "/v1/ledger/accounts/cash/statement", None, (400, "request.parameter_missing")),
        ("GET", "/v1/ledger/accounts/cash/statement?currency=XXY", None, (400, "currency.unknown")),
        ("GET", "/v1/ledger/trial-balance?as_of=soon", None, (400, "time.malformed")),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(api: Asking, method, path, body, refusal):
    assert api.refused(method, path, body) == refusal


def test_another_tenant_sees_nothing_of_it(api: Asking, told: dict[str, Any]):
    (entry,) = api.walk("/v1/ledger/entries", customer="c3")
    run = told["begun"].json()["run_id"]
    tenant_id = tenants.create(api.place.database, "runs-other", "Other", NOW)
    key = make_key(api.place.database, tenant_id, "runs-other", ["books:read", "runs:read"])
    other = api._replace(key=key)
    assert other.refused("GET", f"/v1/runs/{run}")[0] == 404
    assert other.refused("GET", f"/v1/runs/{run}/parked")[0] == 404
    assert other.refused("GET", f"/v1/ledger/entries/{entry['entry']}")[0] == 404
    assert other.refused("GET", "/v1/ledger/entries", customer="c3")[0] == 404
    for path in ("/v1/runs", "/v1/ledger/entries", "/v1/runs/due"):
        assert other.get(path)["items"] == []
    assert other.get("/v1/ledger/trial-balance")["accounts"] == []


def test_a_key_needs_the_scope_of_what_it_does(api: Asking):
    small = api.with_scopes("runs:read")
    assert small.refused("POST", "/v1/runs", BEGIN) == (403, "key.missing_scope")
    assert small.refused("GET", "/v1/ledger/accounts") == (403, "key.missing_scope")
