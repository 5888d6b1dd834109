"""Coupons, policies and taxes in the catalogue file: what is taken, and what is refused where."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from everycent.catalog.coupon import Coupon, ends_on, reaches
from everycent.catalog.document import parse
from everycent.catalog.policies import BY_NAME, DEFAULTS, OPTIONS, Policies
from everycent.credits.grant import Order
from everycent.kernel.errors import Invalid
from everycent.kernel.money import Rounding

REST = """
meters: {calls: {unit: call}}
taxes: {vat: {rates: [{since: 2020-01-01, percent: 20}]}}
products: {base: {name: Base, tax: vat}, extra: {name: Extra}}
plans:
  team:
    currency: EUR
    prices:
      - {key: fee, product: base, flat: {amount: 1}}
      - key: calls
        product: extra
        meter: calls
        matrix: {dimensions: [region], default: 1, cells: [{values: [eu], unit_amount: 2}]}
"""


def of_kind(text: str, kind: str) -> dict[str, Any]:
    return {entity.key: entity.content for entity in parse(REST + text) if entity.kind == kind}


def test_a_coupon_says_what_it_takes_off_what_and_for_how_long() -> None:
    found = of_kind(
        """
coupons:
  a: {percent: "10.50"}
  b: {name: B, amount: "5.00", currency: EUR, times: 2, lasts: 3 months, limit: 7, priority: 0,
      valid_from: 2026-01-01, valid_until: 2026-02-01, combinable: false,
      plans: [team], products: [extra, base], prices: [calls, calls.eu]}
