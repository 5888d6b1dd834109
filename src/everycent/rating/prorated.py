"""Tiers over units that count for a part of the period only, such as seats that come and go.

All units say which tiers they fall into; the money follows from the part of them that is prorated.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from functools import reduce

from everycent.catalog.price import Graduated, Scheme, Tier, Volume
from everycent.consumption.usage import Event
from everycent.kernel.errors import Invalid
from everycent.kernel.money import EXACT
from everycent.kernel.quantity import as_decimal
from everycent.rating.charge import Step
from everycent.rating.schemes import tier_of, tier_step
from everycent.rating.step import Steps

_ZERO = Decimal(0)


def is_prorated(events: Sequence[Event]) -> bool:
    """Whether any of the events tells a prorated part of its units."""
    return any(event.prorated is not None for event in events)


def prorated(scheme: Scheme, events: Sequence[Event]) -> Steps:
    """What the events cost, in the order in which they happened; an event without a prorated part counts
    whole.

    Raises Invalid `price.not_prorated` for schemes that have no tiers of units.
    """
    match scheme:
        case Graduated(tiers):
            return _graduated(tiers, events)
        case Volume(tiers):
            return _volume(tiers, events)
    raise Invalid(
        "price.not_prorated",
        "only graduated and volume prices know units that are prorated one by one",
        field=f"{events[0].key}.prorated",
        hint="give graduated with a single tier for a price per unit",
    )


def _volume(tiers: tuple[Tier, ...], events: Sequence[Event]) -> Steps:
    """All prorated units at the price of the tier in which all units end."""
    total = reduce(EXACT.add, (event.value for event in events), _ZERO)
    parts = reduce(EXACT.add, map(_part, events), _ZERO)
    number = tier_of(tiers, total)
    step, amount = tier_step(number, tiers[number - 1], parts)
    return (step,), amount


def _graduated(tiers: tuple[Tier, ...], events: Sequence[Event]) -> Steps:
    """Each event is cut at the bounds that the running total crosses, its prorated part in proportion. A
    tier's flat amount is due when it was entered, also if it was left again."""
    held = [_ZERO for _ in tiers]
    running, highest = _ZERO, _ZERO
    for event in events:
        before, running = running, EXACT.add(running, event.value)
        highest = max(highest, running)
        for place, part in _cut(tiers, before, running, _part(event)):
            held[place] = EXACT.add(held[place], part)
    found: list[Step] = []
    amount = _ZERO
    for number in range(1, tier_of(tiers, highest) + 1):
        step, own = tier_step(number, tiers[number - 1], held[number - 1])
        found.append(step)
        amount = EXACT.add(amount, own)
    return tuple(found), amount


def _part(event: Event) -> Decimal:
    return event.value if event.prorated is None else event.prorated


def _cut(
    tiers: Sequence[Tier], before: Decimal, after: Decimal, part: Decimal
) -> list[tuple[int, Decimal]]:
    """The places of the tiers between two running totals, with their share of `part`. Shares that don't
    end are cut after 18 decimals, and the last one takes what is left, so that nothing is lost."""
    low, high = min(before, after), max(before, after)
    floor: Decimal | None = None
    cut: list[tuple[int, Decimal]] = []
    for place, tier in enumerate(tiers):
        bound = None if tier.up_to is None else Decimal(tier.up_to)
        start = low if floor is None else max(low, floor)
        end = high if bound is None else min(high, bound)
        if end > start:
            cut.append((place, EXACT.subtract(end, start)))
        floor = bound
    if not cut:
        return []
    whole = Fraction(EXACT.subtract(high, low))
    shares = [
        (place, as_decimal(Fraction(part) * Fraction(units) / whole)) for place, units in cut[:-1]
    ]
    rest = reduce(EXACT.subtract, (share for _, share in shares), part)
    return [*shares, (cut[-1][0], rest)]
