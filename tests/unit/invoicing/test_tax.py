"""Taxes: per category and rate on the sum of the lines, half-up, symmetric, or as the policies say."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everycent.catalog.plan import rate_on
from everycent.invoicing.invoice import TaxAmount
from everycent.invoicing.tax import Rate, Rules, Taxable, rates_of, taxed
from everycent.kernel.errors import Conflict
from everycent.kernel.money import Rounding
from tests.unit.invoicing.made import tax

SINCE = date(2015, 1, 1)
HALF_UP = Rounding.HALF_UP
VAT = tax("vat", ("2015-01-01", "25"), ("2026-07-01", "20.5"))


def lines_of(percent, *nets, category="vat", rounding=HALF_UP, since=SINCE):
    return [Taxable(net, net, (Rate(category, percent, since, rounding),)) for net in nets]


def tax_of(percent, *nets, rounding=HALF_UP):
    (found,) = taxed(lines_of(percent, *nets, rounding=rounding), Rules()).amounts
    assert found.base == sum(nets)
    return found.amount


@pytest.mark.parametrize(
    ("percent", "nets", "rounding", "expected"),
    [
        ("25", (33, 33, 33), HALF_UP, 25),  # and not 3 × 8
        ("25", (33, -33), HALF_UP, 0),
        ("25", (0,), HALF_UP, 0),
        ("0", (12345,), HALF_UP, 0),
        ("100", (12345,), HALF_UP, 12345),
        ("25", (2,), HALF_UP, 1),
        ("25", (-2,), HALF_UP, -1),
        ("25", (2,), Rounding.HALF_EVEN, 0),
        ("25", (6,), Rounding.HALF_EVEN, 2),
        ("25", (1,), HALF_UP, 0),
        ("8.875", (10000,), HALF_UP, 888),
        ("7.7", (1,), Rounding.UP, 1),
        ("19", (99,), Rounding.DOWN, 18),
        ("0.000000000000000001", (5 * 10**17,), HALF_UP, 0),
        ("0.0000000000000001", (5 * 10**17,), HALF_UP, 1),
        ("25", (10**17, 10**17), HALF_UP, 5 * 10**16),
        ("33.333333333333333333", (3,), HALF_UP, 1),
    ],
)
def test_a_tax_is_rounded_once_on_the_sum(percent, nets, rounding, expected):
    assert tax_of(percent, *nets, rounding=rounding) == expected


def test_each_category_and_each_rate_has_its_own_amount_in_order_of_the_lines():
    lines = [
        *lines_of("25", 100),
        *lines_of("5", 100, category="reduced"),
        *lines_of("20", 100),
        *lines_of("25", 50),
    ]
    assert [(t.category, t.percent, t.base, t.amount) for t in taxed(lines, Rules()).amounts] == [
        ("vat", "25", 150, 38),
        ("reduced", "5", 100, 5),
        ("vat", "20", 100, 20),
    ]


def test_a_rate_that_was_renewed_is_still_one_rate():
    lines = lines_of("25", 33, 33, since=date(2026, 1, 1)) + lines_of("25", 33)
    assert taxed(lines, Rules()).amounts == [TaxAmount("vat", "25", SINCE, HALF_UP, 99, 25)]


@pytest.mark.parametrize(
    ("day", "percent"),
    [
        (date(2014, 12, 31), None),
        (date(2015, 1, 1), "25"),
        (date(2026, 6, 30), "25"),
        (date(2026, 7, 1), "20.5"),
        (date(2100, 1, 1), "20.5"),
    ],
)
def test_the_rate_in_force_on_a_day_applies(day, percent):
    found = rate_on(VAT, day)
    assert (found and found.percent) == percent
    if percent is not None:
        (rate,) = rates_of("vat", day, {"vat": VAT}, Rounding.UP)
        assert rate == ("vat", found.percent, found.since, HALF_UP)


@pytest.mark.parametrize(
    ("category", "day"), [("vat", date(2014, 12, 31)), ("gst", date(2026, 1, 1))]
)
def test_a_day_without_a_rate_is_refused(category, day):
    with pytest.raises(Conflict) as refused:
        rates_of(category, day, {"vat": VAT}, HALF_UP)
    assert (refused.value.code, refused.value.value) == ("tax.no_rate", category)


def test_what_is_untaxed_needs_no_rate():
    assert rates_of("none", date(1900, 1, 1), {}, HALF_UP) == ()
    assert taxed([Taxable(5, 5, ())], Rules()).amounts == []


PERCENTS = st.integers(0, 100_000).map(lambda n: str(Decimal(n).scaleb(-3)))
LINES = st.lists(
    st.tuples(st.sampled_from("abc"), PERCENTS | st.just("25"), st.integers(-(10**9), 10**9)),
    max_size=12,
)


def of(lines, sign=1):
    found = [Taxable(sign * n, sign * n, (Rate(c, p, SINCE, HALF_UP),)) for c, p, n in lines]
    return {(t.category, t.percent): (t.base, t.amount) for t in taxed(found, Rules()).amounts}


@settings(max_examples=500, deadline=None)
@given(LINES, st.randoms(use_true_random=False))
def test_taxes_mirror_keep_no_order_and_stray_by_less_than_half_a_unit_each(lines, shuffler):
    found = of(lines)
    assert of(lines, -1) == {key: (-base, -amount) for key, (base, amount) in found.items()}
    mixed = list(lines)
    shuffler.shuffle(mixed)
    assert of(mixed) == found
    for (category, percent), (base, amount) in found.items():
        assert base == sum(net for c, p, net in lines if (c, p) == (category, percent))
        exact = Fraction(percent) * base / 100
        assert abs(amount - exact) <= Fraction(1, 2)
        if abs(amount - exact) == Fraction(1, 2):
            assert abs(amount) > abs(exact)
    total = sum(Fraction(p) * net / 100 for _, p, net in lines)
    assert abs(sum(amount for _, amount in found.values()) - total) * 2 <= len(found)
