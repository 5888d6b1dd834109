"""Prices that look at events one by one: a sequence in the order of time becomes steps.

An event is free, or pays; nothing is rounded on the way, so the order counts only for which events are
free. Adding the same events in several batches gives the same as all at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import reduce

from everycent.catalog.price import (
    Cell,
    Dynamic,
    Matrix,
    Percentage,
    Scheme,
    needs_events,
)
from everycent.consumption.usage import Event
from everycent.kernel.errors import Invalid
from everycent.kernel.money import EXACT
from everycent.kernel.quantity import parse_decimal
from everycent.rating.charge import Step
from everycent.rating.percentage import percentage
from everycent.rating.prorated import is_prorated, prorated
from everycent.rating.schemes import steps
from everycent.rating.step import Steps, per_unit_step

_ZERO = Decimal(0)
_DEFAULT = "default"


def steps_of_events(scheme: Scheme, events: Sequence[Event]) -> Steps:
    """The steps of the calculation and their exact sum; a scheme that looks at the quantity alone gets
    the sum of the values.

    Raises Invalid `price.negative_event`, `price.no_amount`, `price.not_prorated`, and what parsing an
    event's amount raises.
    """
    if is_prorated(events):
        return prorated(scheme, events)
    if not needs_events(scheme):
        return steps(scheme, total(events))
    match scheme:
        case Percentage():
            _refuse_negative(events)
            return percentage(scheme, [event.value for event in events])
        case Dynamic():
            return dynamic(scheme, events)
        case Matrix():
            return matrix(scheme, events)
    raise AssertionError("no other scheme looks at events")


def total(events: Sequence[Event]) -> Decimal:
    """The sum of the values."""
    return reduce(EXACT.add, (event.value for event in events), _ZERO)


def dynamic(scheme: Dynamic, events: Sequence[Event]) -> Steps:
    """The sum of the amounts that the events carry × multiplier."""
    carried = _ZERO
    for event in events:
        text = event.dimensions.get(scheme.dimension)
        place = f"{event.key}.dimensions.{scheme.dimension}"
        if text is None:
            raise Invalid(
                "price.no_amount",
                f"{event.key}: the event carries no {scheme.dimension!r}, which is its price",
                field=place,
                hint="send the price of the event, in major units, in that dimension",
            )
        carried = EXACT.add(carried, parse_decimal(text, place))
    step, amount = per_unit_step("amounts of the events", carried, scheme.multiplier)
    return (step,), amount


def matrix(scheme: Matrix, events: Sequence[Event]) -> Steps:
    """Each event at the unit amount of its cell; cells without events are left out."""
    cells = {cell.values: cell for cell in scheme.cells}
    rest = Cell(_DEFAULT, (), scheme.default)
    held: dict[str, Decimal] = {}
    for event in events:
        values = tuple(event.dimensions.get(name, "") for name in scheme.dimensions)
        name = cells.get(values, rest).name
        held[name] = EXACT.add(held.get(name, _ZERO), event.value)
    found: list[Step] = []
    amount = _ZERO
    for cell in (*scheme.cells, rest):
        if cell.name in held:
            step, part = per_unit_step(f"cell {cell.name}", held[cell.name], cell.unit_amount)
            found.append(step)
            amount = EXACT.add(amount, part)
    return tuple(found), amount


def _refuse_negative(events: Sequence[Event]) -> None:
    for event in events:
        if event.value < 0:
            raise Invalid(
                "price.negative_event",
                f"{event.key}: {event.value} is below zero, where fees and allowances per event say"
                " nothing",
                field=f"{event.key}.value",
                value=event.value,
                hint="price what is given back by a price of its own, of the percentage alone",
            )
