"""The flow of an invoice's money as a picture: meters → lines → net and taxes → gross.

Bands are as high as their amounts. Whole pixels of the picture's own grid; what is too thin to be
seen is drawn two pixels high.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from everycent.catalog.price import Flat, Percentage, PerUnit
from everycent.invoicing.invoice import Invoice, InvoiceLine
from everycent.kernel.money import EXACT
from everycent.kernel.quantity import shown
from everycent.rating.charge import is_agreed

_MOST_LINES = 12
_THIN = 2
_HOLDS_LABEL = 40
_HUES = 6


class Box(NamedTuple):
    """A bar with its two lines of text, which begin (or end) at `text_x`."""

    x: int
    y: int
    height: int
    hue: str
    text_x: int
    text_y: int
    anchor: str
    label: str
    detail: str


class Ribbon(NamedTuple):
    """A band from one bar to another."""

    path: str
    hue: str
    title: str


class Flow(NamedTuple):
    """A picture of `width` by `height`."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    ribbons: tuple[Ribbon, ...]


class _Row(NamedTuple):
    """A line of the picture: one of the invoice, or several small ones together."""

    label: str
    detail: str
    source: str
    amount: int
    height: int


class _Level(NamedTuple):
    """A level stretch of a band, from `x` until `until`, with its upper edge at `y`."""

    x: int
    until: int
    y: int


def flow(invoice: Invoice) -> Flow | None:
    """For wide screens: four columns. None when nothing is owed."""
    rows = _rows(invoice, 320)
    if not rows or invoice.gross <= 0:
        return None
    taxes = _tax_rows(invoice, 320)
    sources = list(dict.fromkeys(row.source for row in rows))
    hues = {source: _hue(number, source) for number, source in enumerate(sources)}
    sizes = [sum(row.height for row in rows if row.source == source) for source in sources]
    net = sum(row.height for row in rows)
    tail = sum(tax.height for tax in taxes)
    row_tops = _stack([row.height for row in rows], [_room(row.height) for row in rows], 14)
    source_tops = _stack(sizes, [_room(size) for size in sizes], 24)
    ends = (row_tops[-1] + rows[-1].height, source_tops[-1] + sizes[-1], net + tail + 90)
    height = max(ends) + 10
    _centre(row_tops, ends[0], height)
    _centre(source_tops, ends[1], height)
    net_top = (height - net - tail - 50) // 2
    gross_top = (height - net - tail) // 2
    boxes: list[Box] = []
    ribbons: list[Ribbon] = []
    leaving = dict(zip(sources, source_tops, strict=True))
    for source, size in zip(sources, sizes, strict=True):
        name, _, where = source.partition("\n")
        boxes.append(_box(0, leaving[source], size, hues[source], name, where))
    arriving = net_top
    for row, top in zip(rows, row_tops, strict=True):
        hue = hues[row.source]
        start, end = _Level(0, 150, leaving[row.source]), _Level(800, 810, arriving)
        ribbons.append(_ribbon((start, _Level(360, 620, top), end), row, hue))
        boxes.append(_box(360, top, row.height, hue, row.label, row.detail))
        leaving[row.source] += row.height
        arriving += row.height
    boxes.append(_box(800, net_top, net, "net", "Net", _money(invoice.net, invoice)))
    whole = _Row("Net", "", "", invoice.net, net)
    levels = (_Level(800, 910, net_top), _Level(960, 1040, gross_top))
    ribbons.append(_ribbon(levels, whole, "net"))
    below, arriving = net_top + net + 50, gross_top + net
    for tax in taxes:
        boxes.append(_box(800, below, tax.height, "tax", tax.label, tax.detail))
        levels = (_Level(800, 910, below), _Level(960, 1040, arriving))
        ribbons.append(_ribbon(levels, tax, "tax"))
        below, arriving = below + tax.height + 50, arriving + tax.height
    gross = Box(
        1030, gross_top, net + tail, "gross", 1020, gross_top + (net + tail) // 2 - 4, "end",
        "Gross", _money(invoice.gross, invoice),
    )  # fmt: skip
    return Flow(1040, max(height, below), (*boxes, gross), tuple(ribbons))


def narrow_flow(invoice: Invoice) -> Flow | None:
    """For telephones: lines and taxes on the left, gross on the right."""
    rows = [*_rows(invoice, 240), *_tax_rows(invoice, 240)]
    if not rows or invoice.gross <= 0:
        return None
    sources = list(dict.fromkeys(row.source for row in rows))
    heights = [row.height for row in rows]
    tops = _stack(heights, [_room(height) for height in heights], 12)
    height = tops[-1] + heights[-1] + 10
    arriving = gross_top = (height - sum(heights)) // 2
    boxes: list[Box] = []
    ribbons: list[Ribbon] = []
    for row, top in zip(rows, tops, strict=True):
        hue = "tax" if row.source == "tax" else _hue(sources.index(row.source), row.source)
        levels = (_Level(0, 215, top), _Level(325, 360, arriving))
        ribbons.append(_ribbon(levels, row, hue))
        boxes.append(_box(0, top, row.height, hue, row.label, row.detail))
        arriving += row.height
    boxes.append(Box(350, gross_top, sum(heights), "gross", 350, height, "end", "", ""))
    return Flow(360, height, tuple(boxes), tuple(ribbons))


