"""Taxes on what is left of the lines of an invoice: docs/taxes.md, to the letter. Amounts are minor
units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from everycent.recount.exact import ZERO, rounded, shared_out
from everycent.recount.sold import Plain, Sold

Tax = tuple[str, str, bool]
"""Category, percentage, and whether prices include it."""
Rest = Mapping[int, tuple[int, Fraction]]
"""By number of a line what is left of it, in whole units and exactly."""


def is_taxed(invoice: Plain) -> bool:
    """Whether the customer pays taxes."""
    return bool(invoice.get("customer", {}).get("tax_status", "taxed") == "taxed")


def step_of(invoice: Plain) -> Fraction:
    """Of what taxes are multiples."""
    told = invoice.get("policies", {}).get("tax.rounding_step", "minor_unit")
    is_whole = told == "minor_unit" or not is_taxed(invoice)
    return Fraction(1) if is_whole else Fraction(told) * 10 ** invoice["places"]


def taxes_on(
    invoice: Plain, lines: Sequence[Sold], rest: Rest, *, are_net: bool = False
) -> tuple[dict[int, int], dict[Tax, tuple[int, int]]]:
    """By line the tax that its rest includes, and the base and amount of each tax. `are_net`: what prices
    include is taken out of the rests already."""
    if not is_taxed(invoice):
        return _untaxed(lines, rest, are_net=are_net)
    policies = invoice.get("policies", {})
    level = policies.get("tax.rounding_level", "rate")
    mode = policies.get("tax.rounding_mode", "half_up")
    step = step_of(invoice)
    modes: dict[str, str] = {t["category"]: t["rounding"] for t in invoice["taxes"]}
    cells: dict[Tax, dict[int, Fraction]] = {}
    for line in lines:
        amount = rest[line.line_no][0 if level == "rate" else 1]
        for category, percent in line.rates:
            below = 100 + line.percent if line.has_tax and not are_net else Fraction(100)
            own = cells.setdefault((category, percent, line.has_tax), {})
            own[line.line_no] = amount * Fraction(percent) / below

    def in_steps(value: Fraction, how: str) -> int:
        return int(rounded(value / step, 0, how) * step)

    by_line = {
        tax: {number: in_steps(cell, modes.get(tax[0], mode)) for number, cell in own.items()}
        for tax, own in cells.items()
    }
    sums = {tax: sum(own.values(), ZERO) for tax, own in cells.items()}
    amounts: dict[Tax, int] = {}
    if level == "line":
        amounts = {tax: sum(own.values()) for tax, own in by_line.items()}
    elif level == "rate":
        amounts = {tax: in_steps(value, modes.get(tax[0], mode)) for tax, value in sums.items()}
    else:
        together: dict[Any, list[Tax]] = {}
        for tax in sorted(sums, key=lambda tax: (tax[0], Fraction(tax[1]), tax[2])):
            together.setdefault((tax[0], tax[2]) if level == "tax" else "all", []).append(tax)
        for own_taxes in together.values():
            how = modes.get(own_taxes[0][0], mode) if level == "tax" else mode
            total = in_steps(sum((sums[tax] for tax in own_taxes), ZERO), how)
            shares = shared_out(int(total / step), [sums[tax] / step for tax in own_taxes])
            amounts |= {t: int(s * step) for t, s in zip(own_taxes, shares, strict=True)}
    included = {line.line_no: 0 for line in lines}
    for tax, own in cells.items():
        if tax[2] and not are_net:
            parts = list(by_line[tax].values())
            if level != "line":
                parts = shared_out(amounts[tax], list(own.values()))
            for number, part in zip(own, parts, strict=True):
                included[number] += part
    bases = {tax: sum(rest[n][0] - included[n] for n in own) for tax, own in cells.items()}
    return included, {tax: (bases[tax], amounts[tax]) for tax in cells}


def _untaxed(
    lines: Sequence[Sold], rest: Rest, *, are_net: bool
) -> tuple[dict[int, int], dict[Tax, tuple[int, int]]]:
    """Nothing is due; prices are freed of the taxes in them."""
    included, bases = {}, dict[Tax, int]()
    for line in lines:
        told = rest[line.line_no][0]
        included[line.line_no] = 0 if are_net else line.contained(told)
        for category, _ in line.rates:
            tax = (category, "0", line.has_tax)
            bases[tax] = bases.get(tax, 0) + told - included[line.line_no]
    return included, {tax: (base, 0) for tax, base in bases.items()}
