"""A catalogue and a customer for the tests of what is sold."""

from __future__ import annotations

from everycent.catalog import document
from everycent.catalog import operations as catalog
from tests.api.asking import Asking
from tests.conftest import Place

CATALOGUE = """
meters:
  calls: {unit: call}
taxes:
  vat: {rates: [{since: 2000-01-01, percent: 20}]}
products:
  base: {name: Base fee, tax: vat}
  calls: {name: Calls, tax: vat}
plans:
  basic:
    currency: EUR
    anchor_day: 1
    prices:
      - {key: fee, product: base, flat: {amount: 10}, timing: in_advance}
      - {key: seats, product: base, per_unit: {unit_amount: 5}, timing: in_advance,
         agreed: {unit: seat, quantity: 1, most: 100}}
      - {key: calls, product: calls, meter: calls, per_unit: {unit_amount: 0.01}}
  pro:
    currency: EUR
    anchor_day: 1
    prices:
      - {key: fee, product: base, flat: {amount: 31}, timing: in_advance}
      - {key: seats, product: base, per_unit: {unit_amount: 4}, timing: in_advance,
         agreed: {unit: seat, quantity: 1, most: 100}}
  yearly:
    currency: EUR
    term: {length: year, notice: month, reminder: month}
    prices: [{key: fee, product: base, flat: {amount: 20}}]
  support:
    currency: EUR
    adds_to: [basic, pro]
    prices: [{key: care, product: base, flat: {amount: 7}, timing: in_advance}]
  setup:
    currency: EUR
    prices: [{key: work, product: base, flat: {amount: 99}, timing: once}]
coupons:
  welcome: {name: Welcome, percent: 10, times: 3}
  gift: {name: Gift, amount: 5, currency: EUR, limit: 2}
features:
  sso: {kind: switch}
"""
ZONE = "Europe/Zagreb"


def open_shop(place: Place) -> None:
    """The catalogue as of the place's clock."""
    with place.database.transaction(place.tenant_id) as tx:
        catalog.apply(
            tx, document.parse(CATALOGUE), at=place.now, recorded_at=place.now, actor="test",
            ids=place.ids,
        )  # fmt: skip


def customer(api: Asking, key: str) -> str:
    """A new customer."""
    body = {"key": key, "name": key.title(), "currency": "EUR", "time_zone": ZONE}
    return str(api.post("/v1/customers", body)["key"])


def subscribed(api: Asking, key: str, plan: str = "basic", starts_on: str = "2026-01-01") -> str:
    """A new customer with a contract under its own key; the address of the contract."""
    body = {"customer": customer(api, key), "plan": plan, "starts_on": starts_on, "key": key}
    api.post("/v1/subscriptions", body, status=201)
    return f"/v1/subscriptions/{key}"
