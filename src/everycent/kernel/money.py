"""Money: whole minor units of one currency, and the one door through which amounts are rounded.

An amount that was calculated is an exact number (Decimal or Fraction) until it passes `rounded`, which
names the policy. After that it is whole minor units for ever. Adding two currencies is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_DOWN,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    ROUND_UP,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
)
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from everycent.kernel import currency as currencies
from everycent.kernel.errors import Invalid

EXACT = Context(prec=80, traps=[InvalidOperation, DivisionByZero, Overflow])
"""Eighty digits: products of a 38-digit quantity and a 38-digit price stay exact."""

MINOR_LIMIT = 10**18
"""Amounts stay below this many minor units, so that sums of them fit PostgreSQL's bigint."""


class Rounding(StrEnum):
    """How the last digit is decided. Half-up means away from zero, so that a credit mirrors a charge."""

    HALF_EVEN = "half_even"
    HALF_UP = "half_up"
    HALF_DOWN = "half_down"
    UP = "up"
    DOWN = "down"
    CEILING = "ceiling"
    FLOOR = "floor"


_DECIMAL_MODES = {
    Rounding.HALF_EVEN: ROUND_HALF_EVEN,
    Rounding.HALF_UP: ROUND_HALF_UP,
    Rounding.HALF_DOWN: ROUND_HALF_DOWN,
    Rounding.UP: ROUND_UP,
    Rounding.DOWN: ROUND_DOWN,
    Rounding.CEILING: ROUND_CEILING,
    Rounding.FLOOR: ROUND_FLOOR,
}
_UNITS = {places: Decimal(1).scaleb(-places) for places in range(-18, 19)}


