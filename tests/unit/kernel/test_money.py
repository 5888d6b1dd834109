"""Money adds up in one currency, is rounded once by a named policy, and is split without loss."""

import operator
from decimal import Decimal
from fractions import Fraction

import pytest

from everycent.kernel.errors import Invalid
from everycent.kernel.money import (
    MINOR_LIMIT,
    Money,
    Rounding,
    checked,
    major,
    plain,
    round_decimal,
    rounded,
    split,
)

MODES = [
    Rounding.HALF_EVEN,
    Rounding.HALF_UP,
    Rounding.HALF_DOWN,
    Rounding.UP,
    Rounding.DOWN,
    Rounding.CEILING,
    Rounding.FLOOR,
]


def test_amounts_of_one_currency_add_subtract_and_turn_over():
    assert Money(1999, "EUR") + Money(1, "EUR") == Money(2000, "EUR")
    assert Money(1999, "EUR") - Money(2000, "EUR") == Money(-1, "EUR")
    assert -Money(5, "EUR") == Money(-5, "EUR")
    assert Money(5, "EUR") != Money(5, "USD")


@pytest.mark.parametrize(
    ("do", "left", "right"),
    [
        ("add", Money(1, "EUR"), Money(1, "USD")),
        ("subtract", Money(1, "EUR"), Money(1, "USD")),
        ("add", Money(0, "EUR"), Money(0, "JPY")),
    ],
)
def test_two_currencies_do_not_mix(do, left, right):
    with pytest.raises(Invalid) as refused:
        _ = left + right if do == "add" else left - right
    assert refused.value.code == "money.currency_mismatch"
    assert str(left) in refused.value.message


def test_money_is_not_joined_like_a_tuple():
    with pytest.raises(TypeError, match="unsupported operand"):
        operator.add(Money(1, "EUR"), (1, "EUR"))


@pytest.mark.parametrize("factor", [2, Decimal("0.5"), Fraction(1, 3)])
def test_money_is_not_multiplied(factor):
    with pytest.raises(TypeError, match="rounded"):
        Money(1, "EUR") * factor
    with pytest.raises(TypeError, match="rounded"):
        factor * Money(1, "EUR")


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (Money(1999, "EUR"), "19.99 EUR"),
        (Money(-5, "EUR"), "-0.05 EUR"),
        (Money(0, "EUR"), "0.00 EUR"),
        (Money(1999, "JPY"), "1999 JPY"),
        (Money(-1, "KWD"), "-0.001 KWD"),
        (Money(12345, "CLF"), "1.2345 CLF"),
        (Money(MINOR_LIMIT - 1, "EUR"), "9999999999999999.99 EUR"),
    ],
)
def test_money_reads_in_major_units(amount, text):
    assert str(amount) == text
    assert plain(amount) == text[:-4]
    assert major(amount) == Decimal(text[:-4])


# The first nine rows are the published table of the modes; the others are ties at a cent.
@pytest.mark.parametrize(
    ("value", "places", "by_mode"),
    [
        # half_even half_up half_down up down ceiling floor
        ("5.5", 0, "6 6 5 6 5 6 5"),
        ("2.5", 0, "2 3 2 3 2 3 2"),
        ("1.6", 0, "2 2 2 2 1 2 1"),
        ("1.1", 0, "1 1 1 2 1 2 1"),
        ("1.0", 0, "1 1 1 1 1 1 1"),
        ("-1.1", 0, "-1 -1 -1 -2 -1 -1 -2"),
        ("-1.6", 0, "-2 -2 -2 -2 -1 -1 -2"),
        ("-2.5", 0, "-2 -3 -2 -3 -2 -2 -3"),
        ("-5.5", 0, "-6 -6 -5 -6 -5 -5 -6"),
        ("0.005", 2, "0.00 0.01 0.00 0.01 0.00 0.01 0.00"),
        ("0.015", 2, "0.02 0.02 0.01 0.02 0.01 0.02 0.01"),
        ("-0.005", 2, "0.00 -0.01 0.00 -0.01 0.00 0.00 -0.01"),
        ("0.0050001", 2, "0.01 0.01 0.01 0.01 0.00 0.01 0.00"),
        ("0", 2, "0.00 0.00 0.00 0.00 0.00 0.00 0.00"),
        ("123.456", -2, "100 100 100 200 100 200 100"),
        ("-150", -2, "-200 -200 -100 -200 -100 -100 -200"),
        ("250.0001", -2, "300 300 300 300 200 300 200"),
        ("5", -1, "0 10 0 10 0 10 0"),
        ("499999999999.9", -12, "0 0 0 1000000000000 0 1000000000000 0"),
    ],
)
def test_each_policy_decides_the_last_digit(value, places, by_mode):
    for mode, expected in zip(MODES, by_mode.split(), strict=True):
        for exact in (Decimal(value), Fraction(value)):
            result = round_decimal(exact, places, mode)
            assert result == Decimal(expected), mode
            assert result.as_tuple().exponent == min(-places, 0), mode


