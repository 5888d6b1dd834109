"""Exact numbers: fractions all the way, and the roundings that documents name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

ZERO = Fraction(0)
_HALF = Fraction(1, 2)
_CARRIED_PLACES = 18


class CannotRecountError(Exception):
    """What stands in an invoice or its records can't be counted again, and why, in words."""


def rounded(value: Fraction, places: int, mode: str) -> Fraction:
    """The value on one of its two neighbours with so many decimals. Half-up is away from zero."""
    scaled = value * Fraction(10) ** places
    below = scaled.__floor__()
    rest = scaled - below
    goes_up = rest > 0 and _goes_up(rest, below, scaled > 0, mode)
    return Fraction(below + goes_up) / Fraction(10) ** places


def _goes_up(rest: Fraction, below: int, is_positive: bool, mode: str) -> bool:
    if mode in ("floor", "ceiling"):
        return mode == "ceiling"
    if mode in ("up", "down"):
        return is_positive == (mode == "up")
    if mode not in ("half_even", "half_up", "half_down"):
        raise CannotRecountError(f"the rounding {mode!r} is not known")
    if rest != _HALF:
        return rest > _HALF
    if mode == "half_even":
        return below % 2 == 1
    return is_positive == (mode == "half_up")


def total(values: Iterable[Fraction]) -> Fraction:
    """The sum, put together from whole numbers: thousands of fractions are slow to add one by one."""
    numerators: dict[int, int] = {}
    for value in values:
        below = value.denominator
        numerators[below] = numerators.get(below, 0) + value.numerator
    return sum((Fraction(above, below) for below, above in numerators.items()), ZERO)


def carried(value: Fraction) -> Fraction:
    """What is kept of a fraction that does not end: 18 decimals, half-even."""
    return rounded(value, _CARRIED_PLACES, "half_even")


def ceiling(value: Fraction) -> int:
    """The smallest whole number that is not below the value."""
    return -((-value).__floor__())


def shared_out(total: int, exact: Sequence[Fraction]) -> list[int]:
    """Whole shares that come to the total: everybody gets the whole part, and the units that are left go
    to those who miss most, of some who miss the same to the first. Shares that come to something else
    are moved there first, each by its size."""
    whole = [share.__floor__() for share in exact]
    left = total - sum(whole)
    missing = [share - kept for share, kept in zip(exact, whole, strict=True)]
    if not 0 <= left <= sum(1 for each in missing if each):
        size, off = sum(map(abs, exact), ZERO), total - sum(exact, ZERO)
        if not size:
            raise CannotRecountError("something is shared out where all shares are nothing")
        return shared_out(total, [share + off * abs(share) / size for share in exact])
    for place in sorted(range(len(whole)), key=lambda place: -missing[place])[:left]:
        whole[place] += 1
    return whole


def text_of(value: Fraction | Any) -> str:
    """A number for people: its decimals where they end within 18, else the fraction."""
    if not isinstance(value, Fraction) or value.denominator == 1 or carried(value) != value:
        return str(value)
    digits = f"{abs(value) * 10**_CARRIED_PLACES}".zfill(_CARRIED_PLACES + 1)
    shown = f"{digits[:-_CARRIED_PLACES]}.{digits[-_CARRIED_PLACES:]}".rstrip("0")
    return f"-{shown}" if value < 0 else shown


def factor(exchange: Mapping[str, Any] | None, currency: str) -> Fraction:
    """What leads from the price's currency to the invoice's: one rate after the other, either way round."""
    if exchange is None:
        return Fraction(1)
    at, found = exchange["of"], Fraction(1)
    for quote in exchange["quotes"]:
        ways = {quote["base"]: Fraction(quote["rate"]), quote["quote"]: 1 / Fraction(quote["rate"])}
        if at not in ways:
            raise CannotRecountError(f"no rate leads on from {at}")
        found *= ways[at]
        at = quote["quote"] if at == quote["base"] else quote["base"]
    if at != currency:
        raise CannotRecountError(f"the rates lead to {at} and not to {currency}")
    return found
