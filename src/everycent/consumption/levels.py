"""Levels: what records change or set and what then holds until the next one.

Two aggregations stand on them. A weighted sum is the average of a level over the full period, each
value weighed by the time it held. Units are things that come and go, such as seats. Both are exact
fractions; rounding is the price's affair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from everycent.catalog.meter import Granularity, Level
from everycent.kernel import calendar
from everycent.kernel.period import Period

_MICROSECOND = timedelta(microseconds=1)


class Change(NamedTuple):
    """A record of a level: `unit` is the value of the distinct dimension, '' where there is none."""

    at: datetime
    value: Decimal
    unit: str = ""
    is_removal: bool = False


class Weighing(NamedTuple):
    """The time that is weighed: the part of the full period `whole` that counts, on a clock."""

    period: Period
    whole: Period
    granularity: Granularity
    zone: str

    def weight(self, start: datetime) -> Fraction:
        """What a level that holds from `start` to the end of the period is multiplied with."""
        if self.granularity is Granularity.DAY:
            days = calendar.local_date(self.period.end - _MICROSECOND, self.zone)
            held = (days - calendar.local_date(start, self.zone)).days + 1
            return Fraction(held, self.days())
        held_micros = (self.period.end - start) // _MICROSECOND
        return Fraction(held_micros, (self.whole.end - self.whole.start) // _MICROSECOND)

    def days(self) -> int:
        """Local days of the full period."""
        first = calendar.local_date(self.whole.start, self.zone)
        last = calendar.local_date(self.whole.end - _MICROSECOND, self.zone)
        return (last - first).days + 1


def weighted_sum(
    opening: Decimal, changes: Iterable[Change], weighing: Weighing, level: Level
) -> Fraction:
    """Σ over changes of (change × share of the full period that is left), plus the opening level.

    `changes` come in order of time and lie in the period. With `Level.SETS` a record's value is the
    level from then on. By days, a change counts from its own day on; of several levels that are set
    on one day the last one holds for the day.
    """
    current = Fraction(opening)
    total = current * weighing.weight(weighing.period.start)
    for change in changes:
        step = Fraction(change.value) - (0 if level is Level.CHANGES else current)
        current += step
        total += step * weighing.weight(change.at)
    return total


class Presence(NamedTuple):
    """When a unit was there: from `start` up to `end`, None for units that are there still."""

    start: datetime
    end: datetime | None


def presences(
    opening: Iterable[str], changes: Iterable[Change], period: Period
) -> dict[str, list[Presence]]:
    """The times at which each unit was there in the period. A unit that is added while it is there, or
    removed while it is not, changes nothing."""
    present: dict[str, datetime] = dict.fromkeys(opening, period.start)
    found: dict[str, list[Presence]] = {}
    for change in changes:
        if not change.is_removal:
            present.setdefault(change.unit, change.at)
        elif change.unit in present:
            begun = present.pop(change.unit)
            found.setdefault(change.unit, []).append(Presence(begun, change.at))
    for unit, begun in present.items():
        found.setdefault(unit, []).append(Presence(begun, None))
    return found


def units(
    opening: Iterable[str], changes: Iterable[Change], weighing: Weighing | None, period: Period
) -> tuple[Fraction, int]:
    """How many units there were, and how many different ones.

    Without a weighing each unit that was there at any time counts 1; what went as the period began was
    not there in it. By seconds each counts the share of the full period in which it was there; by days
    each day on which it was there at all, the days of adding and removing included, is one of the days
    of the full period.
    """
    there = presences(opening, changes, period)
    if weighing is None:
        seen = [t for t in there.values() if t[-1].end is None or t[-1].end > period.start]
        return Fraction(len(seen)), len(seen)
    measure = _by_days if weighing.granularity is Granularity.DAY else _by_time
    return sum((measure(times, weighing) for times in there.values()), Fraction(0)), len(there)


def _by_time(times: Sequence[Presence], weighing: Weighing) -> Fraction:
    held = sum(
        ((t.end or weighing.period.end) - t.start for t in times), timedelta()
    )  # presences of one unit never overlap
    return Fraction(
        held // _MICROSECOND, (weighing.whole.end - weighing.whole.start) // _MICROSECOND
    )


def _by_days(times: Sequence[Presence], weighing: Weighing) -> Fraction:
    last = calendar.local_date(weighing.period.end - _MICROSECOND, weighing.zone)
    days: set[date] = set()
    for time in times:
        day = calendar.local_date(time.start, weighing.zone)
        until = last if time.end is None else calendar.local_date(time.end, weighing.zone)
        while day <= min(until, last):
            days.add(day)
            day += timedelta(days=1)
    return Fraction(len(days), weighing.days())


def opening_units(
    states: Iterable[tuple[Mapping[str, str], datetime, bytes]],
    distinct: str,
    removes: Callable[[Mapping[str, str]], bool],
) -> set[str]:
    """The units that are there after the given (dimensions, time, key) of last records: for each unit
    the latest of them says whether it was added or removed."""
    newest: dict[str, tuple[datetime, bytes, bool]] = {}
    for dimensions, at, key in states:
        unit = dimensions.get(distinct)
        if unit is None:
            continue
        said = (at, key, removes(dimensions))
        if unit not in newest or said[:2] > newest[unit][:2]:
            newest[unit] = said
    return {unit for unit, (_, _, is_removal) in newest.items() if not is_removal}


def is_removal(dimensions: Mapping[str, str]) -> bool:
    """Whether a record of UNITS takes its unit away."""
    return dimensions.get("operation") == "remove"
