"""Holidays: Easter against published dates, and days that are told once for all years."""

from datetime import date, timedelta

import pytest

from everycent.catalog.holidays import (
    FIRST_EASTER_DAY,
    LAST_EASTER_DAY,
    Holidays,
    easter_sunday,
    is_holiday,
)


# The extremes (1818, 2285, 1943, 2038), the two exceptions of the Gregorian rule (1954, 1981, 2049,
# 2076), and the years that people can look up.
@pytest.mark.parametrize(
    ("year", "month", "day"),
    [
        (1818, 3, 22), (2285, 3, 22), (1943, 4, 25), (2038, 4, 25), (1954, 4, 18), (1981, 4, 19),
        (2049, 4, 18), (2076, 4, 19), (2000, 4, 23), (2008, 3, 23), (2011, 4, 24), (2019, 4, 21),
        (2020, 4, 12), (2021, 4, 4), (2022, 4, 17), (2023, 4, 9), (2024, 3, 31), (2025, 4, 20),
        (2026, 4, 5), (2027, 3, 28), (2028, 4, 16), (2029, 4, 1), (2030, 4, 21),
    ],
)  # fmt: skip
def test_easter_falls_on_its_published_sunday(year, month, day):
    assert easter_sunday(year) == date(year, month, day)


def naive_easter(year):
    """The Sunday after the full moon of the church's tables, by the epact: Clavius's way, as in Knuth,
    The Art of Computer Programming, 1.3.2, exercise 14."""
    golden = year % 19 + 1
    century = year // 100 + 1
    solar, lunar = 3 * century // 4 - 12, (8 * century + 5) // 25 - 5
    epact = (11 * golden + 20 + lunar - solar) % 30
    if epact == 24 or (epact == 25 and golden > 11):
        epact += 1
    full_moon = date(year, 3, 1) + timedelta(days=43 - epact)
    if full_moon < date(year, 3, 21):
        full_moon += timedelta(days=30)
    day = full_moon + timedelta(days=1)
    while day.weekday() != 6:
        day += timedelta(days=1)
    return day


def test_easter_agrees_with_the_tables_of_the_church_for_six_hundred_years():
    for year in range(1600, 2201):
        assert easter_sunday(year) == naive_easter(year), year


CALENDAR = Holidays("hr", (date(2026, 5, 30),), ("01-01", "02-29", "12-25"), (-2, 0, 1, 60))


@pytest.mark.parametrize(
    ("day", "holiday"),
    [
        ("2026-05-30", True), ("2027-05-30", False), ("2026-01-01", True), ("2199-01-01", True),
        ("2026-12-25", True), ("2026-12-24", False), ("2024-02-29", True), ("2026-02-28", False),
        ("2026-03-01", False), ("2026-04-03", True), ("2026-04-04", False), ("2026-04-05", True),
        ("2026-04-06", True), ("2026-04-07", False), ("2026-06-04", True), ("2027-06-04", False),
        ("2027-05-27", True),
    ],
)  # fmt: skip
def test_a_day_is_a_holiday_by_its_date_its_day_of_the_year_or_easter(day, holiday):
    assert is_holiday(CALENDAR, date.fromisoformat(day)) is holiday


@pytest.mark.parametrize("offset", [FIRST_EASTER_DAY, LAST_EASTER_DAY])
def test_days_from_easter_stay_in_easters_year(offset):
    for year in (1818, 2008, 2038, 2026):
        day = easter_sunday(year) + timedelta(days=offset)
        assert day.year == year
        assert is_holiday(Holidays("x", easter=(offset,)), day)


def test_a_calendar_without_easter_has_no_moving_days():
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]
    assert [d for d in days if is_holiday(Holidays("x", yearly=("05-01",)), d)] == [
        date(2026, 5, 1)
    ]
