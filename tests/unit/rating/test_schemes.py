"""Price schemes: amounts at and around every bound, and steps that show how each one came about."""

from decimal import Decimal

import pytest

from everycent.catalog.price import (
    BlockMode,
    BlockTier,
    BlockTiers,
    Dynamic,
    Flat,
    Graduated,
    Matrix,
    Package,
    Percentage,
    PerUnit,
    Tier,
    Volume,
)
from everycent.kernel.errors import Invalid
from everycent.rating.charge import Step
from everycent.rating.schemes import steps

TIERS = (Tier("100", "0.10", "1"), Tier("200", "0.08", "5"), Tier(None, "0.05"))
ONE = (Tier(None, "2", "3"),)
FREE = (Tier("10"), Tier(None, "1"))
SHARES = (Tier("1000", flat_amount="200", percent="1"), Tier(None, flat_amount="5", percent="2"))
MIXED = (Tier("100", "0.50"), Tier(None, percent="2"))
BLOCKS = (BlockTier("100", "1", 10), BlockTier("1000", "1", 100), BlockTier("1000", "0.5"))
TOP = BlockTiers(BLOCKS, BlockMode.TOP)
ALL = BlockTiers(BLOCKS)


def amount(scheme, quantity):
    return steps(scheme, Decimal(quantity))[1]


@pytest.mark.parametrize(
    ("scheme", "quantity", "expected"),
    [
        (Flat("9.90"), "1", "9.90"),
        (Flat("-5"), "1", "-5"),
        (Flat("4e-7"), "1", "0.0000004"),
        (PerUnit("0.041145"), "0", "0"),
        (PerUnit("0.041145"), "1234.567", "50.796259215"),
        (PerUnit("0.041145"), "-2", "-0.08229"),
        (PerUnit("-0.5"), "3", "-1.5"),
        (PerUnit("1e-18"), "0.000000000000000001", "1e-36"),
        (PerUnit("0.333333333333333333"), "99999999999999999999",
         "33333333333333333299.666666666666666667"),
        # graduated: each tier at its price, its flat amount once it is entered
        (Graduated(TIERS), "-10", "0.00"),
        (Graduated(TIERS), "0", "1"),
        (Graduated(TIERS), "0.01", "1.001"),
        (Graduated(TIERS), "99.999", "10.9999"),
        (Graduated(TIERS), "100", "11"),
        (Graduated(TIERS), "100.000000000000000001", "16.00000000000000000008"),
        (Graduated(TIERS), "100.5", "16.04"),
        (Graduated(TIERS), "101", "16.08"),
        (Graduated(TIERS), "200", "24"),
        (Graduated(TIERS), "200.5", "24.025"),
        (Graduated(TIERS), "1000", "64"),
        (Graduated(ONE), "0", "3"),
        (Graduated(ONE), "5", "13"),
        (Graduated(FREE), "10", "0"),
        (Graduated(FREE), "10.5", "0.5"),
        # volume: everything at the price of the tier in which it ends
        (Volume(TIERS), "-10", "0"),
        (Volume(TIERS), "0", "1"),
        (Volume(TIERS), "100", "11"),
        (Volume(TIERS), "100.5", "13.04"),
        (Volume(TIERS), "200", "21"),
        (Volume(TIERS), "200.000000000000000001", "10.00000000000000000005"),
        (Volume(TIERS), "1000", "50"),
        (Volume(ONE), "0", "3"),
        (Volume(FREE), "11", "11"),
        # packages: every begun one
        (Package("10", "2"), "-1", "0"),
        (Package("10", "2"), "0", "0"),
        (Package("10", "2"), "0.000000000000000001", "2"),
        (Package("10", "2"), "10", "2"),
        (Package("10", "2"), "10.000000000000000001", "4"),
        (Package("10", "2"), "99", "20"),
        (Package("10", "2", "5"), "5", "0"),
        (Package("10", "2", "5"), "5.1", "2"),
        (Package("10", "2", "5"), "15", "2"),
        (Package("10", "2", "5"), "15.1", "4"),
        (Package("0.3", "1"), "0.9", "3"),

        (PerUnit("2", "100"), "130", "60"),
        (PerUnit("2", "100"), "100", "0"),
        (PerUnit("2", "100"), "100.5", "1"),
        (PerUnit("2", "100"), "99", "0"),
        (PerUnit("2", "100"), "-5", "0"),
        (PerUnit("2", "0"), "-5", "-10"),

        (Percentage("2.9"), "1000", "29"),
        (Percentage("0"), "1000", "0"),
        (Percentage("0.001"), "0.01", "0.0000001"),
        (Percentage("100"), "-12.34", "-12.34"),

        (Graduated(SHARES), "0", "200"),
        (Graduated(SHARES), "500", "205"),
        (Graduated(SHARES), "1000", "210"),
        (Graduated(SHARES), "1000.01", "215.0002"),
        (Graduated(SHARES), "5050", "296"),
        (Volume(SHARES), "1000", "210"),
        (Volume(SHARES), "5050", "106"),
        (Graduated(MIXED), "150", "51"),
        (Volume(MIXED), "150", "3"),

        (TOP, "0", "0"),
        (TOP, "-5", "0"),
        (TOP, "1", "1"),
        (TOP, "999", "10"),
        (TOP, "1000", "10"),
        (TOP, "1000.5", "2"),
        (TOP, "101000", "101"),
        (TOP, "101001", "51"),
        (ALL, "0", "0"),
        (ALL, "-5", "0"),
        (ALL, "0.5", "1"),
        (ALL, "1000", "10"),
        (ALL, "1001", "11"),
        (ALL, "2000", "11"),
        (ALL, "2001", "12"),
        (ALL, "101000", "110"),
        (ALL, "101001", "110.5"),
        (ALL, "300000", "209.5"),
        (Package("0.000000000000000001", "1"), "12345678901234567890", "12345678901234567890e18"),
    ],
)  # fmt: skip
def test_a_quantity_costs(scheme, quantity, expected):
    assert amount(scheme, quantity) == Decimal(expected)


