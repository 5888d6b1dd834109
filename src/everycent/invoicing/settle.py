"""Settling: lines as they are priced, less discounts, with taxes. What bills an invoice and what explains
one both come through here, so that an explanation does the very same calculation again.

The outcome does not depend on the order of the lines: where a cent has to go to one of several, the
lines are taken in an order of their own (`Priced.order`).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from everycent.catalog.policies import SPLIT, Policies
from everycent.invoicing import discount, tax
from everycent.invoicing.discount import Grant, Taken
from everycent.invoicing.invoice import TaxAmount
from everycent.invoicing.tax import Rate, Rules, Taxable, included_in
from everycent.kernel.money import Rounding, rounded_minor


class Priced(NamedTuple):
    """A line: what its price comes to in minor units, with the taxes in it where `includes_tax`.

    A line that corrects another one keeps the part that was taken off that (`kept`), and no coupon reaches
    it. `order` is what tells lines apart, whatever place they have on the invoice. `prepaid` is what credit
    pays of its net after discounts, before taxes: these are on the rest. It is negative where a line gives
    back what credit had paid.
    """

    amount: int
    rates: tuple[Rate, ...]
    includes_tax: bool = False
    kept: Fraction | None = None
    order: tuple[object, ...] = ()
    prepaid: int = 0


class Settled(NamedTuple):
    """What coupons took in their order, the taxes, and of each line in the order given the tax that it
    includes and the discount off its net."""

    taken: list[Taken]
    taxes: tuple[TaxAmount, ...]
    lines: list[tuple[int, int]]


def settle(
    lines: Sequence[Priced], grants: Sequence[Grant], policies: Policies, rules: Rules
) -> Settled:
    """Takes the coupons off and adds the taxes. `grants` come in the order in which coupons take."""
    plain = [
        Taxable(line.amount, line.amount, line.rates)
        for line in lines
        if not line.includes_tax and line.kept is None and not line.prepaid
    ]
    if not grants and len(plain) == len(lines):
        found = tax.taxed(plain, rules)
        return Settled([], tuple(found.amounts), [(0, 0)] * len(lines))
    order, sorted_lines, moved = _sorted(lines, grants)
    places = {place: number for number, place in enumerate(order)}
    settled = _settle(sorted_lines, moved, policies, rules)
    taken = [
        one._replace(shares={order[place]: share for place, share in one.shares.items()})
        for one in settled.taken
    ]
    first = _first_places(lines)
    taxes = sorted(settled.taxes, key=lambda amount: first[amount.category, amount.is_included])
    return Settled(taken, tuple(taxes), [settled.lines[places[n]] for n in range(len(lines))])


class Off(NamedTuple):
    """What coupons took off a line as its price is told: in whole minor units, and before they were
    rounded."""

    whole: int
    exact: Fraction | int


def offs(lines: Sequence[Priced], grants: Sequence[Grant], policies: Policies) -> list[Off]:
    """What coupons take off each line, in the order given."""
    order, sorted_lines, moved = _sorted(lines, grants)
    found = _spread(sorted_lines, moved, policies)[1]
    return [off for _, off in sorted(zip(order, found, strict=True))]


def rest(
    lines: Sequence[Priced], taken: Sequence[Off], credited: Sequence[int], rules: Rules
) -> Settled:
    """What is left of lines of which `credited` was given back later, as their prices are told: of what
    coupons took off a line the same part is left as of the line. With nothing given back it is what was
    settled, and with all of it nothing. No credit may have paid of them."""
    order = sorted(range(len(lines)), key=lambda place: _order(lines[place]))
    left = [lines[place]._replace(amount=lines[place].amount - credited[place]) for place in order]
    found = _taxed(left, [_off_left(lines[p], taken[p], credited[p]) for p in order], rules)
    told = [line for _, line in sorted(zip(order, found.lines, strict=True))]
    return found._replace(lines=told)


def _off_left(line: Priced, off: Off, credited: int) -> Off:
    if not credited:
        return off
    part = 1 - Fraction(credited, line.amount)
    return Off(rounded_minor(off.whole * part, Rounding.HALF_UP), off.exact * part)


def _order(line: Priced) -> tuple[object, ...]:
    told = tuple((rate.category, Fraction(rate.percent)) for rate in line.rates)
    return told, line.includes_tax, -line.amount, line.order


def _sorted(
    lines: Sequence[Priced], grants: Sequence[Grant]
) -> tuple[list[int], list[Priced], list[Grant]]:
    """The lines in an order that means something: which places they have, and grants with theirs."""
    order = sorted(range(len(lines)), key=lambda place: _order(lines[place]))
    places = {place: number for number, place in enumerate(order)}
    moved = [
        grant._replace(places=frozenset(places[place] for place in grant.places))
        for grant in grants
    ]
    return order, [lines[place] for place in order], moved


def _first_places(lines: Sequence[Priced]) -> dict[tuple[str, bool], int]:
    found: dict[tuple[str, bool], int] = {}
    for place, line in enumerate(lines):
        for rate in line.rates:
            found.setdefault((rate.category, line.includes_tax), place)
    return found


def _settle(
    lines: Sequence[Priced], grants: Sequence[Grant], policies: Policies, rules: Rules
) -> Settled:
    """The same for lines in an order that means something."""
    taken, off = _spread(lines, grants, policies)
    return _taxed(lines, off, rules)._replace(taken=taken)


def _spread(
    lines: Sequence[Priced], grants: Sequence[Grant], policies: Policies
) -> tuple[list[Taken], list[Off]]:
    """What coupons take, and what is off each line together."""
    groups = [
        (tuple((rate.category, rate.percent) for rate in line.rates), line.includes_tax)
        for line in lines
    ]
    amounts = [line.amount for line in lines]
    spread = discount.spread(amounts, grants, groups, policies[SPLIT])
    off = []
    for line, whole, exact in zip(lines, spread.whole, spread.exact, strict=True):
        if line.kept is None:
            off.append(Off(whole, exact))
        else:
            kept = rounded_minor(line.amount * line.kept, Rounding.HALF_UP)
            off.append(Off(kept, kept))
    return spread.taken, off


def _taxed(lines: Sequence[Priced], off: Sequence[Off], rules: Rules) -> Settled:
    """The taxes on what is left of the lines."""
    taxable = [
        Taxable(line.amount - own.whole, line.amount - own.exact, line.rates, line.includes_tax)
        for line, own in zip(lines, off, strict=True)
    ]
    found = tax.taxed(taxable, rules)
    told = [
        _line(line, own.whole, included)
        for line, own, included in zip(lines, off, found.included, strict=True)
    ]
    if any(line.prepaid for line in lines):
        found = tax.taxed(_after_credit(lines, taxable, told), rules, are_net=True)
    return Settled([], tuple(found.amounts), told)


def _after_credit(
    lines: Sequence[Priced], taxable: Sequence[Taxable], told: Sequence[tuple[int, int]]
) -> list[Taxable]:
    """What of the lines is left to be taxed, without the taxes that prices include. What a price includes
    is known in whole minor units only, and so is then the rest."""
    found = []
    for line, before, (included, off) in zip(lines, taxable, told, strict=True):
        whole = line.amount - included - off - line.prepaid
        exact = whole if line.includes_tax else before.exact - line.prepaid
        found.append(Taxable(whole, exact, line.rates, line.includes_tax))
    return found


def _line(line: Priced, off: int, included: int) -> tuple[int, int]:
    """The tax that the price includes, and the discount without the tax that it includes itself."""
    if not line.includes_tax or not off:
        return included, off
    contained = rounded_minor(included_in(off, line.rates), Rounding.HALF_UP)
    return included + contained, off - contained
