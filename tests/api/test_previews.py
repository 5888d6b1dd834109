"""Previews of documents and the price calculator on a real server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from everycent.access.roles import SCOPES
from everycent.api.invoices import Invoice
from everycent.tenants import operations as tenants
from tests.api.asking import Asking, asking
from tests.api.selling import CATALOGUE, open_shop, subscribed
from tests.api.serving import make_key
from tests.conftest import NOW, Place

PATH = "/v1/customers/acme/preview"
AS_OF = {"as_of": "2027-01-01", "zone": "Europe/Zagreb"}


@pytest.fixture(scope="module")
def api(module_place: Place) -> Iterator[Asking]:
    open_shop(module_place)
    with asking(module_place) as found:
        subscribed(found, "acme", starts_on="2026-12-01")
        yield found


def test_what_will_be_billed_is_told_and_nothing_is_written(api: Asking):
    before = api.get("/v1/customers/acme"), api.walk("/v1/subscriptions")
    told = api.post(PATH, AS_OF)
    assert (told["customer"], told["effect"], told["without"]) == ("acme", None, None)
    lines = [
        (one["price"], one["net"]) for document in told["documents"] for one in document["lines"]
    ]
    assert sorted(lines) == [
        ("calls", "0.00"), ("fee", "10.00"), ("fee", "10.00"), ("seats", "5.00"), ("seats", "5.00"),
    ]  # fmt: skip
    assert sum(Decimal(one["gross"]) for one in told["documents"]) == 36
    assert before == (api.get("/v1/customers/acme"), api.walk("/v1/subscriptions"))
    assert api.post(PATH, AS_OF) == told


def test_a_document_is_told_as_it_will_be_once_it_is_issued(api: Asking):
    (told, *_) = api.post(PATH, AS_OF)["documents"]
    issued = {one.name for one in msgspec.structs.fields(Invoice)}
    assert issued - told.keys() == {
        "number", "invoice_id", "open", "credits", "reason", "credited_by", "line_notes", "run_id",
        "recorded_at", "actor",
    }  # fmt: skip
    assert told.keys() <= issued
    assert (told["kind"], told["customer"], told["currency"]) == ("invoice", "acme", "EUR")
    assert not re.search(r"_id\"|[0-9a-f]{8}-[0-9a-f]{4}-", json.dumps(told))


def test_dates_are_those_of_the_customer_where_nothing_is_said(api: Asking):
    told = api.post(PATH, {"as_of": "2027-01-01"})
    assert told == api.post(PATH, AS_OF)
    assert told["as_of"] == "2026-12-31T23:00:00Z"
    assert api.post(PATH, {"as_of": "2027-01-01", "zone": "UTC"})["as_of"] == "2027-01-01T00:00:00Z"


DAILY = CATALOGUE.replace(
    "  setup:\n",
    "  daily: {currency: EUR, interval: day, prices: [{key: fee, product: base, flat: {amount: 1}}]}\n"
    "  setup:\n",
)


def test_no_more_periods_are_told_than_anybody_reads(api: Asking):
    api.post("/v1/catalog/apply", {"yaml": DAILY})
    subscribed(api, "daily", "daily")
    far = {"as_of": "2050-01-01"}
    found = api.refused("POST", "/v1/customers/daily/preview", far)
    assert found == (400, "billing.too_many_periods")
    assert api.refused("GET", "/v1/customers/daily/allowance?as_of=2050-01-01") == found
    assert api.post("/v1/customers/daily/preview", {"as_of": "2026-03-01"})["documents"]


TRIED = [
    # change                                                                      effect
    ({"type": "quantities", "quantities": {"seats": "3"}, "on": "2027-01-01"}, "12.00"),
    ({"type": "switch", "plan": "pro", "on": "2027-01-01"}, "24.00"),
    ({"type": "switch", "plan": "pro", "on": "2027-01-01", "quantities": {"seats": "2"},
      "prices": {"fee": {"flat": {"amount": "30"}}}}, "27.60"),
    ({"type": "add", "plan": "support", "on": "2027-01-01"}, "8.40"),
    ({"type": "cancel", "on": "2027-01-01"}, "-18.00"),
    ({"type": "pause", "on": "2027-01-01"}, "-18.00"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "effect"), TRIED)
def test_a_change_is_tried_with_what_it_would_cost(api: Asking, change: Any, effect: str):
    told = api.post(PATH, AS_OF | {"change": change})
    assert told["effect"] == effect
    assert len(api.get("/v1/subscriptions/acme/changes")["items"]) == 1


REFUSED = [
    # body                                                              status, code
    ({"change": {"type": "colour"}}, 400, "request.bad_field"),
    ({"change": {"type": "resume"}}, 400, "request.bad_field"),
    ({"change": {"type": "cancel", "plan": "pro"}}, 400, "request.bad_field"),
    ({"change": {"type": "switch", "plan": "none"}}, 404, "plan.unknown"),
    ({"change": {"type": "resume", "on": "2027-02-01"}}, 409, "subscription.clash"),
    ({"change": {"type": "cancel", "subscription": "none"}}, 404, "subscription.unknown"),
    ({"payment_days": 366}, 400, "request.bad_field"),
    ({"zone": "Mars/One"}, 400, "zone.unknown"),
    ({"as_of": "1999-01-01"}, 400, "date.out_of_range"),
]


@pytest.mark.parametrize(("body", "status", "code"), REFUSED)
def test_what_can_not_be_tried_is_refused(api: Asking, body: Any, status: int, code: str):
    assert api.refused("POST", PATH, body) == (status, code)


def test_another_tenant_previews_nothing_of_them(api: Asking):
    other = tenants.create(api.place.database, "previews-other", "Other", NOW)
    theirs = api._replace(key=make_key(api.place.database, other, "theirs", SCOPES))
    assert theirs.refused("POST", PATH, {}) == (404, "customer.unknown")


TIERS = {"graduated": {"tiers": [{"up_to": "10", "unit_amount": "1"}, {"unit_amount": "0.5"}]}}


def test_a_price_is_worked_out_with_every_step(api: Asking):
    told = api.post("/v1/rate", {"price": TIERS, "currency": "EUR", "quantity": "12.5"})
    assert (told["amount"], told["minor"], told["quantity"]) == ("11.25", 1125, "12.5")
    assert [(one["quantity"], one["amount"]) for one in told["steps"]] == [
        ("10", "10"), ("2.5", "1.25"),
    ]  # fmt: skip
    third = {"price": {"flat": {"amount": "10"}}, "currency": "EUR", "share": "1/3"}
    assert api.post("/v1/rate", third)["exact"] == "10/3"
    more = {"price": TIERS, "currency": "EUR", "quantity": "5", "before": "10"}
    assert api.post("/v1/rate", more)["amount"] == "2.50"


NOT_RATED = [
    # body                                                                        code
    ({"price": {}, "currency": "EUR"}, "catalog.wrong_value"),
    ({"price": TIERS, "currency": "EUR"}, "rate.wrong_request"),
    ({"price": TIERS, "currency": "XXX", "quantity": "1"}, "currency.unknown"),
    ({"price": TIERS, "currency": "EUR", "quantity": "many"}, "number.malformed"),
    ({"price": TIERS, "currency": "EUR", "quantity": 1}, "request.bad_field"),
    ({"price": TIERS, "currency": "EUR", "quantity": "1", "colour": "red"},
     "request.unknown_field"),
    ({"price": {"per_unit": {"unit_amount": "1000000000000"}}, "currency": "EUR",
      "quantity": "1000"}, "money.too_large"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "code"), NOT_RATED)
def test_what_can_not_be_rated_is_refused(api: Asking, body: Any, code: str):
    assert api.refused("POST", "/v1/rate", body) == (400, code)
