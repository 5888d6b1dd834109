"""Quotes and what is made of them: forwards, backwards, over a third currency; and what can't be a rate."""

from datetime import date
from fractions import Fraction

import pytest

from everycent.exchange.rate import (
    Pair,
    Told,
    check_texts,
    checked,
    factor,
    formula,
    parse_pair,
    told,
)
from everycent.kernel.errors import Broken, Invalid
from tests.unit.exchange.made import DAY, exchange


@pytest.mark.parametrize(
    ("of", "into", "quotes", "written", "expected"),
    [
        ("EUR", "USD", [("EUR/USD", "1.0842")], "× 1.0842", Fraction("1.0842")),
        ("USD", "EUR", [("EUR/USD", "1.0842")], "÷ 1.0842", Fraction(10000, 10842)),
        ("USD", "PLN", [("EUR/USD", "1.0842"), ("EUR/PLN", "4.2553")], "÷ 1.0842 × 4.2553",
         Fraction(42553, 10842)),
        ("PLN", "USD", [("EUR/PLN", "4"), ("USD/EUR", "0.8")], "÷ 4 ÷ 0.8", Fraction(5, 16)),
    ],
)  # fmt: skip
def test_an_exchange_multiplies_and_divides(of, into, quotes, written, expected):
    made = exchange(of, into, *quotes)
    assert factor(made) == expected
    assert formula(made) == written


@pytest.mark.parametrize(
    ("of", "into", "quotes"),
    [
        ("EUR", "USD", []),
        ("EUR", "USD", [("EUR/GBP", "1")]),
        ("EUR", "USD", [("GBP/PLN", "1")]),
        ("EUR", "USD", [("EUR/USD", "2"), ("EUR/GBP", "1")]),
    ],
)
def test_quotes_that_do_not_lead_there_are_a_broken_chain(of, into, quotes):
    with pytest.raises(Broken, match="don't lead from EUR to USD"):
        factor(exchange(of, into, *quotes))


def test_an_exchange_is_told_with_days_and_sources():
    assert told(exchange("USD", "EUR", ("EUR/USD", "1.0842"))) == (
        "1 EUR = 1.0842 USD of 2026-03-02 (ECB)"
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("EURUSD", "exchange.bad_pair"),
        ("EUR/EUR", "exchange.bad_pair"),
        ("eur/usd", "exchange.bad_pair"),
        ("EUR/USD/GBP", "exchange.bad_pair"),
        ("EUR/XXQ", "currency.unknown"),
    ],
)
def test_what_is_no_pair_is_refused(text, code):
    with pytest.raises(Invalid) as caught:
        parse_pair(text)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("rate", "on", "code"),
    [
        ("0", DAY, "exchange.bad_rate"),
        ("-1", DAY, "exchange.bad_rate"),
        ("1000000000001", DAY, "exchange.bad_rate"),
        ("1,08", DAY, "number.malformed"),
        ("NaN", DAY, "number.malformed"),
        ("1e999", DAY, "number.malformed"),
        ("1", date(1969, 12, 31), "exchange.day_out_of_range"),
        ("1", date(2200, 1, 1), "exchange.day_out_of_range"),
    ],
)
def test_what_is_no_rate_is_refused(rate, on, code):
    with pytest.raises(Invalid) as caught:
        checked(Told(Pair("EUR", "USD"), on, rate))
    assert caught.value.code == code


def test_a_rate_is_kept_as_its_shortest_text():
    assert checked(Told(Pair("EUR", "USD"), DAY, "1.0800")).rate == "1.08"
    assert checked(Told(Pair("EUR", "JPY"), DAY, "160.00")).rate == "160"


@pytest.mark.parametrize(
    ("source", "reason", "field"),
    [
        ("", "", "source"),
        ("x" * 101, "", "source"),
        ("E\nCB", "", "source"),
        ("ECB", " x", "reason"),
    ],
)
def test_texts_that_can_not_be_printed_are_refused(source, reason, field):
    with pytest.raises(Invalid) as caught:
        check_texts(source, reason)
    assert caught.value.field == field
