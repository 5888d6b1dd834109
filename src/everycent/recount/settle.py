"""What becomes of lines on an invoice: coupons one after the other, then taxes. Amounts are minor units."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from everycent.recount.difference import Differences
from everycent.recount.discount import discounts
from everycent.recount.exact import rounded
from everycent.recount.sold import Plain, Sold
from everycent.recount.tax import Rest, Tax, taxes_on


class Settled(NamedTuple):
    """By number of a line the tax that it includes, the discount off its net, and what is left of it
    without taxes; the base and amount of each tax."""

    included: dict[int, int]
    discount: dict[int, int]
    rest: Rest
    taxes: dict[Tax, tuple[int, int]]


def settle(invoice: Plain, lines: Sequence[Sold], found: Differences) -> Settled:
    """Takes the coupons off the lines and adds the taxes, telling `found` what each coupon took
    otherwise."""
    lines = sorted(lines, key=lambda line: line.order)
    whole, exact = discounts(invoice, lines, found)
    for line in lines:
        if line.kept is not None:
            whole[line.line_no] = int(rounded(line.amount * line.kept, 0, "half_up"))
            exact[line.line_no] = Fraction(whole[line.line_no])
    told = {
        line.line_no: (line.amount - whole[line.line_no], line.amount - exact[line.line_no])
        for line in lines
    }
    included, taxes = taxes_on(invoice, lines, told)
    rest = {
        line.line_no: _without_tax(line, told[line.line_no], included[line.line_no])
        for line in lines
    }
    discount = {}
    for line in lines:
        contained = line.contained(whole[line.line_no])
        included[line.line_no] += contained
        discount[line.line_no] = whole[line.line_no] - contained
    return Settled(included, discount, rest, taxes)


def _without_tax(line: Sold, told: tuple[int, Fraction], included: int) -> tuple[int, Fraction]:
    """What is left of a line. What a price includes is known in whole units only, and so is the rest."""
    whole = told[0] - included
    return whole, Fraction(whole) if line.has_tax else told[1]
