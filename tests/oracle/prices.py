"""A second, naive answer to what a price costs: what docs/prices.md says, in fractions, slowly.

Shares nothing with the product but the values that it is asked about, and goes another way where there
is one: tiers as in a table of income tax, blocks by where they begin, events by looking at all before.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

ZERO = Fraction(0)


def of_quantity(scheme: Any, quantity: Fraction) -> Fraction:
    """What the quantity costs under a scheme that looks at nothing else."""
    kind = type(scheme).__name__
    if kind == "Flat":
        return Fraction(scheme.amount)
    if kind == "PerUnit":
        return Fraction(scheme.unit_amount) * _beyond(quantity, scheme.included)
    if kind == "Package":
        begun = (Fraction(scheme.included) - quantity) / Fraction(scheme.size)
        return max(-(begun.__floor__()), 0) * Fraction(scheme.amount)
    if kind == "Percentage":
        return quantity * Fraction(scheme.percent) / 100
    if kind == "Volume":
        tier = scheme.tiers[bisect_left(bounds_of(scheme), quantity)]
        return _rate(tier) * quantity + Fraction(tier.flat_amount)
    if kind == "BlockTiers":
        return _blocks(scheme, quantity)
    assert kind == "Graduated", kind
    # The rate of the last tier entered, for everything, less what the tiers below it are cheaper by, as
    # in a table of income tax.
    reached = bisect_left(bounds_of(scheme), quantity)
    rates = [_rate(tier) for tier in scheme.tiers]
    cost = rates[reached] * quantity
    for bound, below, above in zip(bounds_of(scheme), rates, rates[1:], strict=False):
        if quantity > bound:
            cost -= (above - below) * bound
    return cost + sum(Fraction(tier.flat_amount) for tier in scheme.tiers[: reached + 1])


def bounds_of(scheme: Any) -> list[Fraction]:
    """The upper bounds of all tiers but the last."""
    return [Fraction(tier.up_to) for tier in scheme.tiers[:-1]]


def _rate(tier: Any) -> Fraction:
    return Fraction(tier.unit_amount) if tier.percent is None else Fraction(tier.percent) / 100


def _beyond(quantity: Fraction, included: str) -> Fraction:
    return quantity if Fraction(included) == 0 else max(quantity - Fraction(included), ZERO)


def _ceiling(value: Fraction) -> int:
    return -((-value).__floor__())


def _blocks(scheme: Any, quantity: Fraction) -> Fraction:
    """Where each tier begins, and then either all tiers up to the one reached, or that one alone."""
    starts = [ZERO]
    for tier in scheme.tiers[:-1]:
        starts.append(starts[-1] + tier.max_blocks * Fraction(tier.block_size))
    reached = max(bisect_left(starts, quantity) - 1, 0)
    if scheme.mode == "top":
        tier = scheme.tiers[reached]
        begun = max(_ceiling(quantity / Fraction(tier.block_size)), 0)
        return begun * Fraction(tier.block_amount)
    full = sum(
        (tier.max_blocks * Fraction(tier.block_amount) for tier in scheme.tiers[:reached]), ZERO
    )
    last = scheme.tiers[reached]
    begun = max(_ceiling((quantity - starts[reached]) / Fraction(last.block_size)), 0)
    return full + begun * Fraction(last.block_amount)


def of_events(scheme: Any, events: Sequence[tuple[Fraction, Mapping[str, str]]]) -> Fraction:
    """What the events, each with its value and dimensions, cost together."""
    kind = type(scheme).__name__
    if kind == "Percentage":
        return sum(fees_of(scheme, [value for value, _ in events]), ZERO)
    if kind == "Dynamic":
        carried = sum((Fraction(told[scheme.dimension]) for _, told in events), ZERO)
        return carried * Fraction(scheme.multiplier)
    if kind == "Matrix":
        return sum((value * _cell(scheme, told) for value, told in events), ZERO)
    return of_quantity(scheme, sum((value for value, _ in events), ZERO))


def _cell(scheme: Any, told: Mapping[str, str]) -> Fraction:
    for cell in scheme.cells:
        if all(told.get(n) == v for n, v in zip(scheme.dimensions, cell.values, strict=True)):
            return Fraction(cell.unit_amount)
    return Fraction(scheme.default)


def fees_of(scheme: Any, values: Sequence[Fraction]) -> list[Fraction]:
    """The fee of each event. An event is free while fewer than `free_events` were, and the total with it
    stays within `free_total`; the first that does not pays, and so do all after it."""
    has_allowance = scheme.free_events is not None or scheme.free_total is not None
    fees = []
    for number, value in enumerate(values):
        earlier = values[:number]
        running = sum(earlier, ZERO)
        was_open = has_allowance and all(
            _is_free(scheme, place, sum(values[: place + 1], ZERO)) for place in range(number)
        )
        if was_open and _is_free(scheme, number, running + value):
            fees.append(ZERO)
            continue
        paying = value
        uses_events_up = scheme.free_events is not None and number >= scheme.free_events
        if was_open and not uses_events_up and scheme.free_total is not None:
            paying = running + value - Fraction(scheme.free_total)
        fee = paying * Fraction(scheme.percent) / 100 + Fraction(scheme.fixed_amount)
        if scheme.minimum is not None:
            fee = max(fee, Fraction(scheme.minimum))
        if scheme.maximum is not None:
            fee = min(fee, Fraction(scheme.maximum))
        fees.append(fee)
    return fees


def _is_free(scheme: Any, place: int, running: Fraction) -> bool:
    if scheme.free_events is not None and place >= scheme.free_events:
        return False
    return scheme.free_total is None or running <= Fraction(scheme.free_total)


def of_prorated(scheme: Any, events: Sequence[tuple[int, Fraction]]) -> Fraction:
    """Whole units with the part of them that counts: every unit by itself, in the tier of its place."""
    bounds = bounds_of(scheme)
    running = highest = sum((units for units, _ in events), 0) if scheme_is_volume(scheme) else 0
    cost = ZERO
    for units, part in events:
        if scheme_is_volume(scheme):
            cost += part * _rate(scheme.tiers[bisect_left(bounds, running)])
            continue
        for _ in range(abs(units)):
            place = running + 1 if units > 0 else running
            running += 1 if units > 0 else -1
            highest = max(highest, running)
            cost += part / abs(units) * _rate(scheme.tiers[bisect_left(bounds, place)])
    reached = bisect_left(bounds, highest)
    tiers = [scheme.tiers[reached]] if scheme_is_volume(scheme) else scheme.tiers[: reached + 1]
    return cost + sum(Fraction(tier.flat_amount) for tier in tiers)


def scheme_is_volume(scheme: Any) -> bool:
    """Whether one tier prices everything."""
    return type(scheme).__name__ == "Volume"


def limited(price: Any, amount: Fraction, share: Fraction) -> Fraction:
    """What is owed of an amount: the share of a flat one; not above the maximum, not below the minimum."""
    if type(price.scheme).__name__ == "Flat":
        return amount * share
    part = share if price.prorate_limits else Fraction(1)
    if price.maximum is not None:
        amount = min(amount, Fraction(price.maximum) * part)
    if price.minimum is not None:
        amount = max(amount, Fraction(price.minimum) * part)
    return amount