def _room(height: int) -> int:
    """What a label needs above a band that is too thin to hold it."""
    return 0 if height >= _HOLDS_LABEL else 36


def _box(x: int, y: int, height: int, hue: str, label: str, detail: str) -> Box:
    """A bar whose text stands in its band, or above a thin one."""
    if height >= _HOLDS_LABEL:
        return Box(x, y, height, hue, x + 20, y + height // 2 - 4, "start", label, detail)
    return Box(x, y, height, hue, x + 2, y - 22, "start", label, detail)


def _rows(invoice: Invoice, room: int) -> list[_Row]:
    """The lines in their order; of many only the largest, and the others together."""
    total = sum(abs(line.base) for line in invoice.lines) or 1
    kept = {line.line_no for line in invoice.lines}
    if len(kept) > _MOST_LINES + 1:
        by_size = sorted(invoice.lines, key=lambda line: (-abs(line.base), line.line_no))
        kept = {line.line_no for line in by_size[:_MOST_LINES]}
    rows = [
        _Row(
            line.charge.price.description,
            _told(line, invoice),
            _source(line),
            line.base,
            max(abs(line.base) * room // total, _THIN),
        )
        for line in invoice.lines
        if line.line_no in kept
    ]
    rest = [line.base for line in invoice.lines if line.line_no not in kept]
    if rest:
        size = max(sum(map(abs, rest)) * room // total, _THIN)
        money = _money(sum(rest), invoice)
        rows.append(_Row(f"{len(rest)} more lines", money, "other lines", sum(rest), size))
    return rows


def _tax_rows(invoice: Invoice, room: int) -> list[_Row]:
    total = sum(abs(line.base) for line in invoice.lines) or 1
    return [
        _Row(
            f"{tax.category} {tax.percent} %",
            _money(tax.amount, invoice),
            "tax",
            tax.amount,
            max(abs(tax.amount) * room // total, _THIN),
        )
        for tax in invoice.taxes
        if tax.amount
    ]


def _told(line: InvoiceLine, invoice: Invoice) -> str:
    """What a line comes to, and its net where taxes or discounts are in that."""
    told = f"{_calculation(line)}{_money(line.amount, invoice)}"
    if line.amount == line.base:
        return told
    why = "net, less discounts" if line.discount else "net"
    return f"{told}, {_money(line.base, invoice)} {why}"


def _calculation(line: InvoiceLine) -> str:
    charge = line.charge
    if charge.quantity is None:
        return ""
    quantity = f"{shown(charge.quantity.value)} {charge.quantity.unit}"
    match charge.price.scheme:
        case _ if charge.exchange is not None:
            return f"{quantity} → "
        case PerUnit(unit_amount, "0") if charge.limit is None:
            return f"{quantity} × {unit_amount} = "
        case Percentage(percent) if charge.limit is None:
            return f"{quantity} × {percent} % = "
        case Flat():
            return ""
        case _:
            return f"{quantity} → "


def _source(line: InvoiceLine) -> str:
    quantity = line.charge.quantity
    if quantity is None or is_agreed(quantity):
        return "fixed amounts" if quantity is None else "agreed quantities"
    meters = sorted({part.series.meter for part in quantity.parts})
    subjects = sorted({part.subject for part in quantity.parts})
    where = subjects[0] if len(subjects) == 1 else f"{len(subjects)} subjects"
    name = meters[0] if len(meters) == 1 else f"formula of {len(meters)} meters"
    return f"{name}\n{where}"


def _hue(number: int, source: str) -> str:
    if "\n" not in source:
        return "plain"
    return f"h{number % _HUES}"


def _money(minor: int, invoice: Invoice) -> str:
    return f"{Decimal(minor).scaleb(-invoice.places, EXACT):f} {invoice.currency}"


def _stack(sizes: Sequence[int], rooms: Sequence[int], gap: int) -> list[int]:
    """Tops of bands below one another, each with room above it."""
    tops, at = [], 0
    for size, room in zip(sizes, rooms, strict=True):
        tops.append(at + room)
        at += room + size + gap
    return tops


def _centre(tops: list[int], end: int, height: int) -> None:
    shift = (height - end) // 2
    tops[:] = [top + shift for top in tops]


def _ribbon(levels: Sequence[_Level], row: _Row, hue: str) -> Ribbon:
    """A band that is level where text stands on it and bends from one level to the next."""
    height = row.height
    first, last = levels[0], levels[-1]
    there = [f"M{first.x},{first.y}H{first.until}"]
    back = [f"V{last.y + height}H{last.x}"]
    for left, right in pairwise(levels):
        middle = (left.until + right.x) // 2
        there.append(f"C{middle},{left.y} {middle},{right.y} {right.x},{right.y}H{right.until}")
    for right, left in pairwise(reversed(levels)):
        middle = (left.until + right.x) // 2
        from_y, to_y = right.y + height, left.y + height
        back.append(f"C{middle},{from_y} {middle},{to_y} {left.until},{to_y}H{left.x}")
    return Ribbon("".join((*there, *back, "Z")), hue, f"{row.label} {row.detail}".strip())
