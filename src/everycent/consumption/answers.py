"""From what the statements found to the usage of a request: windows, percentiles and levels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from typing import NamedTuple

from everycent.catalog.meter import Aggregation, Level, Series
from everycent.consumption import levels
from everycent.consumption.levels import Change, Weighing
from everycent.consumption.usage import QUARTER_MINUTES, Request, Usage
from everycent.kernel.money import EXACT
from everycent.kernel.quantity import as_decimal


class Counted(NamedTuple):
    """Windows or single records: how many there are, their sum, the lowest, the highest and
    when that was, and the one at the wanted rank."""

    number: int
    total: Decimal
    low: Decimal
    high: Decimal
    high_at: datetime
    ranked: Decimal | None


class Group(NamedTuple):
    """The records of a request that have one value of a dimension ('' for none)."""

    value: str
    records: int
    total: Decimal
    low: Decimal
    high: Decimal
    latest: Decimal


class Standing(NamedTuple):
    """The records of one set of dimensions before a period: their sum, and the last of them."""

    dimensions: Mapping[str, str]
    total: Decimal
    at: datetime
    value: Decimal
    key: bytes


class Said(NamedTuple):
    """A record of a level in the period."""

    at: datetime
    value: Decimal
    dimensions: Mapping[str, str]


def with_counted(usage: Usage, series: Series, counted: Counted) -> Usage:
    """The usage with what its windows or samples give."""
    if series.aggregation is Aggregation.PEAK:
        return usage._replace(peak=counted.high, peak_at=counted.high_at, counted=counted.number)
    if series.aggregation is Aggregation.PERCENTILE:
        return usage._replace(value=Fraction(counted.ranked or 0), counted=counted.number)
    value = {
        Aggregation.SUM: Fraction(counted.total),
        Aggregation.MIN: Fraction(counted.low),
        Aggregation.MAX: Fraction(counted.high),
        Aggregation.AVERAGE: Fraction(counted.total) / counted.number,
    }[series.then or Aggregation.SUM]
    at = counted.high_at if series.then is Aggregation.MAX else None
    return usage._replace(value=value, counted=counted.number, peak_at=at)


def with_level(
    usage: Usage, request: Request, before: Sequence[Standing], said: Iterable[Said]
) -> Usage:
    """The usage with what its level gives: a weighted sum, or units."""
    series, period = request.series, request.period
    weighing = None
    if series.granularity is not None:
        weighing = Weighing(period, request.whole or period, series.granularity, request.zone)
    if series.aggregation is Aggregation.UNITS:
        distinct = series.distinct or ""
        there = levels.opening_units(
            ((s.dimensions, s.at, s.key) for s in before), distinct, levels.is_removal
        )
        changes = [
            Change(s.at, s.value, s.dimensions[distinct], levels.is_removal(s.dimensions))
            for s in said
            if distinct in s.dimensions
        ]
        value, count = levels.units(there, changes, weighing, period)
        return usage._replace(value=value, counted=count, opening_level=Decimal(len(there)))
    assert weighing is not None, "the catalogue gives every weighted sum a granularity"
    opening = _opening(before, series)
    changes = [Change(s.at, s.value) for s in said]
    value = levels.weighted_sum(opening, changes, weighing, series.level or Level.CHANGES)
    return usage._replace(value=value, counted=len(changes), opening_level=opening)


def _opening(before: Sequence[Standing], series: Series) -> Decimal:
    if not before:
        return Decimal(0)
    if series.level is Level.SETS:
        return max(before, key=lambda standing: (standing.at, standing.key)).value
    return reduce(EXACT.add, (standing.total for standing in before), Decimal(0))


def of_records(series: Series, group: Group) -> Decimal:
    """What a group of records comes to by itself, for series that have no windows and no levels."""
    value: Decimal
    match series.aggregation:
        case Aggregation.COUNT:
            value = Decimal(group.records)
        case Aggregation.MIN:
            value = group.low
        case Aggregation.MAX:
            value = group.high
        case Aggregation.LATEST:
            value = group.latest
        case Aggregation.AVERAGE:
            value = as_decimal(Fraction(group.total) / group.records)
        case _:
            value = group.total
    return value


def of_samples(series: Series, usage: Usage) -> Decimal | None:
    """What windows or samples come to, None where there are none."""
    if not usage.counted:
        return None
    if usage.peak is not None:
        return as_decimal(Fraction(usage.peak) * 60 / (series.window_minutes or QUARTER_MINUTES))
    return as_decimal(usage.value or Fraction(0))
