"""A chart of usage as one self-contained SVG picture.

The geometry is worked out here in whole tenths of a pixel; the template draws it, and every text
passes its escaping. The picture follows the reader's light or dark scheme by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from everycent.consumption.slots import By, Chart, Kind, Row, name_of, total_of
from everycent.kernel import calendar
from everycent.kernel.period import Period
from everycent.kernel.quantity import plain

_TEMPLATES = Path(__file__).with_name("templates")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WIDTH, _LEFT, _RIGHT = 960, 84, 24
_PLOT_WIDTH = _WIDTH - _LEFT - _RIGHT
_LEGEND_TOP, _LEGEND_LINE, _PLOT_HEIGHT = 86, 22, 260
_CHAR = 7
_WIDEST_BAR = 480  # tenths of a pixel
_LABEL_WIDTH = 74
_HOURS_OF_TWO_DAYS = 49
_ZERO = Decimal(0)


class Bar(NamedTuple):
    """A rectangle in pixels, with what it says when it is pointed at."""

    x: str
    y: str
    width: str
    height: str
    hue: str
    title: str


class Mark(NamedTuple):
    """A text at a place."""

    x: str
    y: str
    text: str


class Key(NamedTuple):
    """An entry of the legend."""

    x: int
    y: int
    hue: str
    text: str


class Picture(NamedTuple):
    """Everything that the template draws."""

    width: int
    height: int
    top: int
    bottom: int
    left: int
    right: int
    zero: str
    title: str
    subtitle: str
    unit: str
    clock: str
    keys: tuple[Key, ...]
    ticks: tuple[Mark, ...]
    labels: tuple[Mark, ...]
    bars: tuple[Bar, ...]
    empty: tuple[Bar, ...]
    is_bare: bool


def svg(chart: Chart) -> str:
    """The picture as SVG."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("usage_chart.svg").render(p=picture(chart))


def picture(chart: Chart) -> Picture:
    """Where everything stands."""
    keys, lines = _keys(chart)
    top = _LEGEND_TOP + lines * _LEGEND_LINE + 12
    bottom = top + _PLOT_HEIGHT
    stacks = [_stacked(chart.rows, number) for number in range(len(chart.slots))]
    edges = [edge for stack in stacks for _, _, low, high in stack for edge in (low, high)]
    ticks = _ticks(min(edges, default=_ZERO), max(edges, default=_ZERO))
    low, high = ticks[0], ticks[-1]

    def down(value: Decimal) -> int:
        span = Fraction(high) - Fraction(low)
        return top * 10 + int((Fraction(high) - Fraction(value)) * _PLOT_HEIGHT * 10 / span)

    bars, empty = [], []
    zero = down(_ZERO)
    for number, stack in enumerate(stacks):
        left, width = _across(number, len(stacks))
        where = slot_text(chart, chart.slots[number])
        if not stack:
            begin, end = (_slot_edge(n, len(stacks)) for n in (number, number + 1))
            across, whole = _px(end - begin), _px(_PLOT_HEIGHT * 10)
            said = f"{where}: no records"
            empty.append(Bar(_px(begin), _px(top * 10), across, whole, "none", said))
        for row_no, row, from_, to in stack:
            value = row.values[number]
            assert value is not None
            above = down(to)
            said = f"{where}: {short(value)} {chart.unit}"
            if chart.dimension is not None:
                said += f", {name_of(row, chart.dimension)}"
            height = max(down(from_) - above, 8)
            bars.append(
                Bar(_px(left), _px(above), _px(width), _px(height), _hue(row, row_no), said)
            )
    return Picture(
        _WIDTH, bottom + 62, top, bottom, _LEFT, _WIDTH - _RIGHT, _px(zero),
        f"{chart.meter} of {chart.subject}", _subtitle(chart), chart.unit,
        f"{_SLOT_NAMES[chart.by]}, on the clock of {chart.time_zone}", keys,
        tuple(Mark(str(_LEFT - 10), _px(down(tick)), short(tick)) for tick in ticks),
        tuple(_labels(chart, bottom)), tuple(bars), tuple(empty), not bars,
    )  # fmt: skip


_SLOT_NAMES = {By.HOUR: "Hours", By.DAY: "Days", By.MONTH: "Months"}


def _subtitle(chart: Chart) -> str:
    first, last = chart.slots[0], chart.slots[-1]
    span = slot_text(chart, first)
    if len(chart.slots) > 1:
        span += f" – {slot_text(chart, last)}"
    total = total_of(chart)
    what = f"{chart.what[0].upper()}{chart.what[1:]} per {chart.by.value}"
    if chart.dimension is not None:
        what += f", by {chart.dimension}"
    added = "" if total is None else f" · {short(total)} {chart.unit} in all"
    return f"{what} · {span}{added}"


