"""Units: what sub-services count in, and how it becomes what is billed. Exact, in this one place.

Bytes go by powers of 1000 (kB, MB, GB) or of 1024 (KiB, MiB, GiB), as IEC 80000-13 names them; a bit is an
eighth of a byte. Time goes by seconds, minutes of 60, hours of 3600 and days of 86 400 of them. A unit of
bytes and one of time joined by a point (`GB.h`) is bytes held over time.
"""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from everycent.kernel.errors import Invalid
from everycent.kernel.money import EXACT, Rounding, round_decimal
from everycent.kernel.quantity import MAX_PLACES, MAX_SIZE

_BYTES = {
    "bit": Fraction(1, 8),
    "B": Fraction(1),
    **{f"{prefix}B": Fraction(1000**n) for n, prefix in enumerate("kMGTP", start=1)},
    **{f"{prefix}iB": Fraction(1024**n) for n, prefix in enumerate("KMGTP", start=1)},
}
_TIME = {
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "min": Fraction(60),
    "h": Fraction(3600),
    "d": Fraction(86_400),
}
_NUMBER = {"1": Fraction(1), "k": Fraction(1000), "M": Fraction(1_000_000)}
_OWN = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")


class Unit(NamedTuple):
    """A unit: what it measures, and how many of the smallest of that it is."""

    dimension: str
    size: Fraction


class Conversion(NamedTuple):
    """How a quantity becomes one in another unit: times `factor`, kept to `places` where it would not end,
    half to even."""

    factor: Fraction
    places: int | None

    def of(self, quantity: Decimal) -> Decimal:
        """The quantity in the other unit. Raises Invalid `unit.too_many_digits` where it is not exact and
        nothing says to how many places it is rounded, or where it is too large."""
        exact = Fraction(quantity) * self.factor
        places = MAX_PLACES if self.places is None else self.places
        found = round_decimal(exact, places, Rounding.HALF_EVEN)
        if (self.places is None and Fraction(found) != exact) or found >= MAX_SIZE:
            raise Invalid(
                "unit.too_many_digits",
                f"{quantity:f} times {self.factor} has more than 20 digits before or 18 after the point",
                field="quantity",
                value=format(quantity, "f"),
                hint="say `round:` with a number of places in the configuration",
            )
        return found.normalize(EXACT)


def parse(text: str) -> Unit:
    """A unit by its name. Raises Invalid `unit.unknown`."""
    for dimension, known in (("bytes", _BYTES), ("time", _TIME), ("number", _NUMBER)):
        if text in known:
            return Unit(dimension, known[text])
    size, point, time = text.partition(".")
    if point and size in _BYTES and time in _TIME:
        return Unit("bytes over time", _BYTES[size] * _TIME[time])
    if not point and _OWN.fullmatch(text):
        return Unit(f"own unit {text}", Fraction(1))
    raise Invalid(
        "unit.unknown",
        f"{text[:40]!r} is no unit",
        field="unit",
        value=text,
        hint="docs/sub-services.md lists them, such as B, GiB, s, h, GB.h and 1",
    )


def conversion(from_: str, to: str, places: int | None) -> Conversion:
    """How quantities in one unit become quantities in another. Raises Invalid `unit.unknown`,
    `unit.other_dimension`, and `unit.never_ends` where no decimal is exact and no `places` are given."""
    before, after = parse(from_), parse(to)
    if before.dimension != after.dimension:
        raise Invalid(
            "unit.other_dimension",
            f"{from_} is {before.dimension} and {to} is {after.dimension}",
            field="to",
            value=to,
        )
    factor = before.size / after.size
    if places is None and not _ends(factor):
        raise Invalid(
            "unit.never_ends",
            f"one {from_} is {factor} {to}, which no decimal says exactly",
            field="round",
            hint="say `round:` with a number of places; each line is rounded once, half to even",
        )
    return Conversion(factor, places)


def _ends(factor: Fraction) -> bool:
    """Whether a fraction is a decimal that ends: its denominator has no other primes than 2 and 5."""
    rest = factor.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1
