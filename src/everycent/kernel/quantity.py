"""Quantities and decimals from outside: exact numbers, bounded before they are believed.

`decimal.Decimal` accepts far more than a billing system may (NaN, 1e999999, Arabic digits,
underscores), so text passes the grammar here first.
"""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

from everycent.kernel.errors import Invalid
from everycent.kernel.money import EXACT, Rounding, round_decimal

_PLAIN = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,18})?", re.ASCII)
_SCIENTIFIC = re.compile(r"-?[0-9](\.[0-9]{1,18})?[eE][+-]?[0-9]{1,2}", re.ASCII)
MAX_PLACES = 18
MAX_SIZE = Decimal(10) ** 20


def parse_decimal(text: str, field: str) -> Decimal:
    """An exact decimal out of plain digits (`-12.5`) or short scientific notation (`4e-7`).

    At most 20 digits before and 18 after the point. Raises Invalid `number.malformed` or
    `number.out_of_range`, naming `field`.
    """
    if _PLAIN.fullmatch(text):
        return Decimal(text)
    if not _SCIENTIFIC.fullmatch(text):
        raise Invalid(
            "number.malformed",
            f"{text[:40]!r} is not a plain decimal number",
            field=field,
            value=text,
            hint="write digits with a point, such as 12.50; at most 20 before and 18 after it",
        )
    value = Decimal(text)
    exponent = value.as_tuple().exponent
    if abs(value) >= MAX_SIZE or not isinstance(exponent, int) or exponent < -MAX_PLACES:
        raise Invalid(
            "number.out_of_range",
            f"{text} has more than 20 digits before or 18 after the point",
            field=field,
            value=text,
        )
    return Decimal(format(value, "f"))


def plain(value: Decimal) -> str:
    """`value` as the shortest plain digits: no exponent, no trailing zeros after the point."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def as_decimal(value: Fraction, places: int = MAX_PLACES) -> Decimal:
    """A fraction as a decimal: exact where it ends within `places`, else rounded half-even there."""
    return round_decimal(value, places, Rounding.HALF_EVEN).normalize(EXACT)


_SHOWN_PLACES = 6


def shown(text: str) -> str:
    """A quantity as people read it: six decimals at most. What is stored and calculated with has them
    all."""
    return plain(round_decimal(Fraction(text), _SHOWN_PLACES, Rounding.HALF_EVEN))
