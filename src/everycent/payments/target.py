"""TARGET days: the days on which euro payments are settled between banks.

The Eurosystem's TARGET is closed on Saturdays, Sundays, 1 January, Good Friday, Easter Monday, 1 May,
25 and 26 December, the same every year since 2002 (European Central Bank, decision of 14 December 2000).
"""

from __future__ import annotations

from datetime import date, timedelta

from everycent.catalog.holidays import Holidays, is_holiday

CLOSED = Holidays(key="target", yearly=("01-01", "05-01", "12-25", "12-26"), easter=(-2, 1))
_SATURDAY = 5
_DAY = timedelta(days=1)


def is_target_day(day: date) -> bool:
    """Whether banks settle on the day."""
    return day.weekday() < _SATURDAY and not is_holiday(CLOSED, day)


def on_or_after(day: date) -> date:
    """The day itself, or the next TARGET day."""
    while not is_target_day(day):
        day += _DAY
    return day


def later(day: date, count: int) -> date:
    """The TARGET day that comes `count` (0 or more) TARGET days after the day, itself not counted; with
    0 the day itself or the next one."""
    found = day
    for _ in range(count):
        found = on_or_after(found + _DAY)
    return on_or_after(found)
