"""Elapsed time as exact numbers of a unit.

A span's value is the reading of a clock at its end minus the reading at its start, each rounded to
eighteen places where it has more. So the values of spans that follow each other add up to the value of
the whole, to the last digit: three times twenty minutes are one hour.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from everycent.kernel.calendar import local_date, start_of_day
from everycent.kernel.money import EXACT
from everycent.kernel.period import Period
from everycent.kernel.quantity import as_decimal
from everycent.measurements.measurement import TimeUnit
from everycent.metering.record import micros

_DAY = timedelta(days=1)
_MICROS = {TimeUnit.SECONDS: 1_000_000, TimeUnit.MINUTES: 60_000_000, TimeUnit.HOURS: 3_600_000_000}


def elapsed(unit: TimeUnit, part: Period, interval: Period, time_zone: str) -> Decimal:
    """The time in `part` of an `interval`, in units; days are those of `time_zone`."""
    start, end = _readings(unit, part, interval, time_zone)
    return EXACT.subtract(as_decimal(end), as_decimal(start))


def level_over(
    level: Decimal, unit: TimeUnit, part: Period, interval: Period, time_zone: str
) -> Decimal:
    """A level that held for `part`: level × time, rounded to eighteen places where it has more."""
    start, end = _readings(unit, part, interval, time_zone)
    return as_decimal(Fraction(level) * (end - start))


def _readings(
    unit: TimeUnit, part: Period, interval: Period, time_zone: str
) -> tuple[Fraction, Fraction]:
    """What a clock that counts this unit shows at the start and at the end."""
    if unit is TimeUnit.INTERVALS:
        whole = interval.start, interval.end
        return _share(part.start, *whole), _share(part.end, *whole)
    if unit is not TimeUnit.DAYS:
        return Fraction(micros(part.start), _MICROS[unit]), Fraction(
            micros(part.end), _MICROS[unit]
        )
    first, last = _day_of(part.start, time_zone), _day_of(part.end, time_zone)
    left_out = 0  # days that a zone jumped over did not pass
    day = first
    while (day := day + _DAY) < last:
        left_out += start_of_day(day, time_zone) == start_of_day(day + _DAY, time_zone)
    return (
        _of_days(part.start, first, time_zone),
        _of_days(part.end, last, time_zone) - left_out,
    )


def _day_of(at: datetime, time_zone: str) -> date:
    day = local_date(at, time_zone)
    # A clock set back over midnight shows the day before once more.
    while start_of_day(day + _DAY, time_zone) <= at:
        day += _DAY
    return day


def _of_days(at: datetime, day: date, time_zone: str) -> Fraction:
    begin, end = start_of_day(day, time_zone), start_of_day(day + _DAY, time_zone)
    return day.toordinal() + _share(at, begin, end)


def _share(at: datetime, start: datetime, end: datetime) -> Fraction:
    return Fraction(micros(at) - micros(start), micros(end) - micros(start))