@pytest.mark.parametrize(
    ("amount", "currency", "mode", "minor"),
    [
        (Decimal("19.994"), "EUR", Rounding.HALF_UP, 1999),
        (Decimal("19.995"), "EUR", Rounding.HALF_UP, 2000),
        (Decimal("-19.995"), "EUR", Rounding.HALF_UP, -2000),
        (Decimal("19.5"), "JPY", Rounding.HALF_EVEN, 20),
        (Decimal("18.5"), "JPY", Rounding.HALF_EVEN, 18),
        (Decimal("1.0005"), "KWD", Rounding.DOWN, 1000),
        (Fraction(100 * 14, 31), "EUR", Rounding.HALF_UP, 4516),
        (Fraction(200 * 17, 31), "EUR", Rounding.HALF_UP, 10968),
        (Fraction(1, 3), "CLF", Rounding.UP, 3334),
        (Decimal("-0.001"), "EUR", Rounding.HALF_UP, 0),
        (Decimal("9999999999999999.99"), "EUR", Rounding.HALF_UP, MINOR_LIMIT - 1),
    ],
)
def test_an_exact_number_becomes_money_through_one_door(amount, currency, mode, minor):
    assert rounded(amount, currency, mode) == Money(minor, currency)


def test_a_product_of_the_longest_price_and_quantity_stays_exact():
    nines = Decimal("9" * 19 + "." + "9" * 18)
    assert round_decimal(Decimal("9" * 60 + ".5"), 0, Rounding.HALF_UP) == Decimal("1e60")
    with pytest.raises(Invalid, match="beyond what can be booked"):
        rounded(nines, "EUR", Rounding.HALF_UP)


@pytest.mark.parametrize(
    "amount",
    [
        Decimal("9999999999999999.995"),
        Decimal("-1e16"),
        Decimal("1e18"),
        Decimal("1e79"),
        Decimal("-1e999"),
        Decimal("Infinity"),
        Fraction(10**16),
        Fraction(10**90),
        Fraction(-(10**90), 7),
    ],
)
def test_an_amount_too_large_to_book_is_refused(amount):
    with pytest.raises(Invalid) as refused:
        rounded(amount, "EUR", Rounding.HALF_UP)
    assert refused.value.code == "money.too_large"


def test_minor_units_are_checked_against_the_limit():
    assert checked(MINOR_LIMIT - 1, "EUR") == Money(MINOR_LIMIT - 1, "EUR")
    assert checked(1 - MINOR_LIMIT, "EUR") == Money(1 - MINOR_LIMIT, "EUR")
    for minor in (MINOR_LIMIT, -MINOR_LIMIT):
        with pytest.raises(Invalid) as refused:
            checked(minor, "EUR")
        assert refused.value.code == "money.too_large"


def test_an_unknown_currency_is_refused_at_the_door():
    with pytest.raises(Invalid) as refused:
        rounded(Decimal(1), "EURO", Rounding.HALF_UP)
    assert refused.value.code == "currency.unknown"


@pytest.mark.parametrize(
    ("total", "weights", "shares"),
    [
        (100, [1, 1], [50, 50]),
        (100, [1, 1, 1], [34, 33, 33]),
        (-100, [1, 1, 1], [-34, -33, -33]),
        (5, [1, 1, 1], [2, 2, 1]),
        (10, [2, 1, 1, 1], [4, 2, 2, 2]),
        (1, [1, 2], [0, 1]),
        (1, [1, 1], [1, 0]),
        (0, [1, 2, 3], [0, 0, 0]),
        (7, [0, 1, 0], [0, 7, 0]),
        (100, [Fraction(1, 3), Fraction(2, 3)], [33, 67]),
        (MINOR_LIMIT - 1, [1, 1], [MINOR_LIMIT // 2, MINOR_LIMIT // 2 - 1]),
        (42, [9], [42]),
    ],
)
def test_a_split_loses_nothing_and_ties_go_to_the_earlier_share(total, weights, shares):
    assert split(total, weights) == shares


@pytest.mark.parametrize("weights", [[], [0], [0, 0], [1, -1], [2, -1], [-1], [Fraction(-1, 2), 1]])
def test_weights_that_are_negative_or_all_zero_are_refused(weights):
    with pytest.raises(Invalid) as refused:
        split(100, weights)
    assert refused.value.code == "money.no_weight"
