"""Prices: how a quantity becomes an amount. Numbers are plain decimal text, exactly as agreed."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from everycent.catalog.proration import Proration
from everycent.kernel.money import Rounding


class Flat(msgspec.Struct, frozen=True, tag="flat"):
    """A fixed amount per period."""

    amount: str


class PerUnit(msgspec.Struct, frozen=True, tag="per_unit", omit_defaults=True):
    """quantity × unit_amount; the first `included` units are free."""

    unit_amount: str
    included: str = "0"


class Tier(msgspec.Struct, frozen=True, omit_defaults=True):
    """Units up to and including `up_to` (counted from zero; None is without end).

    A tier with `percent` takes that part of a quantity which is money, in place of a unit amount.
    """

    up_to: str | None = None
    unit_amount: str = "0"
    flat_amount: str = "0"
    percent: str | None = None


class Graduated(msgspec.Struct, frozen=True, tag="graduated"):
    """Each tier's units at that tier's price; a tier's flat amount is due once it is entered."""

    tiers: tuple[Tier, ...]


class Volume(msgspec.Struct, frozen=True, tag="volume"):
    """All units at the price of the tier in which the whole quantity ends."""

    tiers: tuple[Tier, ...]


class Package(msgspec.Struct, frozen=True, tag="package", omit_defaults=True):
    """Every begun package of `size` units costs `amount`; the first `included` units are free."""

    size: str
    amount: str
    included: str = "0"


class BlockTier(msgspec.Struct, frozen=True, omit_defaults=True):
    """Up to `max_blocks` (None is without end) blocks of `block_size` units at `block_amount` each."""

    block_size: str
    block_amount: str
    max_blocks: int | None = None


class BlockMode(StrEnum):
    """GRADUATED: each tier's blocks at that tier's price. TOP: the whole quantity in blocks of the tier
    in which it ends."""

    GRADUATED = "graduated"
    TOP = "top"


class BlockTiers(msgspec.Struct, frozen=True, tag="block_tiers", omit_defaults=True):
    """Tiers that hold so many blocks each; a tier begins where the one before is full, and a begun
    block counts whole."""

    tiers: tuple[BlockTier, ...]
    mode: BlockMode = BlockMode.GRADUATED


class Percentage(msgspec.Struct, frozen=True, tag="percentage", omit_defaults=True):
    """`percent` of a quantity that is money in major units.

    The others are per event: `fixed_amount` on top of each that pays; `minimum` and `maximum` of what
    one that pays costs, the fixed amount included. The first events are free, as long as fewer than
    `free_events` were and the running total is within `free_total`; the one that exceeds the total pays
    for the part beyond it.
    """

    percent: str
    fixed_amount: str = "0"
    free_events: int | None = None
    free_total: str | None = None
    minimum: str | None = None
    maximum: str | None = None


class Dynamic(msgspec.Struct, frozen=True, tag="dynamic", omit_defaults=True):
    """The amount that each event carries in a dimension, in major units, × `multiplier`."""

    dimension: str = "amount"
    multiplier: str = "1"


class Cell(msgspec.Struct, frozen=True):
    """The unit amount of records that have these values in the matrix's dimensions, in their order."""

    name: str
    values: tuple[str, ...]
    unit_amount: str


class Matrix(msgspec.Struct, frozen=True, tag="matrix"):
    """A unit amount by the values of one or two dimensions; `default` is for all other records.

    In a plan it becomes a price per unit for each cell, over the records of that cell.
    """

    dimensions: tuple[str, ...]
    cells: tuple[Cell, ...]
    default: str


class Commitment(msgspec.Struct, frozen=True, tag="commitment", omit_defaults=True):
    """What is missing to a `minimum` of everything that a contract is charged for the period, or, as a
    negative amount, what is beyond a `maximum`. Of these `prices`, by key; none: of all but commitments.

    What is billed in arrears counts where its period ends, everything else where it begins.
    """

    minimum: str | None = None
    maximum: str | None = None
    prices: tuple[str, ...] = ()

    def counts(self, price_key: str) -> bool:
        """Whether what a price comes to is counted."""
        return not self.prices or price_key in self.prices


Scheme = (
    Flat
    | PerUnit
    | Graduated
    | Volume
    | Package
    | BlockTiers
    | Percentage
    | Dynamic
    | Matrix
    | Commitment
)


_BY_EVENT = (Dynamic, Matrix)


def needs_events(scheme: Scheme) -> bool:
    """Whether the events one by one decide the amount, and not only the quantity that they add up to."""
    if isinstance(scheme, Percentage):
        return scheme != Percentage(scheme.percent)
    return isinstance(scheme, _BY_EVENT)


class QuantityRounding(msgspec.Struct, frozen=True, omit_defaults=True):
    """The exact quantity, divided by `divide_by`, is rounded once to `places` decimals before it is
    priced; -2 is to hundreds. `unit` is that of the outcome (None: the measure's)."""

    places: int
    mode: Rounding
    divide_by: str | None = None
    unit: str | None = None


class Price(msgspec.Struct, frozen=True, omit_defaults=True):
    """`in_advance` prices are due when a period begins, the others when it has ended.

    `amount_rounding` is how the line's exact amount becomes money. `minimum` and `maximum` (major
    units) limit that exact amount; with `prorate_limits` a part of a period has that part of them. A
    `proration` of its own stands in place of the plan's.
    With `includes_tax` the product's taxes are in all of the amounts. A price that `is_once` is due when
    it is agreed, and not again; another `interval` stands in place of the plan's.
    """

    key: str
    scheme: Scheme
    description: str
    amount_rounding: Rounding
    in_advance: bool = False
    quantity_rounding: QuantityRounding | None = None
    minimum: str | None = None
    maximum: str | None = None
    prorate_limits: bool = True
    proration: Proration | None = None
    includes_tax: bool = False
    is_once: bool = False
    interval: str | None = None


def takes_quantity(scheme: Scheme) -> bool:
    """Whether a plain quantity is all that the scheme needs."""
    return not isinstance(scheme, Flat | Percentage | Commitment) and not needs_events(scheme)
