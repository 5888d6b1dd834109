"""Proration: which part of a full period a stretch of time is, under the policies of a plan.

Everything is exact: whole units of time (milliseconds to local days) of whole units. The formulas
with examples are in docs/proration.md; where the policies come from is told there too.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from enum import Enum
from fractions import Fraction
from typing import NamedTuple

from everycent.catalog.proration import (
    DEFAULT,
    ChangeDay,
    DayCount,
    Denominator,
    EndDay,
    Proration,
    Unit,
)
from everycent.kernel.calendar import (
    Cycle,
    add_months,
    local_date,
    start_of_day,
)
from everycent.kernel.period import Period

_INSTANT = timedelta(microseconds=1)
_DAY = timedelta(days=1)
_UNITS = {
    Unit.MILLISECOND: timedelta(milliseconds=1),
    Unit.SECOND: timedelta(seconds=1),
    Unit.MINUTE: timedelta(minutes=1),
}
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MONTHS = 12
_WEEK = 7
_THIRTY = 30


class Edge(Enum):
    """What brings a stretch of time about, or ends it."""

    BOUNDARY = 0
    """A boundary of the billing period."""
    CHANGE = 1
    """Another phase of the same contract is on the other side."""
    END = 2
    """The contract, or a part of it between pauses, begins or ends here."""


class Part(NamedTuple):
    """A stretch of time within a billing period, and what is on its sides."""

    period: Period
    starts: Edge = Edge.END
    ends: Edge = Edge.END


class Counted(NamedTuple):
    """So many units of time out of so many."""

    units: int
    whole: int

    @property
    def share(self) -> Fraction:
        """The part of a full period."""
        return Fraction(self.units, self.whole)


WHOLE = Counted(1, 1)


def share(part: Part, cycle: Cycle, rule: Proration = DEFAULT) -> Fraction:
    """The part of a full period that is paid for, 0 to 1. The part lies in one period of the cycle."""
    return counted(part, cycle, rule).share


def counted(part: Part, cycle: Cycle, rule: Proration = DEFAULT) -> Counted:
    """The same in units of time, as it is printed."""
    number = cycle.index(local_date(part.period.start, cycle.zone))
    full = cycle.period(number)
    if part.period == full or rule.unit is Unit.NONE:
        return WHOLE
    first, last = cycle.boundary(number), cycle.boundary(number + 1)
    if rule.unit is Unit.DAY:
        begins, ends = _days(part, full, (first, last), cycle.zone, rule)
    else:
        begins, ends = part.period
    span = (first, last)
    if part.period.start != full.start and part.starts is Edge.END:
        span = _span(local_date(part.period.start, cycle.zone), span, cycle, rule)
    whole = _whole(span, cycle, rule)
    if rule.complement and part.period.end == full.end:
        units = whole - _factor(cycle, rule) * _between(first, begins, cycle.zone, rule)
    else:
        units = _factor(cycle, rule) * _between(begins, ends, cycle.zone, rule)
    return Counted(min(max(units, 0), whole), whole)


def ended_at(day: date, rule: Proration, zone: str) -> datetime:
    """The instant at which a contract ends that is ended on a local day: when the day begins, or where it
    is billed, when it has passed."""
    last = day + _DAY if rule.end_day is EndDay.BILLED else day
    return start_of_day(last, zone)


def _days(
    part: Part, full: Period, span: tuple[date, date], zone: str, rule: Proration
) -> tuple[date, date]:
    """The first local day that is billed, and the first that no longer is."""
    start, end = part.period
    # The boundaries' own dates: where a zone left a day out, the first instant is the next day's.
    begins = span[0] if start == full.start else local_date(start, zone)
    ends = span[1] if end == full.end else local_date(end, zone)
    if part.starts is Edge.CHANGE and rule.change_day is ChangeDay.OLD:
        begins = _begun(start, zone)
    if end == full.end:
        return begins, ends
    if part.ends is Edge.CHANGE and rule.change_day is ChangeDay.OLD:
        ends = _begun(end, zone)
    elif part.ends is Edge.CHANGE and rule.change_day is ChangeDay.BOTH:
        ends += _DAY
    elif part.ends is Edge.END and rule.end_day is EndDay.BILLED:
        ends = _begun(end, zone)
    return begins, ends


def _begun(at: datetime, zone: str) -> date:
    """The first local day that begins at an instant or after it."""
    return local_date(at - _INSTANT, zone) + _DAY


def _span(day: date, span: tuple[date, date], cycle: Cycle, rule: Proration) -> tuple[date, date]:
    """What a part that begins on a day is a part of, in days."""
    months, days = cycle.interval
    match rule.denominator:
        case Denominator.CALENDAR if months and _MONTHS % months == 0:
            first = date(day.year, (day.month - 1) // months * months + 1, 1)
            return first, add_months(first, months)
        case Denominator.CALENDAR if days == _WEEK:
            first = day - timedelta(days=day.weekday())
            return first, first + timedelta(days=days)
        case Denominator.PLAN:
            return day, add_months(day, months) if months else day + timedelta(days=days)
        case _:
            return span


def _whole(span: tuple[date, date], cycle: Cycle, rule: Proration) -> int:
    """The units of time in a full period."""
    months = cycle.interval.months
    if rule.day_count is DayCount.THIRTY and months:
        return _THIRTY * months * _units_a_day(rule)
    if rule.day_count is DayCount.YEAR and months:
        year = add_months(span[0], _MONTHS) - span[0]
        return year.days * months * _units_a_day(rule)
    if rule.unit is Unit.DAY:
        return _between(*span, cycle.zone, rule)
    first, last = (start_of_day(day, cycle.zone) for day in span)
    return _between(first, last, cycle.zone, rule)


def _factor(cycle: Cycle, rule: Proration) -> int:
    """Parts of a year are twelfths of its months."""
    return _MONTHS if rule.day_count is DayCount.YEAR and cycle.interval.months else 1


def _units_a_day(rule: Proration) -> int:
    return 1 if rule.unit is Unit.DAY else _DAY // _UNITS[rule.unit]


def _between(begins: date, ends: date, zone: str, rule: Proration) -> int:
    """The units of time from one day, or instant, to another. A unit belongs to where it begins."""
    if rule.unit is Unit.DAY:
        if rule.day_count is DayCount.THIRTY_360:
            return _thirty_days(ends) - _thirty_days(begins)
        return (ends - begins).days
    first, last = (
        each if isinstance(each, datetime) else start_of_day(each, zone) for each in (begins, ends)
    )
    unit = _UNITS[rule.unit]
    return (last - _EPOCH) // unit - (first - _EPOCH) // unit


def _thirty_days(day: date) -> int:
    """The number of a day in a calendar whose months all have 30 (30E/360, ISDA 2006 section 4.16(g))."""
    return 360 * day.year + 30 * day.month + min(day.day, 30)
