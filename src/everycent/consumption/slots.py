"""Usage over time as a chart wants it: hours, days or months on a clock, and a value for each.

Pure: what roll-ups hold in each slot comes in, and goes out by name of the dimension's value, the
largest apart and the rest together, so that every record is in exactly one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import reduce
from itertools import pairwise
from typing import NamedTuple

import msgspec

from everycent.catalog.meter import Aggregation, Level, Series
from everycent.consumption.requests import edge_of
from everycent.consumption.usage import QUARTER_MINUTES, Request
from everycent.kernel import calendar
from everycent.kernel.errors import Invalid
from everycent.kernel.money import EXACT
from everycent.kernel.period import Period

MOST_SLOTS = 2000
TOP = 8
_QUARTER = timedelta(minutes=QUARTER_MINUTES)
_DAY = timedelta(days=1)


class By(StrEnum):
    """How long a slot is, on the clock of a zone."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


class Kind(StrEnum):
    """What a row of values stands for: all records, those with one value of the dimension, those
    without the dimension, or those with any of the smaller values."""

    ALL = "all"
    VALUE = "value"
    NONE = "none"
    OTHER = "other"


class Held(NamedTuple):
    """What a slot holds of one value of the dimension ('' for none)."""

    number: int
    name: str
    value: Decimal


class Row(NamedTuple):
    """One value of the dimension over all slots; None where there are no records."""

    kind: Kind
    name: str
    values: tuple[Decimal | None, ...]


class Chart(NamedTuple):
    """A picture as numbers. `what` is shown of the meter, in `unit`; `adds_up` says whether slots and
    rows may be added."""

    subject: str
    meter: str
    what: str
    unit: str
    adds_up: bool
    by: By
    time_zone: str
    dimension: str | None
    slots: tuple[Period, ...]
    rows: tuple[Row, ...]


def slots_of(by: By, start: datetime, end: datetime, zone: str) -> tuple[Period, ...]:
    """The hours, days or months on the clock of `zone` that touch [start, end), in order.

    Where the clock is put back an hour comes twice, and a day has as many hours as it has. Raises
    Invalid `chart.empty`, `chart.too_many_slots`.
    """
    if end <= start:
        raise Invalid("chart.empty", "a chart must end after it begins", field="to")
    next_edge = _NEXT[by]
    edges = [_first_edge(by, start, zone)]
    while edges[-1] < end:
        edges.append(next_edge(edges[-1], zone))
        if len(edges) > MOST_SLOTS + 1:
            raise Invalid(
                "chart.too_many_slots",
                f"there are more than {MOST_SLOTS} {by.value}s from the first to the last",
                field="by",
                value=by.value,
                hint="show a shorter time, or longer slots",
            )
    return tuple(Period(*pair) for pair in pairwise(edges))


def _first_edge(by: By, start: datetime, zone: str) -> datetime:
    day = calendar.local_date(start, zone)
    if by is By.MONTH:
        day = day.replace(day=1)
    edge = calendar.start_of_day(day, zone)
    if by is By.HOUR:
        while (after := _next_hour(edge, zone)) <= start:
            edge = after
    return edge


def _next_hour(edge: datetime, zone: str) -> datetime:
    """The next instant at which the clock shows a full hour, or is put on or back."""
    clock = calendar.zone(zone)
    offset = edge.astimezone(clock).utcoffset()
    at = edge + _QUARTER
    while (local := at.astimezone(clock)).minute and local.utcoffset() == offset:
        at += _QUARTER
    return at


def _next_day(edge: datetime, zone: str) -> datetime:
    return calendar.start_of_day(calendar.local_date(edge, zone) + _DAY, zone)


def _next_month(edge: datetime, zone: str) -> datetime:
    first = calendar.local_date(edge, zone).replace(day=1)
    return calendar.start_of_day(calendar.add_months(first, 1), zone)


_NEXT: Mapping[By, Callable[[datetime, str], datetime]] = {
    By.HOUR: _next_hour,
    By.DAY: _next_day,
    By.MONTH: _next_month,
}


class Shown(NamedTuple):
    """How a series is shown: as which, what that is in words, in which unit; `adds_up` says whether its
    slots do."""

    series: Series
    what: str
    unit: str
    adds_up: bool = False

    @property
    def splits(self) -> bool:
        """Whether the values of a dimension add up to it."""
        return self.series.aggregation in (Aggregation.SUM, Aggregation.COUNT)


