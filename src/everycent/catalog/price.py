"""Prices: how a quantity becomes an amount. Numbers are plain decimal text, exactly as agreed."""

from __future__ import annotations

import msgspec

from everycent.kernel.money import Rounding


class Flat(msgspec.Struct, frozen=True, tag="flat"):
    """A fixed amount per period."""

    amount: str


class PerUnit(msgspec.Struct, frozen=True, tag="per_unit"):
    """quantity × unit_amount."""

    unit_amount: str


class Tier(msgspec.Struct, frozen=True, omit_defaults=True):
    """Units up to and including `up_to` (counted from zero; None is without end)."""

    up_to: str | None = None
    unit_amount: str = "0"
    flat_amount: str = "0"


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


Scheme = Flat | PerUnit | Graduated | Volume | Package


class QuantityRounding(msgspec.Struct, frozen=True):
    """The exact quantity is rounded once to `places` decimals before it is priced; -2 is to hundreds."""

    places: int
    mode: Rounding


class Price(msgspec.Struct, frozen=True, omit_defaults=True):
    """`in_advance` prices are due when a period begins, the others when it has ended.

    `amount_rounding` is how the line's exact amount becomes money.
    """

    key: str
    scheme: Scheme
    description: str
    amount_rounding: Rounding
    in_advance: bool = False
    quantity_rounding: QuantityRounding | None = None
