"""Until when a period stays open, and what waits with it."""

from __future__ import annotations

from datetime import date

import pytest

from everycent.kernel.calendar import anchored, parse_interval, start_of_day
from everycent.subscriptions.grace import next_release, open_until, split
from tests.property.test_grace import Sold, due_of

ZAGREB = "Europe/Zagreb"


def midnight(day: str, zone: str = ZAGREB):
    return start_of_day(date.fromisoformat(day), zone)


@pytest.mark.parametrize(
    ("ends", "zone", "days", "until"),
    [
        ("2026-11-01", ZAGREB, 0, "2026-11-01"),
        ("2026-11-01", ZAGREB, 2, "2026-11-03"),
        ("2026-03-28", ZAGREB, 2, "2026-03-30"),  # 47 hours
        ("2026-10-24", ZAGREB, 2, "2026-10-26"),  # 49 hours
        ("2026-02-28", "Pacific/Auckland", 1, "2026-03-01"),
        ("2026-11-01", "UTC", 99, "2027-02-08"),
    ],
)
def test_a_period_stays_open_for_whole_days_on_its_own_clock(ends, zone, days, until):
    assert open_until(midnight(ends, zone), zone, days) == midnight(until, zone)


def test_a_period_that_ends_within_a_day_stays_open_for_whole_days_after_that_day():
    noon = midnight("2026-11-01", "UTC").replace(hour=12)
    assert open_until(noon, "UTC", 2) == midnight("2026-11-04", "UTC")


def dues_of(*sold: tuple[str, bool, int], as_of: str):
    found = []
    for number, (interval, in_advance, customer) in enumerate(sold):
        cycle = anchored(date(2026, 10, 1), parse_interval(interval), None, ZAGREB)
        one = Sold(customer, cycle, in_advance)
        found += due_of(number, one, midnight("2026-10-01"), midnight(as_of))
    return found


@pytest.mark.parametrize(
    ("sold", "as_of", "days", "billed", "waits", "release"),
    [
        # interval, in advance, customer; how many periods of each are billed, and wait
        ([("month", False, 1)], "2026-11-02", 2, [0], [1], "2026-11-03"),
        ([("month", False, 1)], "2026-11-03", 2, [1], [0], None),
        ([("month", False, 1)], "2026-11-01", 0, [1], [0], None),
        ([("month", True, 1)], "2026-11-01", 2, [2], [0], None),
        ([("month", False, 1), ("month", True, 1)], "2026-11-02", 2, [0, 1], [1, 1], "2026-11-03"),
        ([("month", False, 1), ("month", True, 2)], "2026-11-02", 2, [0, 2], [1, 0], "2026-11-03"),
        ([("day", False, 1)], "2026-10-06", 2, [3], [2], "2026-10-07"),
        # what goes on from something that waits
        ([("month", False, 1), ("day", True, 1)], "2026-11-02", 2, [0, 31], [1, 2], "2026-11-03"),
        ([("month", False, 1), ("day", True, 1)], "2026-11-03", 2, [1, 34], [0, 0], None),
    ],
)  # fmt: skip
def test_what_waits(sold, as_of, days, billed, waits, release):
    now, waiting = split(dues_of(*sold, as_of=as_of), midnight(as_of), days)

    def count(dues):
        return [sum(d.subscription_id.int == 100 + n for d in dues) for n in range(len(sold))]

    assert (count(now), count(waiting)) == (billed, waits)
    found = next_release(waiting, midnight(as_of), days)
    assert found == (None if release is None else midnight(release))
