"""Records of an interval: ids that follow from it, and the time of each contract on its own."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycent.kernel.period import Period
from everycent.measurements.answer import Row
from everycent.measurements.measurement import Http, Measurement, Sample, Time, TimeUnit
from everycent.measurements.records import (
    Span,
    by_subject,
    of_levels,
    of_rows,
    of_time,
    parts_of,
    record_id,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = Period(START, START + timedelta(days=1))


def hour(n: int) -> datetime:
    return START + timedelta(hours=n)


def measured(kind, **more) -> Measurement:
    return Measurement("m", "meter", "1d", "UTC", START, "measurement:m", kind, **more)


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([(0, 24)], [(0, 24)]),
        ([(-100, None)], [(0, 24)]),
        ([(-100, 100)], [(0, 24)]),
        ([(10, None)], [(10, 24)]),
        ([(-5, 12)], [(0, 12)]),
        ([(-5, 0)], []),
        ([(24, None)], []),
        ([], []),
        # one contract follows another: each has its own part
        ([(-5, 12), (12, None)], [(0, 12), (12, 24)]),
        ([(0, 6), (18, 24)], [(0, 6), (18, 24)]),
        # side by side time flows once
        ([(0, 24), (0, 24)], [(0, 24)]),
        ([(0, 18), (6, 24)], [(0, 6), (6, 18), (18, 24)]),
    ],
)
def test_only_the_time_in_which_a_contract_ran_counts(spans, expected):
    given_spans = [Span("a", hour(s), None if e is None else hour(e)) for s, e in spans]
    found = parts_of(by_subject(given_spans), DAY).get("a", [])
    assert found == [Period(hour(s), hour(e)) for s, e in expected]


def test_time_becomes_a_record_at_the_start_of_each_part():
    parts = {"a": [Period(hour(0), hour(6)), Period(hour(18), hour(24))], "b": [DAY]}
    made = of_time(measured(Time(TimeUnit.HOURS, of_plan="p"), dimensions={"k": "v"}), DAY, parts)
    assert [(r.subject, r.at, r.value, r.dimensions) for r in made.leading] == [
        ("a", hour(0), "6", '{"k":"v"}'),
        ("b", hour(0), "24", '{"k":"v"}'),
    ]
    assert [(r.subject, r.at, r.value) for r in made.following] == [("a", hour(18), "6")]
    ids = [r.record_id for r in [*made.leading, *made.following]]
    assert ids == [
        "m/2026-01-01T00:00:00Z/a", "m/2026-01-01T00:00:00Z/b", "m/2026-01-01T00:00:00Z#2/a",
    ]  # fmt: skip


def test_a_level_counts_for_the_time_and_nobody_has_one_that_was_never_told():
    kind = Sample("level", TimeUnit.HOURS, ("a", "b"))
    made = of_levels(measured(kind), DAY, {"a": [DAY], "b": [DAY]}, {"a": Decimal("2.5")})
    assert [(r.subject, r.value, r.meter) for r in made.leading] == [("a", "60", "meter")]


def test_a_subject_with_several_sets_of_dimensions_has_one_record_that_leads():
    rows = [
        Row("a", "2", hour(3), '{"r":"eu"}'),
        Row("a", "1", hour(2), '{"r":"as"}'),
        Row("b", "3", hour(1), "{}"),
    ]
    kind = Http("http://x/{start}{end}")
    made = of_rows(measured(kind), DAY, rows)
    assert [(r.record_id, r.value) for r in made.leading] == [
        ("m/2026-01-01T00:00:00Z/a", "1"),
        ("m/2026-01-01T00:00:00Z/b", "3"),
    ]
    assert [r.value for r in made.following] == ["2"]
    assert made == of_rows(measured(kind), DAY, rows[::-1])


_TEXTS = st.text(st.sampled_from("a/#~:"), min_size=1, max_size=200)
_IDS = st.tuples(
    st.sampled_from(["m", "m:1", "n"]),
    st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]),
    _TEXTS,
    st.sampled_from(["", "2", "3"]),
)


@given(_IDS, _IDS)
def test_no_two_measured_things_have_the_same_id(one, other):
    assert (record_id(*one) == record_id(*other)) == (one == other)
    assert len(record_id(*one)) <= 200
