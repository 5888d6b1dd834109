"""What a price makes of a quantity, or of events one by one: docs/prices.md, to the letter.

It goes another way than rating where there is one: tiers as in a table of income tax, blocks by where
they begin.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from everycent.recount.exact import ZERO, CannotRecountError, ceiling, total

Scheme = Mapping[str, Any]
Events = Sequence[tuple[Fraction, Mapping[str, str]]]
_PER_EVENT = ("fixed_amount", "free_events", "free_total", "minimum", "maximum")


def looks_at_events(scheme: Scheme) -> bool:
    """Whether what each record says decides the amount, and not their sum alone."""
    kind = scheme["type"]
    terms = [name for name in _PER_EVENT if scheme.get(name) not in (None, "0")]
    return kind in ("dynamic", "matrix") or (kind == "percentage" and bool(terms))


def of_quantity(scheme: Scheme, quantity: Fraction) -> Fraction:
    """What the quantity costs under a scheme that looks at nothing else."""
    kind = scheme["type"]
    if kind == "flat":
        return Fraction(scheme["amount"])
    if kind == "per_unit":
        included = Fraction(scheme.get("included", "0"))
        units = quantity if included == 0 else max(quantity - included, ZERO)
        return Fraction(scheme["unit_amount"]) * units
    if kind == "package":
        beyond = quantity - Fraction(scheme.get("included", "0"))
        return max(ceiling(beyond / Fraction(scheme["size"])), 0) * Fraction(scheme["amount"])
    if kind == "percentage":
        return quantity * Fraction(scheme["percent"]) / 100
    if kind == "volume":
        tier = scheme["tiers"][bisect_left(bounds_of(scheme), quantity)]
        return _rate(tier) * quantity + _flat(tier)
    if kind == "graduated":
        return _graduated(scheme, quantity)
    if kind == "block_tiers":
        return _blocks(scheme, quantity)
    if kind == "commitment":
        return quantity
    raise CannotRecountError(f"the price scheme {kind!r} is not known")


def bounds_of(scheme: Scheme) -> list[Fraction]:
    """The upper bounds of all tiers but the last."""
    return [Fraction(tier["up_to"]) for tier in scheme["tiers"][:-1]]


def _rate(tier: Mapping[str, Any]) -> Fraction:
    percent = tier.get("percent")
    return Fraction(tier.get("unit_amount", "0") if percent is None else Fraction(percent) / 100)


def _flat(tier: Mapping[str, Any]) -> Fraction:
    return Fraction(tier.get("flat_amount", "0"))


def _graduated(scheme: Scheme, quantity: Fraction) -> Fraction:
    """The rate of the last tier entered, for everything, less what the tiers below it are cheaper by, as
    in a table of income tax."""
    bounds = bounds_of(scheme)
    reached = bisect_left(bounds, quantity)
    rates = [_rate(tier) for tier in scheme["tiers"]]
    cost = rates[reached] * quantity
    for bound, below, above in zip(bounds, rates, rates[1:], strict=False):
        if quantity > bound:
            cost -= (above - below) * bound
    return cost + sum(map(_flat, scheme["tiers"][: reached + 1]), ZERO)


def _blocks(scheme: Scheme, quantity: Fraction) -> Fraction:
    """Where each tier begins, and then either all tiers up to the one reached, or that one alone."""
    tiers = scheme["tiers"]
    starts = [ZERO]
    for tier in tiers[:-1]:
        starts.append(starts[-1] + tier["max_blocks"] * Fraction(tier["block_size"]))
    reached = max(bisect_left(starts, quantity) - 1, 0)
    last = tiers[reached]
    is_top = scheme.get("mode") == "top"
    units = quantity if is_top else quantity - starts[reached]
    begun = max(ceiling(units / Fraction(last["block_size"])), 0)
    below = [] if is_top else tiers[:reached]
    full = sum((tier["max_blocks"] * Fraction(tier["block_amount"]) for tier in below), ZERO)
    return full + begun * Fraction(last["block_amount"])


def of_events(scheme: Scheme, events: Events) -> Fraction:
    """What the events, each with its value and dimensions, cost together, in order of time."""
    kind = scheme["type"]
    if kind == "percentage":
        return total(fees_of(scheme, [value for value, _ in events]))
    if kind == "dynamic":
        named = scheme.get("dimension", "amount")
        carried = total(Fraction(told[named]) for _, told in events)
        return carried * Fraction(scheme.get("multiplier", "1"))
    if kind == "matrix":
        return total(value * _cell(scheme, told) for value, told in events)
    return of_quantity(scheme, total(value for value, _ in events))


def _cell(scheme: Scheme, told: Mapping[str, str]) -> Fraction:
    for cell in scheme["cells"]:
        wanted = zip(scheme["dimensions"], cell["values"], strict=True)
        if all(told.get(name) == value for name, value in wanted):
            return Fraction(cell["unit_amount"])
    return Fraction(scheme["default"])


def fees_of(scheme: Scheme, values: Sequence[Fraction]) -> list[Fraction]:
    """The fee of each event. An event is free while fewer than `free_events` were, and the total with it
    stays within `free_total`; the first that does not pays, and so do all after it."""
    free_events = scheme.get("free_events")
    free_total = scheme.get("free_total")
    is_open = free_events is not None or free_total is not None
    running, fees = ZERO, []
    for place, value in enumerate(values):
        running += value
        was_open, uses_events_up = is_open, free_events is not None and place >= free_events
        fits = free_total is None or running <= Fraction(free_total)
        is_open = was_open and not uses_events_up and fits
        if is_open:
            fees.append(ZERO)
            continue
        paying = value
        if was_open and not uses_events_up and free_total is not None:
            paying = running - Fraction(free_total)
        fees.append(_fee(scheme, paying))
    return fees


def _fee(scheme: Scheme, paying: Fraction) -> Fraction:
    fee = paying * Fraction(scheme["percent"]) / 100 + Fraction(scheme.get("fixed_amount", "0"))
    if scheme.get("minimum") is not None:
        fee = max(fee, Fraction(scheme["minimum"]))
    if scheme.get("maximum") is not None:
        fee = min(fee, Fraction(scheme["maximum"]))
    return fee


def of_prorated(scheme: Scheme, events: Sequence[tuple[int, Fraction]]) -> Fraction:
    """Whole units with the part of them that counts: every unit by itself, in the tier of its place."""
    bounds = bounds_of(scheme)
    is_volume = scheme["type"] == "volume"
    running = highest = sum((units for units, _ in events), 0) if is_volume else 0
    cost = ZERO
    for units, part in events:
        if is_volume:
            cost += part * _rate(scheme["tiers"][bisect_left(bounds, running)])
            continue
        for _ in range(abs(units)):
            place = running + 1 if units > 0 else running
            running += 1 if units > 0 else -1
            highest = max(highest, running)
            cost += part / abs(units) * _rate(scheme["tiers"][bisect_left(bounds, place)])
    reached = bisect_left(bounds, highest)
    tiers = [scheme["tiers"][reached]] if is_volume else scheme["tiers"][: reached + 1]
    return cost + sum(map(_flat, tiers), ZERO)


def is_fee(price: Mapping[str, Any], *, is_agreed: bool) -> bool:
    """Whether the price is for time, and not for what was used in it."""
    return is_agreed or price["scheme"]["type"] == "flat"


def limited(
    price: Mapping[str, Any],
    amount: Fraction,
    share: Fraction,
    *,
    is_open: bool = False,
    is_agreed: bool = False,
) -> Fraction:
    """What is owed of an amount: the share of a fee; not above the maximum, not below the minimum,
    unless that is left to a later part of the period (`is_open`). Of a commitment what leads from the
    amount to them."""
    scheme = price["scheme"]
    if scheme["type"] == "commitment":
        limits = {limit: scheme.get(limit) for limit in ("minimum", "maximum")}
        terms = {**price, **limits, "scheme": {"type": "counted"}}
        return limited(terms, amount, share) - amount
    if is_fee(price, is_agreed=is_agreed):
        amount *= share
    if scheme["type"] == "flat":
        return amount
    part = share if price.get("prorate_limits", True) else Fraction(1)
    if price.get("maximum") is not None:
        amount = min(amount, Fraction(price["maximum"]) * part)
    if price.get("minimum") is not None and not is_open:
        amount = max(amount, Fraction(price["minimum"]) * part)
    return amount
