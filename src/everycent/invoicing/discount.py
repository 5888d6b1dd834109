"""Discounts: what coupons take off, one after the other, each of what those before it have left.

All amounts are minor units as prices are told. Nothing here depends on the order of lines as long as
they come in one that means something (see `settle`).
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from fractions import Fraction
from typing import NamedTuple

from everycent.kernel.money import Rounding, apportion, rounded_minor

LARGEST_REMAINDER = "largest_remainder"
EXACT = "exact"
PER_LINE = "per_line"
"""The values of the policy discount.split."""


class Grant(NamedTuple):
    """What a coupon gives: a percentage, or what is `available` of a fixed amount; on which lines, by
    their places. None of them may be below zero."""

    percent: str | None
    available: int
    places: Collection[int]


class Taken(NamedTuple):
    """What a coupon took: `amount` of `base`, shared out over lines by their places. The shares are whole
    numbers unless the split is exact."""

    base: Fraction
    amount: int
    shares: dict[int, Fraction]


class Spread(NamedTuple):
    """What all coupons took, and together of each line: exactly, and in whole minor units."""

    taken: list[Taken]
    exact: list[Fraction]
    whole: list[int]


def spread(
    amounts: Sequence[int], grants: Sequence[Grant], groups: Sequence[Hashable], split: str
) -> Spread:
    """Takes the grants off the lines, in their order. `groups` tells which lines are taxed together.

    With an exact split the sum is rounded half up once, given to the groups by largest remainder and
    within them to the lines, so that a tax's base is rounded once and for all.
    """
    left = [Fraction(amount) for amount in amounts]
    found = []
    for grant in grants:
        taken = _take(left, grant, split)
        for place, share in taken.shares.items():
            left[place] -= share
        found.append(taken)
    exact = [amount - rest for amount, rest in zip(amounts, left, strict=True)]
    if split != EXACT:
        return Spread(found, exact, [int(share) for share in exact])
    total = rounded_minor(sum(exact, Fraction(0)), Rounding.HALF_UP)
    own = apportion(total, [sum(taken.shares.values(), Fraction(0)) for taken in found])
    found = [taken._replace(amount=amount) for taken, amount in zip(found, own, strict=True)]
    return Spread(found, exact, _grouped(total, exact, groups))


def _take(left: Sequence[Fraction], grant: Grant, split: str) -> Taken:
    places = sorted(grant.places)
    own = [left[place] for place in places]
    base = sum(own, Fraction(0))
    if grant.percent is not None:
        part = Fraction(grant.percent) / 100
        total, shares = base * part, [amount * part for amount in own]
    else:
        total = min(Fraction(grant.available), base)
        shares = [total * amount / base for amount in own] if base else own
    amount = rounded_minor(total, Rounding.HALF_UP)
    if split == PER_LINE and grant.percent is not None:
        whole = [rounded_minor(share, Rounding.HALF_UP) for share in shares]
        amount = sum(whole)
    elif split == EXACT:
        return Taken(base, amount, dict(zip(places, shares, strict=True)))
    else:
        whole = apportion(amount, shares)
    return Taken(base, amount, dict(zip(places, map(Fraction, whole), strict=True)))


def _grouped(total: int, exact: Sequence[Fraction], groups: Sequence[Hashable]) -> list[int]:
    members: dict[Hashable, list[int]] = {}
    for place, group in enumerate(groups):
        members.setdefault(group, []).append(place)
    sums = [sum((exact[place] for place in own), Fraction(0)) for own in members.values()]
    whole = [0] * len(exact)
    for own, amount in zip(members.values(), apportion(total, sums), strict=True):
        shares = apportion(amount, [exact[place] for place in own])
        for place, share in zip(own, shares, strict=True):
            whole[place] = share
    return whole
