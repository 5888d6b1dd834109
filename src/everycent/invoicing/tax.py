"""Taxes: which rates a line has, and what they come to, rounded where the policy says.

The rate is the one in force on the day of supply: the last day of a line's period, or the first
where it is billed in advance. Amounts are minor units.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from everycent.catalog.plan import AND, UNTAXED, Tax, rate_on
from everycent.catalog.policies import LEVEL, MINOR_UNIT, MODE, STEP, Policies
from everycent.invoicing.invoice import TaxAmount
from everycent.kernel.currency import exponent
from everycent.kernel.errors import Conflict
from everycent.kernel.money import EXACT, Rounding, apportion, rounded_minor

LINE = "line"
RATE = "rate"
TAX = "tax"
INVOICE = "invoice"
"""The values of the policy tax.rounding_level."""


class Rate(NamedTuple):
    """One tax of a line; `since` is when the percentage came into force."""

    category: str
    percent: str
    since: date
    rounding: Rounding


class Rules(NamedTuple):
    """What taxes are rounded to. `waived` is the reason why the customer is not taxed."""

    level: str = RATE
    mode: Rounding = Rounding.HALF_UP
    step: int = 1
    waived: str | None = None


class Taxable(NamedTuple):
    """A line after discounts, as its price is told: in whole minor units, and before they were rounded."""

    whole: int
    exact: Fraction | int
    rates: tuple[Rate, ...]
    includes_tax: bool = False


class Taxes(NamedTuple):
    """The taxes, and what is included of them in each line."""

    amounts: list[TaxAmount]
    included: list[int]


def rules_of(policies: Policies, currency: str, waived: str | None = None) -> Rules:
    """The rules for an invoice. Raises Conflict `tax.bad_step` when its currency has no such step."""
    return _rules(policies[LEVEL], policies[MODE], policies[STEP], currency, waived)


@lru_cache(maxsize=1024)
def _rules(level: str, mode: str, told: str, currency: str, waived: str | None) -> Rules:
    if told == MINOR_UNIT:
        return Rules(level, Rounding(mode), 1, waived)
    places = exponent(currency)
    step = Fraction(told) * 10**places
    if step.denominator != 1:
        raise Conflict(
            "tax.bad_step",
            f"{currency} has {places} decimals, and {STEP} rounds taxes to {told}",
            field=STEP,
            value=told,
            hint="set the policy to a multiple of the currency's smallest unit",
        )
    return Rules(level, Rounding(mode), int(step), waived)


def rates_of(
    categories: str, day: date, taxes: Mapping[str, Tax], mode: Rounding
) -> tuple[Rate, ...]:
    """The taxes of a product on a day; none of what is untaxed. `mode` is for categories without one.

    Raises Conflict `tax.no_rate` when a category has no rate on that day.
    """
    if categories == UNTAXED:
        return ()
    found = []
    for category in categories.split(AND):
        tax = taxes.get(category)
        rate = None if tax is None else rate_on(tax, day)
        if tax is None or rate is None:
            raise Conflict(
                "tax.no_rate",
                f"the tax category {category!r} has no rate on {day.isoformat()}",
                field="tax",
                value=category,
                hint="add the rate to the catalogue and bill again",
            )
        found.append(Rate(category, rate.percent, rate.since, tax.rounding or mode))
    return tuple(found)


def included_in(amount: Fraction | int, rates: Iterable[Rate]) -> Fraction:
    """What an amount contains of the taxes that it includes: amount × P ÷ (100 + P)."""
    percent = sum((Fraction(rate.percent) for rate in rates), Fraction(0))
    return amount * percent / (100 + percent)


_Key = tuple[str, str, bool]


class _Group:
    """The lines with one category and rate: their places, and the exact tax of each where it is needed
    line by line. `base` is their sum in whole minor units, with the tax where they include it."""

    __slots__ = ("base", "cells", "places", "rate", "since")

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self.since = rate.since
        self.base = 0
        self.places: list[int] = []
        self.cells: list[Fraction] = []


def taxed(lines: Sequence[Taxable], rules: Rules, *, are_net: bool = False) -> Taxes:
    """The taxes of the lines, in the order in which they are met, and what the lines include of them.

    One amount for each category, rate, and whether prices include it. By percentage and not by when it
    came into force: one that was renewed is still one rate. With `are_net` the taxes that prices include
    are taken out of the lines already.
    """
    if rules.waived is not None:
        return _waived(lines, rules.waived, are_net=are_net)
    groups = _groups(lines, rules, are_net=are_net)
    amounts, cells = _rounded(groups, rules)
    included = [0] * len(lines)
    for (key, group), amount in zip(groups.items(), amounts, strict=True):
        if key[2] and not are_net:
            own = cells.get(key) or apportion(amount, group.cells)
            for place, share in zip(group.places, own, strict=True):
                included[place] += share
    found = []
    for (key, group), amount in zip(groups.items(), amounts, strict=True):
        base = group.base
        if key[2]:
            base = sum(lines[place].whole - included[place] for place in group.places)
        rate = group.rate
        found.append(
            TaxAmount(
                rate.category, rate.percent, group.since, rate.rounding, base, amount, key[2],
                rules.step, _within(rules, len(group.places), is_included=key[2]),
            )
        )  # fmt: skip
    return Taxes(found, included)


def _groups(lines: Sequence[Taxable], rules: Rules, *, are_net: bool) -> dict[_Key, _Group]:
    groups: dict[_Key, _Group] = {}
    by_line = rules.level != RATE
    for place, line in enumerate(lines):
        for rate in line.rates:
            key = (rate.category, rate.percent, line.includes_tax)
            group = groups.get(key)
            if group is None:
                group = groups[key] = _Group(rate)
            group.since = min(group.since, rate.since)
            group.base += line.whole
            group.places.append(place)
            if line.includes_tax and not are_net:
                amount = line.exact if by_line else line.whole
                part = Fraction(rate.percent) / (
                    100 + sum(Fraction(each.percent) for each in line.rates)
                )
                group.cells.append(amount * part)
            elif by_line:
                group.cells.append(line.exact * Fraction(rate.percent) / 100)
    return groups


def _rounded(
    groups: Mapping[_Key, _Group], rules: Rules
) -> tuple[list[int], dict[_Key, list[int]]]:
    """The amounts of the groups in their order, and of lines where each is rounded by itself."""
    step = rules.step
    if rules.level == LINE:
        cells = {
            key: [rounded_minor(cell, group.rate.rounding, step) for cell in group.cells]
            for key, group in groups.items()
        }
        return [sum(cells[key]) for key in groups], cells
    if rules.level == RATE:
        return [
            rounded_minor(
                _exact(key, group) if group.cells else _of_base(key, group),
                group.rate.rounding,
                step,
            )
            for key, group in groups.items()
        ], {}
    together: dict[object, list[_Key]] = {}
    for key in sorted(groups, key=lambda key: (key[0], Decimal(key[1]), key[2])):
        together.setdefault((key[0], key[2]) if rules.level == TAX else None, []).append(key)
    amounts: dict[_Key, int] = {}
    for keys in together.values():
        exact = [_exact(key, groups[key]) for key in keys]
        mode = groups[keys[0]].rate.rounding if rules.level == TAX else rules.mode
        total = rounded_minor(sum(exact, Fraction(0)), mode, step)
        steps = apportion(total // step, [each / step for each in exact])
        amounts |= {key: share * step for key, share in zip(keys, steps, strict=True)}
    return [amounts[key] for key in groups], {}


def _exact(key: _Key, group: _Group) -> Fraction:
    if group.cells:
        return sum(group.cells, Fraction(0))
    return Fraction(_of_base(key, group))


def _of_base(key: _Key, group: _Group) -> Decimal:
    """The percentage of the sum, in decimals: that is what nearly every invoice needs, and quick."""
    return EXACT.multiply(Decimal(key[1]), Decimal(group.base)).scaleb(-2, EXACT)


def _within(rules: Rules, lines: int, *, is_included: bool) -> int:
    """How far an amount is from the percentage of its base at most: less than a step for each rounding,
    and one unit for exact lines, and taxes within prices, that were not the base to the digit."""
    if rules.level == LINE:
        return rules.step * (lines + is_included) + 1
    if rules.level == RATE:
        return rules.step * (1 + is_included)
    return rules.step * (2 + is_included) + 1


def _waived(lines: Sequence[Taxable], reason: str, *, are_net: bool) -> Taxes:
    """Nothing is due, and what prices include is taken out of them, line by line."""
    included = [
        rounded_minor(included_in(line.whole, line.rates), Rounding.HALF_UP)
        if line.includes_tax and not are_net
        else 0
        for line in lines
    ]
    found: dict[tuple[str, bool], TaxAmount] = {}
    for line, contained in zip(lines, included, strict=True):
        for rate in line.rates:
            key = (rate.category, line.includes_tax)
            before = found.get(key)
            base, since = (0, rate.since) if before is None else (before.base, before.since)
            found[key] = TaxAmount(
                rate.category, "0", min(since, rate.since), rate.rounding,
                base + line.whole - contained, 0, line.includes_tax, reason=reason,
            )  # fmt: skip
    return Taxes(list(found.values()), included)