class Money(NamedTuple):
    """An amount of one currency in whole minor units: `Money(1999, "EUR")` is 19.99 euro."""

    minor: int
    currency: str

    def __add__(self, other: object) -> Money:
        if not isinstance(other, Money):
            return NotImplemented
        _same_currency(self, other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        _same_currency(self, other)
        return Money(self.minor - other.minor, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __mul__(self, other: object) -> Money:
        raise TypeError("multiply the exact number and pass it through `rounded` instead")

    def __rmul__(self, other: object) -> Money:
        return self * other

    def __str__(self) -> str:
        return f"{plain(self)} {self.currency}"


def _same_currency(left: Money, right: Money) -> None:
    if left.currency != right.currency:
        raise Invalid(
            "money.currency_mismatch",
            f"{left} and {right} are different currencies and can't be added",
            hint="convert one of them with a recorded exchange rate first",
        )


def round_decimal(value: Decimal | Fraction, places: int, mode: Rounding) -> Decimal:
    """`value` rounded once to `places` decimals (-18 to 18); the result has exactly that many.

    Negative places are tens, hundreds and so on, and give a whole number: -2 makes 123.456 to 100 or 200.
    """
    if isinstance(value, Fraction):
        found = _round_fraction(value, places, mode)
    else:
        found = value.quantize(_UNITS[places], rounding=_DECIMAL_MODES[mode], context=EXACT)
    # Written out, so that nobody ever reads 2E+2.
    return found if places >= 0 else found.quantize(_UNITS[0], context=EXACT)


def _round_fraction(value: Fraction, places: int, mode: Rounding) -> Decimal:
    """Rounds a fraction without passing through an inexact decimal."""
    scaled = value * Fraction(10) ** places
    whole, remainder = divmod(abs(scaled.numerator), scaled.denominator)
    sign = -1 if scaled.numerator < 0 else 1
    twice = 2 * remainder - scaled.denominator
    away = remainder > 0 and (
        mode is Rounding.UP
        or (mode is Rounding.CEILING and sign > 0)
        or (mode is Rounding.FLOOR and sign < 0)
        or (mode in (Rounding.HALF_UP, Rounding.HALF_DOWN, Rounding.HALF_EVEN) and twice > 0)
        or (mode is Rounding.HALF_UP and twice == 0)
        or (mode is Rounding.HALF_EVEN and twice == 0 and whole % 2 == 1)
    )
    return Decimal(sign * (whole + away)).scaleb(-places, context=EXACT)


def rounded(amount: Decimal | Fraction, currency: str, mode: Rounding) -> Money:
    """The one door from exact numbers to money: rounds `amount` (major units) to the currency's places.

    Raises Invalid `money.too_large` from 10^18 minor units on, `currency.unknown` for a code that
    ISO 4217 does not list.
    """
    places = currencies.exponent(currency)
    if not -MINOR_LIMIT < amount < MINOR_LIMIT:  # before rounding, which stops at eighty digits
        raise _too_large(amount, currency)
    minor = int(round_decimal(amount, places, mode).scaleb(places, context=EXACT))
    return checked(minor, currency)


def rounded_minor(exact: Decimal | Fraction, mode: Rounding, step: int = 1) -> int:
    """An exact number of minor units as a whole one: rounded once, to a multiple of `step`."""
    if step == 1:
        return int(round_decimal(exact, 0, mode))
    return int(round_decimal(Fraction(exact) / step, 0, mode)) * step


def checked(minor: int, currency: str) -> Money:
    """`minor` units as Money, refused when too large to be booked."""
    if abs(minor) >= MINOR_LIMIT:
        raise _too_large(minor, currency)
    return Money(minor, currency)


def _too_large(amount: Decimal | Fraction | int, currency: str) -> Invalid:
    return Invalid(
        "money.too_large",
        f"an amount in {currency} is beyond what can be booked",
        value=amount,
        hint="check the price and the quantity; the limit is 10^18 minor units",
    )


def major(amount: Money) -> Decimal:
    """The amount in major units, exactly: 1999 cents → Decimal('19.99')."""
    places = currencies.exponent(amount.currency)
    return Decimal(amount.minor).scaleb(-places, context=EXACT)


def plain(amount: Money) -> str:
    """The amount in major units as plain digits with the currency's places, e.g. '-0.05'."""
    return format(major(amount), "f")


def split(total: int, weights: Sequence[Fraction | int]) -> list[int]:
    """Splits `total` minor units in proportion to `weights` without losing one (largest remainder).

    Ties go to the earlier share, so that the result does not depend on anything but the arguments.
    Raises Invalid `money.no_weight` when all weights are zero or one is negative.
    """
    whole = sum(weights)
    if whole <= 0 or any(weight < 0 for weight in weights):
        raise Invalid("money.no_weight", "weights to split by must not be negative or all zero")
    size = abs(total)
    exact = [Fraction(weight) * size / whole for weight in weights]
    shares = [int(share) for share in exact]
    by_remainder = sorted(range(len(weights)), key=lambda i: (shares[i] - exact[i], i))
    for i in by_remainder[: size - sum(shares)]:
        shares[i] += 1
    return [share if total >= 0 else -share for share in shares]


def apportion(total: int, exact: Sequence[Fraction]) -> list[int]:
    """Whole shares that add up to `total`, each less than one from its exact one (largest remainder).

    Exact shares may have any sign. Where they don't add up to about `total`, they are moved there first,
    each by its size. Ties go to the earlier share: whoever wants an outcome that does not depend on the
    order brings the shares into one that means something.
    """
    shares = [exact_share // 1 for exact_share in exact]
    missing = total - sum(shares)
    uneven = sum(share != told for share, told in zip(shares, exact, strict=True))
    if not 0 <= missing <= uneven:
        return apportion(total, _moved(total, exact))
    by_remainder = sorted(range(len(exact)), key=lambda i: (shares[i] - exact[i], i))
    for i in by_remainder[:missing]:
        shares[i] += 1
    return shares


def _moved(total: int, exact: Sequence[Fraction]) -> list[Fraction]:
    """The shares as they add up to exactly `total`."""
    size = sum(map(abs, exact))
    if not size:
        raise Invalid("money.no_weight", "nothing can be shared out where all shares are zero")
    off = total - sum(exact)
    return [share + off * abs(share) / size for share in exact]
