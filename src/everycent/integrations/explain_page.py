"""One self-contained HTML page that explains an invoice: no scripts, nothing fetched from anywhere.

Pictures are inline SVG. Their geometry is worked out here in whole numbers; the template draws it, and
every text passes its escaping.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, Protocol

from everycent.catalog.meter import Aggregation
from everycent.consumption.queries import DayUsage
from everycent.consumption.register import Reading
from everycent.consumption.slots import shown_as
from everycent.integrations.explain_equation import equation
from everycent.integrations.explain_flow import Flow, flow, narrow_flow
from everycent.invoicing.invoice import Invoice, InvoiceLine
from everycent.kernel.calendar import local_date
from everycent.kernel.quantity import plain
from everycent.rating.charge import UsagePart

_TEMPLATES = Path(__file__).with_name("templates")
_LONG_NUMBER = re.compile(r"(?<![\w.])[0-9]{5,}(?![\w])")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ADDITIVE = {Aggregation.SUM, Aggregation.COUNT, Aggregation.UNIQUE}
_TOP = 16
_PLOT = 126
_LABELS = _TOP + _PLOT + 18
_WHOLE = 10_000

Days = Mapping[tuple[int, int], Sequence[DayUsage]]
"""Usage per day by line and part."""


class Branch(Protocol):
    """A node of the explanation; what `explain` gives fits."""

    @property
    def kind(self) -> str:
        """What it is, for programs."""

    @property
    def what(self) -> str:
        """What it is, for people."""

    @property
    def value(self) -> str:
        """The value, or ''."""

    @property
    def detail(self) -> str:
        """A sentence more, or ''."""

    @property
    def facts(self) -> dict[str, str]:
        """Labelled texts."""

    @property
    def children(self) -> Sequence[Branch]:
        """Where the value comes from."""


class Bar(NamedTuple):
    """A rectangle; across in percent of the plot, up and down in pixels."""

    x: str
    width: str
    y: str
    height: str
    kind: str
    title: str


class Mark(NamedTuple):
    """A text, a tick or a dot at a place of the plot."""

    x: str
    y: str
    text: str
    kind: str = ""
    anchor: str = "middle"


class Area(NamedTuple):
    """A stretch of the register's climb: a polygon in ten-thousandths across, pixels down."""

    points: str
    kind: str
    title: str


class Chart(NamedTuple):
    """A picture of the usage behind one part of a line."""

    title: str
    legend: tuple[tuple[str, str], ...]
    note: str
    ticks: tuple[Mark, ...]
    days: tuple[Mark, ...]
    bars: tuple[Bar, ...] = ()
    areas: tuple[Area, ...] = ()
    dots: tuple[Mark, ...] = ()


def page(invoice: Invoice, tree: Branch, usage: Days) -> str:
    """The page for an invoice, or for the one line that `tree` is about."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["grouped"] = grouped
    by_kind: dict[str, list[Branch]] = {}
    for node in tree.children:
        by_kind.setdefault(node.kind, []).append(node)
    shown = {node.facts["line"] for node in by_kind.get("line", [])}
    lines = {str(line.line_no): line for line in invoice.lines if str(line.line_no) in shown}
    flows: tuple[Flow | None, Flow | None] = (None, None)
    if "gross" in by_kind:
        flows = (flow(invoice), narrow_flow(invoice))
    return environment.get_template("explain.html").render(
        tree=tree,
        of=by_kind,
        is_whole="gross" in by_kind,
        flows=flows,
        equations={key: equation(line, invoice) for key, line in lines.items()},
        charts=_once({key: charts(line, invoice, usage) for key, line in lines.items()}),
    )


class Pictures(NamedTuple):
    """The charts of a line; `same_as` is the line whose picture is the very same."""

    charts: tuple[Chart, ...]
    same_as: str = ""


def _once(found: Mapping[str, tuple[Chart, ...]]) -> dict[str, Pictures]:
    """Several prices often stand on the same usage: it is drawn where it comes first."""
    first: dict[tuple[Chart, ...], str] = {}
    return {
        key: Pictures(drawn)
        if not drawn or first.setdefault(drawn, key) == key
        else Pictures((), first[drawn])
        for key, drawn in found.items()
    }


def grouped(text: str) -> str:
    """Numbers from five digits on with thin spaces: '10 169.36'."""
    return _LONG_NUMBER.sub(lambda match: f"{int(match[0]):,}".replace(",", "\u202f"), text)


# --- usage, day by day ---------------------------------------------------------------------------


def charts(line: InvoiceLine, invoice: Invoice, usage: Days) -> tuple[Chart, ...]:
    """A picture for each part of the line's quantity that has anything to show."""
    quantity = line.charge.quantity
    found = []
    for number, part in enumerate(quantity.parts if quantity is not None else (), start=1):
        if part.series.aggregation is Aggregation.COUNTER:
            chart = register_chart(part, invoice.customer.time_zone)
        else:
            chart = day_chart(
                part, usage.get((line.line_no, number), ()), invoice.customer.time_zone
            )
        if chart is not None:
            found.append(chart)
    return tuple(found)