def shown_as(series: Series) -> Shown:
    """What a slot shows of a series: what can be said of a part of a period by itself. What counts by
    windows or by rank is worked out slot by slot as a bill would."""
    unit = series.unit
    match series.aggregation:
        case Aggregation.COUNT | Aggregation.UNIQUE | Aggregation.UNITS:
            counted = _as(series, Aggregation.COUNT)
            return Shown(counted, "number of records", "records", adds_up=True)
        case Aggregation.MIN:
            return Shown(series, "lowest value", unit)
        case Aggregation.MAX:
            return Shown(series, "highest value", unit)
        case Aggregation.LATEST:
            return Shown(series, "last value", unit)
        case Aggregation.COUNTER:
            return Shown(_as(series, Aggregation.LATEST), "last reading", unit)
        case Aggregation.AVERAGE:
            return Shown(series, "average value", unit)
        case Aggregation.PERCENTILE:
            return Shown(series, f"percentile {series.percentile}", unit)
        case Aggregation.PEAK:
            return Shown(series, f"highest {series.window_minutes}-minute average", unit)
        case Aggregation.WINDOWED if not _is_sum_of_sums(series):
            then = series.then or Aggregation.SUM
            what = f"{_THEN[then]} of {series.window_minutes}-minute windows"
            return Shown(series, what, unit, adds_up=then is Aggregation.SUM)
        case Aggregation.WEIGHTED_SUM if series.level is Level.SETS:
            return Shown(_as(series, Aggregation.LATEST), "last level", unit)
        case _:
            return Shown(_as(series, Aggregation.SUM), "sum of values", unit, adds_up=True)


_THEN = {
    Aggregation.SUM: "sum",
    Aggregation.MIN: "lowest",
    Aggregation.MAX: "highest",
    Aggregation.AVERAGE: "average",
}


def _is_sum_of_sums(series: Series) -> bool:
    """Whether its windows say no more than their records, so that these may be split."""
    return series.each is Aggregation.SUM and series.then in (None, Aggregation.SUM)


def _as(series: Series, aggregation: Aggregation) -> Series:
    """The same records of days, added up in another way."""
    return msgspec.structs.replace(
        series, aggregation=aggregation, distinct=None, digits=None, granularity=None, level=None,
        carries=True, window_minutes=None, each=None, then=None, percentile=None,
    )  # fmt: skip


def requests_of(
    subject: str, series: Series, slots: Sequence[Period], zone: str
) -> list[tuple[int, Request]]:
    """What is asked for each numbered slot, windows cut on the clock `zone` of whoever is billed. A
    window belongs whole to the slot in which it begins, and where none begins there is nothing to ask;
    the first and the last slot cut windows off, as a billing period does."""
    last = slots[-1].end
    edges = [min(edge_of(series, slot.start, zone), last) for slot in slots[1:]]
    spans = pairwise([slots[0].start, *edges, last])
    return [
        (number, Request(subject, series, Period(*span), zone=zone))
        for number, span in enumerate(spans)
        if span[0] < span[1]
    ]


def charted(
    subject: str,
    meter: str,
    shown: Shown,
    by: By,
    zone: str,
    dimension: str | None,
    slots: Sequence[Period],
    held: Iterable[Held],
) -> Chart:
    """The chart of what the slots hold. With a dimension the largest of its values have a row each, by
    what they come to over all slots; records without it have one, and all the others one together."""
    by_name: dict[str, dict[int, Decimal]] = {}
    for one in held:
        by_name.setdefault(one.name, {})[one.number] = one.value
    rows = []
    if dimension is None:
        if by_name:
            rows.append(_row(Kind.ALL, "", [by_name[""]], slots))
    else:
        without = by_name.pop("", None)
        ordered = sorted(by_name, key=lambda name: (-_size(by_name[name]), name))
        rows.extend(_row(Kind.VALUE, name, [by_name[name]], slots) for name in ordered[:TOP])
        if ordered[TOP:]:
            rows.append(_row(Kind.OTHER, "", [by_name[name] for name in ordered[TOP:]], slots))
        if without is not None:
            rows.append(_row(Kind.NONE, "", [without], slots))
    return Chart(
        subject, meter, shown.what, shown.unit, shown.adds_up, by, zone, dimension, tuple(slots),
        tuple(rows),
    )  # fmt: skip


def _size(values: Mapping[int, Decimal]) -> Decimal:
    return reduce(EXACT.add, (abs(value) for value in values.values()), Decimal(0))


def _row(
    kind: Kind, name: str, parts: Sequence[Mapping[int, Decimal]], slots: Sequence[Period]
) -> Row:
    values = []
    for number in range(len(slots)):
        there = [part[number] for part in parts if number in part]
        values.append(reduce(EXACT.add, there) if there else None)
    return Row(kind, name, tuple(values))


def total_of(chart: Chart) -> Decimal | None:
    """What all of it adds up to, None where that means nothing."""
    if not chart.adds_up:
        return None
    values = (value for row in chart.rows for value in row.values if value is not None)
    return reduce(EXACT.add, values, Decimal(0))


def label(chart: Chart, slot: Period) -> str:
    """A slot's name on its clock: '2026-03', '2026-03-29', '2026-03-29T03:00+02:00'."""
    local = slot.start.astimezone(calendar.zone(chart.time_zone))
    if chart.by is By.MONTH:
        return f"{local:%Y-%m}"
    if chart.by is By.DAY:
        return local.date().isoformat()
    return local.isoformat(timespec="minutes")


def name_of(row: Row, dimension: str | None) -> str:
    """A row's name for people."""
    names = {Kind.ALL: "all records", Kind.OTHER: "all others", Kind.NONE: f"no {dimension}"}
    return names.get(row.kind, row.name)
