"""A chart of usage as lines of text with bars, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import reduce

from everycent.consumption.slots import Chart, Row
from everycent.integrations.usage_chart import slot_text
from everycent.kernel.money import EXACT
from everycent.kernel.quantity import plain

_CELLS = 40
_ZERO = Decimal(0)


def bars(chart: Chart) -> list[tuple[str, str, str]]:
    """A line for each slot: its name, its value ('' without records) and its bar, in which each row of a
    dimension is drawn with its number."""
    slots = [
        [row.values[number] or _ZERO for row in chart.rows] for number in range(len(chart.slots))
    ]
    most = max((_sum(map(abs, values)) for values in slots), default=_ZERO) or Decimal(1)
    found = []
    for number, (slot, values) in enumerate(zip(chart.slots, slots, strict=True)):
        is_empty = all(row.values[number] is None for row in chart.rows)
        text = "" if is_empty else plain(_sum(values))
        found.append((slot_text(chart, slot), text, _cells(chart.rows, values, most)))
    return found


def _sum(values: Sequence[Decimal] | map[Decimal]) -> Decimal:
    return reduce(EXACT.add, values, _ZERO)


def _cells(rows: Sequence[Row], values: Sequence[Decimal], most: Decimal) -> str:
    """Forty cells are the largest value; whatever there is at all has at least a sliver."""
    text = ""
    size = _ZERO
    for number, value in enumerate(values, start=1):
        size += abs(value)
        upto = int((size * _CELLS / most).to_integral_value())
        text += ("█" if len(rows) == 1 else str(number % 10)) * (upto - len(text))
    return text or ("▏" if size else "")
