"""Holiday calendars: which days a tariff treats as holidays, told once for all years."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

import msgspec

FIRST_EASTER_DAY = -80
LAST_EASTER_DAY = 250
"""Days from Easter Sunday that stay in Easter's own year, whenever Easter is (22 March to 25 April)."""


class Holidays(msgspec.Struct, frozen=True, omit_defaults=True, cache_hash=True):
    """A holiday calendar: single `dates`, days of every year as `MM-DD` (`yearly`; 02-29 comes in leap
    years only), and `easter`: days after Easter Sunday, so 0 is Easter Sunday and -2 Good Friday."""

    key: str
    dates: tuple[date, ...] = ()
    yearly: tuple[str, ...] = ()
    easter: tuple[int, ...] = ()


@lru_cache(maxsize=65536)
def is_holiday(holidays: Holidays, day: date) -> bool:
    """Whether the day is one of the calendar's."""
    if day in holidays.dates or f"{day:%m-%d}" in holidays.yearly:
        return True
    return bool(holidays.easter) and (day - easter_sunday(day.year)).days in holidays.easter


@lru_cache(maxsize=1024)
def easter_sunday(year: int) -> date:
    """Easter Sunday of the western churches, by the Gregorian calendar.

    The rule is the one that a New York correspondent sent to Nature on 20 April 1876 (vol. 13, p. 487),
    as printed in Jean Meeus, Astronomical Algorithms (1991), chapter 8. Holds for every year from 1583.
    """
    golden = year % 19  # the year's place in the moon's cycle, less one
    century, of_century = divmod(year, 100)
    leap_centuries, of_leap_century = divmod(century, 4)
    correction = (century + 8) // 25
    lunar = (century - correction + 1) // 3
    full_moon = (19 * golden + century - leap_centuries - lunar + 15) % 30
    leap_years, of_leap_year = divmod(of_century, 4)
    to_sunday = (32 + 2 * of_leap_century + 2 * leap_years - full_moon - of_leap_year) % 7
    latest = (golden + 11 * full_moon + 22 * to_sunday) // 451
    return date(year, 3, 22) + timedelta(days=full_moon + to_sunday - 7 * latest)