""",
        "coupon",
    )
    assert found == {
        "a": Coupon("a", "a", percent="10.5"),
        "b": Coupon(
            "b", "B", None, "5", "EUR", 2, "3 months", date(2026, 1, 1), date(2026, 2, 1), 7, 0,
            False, ("team",), ("base", "extra"), ("calls", "calls.eu"),
        ),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("coupon", "field", "code"),
    [
        ("{}", "coupons.a", "catalog.wrong_value"),
        ("{percent: 1, amount: 1, currency: EUR}", "coupons.a", "catalog.wrong_value"),
        ("{percent: 0}", "coupons.a.percent", "catalog.wrong_value"),
        ("{percent: -1}", "coupons.a.percent", "catalog.wrong_value"),
        ("{percent: 100.1}", "coupons.a.percent", "catalog.wrong_value"),
        ("{percent: 1e999}", "coupons.a.percent", "number.malformed"),
        ("{percent: NaN}", "coupons.a.percent", "number.malformed"),
        ("{percent: 1, currency: EUR}", "coupons.a.currency", "catalog.wrong_value"),
        ("{amount: 1}", "coupons.a.currency", "catalog.wrong_value"),
        ("{amount: 1, currency: EURO}", "coupons.a.currency", "currency.unknown"),
        ("{amount: 0, currency: EUR}", "coupons.a.amount", "catalog.wrong_value"),
        ("{amount: 0.001, currency: EUR}", "coupons.a.amount", "catalog.wrong_value"),
        ("{amount: 1.5, currency: JPY}", "coupons.a.amount", "catalog.wrong_value"),
        ("{amount: 1000000000001, currency: EUR}", "coupons.a.amount", "catalog.amount_too_large"),
        ("{percent: 1, times: 0}", "coupons.a.times", "catalog.wrong_value"),
        ("{percent: 1, limit: 0}", "coupons.a.limit", "catalog.wrong_value"),
        ("{percent: 1, priority: -1}", "coupons.a.priority", "catalog.wrong_value"),
        ("{percent: 1, lasts: fortnight}", "coupons.a.lasts", "interval.unknown"),
        (
            "{percent: 1, valid_from: 2026-01-02, valid_until: 2026-01-02}",
            "coupons.a.valid_until",
            "catalog.wrong_value",
        ),
        ("{percent: 1, valid_from: 2026-02-31}", "coupons.a.valid_from", "catalog.wrong_shape"),
        ("{percent: 1, name: ' '}", "coupons.a.name", "catalog.wrong_value"),
        ("{percent: 1, plans: [tea]}", "coupons.a.plans", "catalog.unknown_name"),
        ("{percent: 1, products: [fee]}", "coupons.a.products", "catalog.unknown_name"),
        ("{percent: 1, prices: [calls.us]}", "coupons.a.prices", "catalog.unknown_name"),
        ("{percent: 1, plans: [team, team]}", "coupons.a.plans", "catalog.wrong_value"),
        ("{percent: 1, once: true}", "coupons.a", "catalog.wrong_shape"),
    ],
)
def test_a_wrong_coupon_is_refused_with_its_place(coupon: str, field: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(REST + f"coupons: {{a: {coupon}}}")
    assert (refused.value.field, refused.value.code) == (field, code)


@pytest.mark.parametrize(
    ("coupon", "line", "expected"),
    [
        (Coupon("a", "A"), ("team", "base", "fee"), True),
        (Coupon("a", "A", plans=("team",)), ("team", "base", "fee"), True),
        (Coupon("a", "A", plans=("other",)), ("team", "base", "fee"), False),
        (Coupon("a", "A", products=("base",)), ("team", "extra", "fee"), False),
        (Coupon("a", "A", prices=("calls",)), ("team", "extra", "calls.eu"), True),
        (Coupon("a", "A", prices=("calls",)), ("team", "extra", "callsign"), False),
        (Coupon("a", "A", prices=("calls.eu",)), ("team", "extra", "calls"), False),
        (Coupon("a", "A", plans=("team",), prices=("fee",)), ("team", "base", "calls"), False),
    ],
)
def test_a_coupon_reaches_what_all_of_its_lists_hold(
    coupon: Coupon, line: tuple[str, str, str], expected: bool
) -> None:
    assert reaches(coupon, *line) is expected


@pytest.mark.parametrize(
    ("lasts", "starts_on", "expected"),
    [
        (None, date(2026, 1, 31), None),
        ("month", date(2026, 1, 31), date(2026, 2, 28)),
        ("3 months", date(2026, 1, 15), date(2026, 4, 15)),
        ("year", date(2024, 2, 29), date(2025, 2, 28)),
        ("2 weeks", date(2026, 1, 1), date(2026, 1, 15)),
    ],
)
def test_a_coupon_lasts_from_its_first_day(
    lasts: str | None, starts_on: date, expected: date | None
) -> None:
    assert ends_on(Coupon("a", "A", lasts=lasts), starts_on) == expected


def test_policies_that_are_not_set_have_their_defaults() -> None:
    found = of_kind("policies: {tax.rounding_level: line}", "policies")
    assert found == {"tenant": Policies({"tax.rounding_level": "line"})}
    told = found["tenant"]
    assert (told["tax.rounding_level"], told["discount.rest"]) == ("line", "lost")
    assert told.used("tax.rounding_level", "discount.split") == {
        "tax.rounding_level": "line",
        "discount.split": "largest_remainder",
    }
    assert of_kind("", "policies") == {}
    assert of_kind("policies: {}", "policies") == {"tenant": DEFAULTS}


def test_every_policy_has_a_default_and_says_what_it_does() -> None:
    assert len(BY_NAME) == len(OPTIONS)
    for option in OPTIONS:
        assert option.default in option.values
        assert all(text.endswith(".") for text in (option.told, *option.values.values()))
    assert set(BY_NAME["tax.rounding_mode"].values) == set(Rounding)
    assert set(BY_NAME["credits.order"].values) == set(Order)


@pytest.mark.parametrize(
    ("policies", "field", "code", "hint"),
    [
        ("{tax.rounding: up}", "policies", "catalog.unknown_name", "tax.rounding_mode"),
        ("{tax.rounding_mode: upp}", "policies.tax.rounding_mode", "catalog.wrong_value", "up?"),
        ("{tax.rounding_step: 0.1}", "policies.tax.rounding_step", "catalog.wrong_value", "0.10"),
        ("{invoice.date: last}", "policies.invoice.date", "catalog.wrong_value", "last_day"),
        (
            "{invoice.grace_days: -1}",
            "policies.invoice.grace_days",
            "catalog.wrong_value",
            "such as 2",
        ),
        (
            "{invoice.grace_days: 1.5}",
            "policies.invoice.grace_days",
            "catalog.wrong_value",
            "such as 2",
        ),
        (
            "{invoice.grace_days: 02}",
            "policies.invoice.grace_days",
            "catalog.wrong_value",
            "such as 2",
        ),
        (
            "{invoice.grace_days: 100}",
            "policies.invoice.grace_days",
            "catalog.wrong_value",
            "such as 2",
        ),
        ("{discount.rest: [lost]}", "policies[...]", "catalog.wrong_shape", "catalog.md"),
        ("[a]", "policies", "catalog.wrong_shape", "catalog.md"),
    ],
)
def test_a_wrong_policy_is_refused_with_what_may_stand_there(
    policies: str, field: str, code: str, hint: str
) -> None:
    with pytest.raises(Invalid) as refused:
        parse(REST + f"policies: {policies}")
    assert (refused.value.field, refused.value.code) == (field, code)
    assert hint in (refused.value.hint or "")


@pytest.mark.parametrize(
    ("tax", "expected"),
    [("vat", "vat"), ("[vat]", "vat"), ("none", "none"), ("[]", "none")],
)
def test_a_product_has_its_taxes(tax: str, expected: str) -> None:
    text = REST.replace("tax: vat}", f"tax: {tax}}}")
    (found,) = [e.content for e in parse(text) if (e.kind, e.key) == ("product", "base")]
    assert found.tax_category == expected


@pytest.mark.parametrize("tax", ["gst", "[vat, gst]", "[vat, vat]", "[vat, none]"])
def test_a_product_with_wrong_taxes_is_refused(tax: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(REST.replace("tax: vat}", f"tax: {tax}}}"))
    assert refused.value.field == "products.base.tax"
