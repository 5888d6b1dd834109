"""Price schemes, one function each: a quantity becomes steps whose amounts add up exactly.

Tiers are bounded by absolute quantities, the upper bound included; a quantity between two whole
bounds belongs to the next tier. A tier's flat amount is due once the tier is entered, and the first
tier's also at quantity zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import assert_never

from everycent.catalog.price import (
    BlockTiers,
    Commitment,
    Dynamic,
    Flat,
    Graduated,
    Matrix,
    Package,
    Percentage,
    PerUnit,
    Scheme,
    Tier,
    Volume,
    needs_events,
)
from everycent.kernel.errors import Invalid
from everycent.kernel.money import EXACT
from everycent.kernel.quantity import plain
from everycent.rating.blocks import begun, block_tiers
from everycent.rating.charge import Step
from everycent.rating.step import Steps, per_unit_step, percent_step

_ZERO = Decimal(0)


def steps(scheme: Scheme, quantity: Decimal) -> Steps:
    """The steps of the calculation and their exact sum in major units.

    Raises Invalid `price.needs_events` where the quantity alone does not decide the amount.
    """
    if needs_events(scheme):
        raise _unpriceable(scheme)
    match scheme:
        case PerUnit():
            return per_unit(scheme, quantity)
        case Flat():
            return (Step("flat", scheme.amount),), Decimal(scheme.amount)
        case Graduated():
            return graduated(scheme.tiers, quantity)
        case Volume():
            return volume(scheme.tiers, quantity)
        case Package():
            return package(scheme, quantity)
        case BlockTiers():
            return block_tiers(scheme, quantity)
        case Percentage():
            step, amount = percent_step("percentage", quantity, scheme.percent)
            return (step,), amount
        case Commitment():
            counted = plain(quantity)
            return (Step("counted", counted),), quantity
        case Dynamic() | Matrix():
            raise _unpriceable(scheme)
    assert_never(scheme)


def _unpriceable(scheme: Scheme) -> Invalid:
    return Invalid(
        "price.needs_events",
        "a quantity alone does not say what this price costs: each event counts for itself",
        field="quantity",
        value=type(scheme).__name__.lower(),
        hint="give the events: `everycent rate` takes them as `events`",
    )


def per_unit(scheme: PerUnit, quantity: Decimal) -> Steps:
    """Every unit beyond the included ones; a quantity below them costs nothing."""
    units = quantity
    if scheme.included != "0":
        units = max(EXACT.subtract(quantity, Decimal(scheme.included)), _ZERO)
    step, amount = per_unit_step("per unit", units, scheme.unit_amount)
    return (step,), amount


def graduated(tiers: tuple[Tier, ...], quantity: Decimal) -> Steps:
    """Each tier's units at that tier's price. A negative quantity is priced in the first tier."""
    found: list[Step] = []
    total = _ZERO
    floor = _ZERO
    for number, tier in enumerate(tiers, start=1):
        if number > 1 and quantity <= floor:
            break
        bound = None if tier.up_to is None else Decimal(tier.up_to)
        upper = quantity if bound is None else min(quantity, bound)
        step, amount = tier_step(number, tier, EXACT.subtract(upper, floor))
        found.append(step)
        total = EXACT.add(total, amount)
        if bound is None:
            break
        floor = bound
    return tuple(found), total


def volume(tiers: tuple[Tier, ...], quantity: Decimal) -> Steps:
    """All units at the price of the tier in which the quantity ends."""
    number = tier_of(tiers, quantity)
    step, amount = tier_step(number, tiers[number - 1], quantity)
    return (step,), amount


def tier_of(tiers: Sequence[Tier], quantity: Decimal) -> int:
    """The number of the tier, from 1 on, in which the quantity ends."""
    for number, tier in enumerate(tiers, start=1):
        if tier.up_to is None or quantity <= Decimal(tier.up_to):
            return number
    raise AssertionError("the last tier has no bound")


def tier_step(number: int, tier: Tier, units: Decimal) -> tuple[Step, Decimal]:
    """So many units at the price of a tier, and its flat amount."""
    what = f"tier {number}"
    if tier.percent is not None:
        return percent_step(what, units, tier.percent, tier.flat_amount)
    return per_unit_step(what, units, tier.unit_amount, tier.flat_amount)


def package(scheme: Package, quantity: Decimal) -> Steps:
    """Every begun package beyond the included units; a quantity below them costs nothing."""
    packages = begun(EXACT.subtract(quantity, Decimal(scheme.included)), Decimal(scheme.size))
    step, amount = per_unit_step("packages", packages, scheme.amount)
    return (step,), amount
