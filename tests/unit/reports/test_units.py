"""Quantities become what is billed exactly, or not at all."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycent.kernel.errors import Invalid
from everycent.reports import units

EXACT = [
    ("B", "GB", None, "100000000000", "100"),
    ("B", "GiB", None, "1073741824", "1"),
    ("B", "GiB", None, "1", "0.000000000931322574615478515625"),
    ("GiB", "B", None, "0.5", "536870912"),
    ("bit", "B", None, "12", "1.5"),
    ("kB", "KiB", None, "1024", "1000"),
    ("TB", "TiB", 6, "1", "0.909495"),
    ("s", "h", 6, "3600", "1"),
    ("s", "h", 6, "1", "0.000278"),
    ("s", "h", 3, "5400", "1.5"),
    ("h", "s", None, "1.5", "5400"),
    ("ms", "s", None, "1", "0.001"),
    ("min", "d", 2, "720", "0.5"),
    ("d", "h", None, "31", "744"),
    ("B.h", "GB.h", None, "2500000000", "2.5"),
    ("GB.d", "GB.h", None, "1", "24"),
    ("GiB.h", "B.s", None, "1", "3865470566400"),
    ("1", "k", None, "1500", "1.5"),
    ("job", "job", None, "7", "7"),
]


@pytest.mark.parametrize(("before", "after", "places", "quantity", "result"), EXACT)
def test_a_unit_becomes_another_one(before, after, places, quantity, result):
    conversion = units.conversion(before, after, places)
    if len(result.partition(".")[2]) > 18:
        with pytest.raises(Invalid, match="more than 20 digits before or 18 after"):
            conversion.of(Decimal(quantity))
        return
    assert conversion.of(Decimal(quantity)) == Decimal(result)


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ("s", "h", "unit.never_ends"),
        ("B", "h", "unit.other_dimension"),
        ("GB.h", "GB", "unit.other_dimension"),
        ("job", "task", "unit.other_dimension"),
        ("job", "1", "unit.other_dimension"),
        ("s!", "h", "unit.unknown"),
        ("GB.x", "GB.h", "unit.unknown"),
        ("", "h", "unit.unknown"),
    ],
)
def test_what_can_not_be_exact_is_refused(before, after, code):
    with pytest.raises(Invalid) as caught:
        units.conversion(before, after, None)
    assert caught.value.code == code


@given(st.decimals("0", "1000000000", places=6))
def test_rounding_is_off_by_half_a_last_place_at_most(quantity):
    found = units.conversion("s", "h", 4).of(quantity)
    assert abs(Fraction(found) - Fraction(quantity) / 3600) <= Fraction(1, 20_000)


@given(st.decimals("0", "1000000000", places=3), st.sampled_from(["kB", "MB", "GB", "KiB", "MiB"]))
def test_there_and_back_is_what_it_was(quantity, unit):
    there = units.conversion(unit, "B", None).of(quantity)
    assert Fraction(there) * (units.parse("B").size / units.parse(unit).size) == Fraction(quantity)
