"""All that is wrong with a request is told at once, each under its field and with what to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.asking import Asking, asking
from tests.api.selling import customer, open_shop
from tests.conftest import Place

PAYMENT = {"customer": "told", "reference": "r1", "currency": "EUR", "amount": "5.00"}
NEW = {"customer": "told", "plan": "basic", "starts_on": "2026-01-01"}


@pytest.fixture(scope="module")
def api(module_place: Place) -> Iterator[Asking]:
    open_shop(module_place)
    with asking(module_place) as found:
        customer(found, "told")
        yield found


FAULTS: list[tuple[str, Any, list[tuple[str, str]]]] = [
    # sent to, and what                    the code and the field of each fault
    ("/v1/runs", {"zone": "Zagreb"}, [("zone.unknown", "zone")]),
    ("/v1/runs", {"zone": "Zagreb" * 20}, [("zone.unknown", "zone")]),
    ("/v1/payments", {"customer": "told", "currency": "EUR", "amount": "18,60"},
     [("request.field_missing", "reference"), ("number.malformed", "amount")]),
    ("/v1/payments", PAYMENT | {"amount": 5}, [("request.bad_field", "amount")]),
    ("/v1/customers", {"key": "a", "name": "A", "currency": "euro", "time_zone": "CET2"},
     [("currency.unknown", "currency"), ("zone.unknown", "time_zone")]),
    ("/v1/customers", {"key": "a", "name": "A", "currency": "EUR", "time_zone": "UTC", "email": "x"},
     [("customer.bad_email", "email")]),
    ("/v1/subscriptions", {"customer": "told", "starts_on": "tomorrow"},
     [("request.field_missing", "plan"), ("date.malformed", "starts_on")]),
    ("/v1/runs", {"as_of": "now", "zone": "Zagreb"},
     [("time.malformed", "as_of"), ("zone.unknown", "zone")]),
    ("/v1/subscriptions", NEW | {"quantities": {"seats": 3}},
     [("request.bad_field", "quantities.seats")]),
    ("/v1/subscriptions", NEW | {"quantities": {"seats": "3,0"}},
     [("number.malformed", "quantities.seats")]),
    ("/v1/subscriptions", NEW | {"quantities": {"seats": "999"}},
     [("subscription.quantity", "quantities.seats")]),
    ("/v1/subscriptions", NEW | {"quantities": {"chairs": "1"}},
     [("subscription.price_unknown", "quantities.chairs")]),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "expected"), FAULTS)
def test_each_fault_is_told_with_its_field(
    api: Asking, path: str, body: Any, expected: list[tuple[str, str]]
):
    answer = api.send("POST", path, json=body)
    told = answer.json()
    found = [(one["code"], one["field"]) for one in told.get("errors", [told])]
    assert (answer.status_code, sorted(found)) == (400, sorted(expected))
    for one in told.get("errors", [told]):
        assert one.get("hint") or one["code"] == "request.field_missing"


def test_a_number_in_the_place_of_a_text_is_told_as_the_text(api: Asking):
    told = api.send("POST", "/v1/payments", json=PAYMENT | {"amount": 5}).json()
    assert told["hint"] == 'write it as text, in quotes: "5"'


def test_a_reference_that_is_taken_is_told_as_the_reference(api: Asking):
    api.post("/v1/payments", PAYMENT)
    told = api.send("POST", "/v1/payments", json=PAYMENT).json()
    assert (told["code"], told["field"]) == ("payment.booked_before", "reference")
    assert "another reference" in told["hint"]
