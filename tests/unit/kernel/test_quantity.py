"""Numbers from outside pass a grammar before they are believed, and are shown plainly."""

from decimal import Decimal
from fractions import Fraction

import pytest

from everycent.kernel.errors import Invalid
from everycent.kernel.quantity import as_decimal, parse_decimal, plain


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("12.50", "12.50"),
        ("-12.5", "-12.5"),
        ("007", "7"),
        ("4e-7", "0.0000004"),
        ("1E+3", "1000"),
        ("-2.5e2", "-250"),
        ("9.9e19", "99000000000000000000"),
        ("1e-18", "0.000000000000000001"),
        ("0e99", "0"),
        ("99999999999999999999.999999999999999999", "99999999999999999999.999999999999999999"),
    ],
)
def test_plain_and_short_scientific_digits_are_read_exactly(text, value):
    assert parse_decimal(text, "quantity") == Decimal(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 1",
        "1 ",
        "1\n",
        "+1",
        "--1",
        "1.",
        ".5",
        "1,5",
        "1_000",
        "0x10",
        "NaN",
        "Infinity",
        "-inf",
        "1e",
        "12e3",
        "1e999",
        "1e999999",
        "1e5.5",
        "١٢٣",
        "１２",
        "²",
        "9" * 21,
        "0." + "9" * 19,
        "1" * 100_000,
    ],
)
def test_anything_else_is_refused_as_malformed(text):
    with pytest.raises(Invalid) as refused:
        parse_decimal(text, "price")
    assert refused.value.code == "number.malformed"
    assert refused.value.field == "price"
    assert len(refused.value.message) < 120


@pytest.mark.parametrize("text", ["1e20", "-1e20", "9e99", "1e-19", "1.5e-18", "0e-99"])
def test_a_number_beyond_twenty_and_eighteen_digits_is_refused(text):
    with pytest.raises(Invalid) as refused:
        parse_decimal(text, "price")
    assert refused.value.code == "number.out_of_range"
    assert refused.value.field == "price"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("12.50", "12.5"),
        ("100", "100"),
        ("1E+2", "100"),
        ("0.000", "0"),
        ("-0.00", "0"),
        ("-0", "0"),
        ("-1.10", "-1.1"),
        ("1E-18", "0.000000000000000001"),
        ("10.0", "10"),
    ],
)
def test_a_decimal_is_shown_in_its_shortest_plain_digits(value, text):
    assert plain(Decimal(value)) == text


@pytest.mark.parametrize(
    ("value", "places", "expected"),
    [
        (Fraction(1, 4), 18, "0.25"),
        (Fraction(100), 18, "100"),
        (Fraction(1, 3), 4, "0.3333"),
        (Fraction(2, 3), 18, "0.666666666666666667"),
        (Fraction(-1, 8), 2, "-0.12"),
        (Fraction(3, 8), 2, "0.38"),
        (Fraction(0), 18, "0"),
    ],
)
def test_a_fraction_becomes_a_decimal_rounded_half_even_only_where_it_must(value, places, expected):
    assert as_decimal(value, places) == Decimal(expected)
    assert plain(as_decimal(value, places)) == expected
