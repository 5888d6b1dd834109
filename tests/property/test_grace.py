"""Days of grace: whatever they are and whenever runs come, no period is lost, billed twice or too early."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from everycent.kernel.calendar import Cycle, anchored, parse_interval, start_of_day
from everycent.subscriptions.grace import next_release, open_until, split
from everycent.subscriptions.queries import DueItem
from everycent.subscriptions.schedule import due_periods

START = date(2026, 3, 20)
ZONES = ["UTC", "Europe/Zagreb", "Pacific/Auckland", "America/Havana"]
INTERVALS = ["day", "3 days", "week", "month"]


class Sold(NamedTuple):
    """An item of a contract, and who pays for it."""

    customer: int
    cycle: Cycle
    in_advance: bool


@st.composite
def sold(draw):
    zone = draw(st.sampled_from(ZONES))
    interval = parse_interval(draw(st.sampled_from(INTERVALS)))
    return Sold(draw(st.integers(1, 2)), anchored(START, interval, None, zone), draw(st.booleans()))


def due_of(number: int, item: Sold, covered: datetime, as_of: datetime) -> list[DueItem]:
    periods = due_periods(item.cycle, covered, None, as_of, in_advance=item.in_advance)
    return [
        DueItem(
            UUID(int=item.customer), UUID(int=100 + number), f"s{number}", ("p", 1), "EUR", "s",
            item.cycle.zone, 1, 1, item.in_advance, covered, due,
        )
        for due in periods
    ]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    st.lists(sold(), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 23), st.integers(0, 9)), max_size=12),
)
def test_each_period_is_billed_once_in_order_and_not_before_its_time(items, runs):
    covered = [start_of_day(START, item.cycle.zone) for item in items]
    as_of = start_of_day(START, "UTC")
    for after, hours, days in [*runs, (30, 0, 0)]:
        as_of += timedelta(days=after, hours=hours)
        dues = [d for n, item in enumerate(items) for d in due_of(n, item, covered[n], as_of)]
        now, waiting = split(dues, as_of, days)
        assert sorted(map(id, [*now, *waiting])) == sorted(map(id, dues))
        assert now == [d for d in dues if any(d is one for one in now)]
        for due in now:
            number = due.subscription_id.int - 100
            assert due.due.period.start == covered[number]  # nothing is left out before it
            covered[number] = due.due.period.end
            if not due.in_advance:
                assert open_until(due.due.period.end, due.time_zone, days) <= as_of
        documents = {(d.customer_id, d.due.due_at) for d in now}
        assert documents.isdisjoint((d.customer_id, d.due.due_at) for d in waiting)
        for due in waiting:  # not longer than it has to, up to a clock change
            assert as_of < due.due.due_at + timedelta(days=days, hours=26)
        release = next_release(waiting, as_of, days)
        assert (release is None) is (not waiting)
        if release is not None:
            assert as_of < release
            assert split(dues, release, days)[0][len(now) :] != [] or now != dues
    for number, item in enumerate(items):
        assert due_of(number, item, covered[number], as_of) == []
