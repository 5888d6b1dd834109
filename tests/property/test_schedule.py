"""Schedules: whatever the anchor, the interval and the zone, time is billed exactly once.

Covers the ways in which others have billed periods twice, or never: anchors on the 28th to the 31st,
29 February, yearly and quarterly anniversaries, clock changes, and ends in the middle.
"""

from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everycent.kernel.calendar import anchored, local_date, parse_interval, start_of_day
from everycent.subscriptions.schedule import due_periods

ZONES = ["UTC", "Europe/Zagreb", "America/New_York", "America/Sao_Paulo", "Asia/Kathmandu",
         "Pacific/Apia", "Pacific/Auckland", "America/Havana", "UTC+13:00", "UTC-11:00"]  # fmt: skip
MONTHLY = ["month", "2 months", "quarter", "half_year", "year"]
INTERVALS = [*MONTHLY, "day", "10 days", "week", "2 weeks"]
DAYS = st.one_of(
    st.dates(date(2004, 1, 1), date(2030, 12, 31)),
    st.sampled_from([date(2024, 2, 29), date(2023, 1, 31), date(2023, 1, 29), date(2011, 12, 30),
                     date(2011, 11, 30), date(2024, 12, 31), date(2026, 3, 29)]),
)  # fmt: skip
FAR = 2000


@st.composite
def contracts(draw):
    """A cycle, the first day and, perhaps, the day of the end; about six years at the most."""
    start = draw(DAYS)
    text = draw(st.sampled_from(INTERVALS))
    anchor_day = None
    if text in MONTHLY:
        anchor_day = draw(st.none() | st.integers(1, 31) | st.integers(28, 31))
    elif "week" in text:
        anchor_day = draw(st.none() | st.integers(1, 7))
    zone = draw(st.sampled_from(ZONES))
    length = draw(st.none() | st.integers(1, FAR))
    end = None if length is None else start + timedelta(days=length)
    return anchored(start, parse_interval(text), anchor_day, zone), start, end


def instants(contract, days, in_advance, as_of_days):
    cycle, start, end = contract
    starts_at = start_of_day(start, cycle.zone)
    ends_at = None if end is None else start_of_day(end, cycle.zone)
    found, covered = [], starts_at
    for day in as_of_days:
        as_of = start_of_day(start + timedelta(days=day), cycle.zone)
        new = due_periods(cycle, covered, ends_at, as_of, in_advance=in_advance)
        found.extend(new)
        if new:
            covered = new[-1].period.end
    return found


@settings(max_examples=500, deadline=None)
@given(contracts(), st.booleans(), st.integers(0, FAR))
def test_periods_tile_a_contracts_life(contract, in_advance, days):
    cycle, start, end = contract
    found = instants(contract, days, in_advance, [days])
    as_of = start_of_day(start + timedelta(days=days), cycle.zone)
    if not found:
        first = due_periods(
            cycle, start_of_day(start, cycle.zone), None, start_of_day(date(2150, 1, 1), cycle.zone),
            in_advance=in_advance,
        )[0]  # fmt: skip
        ends_early = end is not None and start_of_day(end, cycle.zone) <= as_of
        assert (first.due_at > as_of and not ends_early) or start_of_day(
            end or start, cycle.zone
        ) == start_of_day(start, cycle.zone)
        return
    assert found[0].period.start == start_of_day(start, cycle.zone)
    for before, after in pairwise(found):
        assert before.period.end == after.period.start
    for item in found:
        assert item.period.start < item.period.end
        assert 0 < item.share <= 1
        assert item.due_at == (item.period.start if in_advance else item.period.end) <= as_of
    last = found[-1].period.end
    if end is not None and start_of_day(end, cycle.zone) <= as_of:
        assert last == start_of_day(end, cycle.zone)
    elif in_advance:
        assert last > as_of or (end is not None and last == start_of_day(end, cycle.zone))
    else:
        assert as_of < cycle.period(cycle.index(local_date(last, cycle.zone))).end


