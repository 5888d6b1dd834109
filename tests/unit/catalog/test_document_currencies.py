"""Prices in further currencies in the catalogue file: what they become, what is refused and where."""

import pytest

from everycent.catalog.difference import Known, changes
from everycent.catalog.document import parse
from everycent.catalog.plan import Conversion
from everycent.catalog.price import (
    BlockTier,
    BlockTiers,
    Dynamic,
    Flat,
    Graduated,
    Package,
    Percentage,
    PerUnit,
    Tier,
)
from everycent.kernel.canonical import encode
from everycent.kernel.errors import Invalid
from everycent.kernel.money import Rounding

FILE = """
meters:
  m: {{unit: GB}}
products:
  p: {{name: Power}}
plans:
  a:
    currency: EUR
    prices: [{{key: k, product: p, {price}}}]
    currencies: {{USD: {{prices: {{k: {money}}}}}}}
"""
K = "plans.a.currencies.USD.prices.k"
TIERS = (
    "meter: m, graduated: {tiers: [{up_to: 10, unit_amount: 2, flat_amount: 1}, {unit_amount: 1}]}"
)
SHARE = "meter: m, graduated: {tiers: [{up_to: 1000, percent: 3}, {percent: 2, flat_amount: 5}]}"
BLOCKS = (
    "meter: m, block_tiers: {tiers: [{block_size: 10, block_amount: 2, max_blocks: 3},"
    " {block_size: 100, block_amount: 9}]}"
)
FEES = "meter: m, percentage: {percent: 2.9, fixed_amount: 0.30, minimum: 1, free_events: 2}"
MATRIX = (
    "meter: m, matrix: {dimensions: [region], default: 3,"
    " cells: [{values: [eu], unit_amount: 1}, {values: [us], unit_amount: 2}]}"
)


def plan(price, money):
    found = {each.kind: each.content for each in parse(FILE.format(price=price, money=money))}
    return found["plan"]


def in_dollars(price, money):
    return plan(price, money).in_currency("USD").items


@pytest.mark.parametrize(
    ("price", "money", "scheme"),
    [
        ("flat: {amount: 10}", "{flat: {amount: 12}}", Flat("12")),
        ("flat: {amount: 0}", "{}", Flat("0")),
        ("meter: m, per_unit: {unit_amount: 2, included: 5}", "{per_unit: {unit_amount: 3}}",
         PerUnit("3", "5")),
        ("meter: m, package: {size: 10, amount: 2, included: 1}", "{package: {amount: 3}}",
         Package("10", "3", "1")),
        (TIERS, "{graduated: {tiers: [{unit_amount: 3, flat_amount: 1.5}, {unit_amount: 2}]}}",
         Graduated((Tier("10", "3", "1.5"), Tier(None, "2")))),
        # what a percentage is of is money, and so are its bounds
        (SHARE, "{graduated: {tiers: [{up_to: 1100}, {flat_amount: 6}]}}",
         Graduated((Tier("1100", "0", "0", "3"), Tier(None, "0", "6", "2")))),
        (BLOCKS, "{block_tiers: {tiers: [{block_amount: 3}, {block_amount: 10}]}}",
         BlockTiers((BlockTier("10", "3", 3), BlockTier("100", "10")))),
        (FEES, "{percentage: {fixed_amount: 0.35, minimum: 1.1}}",
         Percentage("2.9", "0.35", 2, None, "1.1")),
        ("meter: m, dynamic: {multiplier: 1.2}", "{}", Dynamic("amount", "1.2")),
        ("meter: m, dynamic: {multiplier: 1.2}", "{dynamic: {}}", Dynamic("amount", "1.2")),
    ],
)  # fmt: skip
def test_what_is_money_is_laid_over_the_price(price, money, scheme):
    (item,) = in_dollars(price, money)
    assert item.price.scheme == scheme


def test_limits_and_the_rounding_are_told_in_each_currency():
    price = "meter: m, per_unit: {unit_amount: 1}, minimum: 5, maximum: 10, amount_rounding: up"
    money = "{per_unit: {unit_amount: 2}, minimum: 6, maximum: 12, amount_rounding: half_even}"
    (item,) = in_dollars(price, money)
    found = item.price
    assert (found.minimum, found.maximum, found.amount_rounding) == ("6", "12", Rounding.HALF_EVEN)
    (kept,) = in_dollars(price, money.replace(", amount_rounding: half_even", ""))
    assert kept.price.amount_rounding is Rounding.UP


def test_a_matrix_becomes_the_same_prices_in_every_currency():
    cells = "{values: [us], unit_amount: 2.5}, {values: [eu], unit_amount: 1.5}"
    money = f"{{matrix: {{default: 4, cells: [{cells}]}}}}"
    found = plan(MATRIX, money)
    told = {
        item.price.key: item.price.scheme.unit_amount for item in found.in_currency("USD").items
    }
    assert told == {"k.eu": "1.5", "k.us": "2.5", "k.default": "4"}
    assert [item.measure for item in found.in_currency("USD").items] == [
        item.measure for item in found.items
    ]


def test_everything_else_is_as_in_the_plan():
    price = "flat: {amount: 10}, timing: in_advance, description: Fee, includes_tax: true"
    found = plan(price, "{flat: {amount: 12}}")
    (own,), (other,) = found.items, found.in_currency("USD").items
    assert encode(other).replace(b'"12"', b'"10"') == encode(own)
    assert found.currencies == ("EUR", "USD")


