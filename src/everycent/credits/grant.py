"""Grant: credit that was paid for or given away, and the wallet it lies in.

A grant is held in whole minor units of money. A wallet may tell it in a unit of its own (credits,
tokens): then the price of one such unit is frozen in the grant, and units are money divided by it.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from uuid import UUID

import msgspec

from everycent.kernel.calendar import Cycle, Interval
from everycent.kernel.errors import Invalid
from everycent.kernel.money import EXACT, Money, Rounding, major, rounded
from everycent.kernel.quantity import parse_decimal

_LONG = re.compile(r"[0-9]{1,20}\.[0-9]{19,60}", re.ASCII)


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


def minor_of(text: str, unit: Unit | None, currency: str, field: str) -> int:
    """An amount as told, in a unit or in major units of the currency, in minor units, rounded half up.

    More decimals than other numbers have may stand there, as programs that count with binary fractions
    write them. Raises what a malformed number raises.
    """
    told = Decimal(text) if _LONG.fullmatch(text) else parse_decimal(text, field)
    price = Decimal(1) if unit is None else Decimal(unit.price)
    return rounded(EXACT.multiply(told, price), currency, Rounding.HALF_UP).minor


def worth(text: str, unit: Unit | None, currency: str, field: str = "amount") -> int:
    """`minor_of` an amount of credit. Raises Invalid `credit.not_positive`."""
    minor = minor_of(text, unit, currency, field)
    if minor <= 0:
        raise Invalid(
            "credit.not_positive",
            f"{text} is worth nothing in {currency}",
            field=field,
            value=text,
            hint="give an amount above 0",
        )
    return minor


def checked_unit(name: str, price: str) -> Unit:
    """A unit that has a name and costs something. Raises Invalid `wallet.bad_unit`."""
    cost = parse_decimal(price, "unit_price")
    if cost <= 0 or not 0 < len(name) <= 40 or not name.isprintable():
        raise Invalid(
            "wallet.bad_unit",
            "a unit has a name of up to 40 characters and a price above 0",
            field="unit",
            value=f"{name} {price}",
        )
    return Unit(name, price)


def checked(grant: Grant) -> Grant:
    """A grant that makes sense. Raises Invalid `credit.bad_expiry`, `credit.bad_priority`,
    `credit.bad_rollover`, `credit.renewal_paid`."""
    if grant.expires_at is not None and grant.expires_at <= grant.effective_at:
        raise Invalid(
            "credit.bad_expiry",
            "credit must not expire before it can be used",
            field="expires_at",
            value=grant.expires_at.isoformat(),
        )
    if not 0 <= grant.priority <= 1000:
        raise Invalid(
            "credit.bad_priority",
            "a priority is 0 to 1000; the lowest pays first",
            field="priority",
            value=grant.priority,
        )
    most = grant.rollover.most
    if grant.rollover.least < 0 or (most is not None and most < grant.rollover.least):
        raise Invalid(
            "credit.bad_rollover",
            "what rolls over is at least 0, and at most not less than at least",
            field="rollover",
            value=f"{grant.rollover.least} to {most}",
        )
    if grant.renewal is not None and grant.basis is Basis.PAID:
        raise Invalid(
            "credit.renewal_paid",
            "credit that comes again by itself is promotional: nobody would have paid for it",
            field="every",
            hint="set a top-up rule for credit that is paid for again and again",
        )
    return grant
