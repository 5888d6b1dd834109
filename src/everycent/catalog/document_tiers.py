"""Tiers in the file: by bounds of the quantity, or by blocks; without gap and without end."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from everycent.catalog.document_refusals import Strict, money_amount, wrong
from everycent.catalog.price import BlockMode, BlockTier, BlockTiers, Tier
from everycent.kernel.quantity import parse_decimal

_MAX_TIERS = 1000
MAX_COUNT = 10**12
"""Numbers of blocks and events are this large at most."""


class TierShape(Strict):
    """Units up to a bound, at a price."""

    up_to: str | None = None
    unit_amount: str | None = None
    flat_amount: str = "0"
    percent: str | None = None


class TiersShape(Strict):
    """Tiers in order; the last is without end."""

    tiers: list[TierShape]


class BlockTierShape(Strict):
    """So many blocks of a size, at a price."""

    block_size: str
    block_amount: str
    max_blocks: int | None = None


class BlockTiersShape(Strict):
    """Tiers of blocks in order; the last is without end."""

    tiers: list[BlockTierShape]
    mode: BlockMode = BlockMode.GRADUATED


def tiers(given: Sequence[TierShape], place: str) -> tuple[Tier, ...]:
    """Tiers by bounds. Raises Invalid with the place of what is wrong."""
    _check_count(len(given), place)
    if not given or given[-1].up_to is not None:
        raise wrong(place, "the last tier must be without up_to, so that every quantity has one")
    floor = Decimal(0)
    found = []
    for number, tier in enumerate(given, start=1):
        spot = f"{place}[{number}]"
        if tier.up_to is not None:
            bound = parse_decimal(tier.up_to, f"{spot}.up_to")
            if bound <= floor:
                raise wrong(f"{spot}.up_to", "each tier must end above the one before")
            floor = bound
        elif number < len(given):
            raise wrong(spot, "only the last tier may be without up_to")
        if tier.percent is not None and tier.unit_amount is not None:
            raise wrong(
                f"{spot}.percent",
                "a tier has a percent or a unit_amount",
                "make two prices of it if both are charged",
            )
        found.append(
            Tier(
                tier.up_to,
                money_amount(
                    "0" if tier.unit_amount is None else tier.unit_amount, f"{spot}.unit_amount"
                ),
                money_amount(tier.flat_amount, f"{spot}.flat_amount"),
                None if tier.percent is None else money_amount(tier.percent, f"{spot}.percent"),
            )
        )
    return tuple(found)


def block_tiers(given: BlockTiersShape, place: str) -> BlockTiers:
    """Tiers by blocks. Raises Invalid with the place of what is wrong."""
    _check_count(len(given.tiers), f"{place}.tiers")
    if not given.tiers or given.tiers[-1].max_blocks is not None:
        raise wrong(
            f"{place}.tiers",
            "the last tier must be without max_blocks, so that every quantity has one",
        )
    tiers = []
    for number, tier in enumerate(given.tiers, start=1):
        spot = f"{place}.tiers[{number}]"
        if tier.max_blocks is None and number < len(given.tiers):
            raise wrong(spot, "only the last tier may be without max_blocks")
        if tier.max_blocks is not None and not 1 <= tier.max_blocks <= MAX_COUNT:
            raise wrong(f"{spot}.max_blocks", "a tier holds 1 to 10^12 blocks")
        size = positive(tier.block_size, f"{spot}.block_size", "a block holds more than nothing")
        price = money_amount(tier.block_amount, f"{spot}.block_amount")
        tiers.append(BlockTier(size, price, tier.max_blocks))
    return BlockTiers(tuple(tiers), given.mode)


def positive(text: str, place: str, why: str) -> str:
    """The text of a number above zero. Raises Invalid `catalog.wrong_value`, saying why."""
    if parse_decimal(text, place) <= 0:
        raise wrong(place, why, "write a number above zero")
    return text


def _check_count(count: int, place: str) -> None:
    if count > _MAX_TIERS:
        raise wrong(place, f"a price has at most {_MAX_TIERS} tiers")
