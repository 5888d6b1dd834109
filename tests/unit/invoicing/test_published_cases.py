"""Published cases of coupons, discounts, taxes and rounding, each by the conventions of its source.

tests/data/cases/discounts_taxes.json has them as they were published, and says what was adapted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from everycent.catalog.policies import BY_NAME, STEP, Policies
from everycent.invoicing.discount import Grant
from everycent.invoicing.settle import Priced, Settled, settle
from everycent.invoicing.tax import Rate, rules_of
from everycent.kernel.money import Money, Rounding, plain, rounded, rounded_minor

CASES = {
    case["id"]: case
    for case in json.loads(
        (Path(__file__).parents[2] / "data/cases/discounts_taxes.json").read_text("utf-8")
    )
}
SINCE = date(2015, 1, 1)
HALF_UP = Rounding.HALF_UP


def case(name: str) -> tuple[Any, Any]:
    return CASES[name]["inputs"], CASES[name]["expected"]


def minor(text: str, currency: str = "EUR") -> int:
    return rounded(Decimal(text), currency, HALF_UP).minor


def shown(amount: int, currency: str = "EUR") -> str:
    return plain(Money(amount, currency))


def rates(*percents: str, mode: Rounding = HALF_UP) -> tuple[Rate, ...]:
    """Taxes of their own, named in their order."""
    return tuple(Rate(f"tax{n}", p, SINCE, mode) for n, p in enumerate(percents))


def vat(percent: str) -> tuple[Rate, ...]:
    return (Rate("vat", percent, SINCE, HALF_UP),)


def settled(
    lines: Iterable[Priced], grants: Iterable[Grant] = (), currency: str = "EUR", **told: str
) -> Settled:
    policies = Policies({name.replace("__", "."): value for name, value in told.items()})
    return settle(list(lines), list(grants), policies, rules_of(policies, currency))


def lines_of(amounts: Iterable[int], *percents: str) -> list[Priced]:
    return [Priced(amount, rates(*percents), order=(n,)) for n, amount in enumerate(amounts)]


def tax_of(found: Settled) -> int:
    return sum(amount.amount for amount in found.taxes)


def net_of(lines: Iterable[Priced], found: Settled) -> int:
    return sum(
        line.amount - included - off
        for line, (included, off) in zip(lines, found.lines, strict=True)
    )


def fixed(amount: int, places: Iterable[int]) -> Grant:
    return Grant(None, amount, frozenset(places))


def percent(text: str, places: Iterable[int]) -> Grant:
    return Grant(text, 0, frozenset(places))


# --- coupons -------------------------------------------------------------------------------------


def test_dt_001_three_fixed_coupons_with_scopes_on_two_rates() -> None:
    inputs, expected = case("DT-001")
    lines = [
        Priced(fee["amount"], vat(str(fee["tax_percent"])), order=(n,))
        for n, fee in enumerate(inputs["fees"])
    ]
    scopes = (range(2), range(4, 8), range(8))
    grants = [
        fixed(coupon["amount"], scope)
        for coupon, scope in zip(inputs["coupons_in_order"], scopes, strict=True)
    ]
    found = settled(lines, grants, discount__split="exact", tax__rounding_level="invoice")
    per_fee = [sum(taken.shares.get(n, 0) for taken in found.taken) for n in range(8)]
    published = [Fraction(text) for text in expected["coupon_per_fee_precise"]]
    assert all(abs(a - b) < Fraction(1, 10**5) for a, b in zip(per_fee, published, strict=True))
    assert sum(taken.amount for taken in found.taken) == expected["coupons"]
    assert net_of(lines, found) == expected["net"]
    assert tax_of(found) == expected["tax"]
    assert net_of(lines, found) + tax_of(found) == expected["total"]
    by_line = settled(lines, grants, discount__split="exact", tax__rounding_level="line")
    of_rate: dict[str, int] = {}
    for line, tax in zip(lines, expected["tax_per_fee"], strict=True):
        of_rate[line.rates[0].percent] = of_rate.get(line.rates[0].percent, 0) + tax
    assert {t.percent: t.amount for t in by_line.taxes} == of_rate
    assert tax_of(by_line) == sum(expected["tax_per_fee"])


def test_dt_005_the_same_coupon_twice() -> None:
    inputs, expected = case("DT-005")
    lines = lines_of([minor(inputs["fees_total"])], inputs["tax_percent"])
    found = settled(lines, [fixed(minor(amount), [0]) for amount in inputs["coupons"]])
    assert shown(tax_of(found)) == expected["tax"]
    assert shown(net_of(lines, found) + tax_of(found)) == expected["total"]


def test_dt_024_a_percentage_on_each_line_alone_and_on_the_sum() -> None:
    inputs, expected = case("DT-024")
    for row, split, total in zip(
        inputs["rows"], expected["split"], expected["on_the_sum"], strict=True
    ):
        lines = lines_of(row["lines"])
        grants = [percent(row["percent"], range(len(lines)))]
        alone = settled(lines, grants, discount__split="per_line")
        assert [off for _, off in alone.lines] == split
        together = settled(lines, grants)
        assert [taken.amount for taken in together.taken] == [total]
        assert sum(off for _, off in together.lines) == total


def kept_parts(prices: list[int], grant: Callable[[Iterable[int]], Grant] | None) -> list[Fraction]:
    """The part of each full price that a discount takes off it."""
    places = range(len(prices))
    found = settled(
        lines_of(prices), [] if grant is None else [grant(places)], discount__split="exact"
    )
    if not found.taken:
        return [Fraction(0)] * len(prices)
    return [Fraction(found.taken[0].shares[n]) / prices[n] for n in places]


def given(text: str) -> Callable[[Iterable[int]], Grant] | None:
    """'25 %', '90.00 fixed' or 'none'."""
    if text == "none":
        return None
    if text.endswith("%"):
        return lambda places: percent(text.removesuffix("%").strip(), places)
    return lambda places: fixed(minor(text.removesuffix("fixed").strip()), places)


def prorated(price: int, kept: Fraction, share: Fraction) -> Priced:
    return Priced(int(price * share), (), kept=kept)


def test_pr_064_discounts_over_a_fee_and_seats_on_a_change() -> None:
    inputs, expected = case("PR-064")
    share = Fraction(inputs["remaining_share"])
    for row, outcome in zip(inputs["cases"][:2], expected["cases"][:2], strict=True):
        for side, key, sign in (("old", "credits", -1), ("new", "charges", 1)):
            prices = [minor(row[side]["base"]), minor(row[side]["seats"])]
            kept = kept_parts(prices, given(row["discount"]))
            lines = [prorated(sign * p, k, share) for p, k in zip(prices, kept, strict=True)]
            nets = [
                line.amount - off
                for line, (_, off) in zip(lines, settled(lines).lines, strict=True)
            ]
            wanted = [sign * minor(outcome[key][name]) for name in ("base", "seats")]
            assert nets == wanted
    for row, outcome in zip(inputs["cases"][2:], expected["cases"][2:], strict=True):
        base, seat = minor(row["base"]), minor(row["seat_price"])
        before, now = ([base, seat * count] for count in row["seats"])
        lines = [
            prorated(now[1], kept_parts(now, given(row["discount"]))[1], share),
            prorated(-before[1], kept_parts(before, given(row["discount"]))[1], share),
        ]
        assert shown(net_of(lines, settled(lines))) == outcome["seat_charge"]


def test_pr_068_a_discount_that_is_carried_over_replaced_or_lost() -> None:
    inputs, expected = case("PR-068")
    share = Fraction(1, 2)  # 15 of the 30 days of June
    for row, credit, charge in zip(
        inputs["rows"], expected["credits"], expected["charges"], strict=True
    ):
        old_text, _, new_text = row.partition(" -> ")
        if new_text.endswith("fixed"):
            old_text += " fixed"
        for price, text, sign, wanted in (
            (minor(inputs["old"]), old_text, -1, credit),
            (minor(inputs["new"]), new_text, 1, charge),
        ):
            (kept,) = kept_parts([price], given(text))
            lines = [prorated(sign * price, kept, share)]
            assert shown(sign * net_of(lines, settled(lines))) == wanted


# --- taxes ---------------------------------------------------------------------------------------


def test_dt_025_a_tax_is_rounded_to_the_currency() -> None:
    inputs, expected = case("DT-025")
    for row, tax in zip(inputs["rows"], expected["tax"], strict=True):
        currency = row["currency"].upper()
        found = settled(lines_of([minor(row["base"], currency)], row["tax_percent"]))
        assert shown(tax_of(found), currency) == tax


def test_dt_026_each_of_several_taxes_is_rounded() -> None:
    inputs, expected = case("DT-026")
    lines = lines_of([minor(inputs["base"])], *inputs["taxes_percent"])
    found = settled(lines)
    assert [shown(t.amount) for t in found.taxes] == expected["taxes"]
    assert shown(tax_of(found)) == expected["sum"]
    assert shown(tax_of(settled(lines, tax__rounding_level="invoice"))) == "11.50"


def test_dt_029_lines_are_rounded_first() -> None:
    inputs, expected = case("DT-029")
    for row, total in zip(inputs["rows"], expected["sums"], strict=True):
        told = row["lines"]
        if isinstance(told, str):
            count, _, amount = told.partition(" x ")
            told = [amount] * int(count)
        lines = lines_of([minor(text, row["currency"]) for text in told])
        assert shown(net_of(lines, settled(lines)), row["currency"]) == total


@pytest.mark.parametrize("name", ["DT-042", "DT-043", "DT-044", "DT-047", "DT-048"])
def test_a_vat_breakdown_is_per_rate_on_the_sum_after_allowances(name: str) -> None:
    inputs, expected = case(name)
    currency = CASES[name]["currency"]
    lines, grants = [], []
    for line in inputs["lines"]:
        exact = Decimal(line["quantity"]) * Decimal(line["price"])
        amount = rounded(exact / Decimal(line["price_base_quantity"]), currency, HALF_UP).minor
        lines.append(Priced(amount, vat(line["tax_percent"]), order=(len(lines),)))
    for extra in inputs["document_allowances_charges"]:
        if extra["kind"] == "charge":
            amount = minor(extra["amount"], currency)
            lines.append(Priced(amount, vat(extra["tax_percent"]), order=(len(lines),)))
    for extra in inputs["document_allowances_charges"]:
        if extra["kind"] == "allowance":
            reached = [n for n, x in enumerate(lines) if x.rates == vat(extra["tax_percent"])]
            grants.append(fixed(minor(extra["amount"], currency), reached))
    found = settled(lines, grants, currency)
    told = [[t.percent, shown(t.base, currency), shown(t.amount, currency)] for t in found.taxes]
    wanted = [[t["tax_percent"], t["base"], t["tax"]] for t in expected["tax_breakdown"]]
    assert sorted(told) == sorted(wanted)
    assert shown(net_of(lines, found), currency) == expected["net"]
    assert shown(net_of(lines, found) + tax_of(found), currency) == expected["total"]


def test_dt_051_prices_with_four_decimals() -> None:
    inputs, expected = case("DT-051")
    lines = lines_of(map(minor, inputs["line_nets_before_rounding"]), inputs["tax_percent"])
    found = settled(lines)
    assert [shown(line.amount) for line in lines] == expected["line_nets"]
    assert [shown(net_of(lines, found)), shown(tax_of(found))] == [
        expected["net"],
        expected["tax"],
    ]


def test_dt_052_a_currency_without_decimals() -> None:
    inputs, expected = case("DT-052")
    amounts = [
        rounded(
            Fraction(line["price"]) / int(line["per"]) * Fraction(line["quantity"])
            + int(line["line_charge"]),
            "JPY",
            HALF_UP,
        ).minor
        for line in inputs["lines"]
    ]
    lines = lines_of(amounts, inputs["tax_percent"])
    found = settled(lines, currency="JPY")
    assert [str(amount) for amount in amounts] == expected["line_nets"]
    assert [str(net_of(lines, found)), str(tax_of(found))] == [expected["net"], expected["tax"]]
    assert str(net_of(lines, found) + tax_of(found)) == expected["total"]


def test_dt_054_rounding_to_steps() -> None:
    inputs, expected = case("DT-054")
    exact = Fraction(inputs["amount"]) * 100
    modes = {"normal": HALF_UP, "down": Rounding.DOWN, "up": Rounding.UP}
    for name, mode in modes.items():
        found = []
        for step in inputs["steps"]:
            assert step in BY_NAME[STEP].values
            rules = rules_of(Policies({STEP: step}), "EUR")
            found.append(shown(rounded_minor(exact, mode, rules.step)))
        assert found == expected[name]


def test_dt_055_and_056_each_tax_of_each_line_is_rounded_up() -> None:
    inputs, expected = case("DT-055")
    lines = [
        Priced(minor(line["net"]), rates(*line["taxes_percent"], mode=Rounding.UP), order=(n,))
        for n, line in enumerate(inputs["lines"])
    ]
    assert shown(tax_of(settled(lines, tax__rounding_level="line"))) == expected["tax_total"]
    for line, told in zip(lines, expected["tax_per_code_per_line"], strict=True):
        alone = settled([line], tax__rounding_level="line")
        assert {shown(tax.amount) for tax in alone.taxes} == {told}
    inputs, expected = case("DT-056")
    percents = inputs["taxes_percent"]
    lines = [
        Priced(minor(net), rates(*percents, mode=Rounding.UP), order=(n,))
        for n, net in enumerate(inputs["lines"])
    ]
    assert shown(tax_of(settled(lines, tax__rounding_level="line"))) == expected["tax_total"]
    assert shown(tax_of(settled(lines, tax__rounding_level="tax"))) == "16.98"


def test_dt_057_a_price_with_the_tax_in_it() -> None:
    inputs, expected = case("DT-057")
    lines = [Priced(minor(inputs["gross"]), vat(inputs["tax_percent"]), includes_tax=True)]
    found = settled(lines)
    assert [shown(tax_of(found)), shown(net_of(lines, found))] == [
        expected["tax"],
        expected["net"],
    ]


def test_dt_058_a_repair_leaves_the_tax_of_a_plug_in_alone() -> None:
    _, expected = case("DT-058")
    for invoice in expected["invoices"]:
        lines = lines_of(minor(text.removesuffix(" tax")) for text in invoice["lines"])
        found = settled(lines)
        assert (shown(net_of(lines, found)), tax_of(found)) == (invoice["total"], 0)


def test_dt_061_goods_to_the_nearest_penny_above_and_vat_down() -> None:
    inputs, expected = case("DT-061")
    assert plain(rounded(Decimal(inputs["subtotal"]), "GBP", Rounding.UP)) == expected["subtotal"]
    down = rounded_minor(Fraction(inputs["vat"]) * 100, Rounding.DOWN)
    assert shown(down, "GBP") == expected["vat"]


BEYOND = {
    "DT-008": "credit notes over parts of an invoice by hand: what is given back is worked out from what"
    " was agreed and used, and an invoice is taken back as a whole",
}
"""Cases that can't be told to the product, with the reason."""


def test_every_published_case_here_is_run() -> None:
    source = Path(__file__).read_text("utf-8")
    assert [name for name in CASES if f'"{name}"' not in source] == []
