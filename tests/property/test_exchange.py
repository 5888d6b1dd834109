"""Currencies: at a rate of 1 nothing changes, what is converted adds up, and there and back is nothing."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from everycent.catalog.plan import Item, Plan, PricesIn, Product
from everycent.catalog.price import Flat, Price
from everycent.catalog.proration import Proration
from everycent.consumption.usage import Usage
from everycent.exchange.lookup import Rule, Wanted, found, table_of, ways
from everycent.exchange.rate import Exchange, Quote, factor
from everycent.invoicing.home import at_home
from everycent.invoicing.invoice import HomePart
from everycent.kernel.currency import exponent
from everycent.kernel.errors import Conflict
from everycent.kernel.money import MINOR_LIMIT, Rounding
from everycent.rating.charge import exact_amount
from everycent.rating.rate import charge
from tests.asked import asked
from tests.property.test_rating import (
    FLATS,
    SCHEMES,
    SOME,
    UNITS,
    near_bounds,
    round_fraction,
    texts,
)
from tests.unit.exchange.made import DAY, exchange
from tests.unit.invoicing.made import drafted, due, tax

RATES = texts(1, 300, 6).filter(lambda text: Decimal(text) > 0) | st.sampled_from(
    ["0.0001", "0.3332", "1.0842", "162.35", "25000"]
)
MODES = st.sampled_from(list(Rounding))
CODES = ["EUR", "USD", "JPY", "KWD", "CLF"]
A_SECOND = settings(max_examples=300, deadline=None)


@st.composite
def sold(draw):
    """An item with what was used of it, and a part of a period."""
    days = draw(st.integers(1, 31))
    share = Fraction(draw(st.integers(1, days)), days)
    rule = Proration(round_daily_rate=draw(st.booleans()))
    limits = sorted((Decimal(draw(FLATS)), Decimal(draw(FLATS))))
    low, high = (draw(st.sampled_from([None, format(limit, "f")])) for limit in limits)
    product, mode = Product("p", "P", "none"), draw(MODES)
    if draw(st.booleans()):
        price = Price("k", Flat(draw(texts(-1000, 1000, 4))), "K", mode)
        return Item(price, product), {}, share, {"units": days, "rule": rule}
    scheme = draw(SCHEMES)
    total = Decimal(draw(near_bounds(scheme)))
    price = Price("k", scheme, "K", mode, minimum=low, maximum=high)
    used = asked(UNITS, {"": Usage(1, 2, 3, total=total)})
    return Item(price, product, UNITS), used, share, {"units": days, "rule": rule}


@SOME
@given(sold())
def test_a_plan_in_two_currencies_comes_to_the_same_at_a_rate_of_one(found_):
    item, used, share, how = found_
    plan = Plan("a", "A", "EUR", "month", (item,), also=(PricesIn("USD", (item.price,)),))
    euro = charge(plan.item(1, "EUR"), used, "EUR", share, **how)
    dollar = charge(plan.item(1, "USD"), used, "USD", share, **how)
    assert dollar == euro
    one = exchange("EUR", "GBP", ("EUR/GBP", "1"))
    converted = charge(plan.item(1, "GBP"), used, "GBP", share, exchange=one, **how)
    assert converted.net == euro.net
    assert exact_amount(converted) == exact_amount(euro)


@SOME
@given(sold(), RATES, st.sampled_from(CODES[1:]))
def test_a_converted_charge_is_rounded_once(found_, rate, currency):
    item, used, share, how = found_
    how["rule"] = Proration()
    by = exchange("EUR", currency, (f"EUR/{currency}", rate))
    plain = charge(item, used, "EUR", share, **how)
    exact = Fraction(plain.amount)
    if isinstance(item.price.scheme, Flat):
        exact *= share
    elif plain.limit is not None:
        exact = Fraction(getattr(item.price, plain.limit.value)) * share
    wanted = exact * Fraction(rate) * 10 ** exponent(currency)
    assume(abs(wanted) < MINOR_LIMIT - 1)  # beyond it is refused
    made = charge(item, used, currency, share, exchange=by, **how)
    assert made.net == round_fraction(wanted, item.price.amount_rounding)
    assert (made.steps, made.amount, made.limit) == (plain.steps, plain.amount, plain.limit)


@st.composite
def documents(draw):
    """A document with a few lines and taxes, some of them negative."""
    currency = draw(st.sampled_from(CODES))
    percents = draw(
        st.lists(st.sampled_from(["0", "5", "8.875", "20", "25"]), min_size=1, max_size=3)
    )
    taxes = {f"t{n}": tax(f"t{n}", ("2015-01-01", percent)) for n, percent in enumerate(percents)}
    charges = [
        due(draw(texts(-1000, 5000, 2)), draw(st.sampled_from(sorted(taxes))), currency=currency, item_no=n)
        for n in range(1, draw(st.integers(2, 6)))
    ]  # fmt: skip
    return drafted(*charges, taxes=taxes, currency=currency)


@A_SECOND
@given(documents(), RATES, st.sampled_from(CODES), MODES, st.booleans())
def test_net_taxes_and_rounding_are_the_gross_in_the_home_currency(
    document, rate, into, mode, forwards
):
    if into == document.currency:
        into = "GBP"
    pair = f"{document.currency}/{into}" if forwards else f"{into}/{document.currency}"
    by = exchange(document.currency, into, (pair, rate))
    home = at_home(document, (HomePart(by),), into, mode)
    assert home.net + home.tax + home.rounding == home.gross
    assert home.tax == sum(told.amount for told in home.taxes)
    scale = Fraction(10 ** exponent(into), 10 ** exponent(document.currency)) * factor(by)
    for minor, told in (
        (document.net, home.net),
        (document.gross, home.gross),
        *zip([t.amount for t in document.taxes], [t.amount for t in home.taxes], strict=True),
        *zip([t.base for t in document.taxes], [t.base for t in home.taxes], strict=True),
    ):
        assert told == round_fraction(minor * scale, mode)
    # each rounding is less than a unit off: those of the net, of the gross and of every tax
    assert abs(home.rounding) < 2 + len(home.taxes)


@A_SECOND
@given(documents(), MODES)
def test_at_a_rate_of_one_the_home_currency_says_the_same(document, mode):
    twin = next(c for c in (*CODES, "GBP", "KRW", "BHD", "UYW")
                if c != document.currency and exponent(c) == exponent(document.currency))  # fmt: skip
    by = exchange(document.currency, twin, (f"{twin}/{document.currency}", "1"))
    home = at_home(document, (HomePart(by),), twin, mode)
    assert (home.net, home.tax, home.gross, home.rounding) == (
        document.net, document.tax, document.gross, 0,
    )  # fmt: skip


@A_SECOND
@given(documents(), RATES, RATES, st.sampled_from(CODES), MODES, st.data())
def test_parts_with_the_same_rate_are_as_one_part(document, rate, other, into, mode, data):
    if into == document.currency:
        into = "GBP"
    pair = f"{document.currency}/{into}"
    same = exchange(document.currency, into, (pair, rate))
    numbers = [line.line_no for line in document.lines]
    cut = data.draw(st.integers(1, len(numbers)))
    parts = tuple(HomePart(same, tuple(own)) for own in (numbers[:cut], numbers[cut:]) if own)
    whole = at_home(document, (HomePart(same),), into, mode)
    told = at_home(document, parts, into, mode)
    assert (told.net, told.taxes, told.gross) == (whole.net, whole.taxes, whole.gross)
    by = exchange(document.currency, into, (pair, other))
    parts = tuple(HomePart(by if n else same, part.lines) for n, part in enumerate(parts))
    mixed = at_home(document, parts, into, mode)
    assert mixed.net + mixed.tax + mixed.rounding == mixed.gross


@A_SECOND
@given(RATES, RATES)
def test_there_and_back_is_nothing(one, two):
    quotes = (Quote("EUR", "USD", DAY, one, "x", 1), Quote("EUR", "PLN", DAY, two, "x", 2))
    there = Exchange("USD", "PLN", DAY, quotes)
    back = Exchange("PLN", "USD", DAY, quotes[::-1])
    assert factor(there) * factor(back) == 1
    assert factor(there) == Fraction(two) / Fraction(one)


PAIRS = st.tuples(st.sampled_from(CODES[:4]), st.sampled_from(CODES[:4])).filter(
    lambda pair: pair[0] != pair[1]
)
TOLD = st.dictionaries(st.tuples(PAIRS, st.integers(1, 12)), RATES, max_size=30)


@A_SECOND
@given(TOLD, PAIRS, st.integers(1, 14), st.sampled_from(["none", "inverse", "cross"]))
def test_the_rate_that_is_found_is_the_newest_of_all_ways(told, asked_for, day, derived):
    first = date(2026, 3, 1)
    quotes = [
        Quote(*pair, first + timedelta(days=on), rate, "x", n)
        for n, ((pair, on), rate) in enumerate(told.items(), start=1)
    ]
    rule, wanted = Rule(5, derived, "EUR"), Wanted(*asked_for, first + timedelta(days=day))
    by_day = {(quote.pair, quote.on): quote for quote in quotes}
    naive = next(
        (
            tuple(by_day[pair, on] for pair in way)
            for back in range(day + 1)
            for on in (wanted.day - timedelta(days=back),)
            for way in ways(wanted.of, wanted.into, rule)
            if all((pair, on) in by_day for pair in way)
        ),
        None,
    )
    if naive is None or (wanted.day - naive[0].on).days > 5:
        with pytest.raises(Conflict) as caught:
            found(table_of(quotes), wanted, rule)
        assert (caught.value.code == "exchange.no_rate") == (naive is None)
        return
    made = found(table_of(quotes), wanted, rule)
    assert made.quotes == naive
    assert factor(made) > 0
