"""What is there from one record to the next: units that come and go, and levels weighed by time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any, Protocol

from everycent.recount.belonging import Record
from everycent.recount.clock import MICROSECOND, clock_of, day_of, days_of
from everycent.recount.exact import ZERO


class Span(Protocol):
    """The time that is asked for, the full period of which it is a part, and a clock."""

    @property
    def start(self) -> datetime:
        """When it begins."""

    @property
    def end(self) -> datetime:
        """The first instant after it."""

    @property
    def whole_start(self) -> datetime:
        """When the full period begins."""

    @property
    def whole_end(self) -> datetime:
        """The first instant after the full period."""

    @property
    def zone(self) -> str:
        """Whose days it has."""


def units(
    before: Sequence[Record], inside: Sequence[Record], series: Mapping[str, Any], asked: Span
) -> Fraction:
    """How many units were there, each by the part of the full period that it was."""
    histories: dict[str, list[Record]] = {}
    for record in [*before, *inside]:
        unit = record.dimensions.get(series["distinct"])
        if unit is not None:
            histories.setdefault(unit, []).append(record)
    granularity = series.get("granularity")
    return sum(
        (_part_there(_times_there(h, asked.end), granularity, asked) for h in histories.values()),
        ZERO,
    )


def _times_there(history: Sequence[Record], end: datetime) -> list[tuple[datetime, datetime]]:
    """When a unit was there: from each adding to the next removing."""
    times: list[tuple[datetime, datetime]] = []
    since: datetime | None = None
    for record in history:
        is_removed = record.dimensions.get("operation") == "remove"
        if is_removed and since is not None:
            times.append((since, record.at))
            since = None
        elif not is_removed and since is None:
            since = record.at
    if since is not None:
        times.append((since, end))
    return times


def _part_there(
    times: Sequence[tuple[datetime, datetime]], granularity: str | None, asked: Span
) -> Fraction:
    # What ended just as the span began lies before it; by days the day of removing counts all the same.
    if granularity == "day":
        clock = clock_of(asked.zone)
        days = {
            day
            for begun, ended in times
            if ended >= asked.start
            for day in days_of(max(begun, asked.start), max(ended, begun) + MICROSECOND, clock)
        }
        own = days.intersection(days_of(asked.start, asked.end, clock))
        return Fraction(len(own), len(days_of(asked.whole_start, asked.whole_end, clock)))
    later = [(max(begun, asked.start), ended) for begun, ended in times if ended > asked.start]
    if granularity == "second":
        return _of_whole(sum((ended - begun for begun, ended in later), timedelta()), asked)
    return Fraction(bool(later))


def weighted_sum(
    before: Sequence[Record], inside: Sequence[Record], series: Mapping[str, Any], asked: Span
) -> Fraction:
    """The average over the full period of a level that records change, or set."""
    sets = series.get("level") == "sets"
    level = ZERO
    for record in before:
        level = record.value if sets else level + record.value
    if series["granularity"] == "day":
        return _by_days(level, inside, sets, asked)
    area = ZERO
    moments = [asked.start, *(record.at for record in inside), asked.end]
    for (begun, ended), record in zip(pairwise(moments), inside, strict=False):
        area += level * _of_whole(ended - begun, asked)
        level = record.value if sets else level + record.value
    return area + level * _of_whole(asked.end - moments[-2], asked)


def _by_days(level: Fraction, inside: Sequence[Record], sets: bool, asked: Span) -> Fraction:
    """Every day with the level that it has at its end."""
    clock = clock_of(asked.zone)
    total, rest = ZERO, list(inside)
    for day in days_of(asked.start, asked.end, clock):
        while rest and day_of(rest[0].at, clock) <= day:
            record = rest.pop(0)
            level = record.value if sets else level + record.value
        total += level
    return total / len(days_of(asked.whole_start, asked.whole_end, clock))


def _of_whole(span: timedelta, asked: Span) -> Fraction:
    whole = asked.whole_end - asked.whole_start
    return Fraction(span // MICROSECOND, whole // MICROSECOND)
