"""Intervals tile time whatever the step, the zone, the start and the moments at which somebody looks."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from everycent.kernel.calendar import local_date, start_of_day
from everycent.kernel.period import Period
from everycent.measurements.elapsed import elapsed
from everycent.measurements.measurement import TimeUnit
from everycent.measurements.schedule import Schedule, due_intervals, next_due_at, parse_every

ZONES = ["UTC", "Europe/Zagreb", "America/New_York", "America/Sao_Paulo", "Asia/Kathmandu",
         "Pacific/Apia", "Australia/Lord_Howe", "America/Havana", "America/St_Johns",
         "UTC+13:00"]  # fmt: skip
SHORT = ["15m", "20m", "1h", "2h", "6h", "12h"]
LONG = ["1d", "3 days", "week", "1 month", "2 months", "quarter"]
NOTABLE = [datetime(2011, 12, 29, 9, tzinfo=UTC), datetime(2026, 3, 28, 20, tzinfo=UTC),
           datetime(2026, 10, 24, 20, tzinfo=UTC), datetime(2009, 10, 31, 20, tzinfo=UTC),
           datetime(2018, 11, 3, 20, tzinfo=UTC), datetime(2026, 4, 4, 12, tzinfo=UTC)]  # fmt: skip
STARTS = st.one_of(
    st.integers(0, 800_000_000).map(
        lambda n: datetime(2004, 1, 1, tzinfo=UTC) + timedelta(seconds=n)
    ),
    st.tuples(st.sampled_from(NOTABLE), st.integers(0, 86_400)).map(
        lambda pair: pair[0] + timedelta(seconds=pair[1])
    ),
)


@st.composite
def looked_at(draw):
    """A schedule, the last look at it, and looks before that."""
    is_short = draw(st.booleans())
    every = parse_every(draw(st.sampled_from(SHORT if is_short else LONG)))
    span = timedelta(days=4 if is_short else 500)
    starts_at = draw(STARTS)
    seconds = st.integers(0, int(span.total_seconds()))
    length = draw(st.none() | seconds.filter(bool))
    ends_at = None if length is None else starts_at + timedelta(seconds=length)
    delay = timedelta(minutes=draw(st.sampled_from([0, 0, 7, 600])))
    looks = sorted(draw(st.lists(seconds, min_size=1, max_size=5)))
    schedule = Schedule(every, draw(st.sampled_from(ZONES)), starts_at, ends_at, delay)
    return schedule, [starts_at + timedelta(seconds=look) for look in looks]


@settings(max_examples=400, deadline=None)
@given(looked_at())
def test_however_often_somebody_looks_the_intervals_are_the_same_and_tile_time(case):
    schedule, looks = case
    found, covered = [], schedule.starts_at
    for look in looks:
        new = list(due_intervals(schedule, covered, look))
        found += new
        covered = new[-1].end if new else covered
    assert found == list(due_intervals(schedule, schedule.starts_at, looks[-1]))
    ends = [Period(schedule.starts_at, schedule.starts_at), *found]
    for before, after in pairwise(ends):
        assert before.end == after.start < after.end
    for interval in found:
        assert interval.end + schedule.delay <= looks[-1]
    following = next_due_at(schedule, covered)
    assert following is None or following > looks[-1]
    assert (following is None) == (covered == schedule.ends_at)


@settings(max_examples=400, deadline=None)
@given(looked_at())
def test_local_days_are_never_cut_across(case):
    schedule, looks = case
    zone = schedule.time_zone
    for interval in due_intervals(schedule, schedule.starts_at, looks[-1]):
        if schedule.every.interval is None:
            day = local_date(interval.start, zone)
            while (end := start_of_day(day + timedelta(days=1), zone)) <= interval.start:
                day += timedelta(days=1)
            assert interval.end <= end
        elif interval.end != schedule.ends_at:
            assert any(
                interval.end
                == start_of_day(local_date(interval.end, zone) + timedelta(days=n), zone)
                for n in (0, 1)
            )


@settings(max_examples=200, deadline=None)
@given(looked_at(), st.sampled_from([u for u in TimeUnit if u is not TimeUnit.INTERVALS]))
def test_the_time_of_all_intervals_adds_up_to_the_time_that_passed(case, unit):
    schedule, looks = case
    found = list(due_intervals(schedule, schedule.starts_at, looks[-1]))
    if not found:
        return
    whole = Period(found[0].start, found[-1].end)
    parts = [elapsed(unit, interval, interval, schedule.time_zone) for interval in found]
    assert all(part > 0 for part in parts)
    assert sum(parts) == elapsed(unit, whole, whole, schedule.time_zone)