def _keys(chart: Chart) -> tuple[tuple[Key, ...], int]:
    """The legend in lines, and how many lines it takes."""
    entries = [
        (_hue(row, number), name_of(row, chart.dimension)) for number, row in enumerate(chart.rows)
    ]
    held = {n for row in chart.rows for n, value in enumerate(row.values) if value is not None}
    if len(held) < len(chart.slots):
        entries.append(("none", "no records"))
    found = []
    x, line = _LEFT, 0
    for hue, text in entries:
        told = text if len(text) <= 40 else f"{text[:39]}…"
        width = 18 + len(told) * _CHAR + 22
        if x > _LEFT and x + width > _WIDTH - _RIGHT:
            x, line = _LEFT, line + 1
        found.append(Key(x, _LEGEND_TOP + line * _LEGEND_LINE, hue, told))
        x += width
    return tuple(found), line + 1 if entries else 0


def _hue(row: Row, number: int) -> str:
    return {Kind.OTHER: "rest", Kind.NONE: "bare"}.get(row.kind, f"h{number}")


def _stacked(rows: Sequence[Row], number: int) -> list[tuple[int, Row, Decimal, Decimal]]:
    """The slot's values with where each begins and ends; what is below zero grows downwards."""
    up = down = _ZERO
    found = []
    for row_no, row in enumerate(rows):
        value = row.values[number]
        if value is None:
            continue
        if value < 0:
            found.append((row_no, row, down + value, down))
            down += value
        else:
            found.append((row_no, row, up, up + value))
            up += value
    return found


def _across(number: int, slots: int) -> tuple[int, int]:
    """Left edge and width of a slot's bar in tenths of a pixel."""
    slot = _PLOT_WIDTH * 10 // slots
    left = _slot_edge(number, slots)
    width = min(max(slot * 76 // 100, 3), _WIDEST_BAR)
    return left + (slot - width) // 2, width


def _slot_edge(number: int, slots: int) -> int:
    """Where a slot begins, in tenths of a pixel."""
    return _LEFT * 10 + number * _PLOT_WIDTH * 10 // slots


def _labels(chart: Chart, bottom: int) -> Iterator[Mark]:
    """Names below the slots, so many that none runs into the next. Of hours over several days only the
    midnights have one."""
    numbers = list(range(len(chart.slots)))
    if chart.by is By.HOUR and len(numbers) > _HOURS_OF_TWO_DAYS:
        days = [_local(chart, slot).date() for slot in chart.slots]
        numbers = [n for n in numbers if n == 0 or days[n] != days[n - 1]]
    every = -(-len(numbers) // max(1, _PLOT_WIDTH // _LABEL_WIDTH))
    for number in numbers[::every]:
        left, width = _across(number, len(chart.slots))
        yield Mark(_px(left + width // 2), str(bottom + 20), _axis_text(chart, number))


def _axis_text(chart: Chart, number: int) -> str:
    local = _local(chart, chart.slots[number])
    month = _MONTHS[local.month - 1]
    if chart.by is By.MONTH:
        return f"{month} {local.year}"
    if chart.by is By.DAY or len(chart.slots) > _HOURS_OF_TWO_DAYS:
        return f"{local.day} {month}"
    return f"{local:%H:%M}"


def _local(chart: Chart, slot: Period) -> datetime:
    return slot.start.astimezone(calendar.zone(chart.time_zone))


def slot_text(chart: Chart, slot: Period) -> str:
    """A slot's name for people: 'Mar 2026', '29 Mar 2026', '29 Mar 2026 03:00'; an hour that comes twice
    says its offset."""
    local = _local(chart, slot)
    month = f"{_MONTHS[local.month - 1]} {local.year}"
    if chart.by is By.MONTH:
        return month
    if chart.by is By.DAY:
        return f"{local.day} {month}"
    text = f"{local.day} {month} {local:%H:%M}"
    other = local.replace(fold=1 - local.fold)
    return text if other.utcoffset() == local.utcoffset() else f"{text} ({local:%z})"


def _ticks(low: Decimal, high: Decimal) -> list[Decimal]:
    """Round numbers from at or below the lowest to at or above the highest value, zero among them."""
    low, high = min(low, _ZERO), max(high, _ZERO)
    if low == high:
        high = Decimal(1)
    rough = (high - low) / 4
    power = Decimal(1).scaleb(rough.adjusted())
    factors = (Decimal(n) for n in ("1", "2", "2.5", "5", "10"))
    step = next(power * factor for factor in factors if power * factor >= rough)
    first = int((low / step).to_integral_value(ROUND_FLOOR))
    last = int((high / step).to_integral_value(ROUND_CEILING))
    return [step * n for n in range(first, last + 1)]


def short(value: Decimal) -> str:
    """At most six significant digits, thousands apart: for eyes, never for amounts."""
    digits = max(0, 5 - value.adjusted()) if value else 0
    whole, dot, places = plain(round(value, min(digits, 12))).partition(".")
    sign, size = ("−", whole[1:]) if whole.startswith("-") else ("", whole)
    return f"{sign}{int(size):,}".replace(",", "\u202f") + dot + places


def _px(tenths: int) -> str:
    return f"{tenths // 10}.{tenths % 10}"