def test_every_step_of_graduated_tiers_is_shown_and_no_more():
    found, total = steps(Graduated(TIERS), Decimal("100.5"))
    assert found == (
        Step("tier 1", "11", "100", "0.10", "1"),
        Step("tier 2", "5.04", "0.5", "0.08", "5"),
    )
    assert total == Decimal("16.04")


@pytest.mark.parametrize(
    ("scheme", "quantity", "expected"),
    [
        (Flat("9.90"), "1", Step("flat", "9.90")),
        (PerUnit("0.50"), "3", Step("per unit", "1.5", "3", "0.50")),
        (Volume(TIERS), "150", Step("tier 2", "17", "150", "0.08", "5")),
        (Package("10", "2", "5"), "27", Step("packages", "6", "3", "2")),
        (Package("10", "2", "5"), "4", Step("packages", "0", "0", "2")),
        (Graduated(ONE), "0", Step("tier 1", "3", "0", "2", "3")),
        (PerUnit("2", "100"), "130", Step("per unit", "60", "30", "2")),
        (Percentage("2.9"), "1000", Step("percentage", "29", "1000", percent="2.9")),
        (Volume(SHARES), "500", Step("tier 1", "205", "500", None, "200", "1")),
        (TOP, "1500", Step("tier 2", "2", "2", "1")),
    ],
)
def test_other_schemes_have_one_step(scheme, quantity, expected):
    assert steps(scheme, Decimal(quantity))[0] == (expected,)


def test_a_tier_at_zero_is_shown_when_it_is_free():
    assert steps(Graduated(FREE), Decimal(3))[0] == (Step("tier 1", "0", "3", "0"),)


def test_the_blocks_of_every_tier_are_shown():
    found, total = steps(ALL, Decimal("102500"))
    assert found == (
        Step("tier 1", "10", "10", "1"),
        Step("tier 2", "100", "100", "1"),
        Step("tier 3", "1", "2", "0.5"),
    )
    assert total == 111


@pytest.mark.parametrize(
    "scheme",
    [
        Percentage("1", fixed_amount="1"),
        Percentage("1", free_events=0),
        Percentage("1", free_total="0"),
        Percentage("1", minimum="1"),
        Percentage("1", maximum="1"),
        Dynamic(),
        Matrix(("region",), (), "1"),
    ],
)
def test_a_quantity_does_not_say_what_each_event_costs(scheme):
    with pytest.raises(Invalid) as refused:
        steps(scheme, Decimal(1))
    assert refused.value.code == "price.needs_events"
