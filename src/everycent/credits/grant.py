"""Grant: credit that was paid for or given away, and the wallet it lies in.

A grant is held in whole minor units of money. A wallet may tell it in a unit of its own (credits,
tokens): then the price of one such unit is frozen in the grant, and units are money divided by it.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from fractions import Fraction
from uuid import UUID

import msgspec

from everycent.kernel.calendar import Cycle, Interval
from everycent.kernel.money import Money, major


class Order(StrEnum):
    """`credits.order`: which grant pays first. A lower priority number comes first in both; then the
    one that expires first, or the one that came in first. What is still equal goes by when it came in."""

    EXPIRY = "priority_then_expiry"
    RECEIVED = "priority_then_received"


class Basis(StrEnum):
    """What a grant cost: PAID was or will be paid for, PROMOTIONAL was given away."""

    PAID = "paid"
    PROMOTIONAL = "promotional"


class Scope(msgspec.Struct, frozen=True, omit_defaults=True):
    """What credit may pay for: lines of the products or of the prices, by key; everything when empty."""

    products: tuple[str, ...] = ()
    prices: tuple[str, ...] = ()

    def covers(self, product: str, price: str) -> bool:
        """Whether a line of the product and price may be paid."""
        if not self.products and not self.prices:
            return True
        return product in self.products or price in self.prices


EVERYTHING = Scope()


class Unit(msgspec.Struct, frozen=True):
    """A unit of the seller's own: what it is called, and what one costs (plain decimal, major units)."""

    name: str
    price: str

    def units(self, amount: Money) -> Fraction:
        """So many units are worth the amount, exactly."""
        return Fraction(major(amount)) / Fraction(self.price)


class Rollover(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is kept of a grant when it is reset: what is left, but within `least` and `most` (minor
    units; None: without limit). Without more nothing is kept."""

    least: int = 0
    most: int | None = 0

    def kept(self, left: int) -> int:
        """What of `left` is there after the reset: min(most, max(least, left))."""
        raised = max(self.least, left)
        return raised if self.most is None else min(self.most, raised)


NOTHING_KEPT = Rollover()


class Renewal(msgspec.Struct, frozen=True):
    """A grant that comes again: at every boundary of a cycle of local days after it became effective it
    is reset, and `amount` (minor units) is granted anew."""

    amount: int
    anchor: date
    interval_months: int
    interval_days: int
    time_zone: str

    @property
    def cycle(self) -> Cycle:
        """The days on which it comes again."""
        return Cycle(
            self.anchor, Interval(self.interval_months, self.interval_days), self.time_zone
        )


class Grant(msgspec.Struct, frozen=True, omit_defaults=True):
    """`amount` of credit in minor units, usable from `effective_at` up to, not including, `expires_at`.

    `number` counts the grants of a wallet as they came in; one that a `renewal` brought has the number
    and the `series` of the first. `unit` is what it was told in, at the price that holds for this grant.
    """

    grant_id: UUID
    wallet_id: UUID
    number: int
    amount: int
    basis: Basis
    priority: int
    effective_at: datetime
    expires_at: datetime | None = None
    scope: Scope = EVERYTHING
    unit: Unit | None = None
    rollover: Rollover = NOTHING_KEPT
    renewal: Renewal | None = None
    series: UUID | None = None

    @property
    def series_id(self) -> UUID:
        """The first grant of the series, itself for one that stands alone."""
        return self.series or self.grant_id
