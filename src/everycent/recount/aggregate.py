"""The thirteen aggregations, each by looking at every raw record: docs/aggregations.md, to the letter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, NamedTuple

from everycent.recount.belonging import Record, belonging
from everycent.recount.clock import DAY, clock_of, day_of, start_of
from everycent.recount.exact import ZERO, CannotRecountError, carried, ceiling, total
from everycent.recount.levels import units, weighted_sum
from everycent.recount.register import Consumed, Reading, consumed, opening_of, reading_of

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_FINE = timedelta(minutes=15)
_CUT = 10**18


class Asked(NamedTuple):
    """A span of time, the full period of which it is a part, a clock, and when the contract began."""

    start: datetime
    end: datetime
    whole_start: datetime
    whole_end: datetime
    zone: str = "UTC"
    since: datetime | None = None


class Answer(NamedTuple):
    """The value, the records that made it, and what a register showed."""

    value: Fraction
    records: list[Record]
    consumed: Consumed | None = None


def answer(
    records: Sequence[Record],
    series: Mapping[str, Any],
    asked: Asked,
    billed: Reading | None = None,
) -> Answer:
    """What a series comes to, from all records of its subject and meter up to the end of the span, in the
    order in which they count.

    A register stands on the reading `billed` last, if there is one.
    """
    kind = series["aggregation"]
    known = belonging(records, series)
    if kind == "counter":
        return _counter(known, series, asked, billed)
    inside = [r for r in known if asked.start <= r.at < asked.end]
    before = [r for r in known if r.at < asked.start]
    values = [r.value for r in inside]
    value = ZERO
    if kind in SIMPLE:
        value = SIMPLE[kind](values) if values else ZERO
    elif kind == "unique":
        named = series["distinct"]
        value = Fraction(len({r.dimensions[named] for r in inside if named in r.dimensions}))
    elif kind == "units":
        value = units(before, inside, series, asked)
    elif kind == "weighted_sum":
        value = weighted_sum(before if series.get("carries", True) else [], inside, series, asked)
    elif kind == "windowed":
        windows = _windows(inside, series, asked.zone)
        value = SIMPLE[series["then"]](windows) if windows else ZERO
    elif kind == "percentile":
        ranked = values
        if series.get("window_minutes") is not None:
            ranked = _windows(inside, series, asked.zone)
        value = _percentile(ranked, Fraction(series["percentile"]))
    elif kind == "peak":
        windows = _windows(inside, {**series, "each": "sum"}, asked.zone)
        value = carried(max(windows, default=ZERO) * 60 / series["window_minutes"])
    else:
        raise CannotRecountError(f"the aggregation {kind!r} is not known")
    return Answer(value, inside)


def _average(values: Sequence[Fraction]) -> Fraction:
    return total(values) / len(values)


SIMPLE: dict[str, Callable[[Sequence[Fraction]], Fraction]] = {
    "count": lambda values: Fraction(len(values)),
    "sum": total,
    "min": min,
    "max": max,
    "average": _average,
    "latest": lambda values: values[-1],
}
"""What makes one number of some, in order of time; there is at least one."""


def _windows(records: Sequence[Record], series: Mapping[str, Any], zone: str) -> list[Fraction]:
    """What each window with a record becomes, in order of time; averages are cut to 18 decimals."""
    bands = series.get("bands")
    clock = clock_of(zone if bands is None else bands["time_zone"])
    windows: dict[object, list[Fraction]] = {}
    midnight, after = _EPOCH, _EPOCH
    for record in records:
        if not midnight <= record.at < after:
            day = day_of(record.at, clock)
            midnight, after = start_of(day, clock), start_of(day + DAY, clock)
        name = _window_of(record.at, series, midnight, after)
        windows.setdefault(name, []).append(record.value)
    each = series["each"]
    found = [SIMPLE[each](values) for values in windows.values()]
    return [Fraction(int(value * _CUT), _CUT) for value in found] if each == "average" else found


def _window_of(
    at: datetime, series: Mapping[str, Any], midnight: datetime, after: datetime
) -> object:
    width = timedelta(minutes=series["window_minutes"])
    if width < _FINE:
        return (at - _EPOCH) // width
    number = (at - midnight) // width
    if series["aggregation"] != "peak":
        # A rest of the day that is shorter than a window belongs to the last one, but only when the
        # day is longer than others.
        number = min(number, max(DAY // width, (after - midnight) // width) - 1)
    return midnight, number


def _percentile(values: Sequence[Fraction], percent: Fraction) -> Fraction:
    return sorted(values)[ceiling(percent * len(values) / 100) - 1] if values else ZERO


def _counter(
    known: Sequence[Record], series: Mapping[str, Any], asked: Asked, billed: Reading | None
) -> Answer:
    inside = [r for r in known if asked.start < r.at <= asked.end]
    opening = billed
    if opening is None:
        opening = opening_of(known, asked.since or asked.start, asked.start)
    told = consumed([reading_of(r) for r in inside], opening, series.get("digits"))
    return Answer(told.used, inside, told)
