"""Exchange rates over HTTP: told, corrected, listed, and the one that applies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from everycent.tenants import operations as tenants
from tests.api.asking import Asking, asking
from tests.api.serving import make_key
from tests.conftest import NOW, Place
from tests.flows.world import apply

RATES = [
    {"pair": "EUR/USD", "on": "2026-01-02", "rate": "1.0842"},
    {"pair": "EUR/PLN", "on": "2026-01-02", "rate": "4.2310"},
    {"pair": "EUR/USD", "on": "2026-01-05", "rate": "1.1"},
]


@pytest.fixture(scope="module")
def api(module_place: Place) -> Iterator[Asking]:
    apply(module_place, "policies: {exchange.derived: cross, exchange.base: EUR}")
    with asking(module_place) as found:
        yield found


@pytest.fixture(scope="module")
def told(api: Asking) -> dict[str, Any]:
    return api.post("/v1/exchange/rates", {"rates": RATES, "source": "ECB"})


def test_rates_are_told_once(api: Asking, told: dict[str, Any]):
    assert told == {"added": 3, "corrected": 0, "unchanged": 0}
    again = api.post("/v1/exchange/rates", {"rates": RATES[:1], "source": "ECB"})
    assert again == {"added": 0, "corrected": 0, "unchanged": 1}
    other = {
        "rates": [RATES[0] | {"rate": "1.09"}, RATES[1] | {"on": "2026-01-03"}],
        "source": "me",
    }
    assert api.refused("POST", "/v1/exchange/rates", other) == (409, "exchange.rate_known")
    assert len(api.walk("/v1/exchange/rates")) == 3
    corrected = api.post("/v1/exchange/rates", other | {"correction": "misread"})
    assert corrected == {"added": 1, "corrected": 1, "unchanged": 0}


def test_rates_are_walked_from_the_newest_day_on_with_every_correction(api: Asking, told):
    found = api.walk("/v1/exchange/rates")
    assert [(one["on"], one["pair"], one["rate"], one["correction"]) for one in found] == [
        ("2026-01-05", "EUR/USD", "1.1", None),
        ("2026-01-03", "EUR/PLN", "4.231", None),
        ("2026-01-02", "EUR/PLN", "4.231", None),
        ("2026-01-02", "EUR/USD", "1.09", "misread"),
        ("2026-01-02", "EUR/USD", "1.0842", None),
    ]
    assert {one["actor"][:4] for one in found} == {"key_"}
    own = api.walk("/v1/exchange/rates", size=1, pair="EUR/USD", until="2026-01-04")
    assert [one["rate"] for one in own] == ["1.09", "1.0842"]
    assert [one["on"] for one in api.walk("/v1/exchange/rates", since="2026-01-04")] == [
        "2026-01-05"
    ]


def test_the_rate_that_applies_says_what_it_is_made_of(api: Asking, told: dict[str, Any]):
    found = api.get("/v1/exchange", pair="USD/PLN", on="2026-01-02")
    assert (found["of"], found["into"], found["formula"]) == ("USD", "PLN", "÷ 1.09 × 4.231")
    assert found["value"] == "3.881651376147"
    assert [one["pair"] for one in found["quotes"]] == ["EUR/USD", "EUR/PLN"]
    assert api.refused("GET", "/v1/exchange", pair="USD/PLN", on="2025-12-31") == (
        409, "exchange.no_rate",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rate", "code"),
    [
        ({"pair": "EUR/EUR", "on": "2026-01-02", "rate": "1"}, "exchange.bad_pair"),
        ({"pair": "EUR/QQQ", "on": "2026-01-02", "rate": "1"}, "currency.unknown"),
        ({"pair": "EUR/USD", "on": "2026-02-30", "rate": "1"}, "request.bad_field"),
        ({"pair": "EUR/USD", "on": "1900-01-01", "rate": "1"}, "exchange.day_out_of_range"),
        ({"pair": "EUR/USD", "on": "2026-01-02", "rate": "0"}, "exchange.bad_rate"),
        ({"pair": "EUR/USD", "on": "2026-01-02", "rate": "1e999999"}, "number.malformed"),
        ({"pair": "EUR/USD", "on": "2026-01-02", "rate": 1}, "request.bad_field"),
        ({"pair": "EUR/USD", "on": "2026-01-02"}, "request.bad_field"),
        ({"pair": "EUR/USD", "on": "2026-01-02", "rate": "1", "x": 1}, "request.bad_field"),
    ],
)
def test_a_rate_that_can_not_be_one_is_refused(api: Asking, rate: Any, code: str):
    body = {"rates": [rate], "source": "ECB"}
    assert api.refused("POST", "/v1/exchange/rates", body) == (400, code)


@pytest.mark.parametrize(
    "query", ["after=x", "after=-1", "pair=EUR", "since=yesterday", "size=0", "day=2026-01-01"]
)
def test_a_question_that_makes_no_sense_is_refused(api: Asking, query: str):
    assert api.refused("GET", f"/v1/exchange/rates?{query}")[0] == 400


def test_another_tenant_has_rates_of_its_own(api: Asking, told: dict[str, Any]):
    tenant_id = tenants.create(api.place.database, "exchange-other", "Other", NOW)
    key = make_key(api.place.database, tenant_id, "exchange-other", ["exchange:read"])
    other = api._replace(key=key)
    assert other.get("/v1/exchange/rates")["items"] == []
    assert other.refused("GET", "/v1/exchange", pair="EUR/USD", on="2026-01-05")[0] == 409
    body = {"rates": RATES, "source": "ECB"}
    assert other.refused("POST", "/v1/exchange/rates", body) == (403, "key.missing_scope")
