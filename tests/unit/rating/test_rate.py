"""Charges: what an item costs for a period, exact until it is rounded once to its currency."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest

from everycent.catalog.meter import Aggregation, Series
from everycent.catalog.plan import Item, Product
from everycent.catalog.price import Flat, Graduated, PerUnit, Price, QuantityRounding, Tier
from everycent.consumption.usage import Usage
from everycent.kernel.canonical import encode
from everycent.kernel.errors import Invalid
from everycent.kernel.money import Rounding
from everycent.kernel.period import Period
from everycent.rating.charge import Charge, Step
from everycent.rating.rate import charge
from tests.asked import asked

PERIOD = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))
PRODUCT = Product("p", "P", "vat")
UNITS = Series("m", "unit", Aggregation.SUM)
HALF_UP = Rounding.HALF_UP


def item(scheme, rounding=HALF_UP, measure=None, quantity_rounding=None):
    price = Price("k", scheme, "K", rounding, quantity_rounding=quantity_rounding)
    return Item(price, PRODUCT, measure)


def used(total):
    return asked(UNITS, {"": Usage(1, 2, 3, total=Decimal(total))})


@pytest.mark.parametrize(
    ("amount", "share", "currency", "net"),
    [
        ("31", "1", "EUR", 3100),
        ("31", "1/31", "EUR", 100),
        ("100", "14/31", "EUR", 4516),
        ("100", "17/31", "EUR", 5484),
        ("100", "1/3", "EUR", 3333),
        ("100", "2/3", "EUR", 6667),
        ("0.05", "1/10", "EUR", 1),
        ("0.05", "1/11", "EUR", 0),
        ("-0.05", "1/10", "EUR", -1),
        ("100", "1/3", "JPY", 33),
        ("100", "1/2", "JPY", 50),
        ("1", "1/2", "JPY", 1),
        ("100", "1/3", "BHD", 33333),
        ("100", "1/3", "KWD", 33333),
        ("100", "1/3", "CLF", 333333),
    ],
)
def test_a_flat_price_is_billed_by_its_share_of_the_period(amount, share, currency, net):
    made = charge(item(Flat(amount)), {}, currency, Fraction(share))
    assert made.net == net
    assert made.amount == amount
    assert made.quantity is None
    whole = Fraction(share) == 1
    assert made.share == (None if whole else Fraction(share).as_integer_ratio())


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        (PerUnit("0.5"), 500),
        (Graduated((Tier(None, "0.5", "2"),)), 700),
    ],
)
def test_usage_is_not_cut_again_by_the_share(scheme, expected):
    made = charge(item(scheme, measure=UNITS), used("10"), "EUR", Fraction(1, 2))
    assert (made.net, made.share) == (expected, None)


@pytest.mark.parametrize(
    ("mode", "quantity", "net"),
    [
        (Rounding.HALF_UP, "0.5", 1), (Rounding.HALF_UP, "-0.5", -1), (Rounding.HALF_UP, "0.4", 0),
        (Rounding.HALF_EVEN, "0.5", 0), (Rounding.HALF_EVEN, "1.5", 2),
        (Rounding.HALF_DOWN, "0.5", 0), (Rounding.HALF_DOWN, "0.51", 1),
        (Rounding.UP, "0.01", 1), (Rounding.UP, "-0.01", -1), (Rounding.DOWN, "0.99", 0),
        (Rounding.CEILING, "0.01", 1), (Rounding.CEILING, "-0.99", 0),
        (Rounding.FLOOR, "0.99", 0), (Rounding.FLOOR, "-0.01", -1),
    ],
)  # fmt: skip
def test_an_amount_is_rounded_as_its_price_says(mode, quantity, net):
    made = charge(item(PerUnit("0.01"), mode, UNITS), used(quantity), "EUR")
    assert made.net == net


def test_the_quantity_is_rounded_before_it_is_priced():
    rounding = QuantityRounding(0, Rounding.UP)
    made = charge(item(PerUnit("10"), HALF_UP, UNITS, rounding), used("1.01"), "EUR")
    assert (made.net, made.amount) == (2000, "20")
    assert (made.quantity.exact, made.quantity.value) == ("1.01", "2")


@pytest.mark.parametrize(
    ("rounding", "used_units", "expected"),
    [
        (QuantityRounding(0, Rounding.UP, "1000"), "1400", ("1400", "2", "(1000 unit)", "unit")),
        (QuantityRounding(0, Rounding.UP, "1000"), "0", ("0", "0", "(1000 unit)", "unit")),
        (QuantityRounding(0, Rounding.DOWN, "1000", "k"), "1999", ("1999", "1", "k", "unit")),
        (QuantityRounding(2, Rounding.HALF_UP, "3"), "10", ("10", "3.33", "(3 unit)", "unit")),
        (QuantityRounding(-1, Rounding.UP, "0.5"), "6", ("6", "20", "(0.5 unit)", "unit")),
        (QuantityRounding(0, Rounding.UP), "1.5", ("1.5", "2", "unit", None)),
    ],
)
def test_a_quantity_is_divided_before_it_is_rounded(rounding, used_units, expected):
    priced = item(PerUnit("10"), HALF_UP, UNITS, rounding)
    made = charge(priced, used(used_units), "EUR").quantity
    assert (made.exact, made.value, made.unit, made.exact_unit) == expected


def limited(amount, share, *, low=None, high=None, prorate=True):
    price = Price(
        "k", PerUnit("1"), "K", HALF_UP, minimum=low, maximum=high, prorate_limits=prorate
    )
    priced = Item(price, PRODUCT, UNITS)
    return charge(priced, used(amount), "EUR", Fraction(share))


@pytest.mark.parametrize(
    ("amount", "share", "limits", "expected"),
    [
        ("50", "1", {}, (5000, None, None)),
        ("50", "1", {"high": "50"}, (5000, None, None)),
        ("50.01", "1", {"high": "50"}, (5000, "maximum", None)),
        ("49.99", "1", {"low": "50"}, (5000, "minimum", None)),
        ("50", "1", {"low": "50", "high": "50"}, (5000, None, None)),
        ("0", "1", {"low": "100"}, (10000, "minimum", None)),
        ("-5", "1", {"low": "0"}, (0, "minimum", None)),
        ("0", "17/31", {"low": "100"}, (5484, "minimum", (17, 31))),
        ("0", "15/30", {"low": "100"}, (5000, "minimum", (1, 2))),
        ("60", "1/2", {"high": "100"}, (5000, "maximum", (1, 2))),
        ("60", "1/2", {"high": "100", "prorate": False}, (6000, None, None)),
        ("0", "1/2", {"low": "100", "prorate": False}, (10000, "minimum", None)),
        ("50", "1/2", {"low": "10"}, (5000, None, (1, 2))),
    ],
)
def test_an_amount_is_kept_within_its_limits(amount, share, limits, expected):
    made = limited(amount, share, **limits)
    assert (made.net, made.limit, made.share) == expected
    assert made.amount == amount
    assert made.steps == (Step("per unit", amount, amount, "1"),)
    assert msgspec.json.decode(encode(made), type=Charge) == made


def test_a_price_is_not_rounded_per_unit():
    made = charge(item(PerUnit("0.041145"), HALF_UP, UNITS), used("1000"), "EUR")
    assert (made.amount, made.net) == ("41.145", 4115)


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("10000000000000000", "EUR"),
        ("99999999999999999999", "EUR"),
        ("-10000000000000000", "EUR"),
        ("1000000000000000000", "JPY"),
        ("1000000000000000", "BHD"),
    ],
)
def test_what_can_not_be_booked_is_refused(amount, currency):
    with pytest.raises(Invalid) as refused:
        charge(item(Flat(amount)), {}, currency)
    assert refused.value.code == "money.too_large"


def test_the_largest_amount_is_billed():
    assert charge(item(Flat("9999999999999999.99")), {}, "EUR").net == 10**18 - 1


def test_a_charge_reads_back_as_it_was_frozen():
    usage = used("12.5")
    made = charge(item(PerUnit("0.10"), HALF_UP, UNITS), usage, "EUR")
    assert made.steps == (Step("per unit", "1.25", "12.5", "0.10"),)
    assert msgspec.json.decode(encode(made), type=Charge) == made
