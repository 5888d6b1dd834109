"""Blocks: quantities that are sold by the whole block, in tiers that hold so many blocks each."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from everycent.catalog.price import BlockMode, BlockTiers
from everycent.kernel.money import EXACT
from everycent.rating.charge import Step
from everycent.rating.step import Steps, per_unit_step

_ZERO = Decimal(0)


def begun(units: Decimal, size: Decimal) -> Decimal:
    """How many blocks of the size the units begin; none below zero."""
    if units <= 0:
        return _ZERO
    whole, rest = EXACT.divmod(units, size)
    return whole.to_integral_value(ROUND_CEILING) + (1 if rest else 0)


def block_tiers(scheme: BlockTiers, quantity: Decimal) -> Steps:
    """GRADUATED: a tier takes what the ones before could not hold. TOP: the tier that it ends in takes
    all. Without quantity the first tier has no block and costs nothing."""
    found: list[Step] = []
    total, rest = _ZERO, quantity
    for number, tier in enumerate(scheme.tiers, start=1):
        size = Decimal(tier.block_size)
        holds = None if tier.max_blocks is None else EXACT.multiply(size, Decimal(tier.max_blocks))
        is_last = holds is None or rest <= holds
        if scheme.mode is BlockMode.GRADUATED or is_last:
            taken = rest if is_last or holds is None else holds
            units = quantity if scheme.mode is BlockMode.TOP else taken
            step, amount = per_unit_step(f"tier {number}", begun(units, size), tier.block_amount)
            found.append(step)
            total = EXACT.add(total, amount)
        if holds is None or is_last:
            break
        rest = EXACT.subtract(rest, holds)
    return tuple(found), total