@pytest.mark.parametrize(
    ("currency", "priced_in", "amount"),
    [
        ("EUR", "EUR", "10"),
        ("USD", "USD", "12"),
        ("GBP", "EUR", "10"),  # to be converted, where that is agreed
    ],
)
def test_a_contract_has_the_prices_of_its_currency(currency, priced_in, amount):
    found = plan("flat: {amount: 10}", "{flat: {amount: 12}}")
    assert found.priced_in(currency) == priced_in
    assert found.item(1, currency).price.scheme == Flat(amount)
    assert found.in_currency(currency).items == (found.item(1, currency),)


@pytest.mark.parametrize(
    ("price", "money", "why", "place"),
    [
        ("flat: {amount: 10}", "{}", "not in this one", f"{K}.flat.amount"),
        ("flat: {amount: 10}", "{per_unit: {unit_amount: 1}}", "`flat` in the plan",
         f"{K}.per_unit"),
        ("meter: m, per_unit: {unit_amount: 1}, minimum: 5", "{per_unit: {unit_amount: 1}}",
         "not in this one", f"{K}.minimum"),
        ("meter: m, per_unit: {unit_amount: 1}", "{per_unit: {unit_amount: 1}, minimum: 9, maximum: 8}",
         "more than the maximum", f"{K}.minimum"),
        ("meter: m, per_unit: {unit_amount: 1}", "{per_unit: {unit_amount: 1e99}}",
         "digits before", f"{K}.per_unit.unit_amount"),
        (TIERS, "{graduated: {tiers: [{unit_amount: 3, flat_amount: 1}]}}", "2 tiers here",
         f"{K}.graduated.tiers"),
        (TIERS, "{graduated: {tiers: [{unit_amount: 3}, {unit_amount: 3}]}}", "not in this one",
         f"{K}.graduated.tiers[1].flat_amount"),
        (TIERS, "{graduated: {tiers: [{up_to: 10, unit_amount: 3}, {unit_amount: 3}]}}",
         "the same in every currency", f"{K}.graduated.tiers[1].up_to"),
        (SHARE, "{graduated: {tiers: [{}, {flat_amount: 6}]}}", "not in this one",
         f"{K}.graduated.tiers[1].up_to"),
        (SHARE, "{graduated: {tiers: [{up_to: 9, unit_amount: 1}, {flat_amount: 6}]}}",
         "a percent or a unit_amount", f"{K}.graduated.tiers[1].percent"),
        (BLOCKS, "{block_tiers: {tiers: [{}, {block_amount: 1}]}}", "not in this one",
         f"{K}.block_tiers.tiers[1].block_amount"),
        (FEES, "{percentage: {minimum: 1}}", "not in this one", f"{K}.percentage.fixed_amount"),
        (MATRIX, "{matrix: {default: 1, cells: [{values: [eu], unit_amount: 1}]}}",
         "not in this one", f"{K}.matrix.cells.us"),
        (MATRIX, "{matrix: {default: 1, cells: [{values: [ap], unit_amount: 1}]}}",
         "no such cell", f"{K}.matrix.cells[1].values"),
        (MATRIX, "{matrix: {cells: [{values: [eu], unit_amount: 1}, {values: [us], unit_amount: 1}]}}",
         "not in this one", f"{K}.matrix.default"),
    ],
)  # fmt: skip
def test_what_is_missing_or_does_not_belong_there_is_refused_with_its_place(
    price, money, why, place
):
    with pytest.raises(Invalid) as caught:
        plan(price, money)
    assert caught.value.field == place
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("currencies", "code", "place"),
    [
        ("{EUR: {prices: {k: {flat: {amount: 1}}}}}", "catalog.wrong_value", "EUR"),
        ("{EURO: {prices: {k: {flat: {amount: 1}}}}}", "currency.unknown", "EURO"),
        ("{USD: {prices: {}}}", "catalog.wrong_value", "USD.prices.k"),
        (
            "{USD: {prices: {k: {flat: {amount: 1}}, q: {}}}}",
            "catalog.unknown_name",
            "USD.prices.q",
        ),
        ("{USD: {prices: {k: {flat: {amount: 1, size: 3}}}}}", "catalog.wrong_shape", None),
    ],
)
def test_a_currency_that_can_not_be_is_refused(currencies, code, place):
    text = FILE.format(price="flat: {amount: 10}", money="{}")
    text = text.replace("{USD: {prices: {k: {}}}}", currencies)
    with pytest.raises(Invalid) as caught:
        parse(text)
    assert caught.value.code == code
    assert place is None or caught.value.field == f"plans.a.currencies.{place}"


def test_a_plan_may_say_for_itself_that_it_is_converted():
    text = FILE.format(price="flat: {amount: 10}", money="{flat: {amount: 12}}")
    (found,) = [e.content for e in parse(text.replace("EUR\n", "EUR\n    conversion: converted\n"))
                if e.kind == "plan"]  # fmt: skip
    assert found.conversion is Conversion.CONVERTED


def test_a_change_of_a_price_in_another_currency_is_told_by_its_place():
    one, two = (
        parse(FILE.format(price="flat: {amount: 10}", money=f"{{flat: {{amount: {amount}}}}}"))
        for amount in (12, 13)
    )
    known = {(e.kind, e.key): Known(1, encode(e.content)) for e in one}
    (change,) = [each for each in changes(two, known) if each.fields]
    assert change.fields == ("also[USD].prices[k].scheme.amount: 12 → 13",)