def day_chart(part: UsagePart, usage: Sequence[DayUsage], time_zone: str) -> Chart | None:
    """Bars per local day, the counted band at the bottom; None when there is nothing but zero."""
    own = part.series.band or ""
    if part.series.aggregation not in _ADDITIVE:
        usage = [row for row in usage if row.band == own]
    if not any(row.value for row in usage):
        return None
    first = local_date(part.starts_at, time_zone)
    last = local_date(part.ends_at - timedelta(microseconds=1), time_zone)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    stacks = {day: _stacked(day, usage, own) for day in days}
    edges = [edge for stack in stacks.values() for _, low, high in stack for edge in (low, high)]
    scale = _scale(min(edges), max(edges))
    peak_day = None if part.peak_at is None else local_date(part.peak_at, time_zone)
    slot = _WHOLE // len(days)
    bars = []
    for number, day in enumerate(days):
        for row, low, high in stacks[day]:
            kind = "own" if row.band == own else "other"
            if peak_day is not None:
                kind = "peak" if day == peak_day else "own"
            top = _down(high, scale)
            bars.append(
                Bar(
                    _percent(number * slot + slot * 14 // 100),
                    _percent(slot * 72 // 100),
                    _tenths(top),
                    _tenths(max(_down(low, scale) - top, 4)),
                    kind,
                    f"{_day_text(day)}: {_short(row.value)} {_unit(part)}"
                    + (f" in {row.band}" if row.band else ""),
                )
            )
    return Chart(
        _title(part),
        _legend(part, usage, own),
        _note(part, usage, own),
        _tick_marks(scale),
        tuple(_day_marks(days, slot)),
        tuple(bars),
    )


def _stacked(
    day: date, usage: Sequence[DayUsage], own: str
) -> list[tuple[DayUsage, Decimal, Decimal]]:
    """The day's values with where each begins and ends; what is below zero grows downwards."""
    up = down = Decimal(0)
    found = []
    rows = [row for row in usage if row.day == day]
    for row in sorted(rows, key=lambda row: (row.band != own, row.band)):
        if row.value < 0:
            found.append((row, down + row.value, down))
            down += row.value
        else:
            found.append((row, up, up + row.value))
            up += row.value
    return found


def _title(part: UsagePart) -> str:
    what = {
        Aggregation.COUNT: "Records per day",
        Aggregation.SUM: "Usage per day",
        Aggregation.MIN: "Lowest value of each day",
        Aggregation.MAX: "Highest value of each day",
        Aggregation.LATEST: "Last value of each day",
        Aggregation.UNIQUE: "Records per day",
        Aggregation.COUNTER: "The register",
    }.get(part.series.aggregation)
    if what is None:
        what = f"{shown_as(part.series).what.capitalize()} of each day"
    name = part.input or part.series.meter
    return f"{what}, {name} at {part.subject}, in {_unit(part)}"


def _unit(part: UsagePart) -> str:
    is_counted = part.series.aggregation in (Aggregation.UNIQUE, Aggregation.UNITS)
    return "records" if is_counted else part.series.unit


def _legend(part: UsagePart, usage: Sequence[DayUsage], own: str) -> tuple[tuple[str, str], ...]:
    if part.series.aggregation is Aggregation.PEAK:
        return (("peak", f"the peak that is billed: {part.value} {part.series.unit}"),)
    if part.series.band is None:
        return ()
    others = sorted({row.band for row in usage} - {own})
    found = [("own", f"{own}, counted by this line")]
    if others:
        found.append(("other", f"{', '.join(others)}, not counted by this line"))
    return tuple(found)


def _note(part: UsagePart, usage: Sequence[DayUsage], own: str) -> str:
    """The picture shows the roll-ups as they are today; the bill, as they were when it was made."""
    if part.series.aggregation is not Aggregation.SUM:
        return ""
    today = sum((row.value for row in usage if row.band == own), Decimal(0))
    if today == Decimal(part.total):
        return ""
    return f"Today it adds up to {plain(today)}: records came in after this invoice, unbilled here."


def _day_marks(days: Sequence[date], slot: int) -> Iterator[Mark]:
    is_long = len(days) > 62
    for number, day in enumerate(days):
        shown = day.day == 1 if is_long else number % 7 == 0
        if shown:
            text = str(day.day)
            if number == 0 or is_long or day.day <= 7:
                text = _MONTHS[day.month - 1] if is_long else _day_text(day)
            yield Mark(_percent(number * slot + slot // 2), str(_LABELS), text)


def _day_text(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]}"


# --- a register ----------------------------------------------------------------------------------


def register_chart(part: UsagePart, time_zone: str) -> Chart | None:
    """The climb of the register over its stretches, a dot for each reading, hollow for an estimate."""
    if not part.stretches:
        return None
    start, end = part.stretches[0].opening.at, part.stretches[-1].closing.at
    sums = [Decimal(0)]
    for stretch in part.stretches:
        sums.append(sums[-1] + Decimal(stretch.consumption))
    scale = _scale(min(sums), max(sums))

    def across(at: datetime) -> int:
        return 150 + (at - start) * (_WHOLE - 300) // max(end - start, timedelta(seconds=1))

    areas = []
    readings: dict[tuple[datetime, Decimal], list[Reading]] = {}
    for stretch, (low, high) in zip(part.stretches, pairwise(sums), strict=True):
        left, right = across(stretch.opening.at), across(stretch.closing.at)
        above, below = (_tenths(_down(level, scale)) for level in (high, low))
        floor = _tenths(_down(Decimal(0), scale))
        areas.append(
            Area(
                f"{left},{floor} {left},{below} {right},{above} {right},{floor}",
                "estimate" if stretch.closing.is_estimate or stretch.opening.is_estimate else "own",
                f"{stretch.consumption} {part.series.unit}",
            )
        )
        for reading, level in ((stretch.opening, low), (stretch.closing, high)):
            shown = readings.setdefault((reading.at, level), [])
            if reading not in shown:
                shown.append(reading)
    dots = [
        Mark(
            _percent(across(at)),
            _tenths(_down(level, scale)),
            " → ".join(f"{r.register} {plain(r.value)}".strip() for r in shown),
            "estimate" if any(r.is_estimate for r in shown) else "own",
            "start" if at == start else "end" if at == end else "middle",
        )
        for (at, level), shown in readings.items()
    ]
    marks = tuple(
        Mark(_percent(across(at)), str(_LABELS), _day_text(local_date(at, time_zone)), "", anchor)
        for at, anchor in ((start, "start"), (end, "end"))
    )
    legend = [("own", "between actual readings")]
    if any(area.kind == "estimate" for area in areas):
        legend.append(("estimate", "up to or from an estimate"))
    title = f"Consumption by the readings of {part.series.meter} at {part.subject}, in {part.series.unit}"
    return Chart(title, tuple(legend), "", _tick_marks(scale), marks, (), tuple(areas), tuple(dots))


# --- scales --------------------------------------------------------------------------------------


class _Scale(NamedTuple):
    """What the plot spans from bottom to top, and round numbers in between."""

    low: Decimal
    high: Decimal
    ticks: tuple[Decimal, ...]


def _scale(low: Decimal, high: Decimal) -> _Scale:
    low, high = min(low, Decimal(0)), max(high, Decimal(0))
    if low == high:
        high = Decimal(1)
    rough = (high - low) / 4
    power = Decimal(1).scaleb(rough.adjusted())
    factors = (Decimal(n) for n in ("1", "2", "2.5", "5", "10"))
    step = next(power * factor for factor in factors if power * factor >= rough)
    first, last = (int((edge / step).to_integral_value(ROUND_DOWN)) for edge in (low, high))
    return _Scale(low, high, tuple(step * n for n in range(first, last + 1)))


def _down(value: Decimal, scale: _Scale) -> int:
    """How far below the top of the picture a value lies, in tenths of a pixel."""
    span = Fraction(scale.high) - Fraction(scale.low)
    return int((Fraction(scale.high) - Fraction(value)) * _PLOT * 10 / span) + _TOP * 10


def _tick_marks(scale: _Scale) -> tuple[Mark, ...]:
    return tuple(Mark("0", _tenths(_down(tick, scale)), _short(tick)) for tick in scale.ticks)


def _short(value: Decimal) -> str:
    """At most six significant digits: for axes and hints, never for amounts."""
    digits = max(0, 5 - value.adjusted()) if value else 0
    return grouped(plain(round(value, min(digits, 12))))


def _tenths(tenths: int) -> str:
    return f"{tenths // 10}.{tenths % 10}"


def _percent(hundredths: int) -> str:
    return f"{hundredths // 100}.{hundredths % 100:02d}%"
