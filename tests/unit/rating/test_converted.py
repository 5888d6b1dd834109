"""Charges whose prices are in another currency, worked out by hand: converted exactly, rounded once."""

from decimal import Decimal
from fractions import Fraction

import pytest

from everycent.catalog.meter import Aggregation, Series
from everycent.catalog.plan import Item, Product
from everycent.catalog.price import Flat, PerUnit, Price
from everycent.catalog.proration import Proration
from everycent.consumption.usage import Usage
from everycent.kernel.money import Rounding
from everycent.rating.charge import exact_amount, priced_in
from everycent.rating.rate import charge
from tests.asked import asked
from tests.unit.exchange.made import exchange

HALF_UP, UP = Rounding.HALF_UP, Rounding.UP
UNITS = Series("m", "unit", Aggregation.SUM)
PRODUCT = Product("p", "P", "none")


def charged(scheme, quantity, currency, rate, *, rounding=HALF_UP, share=Fraction(1), **more):
    units = more.pop("units", 1)
    rule = more.pop("rule", Proration())
    price = Price("k", scheme, "K", rounding, **more)
    by = exchange("EUR", currency, (f"EUR/{currency}", rate))
    if quantity is None:
        return charge(
            Item(price, PRODUCT), {}, currency, share, units=units, rule=rule, exchange=by
        )
    used = asked(UNITS, {"": Usage(1, 2, 3, total=Decimal(quantity))})
    return charge(Item(price, PRODUCT, UNITS), used, currency, share, exchange=by)


@pytest.mark.parametrize(
    ("scheme", "quantity", "currency", "rate", "more", "expected"),
    [
        (Flat("10"), None, "USD", "1.0842", {}, 1084),           # 10.842
        (Flat("1.005"), None, "USD", "2", {}, 201),              # 2.01; of 1.01 it would be 2.02
        (Flat("10"), None, "USD", "1.0842", {"rounding": UP}, 1085),
        (PerUnit("0.034507"), "7229", "USD", "1.0842", {}, 27045),  # 249.451103 × 1.0842 = 270.4549
        (Flat("9.90"), None, "JPY", "162.35", {}, 1607),         # 1607.265
        (Flat("9.90"), None, "KWD", "0.3332", {}, 3299),         # 3.29868
        (PerUnit("1"), "2", "USD", "1.0842", {"minimum": "5"}, 542),  # 5 × 1.0842 = 5.421
        (Flat("19.99"), None, "USD", "1.5", {"share": Fraction(17, 31), "units": 31}, 1644),  # 16.4434
        # 100 ÷ 31 = 3.2258, 3.23 a day; × 10 = 32.30 euro; × 1.1 = 35.53
        (Flat("100"), None, "USD", "1.1",
         {"share": Fraction(10, 31), "units": 31, "rule": Proration(round_daily_rate=True)}, 3553),
        (Flat("100"), None, "USD", "1.1", {"share": Fraction(10, 31), "units": 31}, 3548),  # 35.4839
    ],
)  # fmt: skip
def test_the_exact_amount_is_converted_and_rounded_once(
    scheme, quantity, currency, rate, more, expected
):
    made = charged(scheme, quantity, currency, rate, **more)
    assert made.net == expected
    assert priced_in(made, currency) == "EUR"


def test_the_steps_stay_in_the_currency_of_the_price():
    made = charged(PerUnit("0.05"), "100", "USD", "1.0842")
    assert (made.amount, made.steps[0].amount) == ("5", "5")
    assert exact_amount(made) == Fraction("5.421")
    assert made.exchange.quotes[0].rate == "1.0842"
