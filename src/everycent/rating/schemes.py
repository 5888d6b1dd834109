"""Price schemes, one function each: a quantity becomes steps whose amounts add up exactly.

Tiers are bounded by absolute quantities, the upper bound included; a quantity between two whole
bounds belongs to the next tier. A tier's flat amount is due once the tier is entered, and the first
tier's also at quantity zero.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from typing import assert_never

from everycent.catalog.price import Flat, Graduated, Package, PerUnit, Scheme, Tier, Volume
from everycent.kernel.money import EXACT
from everycent.kernel.quantity import plain
from everycent.rating.charge import Step

_ZERO = Decimal(0)


def steps(scheme: Scheme, quantity: Decimal) -> tuple[tuple[Step, ...], Decimal]:
    """The steps of the calculation and their exact sum in major units."""
    match scheme:
        case PerUnit():
            amount = EXACT.multiply(quantity, Decimal(scheme.unit_amount))
            return (_step("per unit", quantity, scheme.unit_amount, "0", amount),), amount
        case Flat():
            amount = Decimal(scheme.amount)
            return (Step("flat", scheme.amount),), amount
        case Graduated():
            return graduated(scheme.tiers, quantity)
        case Volume():
            return volume(scheme.tiers, quantity)
        case Package():
            return package(scheme, quantity)
    assert_never(scheme)


def graduated(tiers: tuple[Tier, ...], quantity: Decimal) -> tuple[tuple[Step, ...], Decimal]:
    """Each tier's units at that tier's price. A negative quantity is priced in the first tier."""
    found: list[Step] = []
    total = _ZERO
    floor = _ZERO
    for number, tier in enumerate(tiers, start=1):
        if number > 1 and quantity <= floor:
            break
        bound = None if tier.up_to is None else Decimal(tier.up_to)
        upper = quantity if bound is None else min(quantity, bound)
        units = EXACT.subtract(upper, floor)
        amount = EXACT.fma(units, Decimal(tier.unit_amount), Decimal(tier.flat_amount))
        found.append(_step(f"tier {number}", units, tier.unit_amount, tier.flat_amount, amount))
        total = EXACT.add(total, amount)
        if bound is None:
            break
        floor = bound
    return tuple(found), total


def volume(tiers: tuple[Tier, ...], quantity: Decimal) -> tuple[tuple[Step, ...], Decimal]:
    """All units at the price of the tier in which the quantity ends."""
    for number, tier in enumerate(tiers, start=1):
        if tier.up_to is None or quantity <= Decimal(tier.up_to):
            amount = EXACT.fma(quantity, Decimal(tier.unit_amount), Decimal(tier.flat_amount))
            step = _step(f"tier {number}", quantity, tier.unit_amount, tier.flat_amount, amount)
            return (step,), amount
    raise AssertionError("the last tier has no bound")


def package(scheme: Package, quantity: Decimal) -> tuple[tuple[Step, ...], Decimal]:
    """Every begun package beyond the included units; a quantity below them costs nothing."""
    beyond = EXACT.subtract(quantity, Decimal(scheme.included))
    if beyond <= 0:
        return (_step("packages", _ZERO, scheme.amount, "0", _ZERO),), _ZERO
    begun, rest = EXACT.divmod(beyond, Decimal(scheme.size))
    packages = begun.to_integral_value(ROUND_CEILING) + (1 if rest else 0)
    amount = EXACT.multiply(packages, Decimal(scheme.amount))
    return (_step("packages", packages, scheme.amount, "0", amount),), amount


def _step(
    what: str, quantity: Decimal, unit_amount: str, flat_amount: str, amount: Decimal
) -> Step:
    flat = None if flat_amount == "0" else flat_amount
    return Step(what, plain(amount), plain(quantity), unit_amount, flat)