@settings(max_examples=500, deadline=None)
@given(contracts(), st.booleans(), st.lists(st.integers(0, FAR), min_size=1, max_size=12))
def test_billing_at_any_instants_gives_the_same_periods_as_billing_once_at_the_end(
    contract, in_advance, days
):
    step_by_step = instants(contract, FAR, in_advance, days)
    assert step_by_step == instants(contract, FAR, in_advance, [max(days)])


@settings(max_examples=500, deadline=None)
@given(contracts(), st.integers(0, 40), st.lists(st.integers(1, 999), max_size=5))
def test_the_parts_of_a_period_add_up_to_the_whole(contract, number, cuts):
    cycle, start, _ = contract
    index = cycle.index(start) + number
    first, last = cycle.boundary(index), cycle.boundary(index + 1)
    whole = cycle.period(index)
    if whole.start == whole.end:
        return  # a day that the zone left out
    length = (last - first).days
    days = sorted({first, last, *(first + timedelta(days=cut % length) for cut in cuts)})
    total = Fraction(0)
    for begin, end in pairwise(days):
        begins_at, ends_at = start_of_day(begin, cycle.zone), start_of_day(end, cycle.zone)
        parts = due_periods(cycle, begins_at, ends_at, ends_at, in_advance=False)
        assert len(parts) <= 1
        total += sum(part.share for part in parts)
    assert total == 1


@settings(max_examples=300, deadline=None)
@given(contracts(), st.integers(1, FAR), st.booleans())
def test_cancelling_in_the_middle_keeps_what_was_billed_and_bills_the_rest_up_to_the_end(
    contract, days, in_advance
):
    cycle, start, _ = contract
    end = start + timedelta(days=days)
    for billed_until in (0, days // 2, days):
        starts_at, ends_at = start_of_day(start, cycle.zone), start_of_day(end, cycle.zone)
        as_of = start_of_day(start + timedelta(days=billed_until), cycle.zone)
        before = due_periods(cycle, starts_at, None, as_of, in_advance=in_advance)
        covered = before[-1].period.end if before else starts_at
        after = due_periods(
            cycle, covered, ends_at, ends_at + timedelta(days=FAR), in_advance=in_advance
        )
        if covered >= ends_at:
            assert after == ()
        else:
            assert after[-1].period.end == ends_at
            assert after[0].period.start == covered
            whole = due_periods(cycle, starts_at, ends_at, ends_at, in_advance=False)
            assert (*before, *after) == tuple(
                item if not in_advance else item._replace(due_at=item.period.start)
                for item in whole
            )


@pytest.mark.parametrize("zone", ["UTC", "Europe/Zagreb", "America/Havana", "Pacific/Apia"])
@pytest.mark.parametrize("text", MONTHLY)
def test_every_anchor_tiles_eight_years_and_comes_back_after_short_months(text, zone):
    interval = parse_interval(text)
    for day in range(1, 32):
        for start in (date(2024, 1, day), date(2011, 10, day)):
            cycle = anchored(start, interval, None, zone)
            at = start_of_day(start, zone)
            until = start_of_day(date(start.year + 8, 12, 31), zone)
            found = due_periods(cycle, at, None, until, in_advance=False)
            assert len(found) == (until_months(start) // interval.months)
            for item in found:
                assert (item.period.start, item.share) == (at, 1)
                at = item.period.end
                boundary = cycle.boundary(cycle.index(local_date(at, zone)))
                next_month = (boundary.replace(day=1) + timedelta(days=32)).replace(day=1)
                assert boundary.day == min(day, (next_month - timedelta(days=1)).day)
            assert all(isinstance(item.due_at, datetime) for item in found)


def until_months(start: date) -> int:
    """Whole months from a start in a year's first or tenth month to the last day of the eighth year."""
    return 8 * 12 + 12 - start.month
