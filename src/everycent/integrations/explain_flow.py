"""The flow of an invoice's money as a picture: meters → lines → net and taxes → gross.

Bands are as high as their amounts. Whole pixels of the picture's own grid; what is too thin to be
seen is drawn two pixels high.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from everycent.catalog.price import Flat, Graduated, Package, PerUnit, Volume
from everycent.invoicing.invoice import Invoice, InvoiceLine
from everycent.kernel.money import EXACT

_MOST_LINES = 12
_THIN = 2
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


def flow(invoice: Invoice) -> Flow | None:
    """For wide screens: four columns. None when nothing is owed."""
    rows = _rows(invoice, 300)
    if not rows or invoice.gross <= 0:
        return None
    sources = list(dict.fromkeys(row.source for row in rows))
    hues = {source: _hue(n, source) for n, source in enumerate(sources)}
    taxes = _tax_rows(invoice, 300)
    net = sum(row.height for row in rows)
    tops = _stack([max(row.height, 36) for row in rows], 10)
    height = max(tops[-1] + max(rows[-1].height, 36), net + sum(t.height for t in taxes) + 90) + 16
    tops = [top + (height - tops[-1] - max(rows[-1].height, 36)) // 2 for top in tops]
    heights = [sum(row.height for row in rows if row.source == source) for source in sources]
    source_tops = _stack([max(h, 36) for h in heights], 22)
    shift = (height - source_tops[-1] - max(heights[-1], 36)) // 2
    boxes: list[Box] = []
    ribbons: list[Ribbon] = []
    used = dict.fromkeys(sources, 0)
    net_top = (height - net - sum(t.height for t in taxes) - 60) // 2
    at_net = net_top
    for source, top, size in zip(sources, source_tops, heights, strict=True):
        name, _, where = source.partition("\n")
        boxes.append(
            Box(0, top + shift, size, hues[source], 20, top + shift + min(size // 2, 40), "start",
                name, where)
        )  # fmt: skip
    for row, top in zip(rows, tops, strict=True):
        hue = hues[row.source]
        number = sources.index(row.source)
        left = source_tops[number] + shift + used[row.source]
        used[row.source] += row.height
        middle = top + (max(row.height, 36) - row.height) // 2
        ribbons.append(_ribbon(10, left, 330, middle, row, hue))
        ribbons.append(_ribbon(340, middle, 800, at_net, row, hue))
        at_net += row.height
        boxes.append(
            Box(330, middle, row.height, hue, 350, middle + row.height // 2, "start", row.label,
                row.detail)
        )  # fmt: skip
    boxes.append(
        Box(800, net_top, net, "net", 820, net_top + net // 2, "start", "Net",
            _money(invoice.net, invoice))
    )  # fmt: skip
    gross = net + sum(tax.height for tax in taxes)
    gross_top = (height - gross) // 2
    net_row = _Row("Net", "", "", invoice.net, net)
    ribbons.append(_ribbon(810, net_top, 1030, gross_top, net_row, "net"))
    below, at_gross = net_top + net + 44, gross_top + net
    for tax in taxes:
        boxes.append(
            Box(800, below, tax.height, "tax", 820, below + tax.height // 2, "start", tax.label,
                tax.detail)
        )  # fmt: skip
        ribbons.append(_ribbon(810, below, 1030, at_gross, tax, "tax"))
        below, at_gross = below + max(tax.height, 34) + 10, at_gross + tax.height
    boxes.append(
        Box(1030, gross_top, gross, "gross", 1018, gross_top + gross // 2, "end", "Gross",
            _money(invoice.gross, invoice))
    )  # fmt: skip
    return Flow(1040, max(height, below), tuple(boxes), tuple(ribbons))


def narrow_flow(invoice: Invoice) -> Flow | None:
    """For telephones: lines and taxes on the left, gross on the right."""
    rows = [*_rows(invoice, 240), *_tax_rows(invoice, 240)]
    if not rows or invoice.gross <= 0:
        return None
    sources = list(dict.fromkeys(row.source for row in rows))
    pitch = [max(row.height, 40) for row in rows]
    tops = _stack(pitch, 8)
    height = tops[-1] + pitch[-1] + 8
    gross = sum(row.height for row in rows)
    at_gross = gross_top = (height - gross) // 2
    boxes: list[Box] = []
    ribbons: list[Ribbon] = []
    for row, top, room in zip(rows, tops, pitch, strict=True):
        hue = "tax" if row.source == "tax" else _hue(sources.index(row.source), row.source)
        middle = top + (room - row.height) // 2
        ribbons.append(_ribbon(8, middle, 352, at_gross, row, hue))
        boxes.append(
            Box(0, middle, row.height, hue, 16, middle + row.height // 2, "start", row.label,
                row.detail)
        )  # fmt: skip
        at_gross += row.height
    boxes.append(Box(350, gross_top, gross, "gross", 350, height, "end", "", ""))
    return Flow(360, height, tuple(boxes), tuple(ribbons))


def _rows(invoice: Invoice, room: int) -> list[_Row]:
    """The lines in their order; of many only the largest, and the others together."""
    total = sum(abs(line.charge.net) for line in invoice.lines) or 1
    kept = {line.line_no for line in invoice.lines}
    if len(kept) > _MOST_LINES + 1:
        by_size = sorted(invoice.lines, key=lambda line: (-abs(line.charge.net), line.line_no))
        kept = {line.line_no for line in by_size[:_MOST_LINES]}
    rows = [
        _Row(
            line.charge.price.description,
            f"{_calculation(line, invoice)}{_money(line.charge.net, invoice)}",
            _source(line),
            line.charge.net,
            max(abs(line.charge.net) * room // total, _THIN),
        )
        for line in invoice.lines
        if line.line_no in kept
    ]
    rest = [line.charge.net for line in invoice.lines if line.line_no not in kept]
    if rest:
        size = max(sum(map(abs, rest)) * room // total, _THIN)
        money = _money(sum(rest), invoice)
        rows.append(_Row(f"{len(rest)} more lines", money, "other lines", sum(rest), size))
    return rows


def _tax_rows(invoice: Invoice, room: int) -> list[_Row]:
    total = sum(abs(line.charge.net) for line in invoice.lines) or 1
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


def _calculation(line: InvoiceLine, invoice: Invoice) -> str:
    charge = line.charge
    if charge.quantity is None:
        return ""
    quantity = f"{charge.quantity.value} {charge.quantity.unit}"
    match charge.price.scheme:
        case PerUnit(unit_amount):
            return f"{quantity} × {unit_amount} = "
        case Graduated() | Volume() | Package():
            return f"{quantity} → "
        case Flat():
            return ""


def _source(line: InvoiceLine) -> str:
    quantity = line.charge.quantity
    if quantity is None:
        return "fixed amounts"
    meters = sorted({part.meter for part in quantity.parts})
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


def _stack(sizes: Sequence[int], gap: int) -> list[int]:
    tops, at = [], 0
    for size in sizes:
        tops.append(at)
        at += size + gap
    return tops


def _ribbon(x1: int, y1: int, x2: int, y2: int, row: _Row, hue: str) -> Ribbon:
    middle = (x1 + x2) // 2
    h = row.height
    path = (
        f"M{x1},{y1}C{middle},{y1} {middle},{y2} {x2},{y2}"
        f"V{y2 + h}C{middle},{y2 + h} {middle},{y1 + h} {x1},{y1 + h}Z"
    )
    return Ribbon(path, hue, f"{row.label} {row.detail}".strip())
