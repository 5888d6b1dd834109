"""Which phases give a feature, in which window its use counts, and what add-ons add."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycent.catalog.feature import AfterSwitch, Feature, Included, Kind, Reset
from everycent.catalog.meter import Aggregation, Series
from everycent.entitlements.answer import Question, Reason, decide
from everycent.entitlements.pools import Counted, Source, pools
from everycent.entitlements.standing import Standing, State, standings
from everycent.entitlements.window import window
from everycent.kernel.calendar import start_of_day
from everycent.subscriptions.subscription import Phase, Subscription

CALLS = Series("calls", "call", Aggregation.SUM)
ZONES = ["UTC", "Europe/Zagreb", "America/Sao_Paulo", "Asia/Kathmandu", "Australia/Lord_Howe",
         "Pacific/Apia", "America/Havana", "Asia/Beirut", "UTC+05:45"]  # fmt: skip


def feature(reset: Reset = Reset.PERIOD, after: AfterSwitch = AfterSwitch.KEEP) -> Feature:
    return Feature("calls", "Calls", Kind.METERED, CALLS, reset, after)


def phase(
    number: int, first: date, end: date | None = None, zone: str = "UTC", **more: Any
) -> Phase:
    change_no, anchor = more.pop("change_no", number - 1), more.pop("anchor", date(2026, 1, 1))
    return Phase(
        number, change_no, "plan", number, anchor, 1, 0, start_of_day(first, zone), (),
        ends_at=None if end is None else start_of_day(end, zone), **more,
    )  # fmt: skip


def contract(
    *phases: Phase, zone: str = "UTC", key: str = "a", subject: str = "acme"
) -> Subscription:
    starts_at = min(one.starts_at for one in phases)
    return Subscription(
        UUID(int=int.from_bytes(key.encode())), UUID(int=1), key, "EUR", subject, zone, starts_at.date(),
        starts_at, (), phases, 1,
    )  # fmt: skip


def on(month: int, day: int) -> datetime:
    return datetime(2026, month, day, 12, tzinfo=UTC)


def sources(*held: Subscription, limit: str | None = "100", at: datetime) -> list[Source]:
    given = Included(feature(), limit)
    return [Source(one, given) for one in standings(held, at) if one.runs]


JAN, MID, FEB = date(2026, 1, 1), date(2026, 1, 16), date(2026, 2, 1)
EXTRA = phase(2, MID, track="extra", anchor=MID)


def test_an_add_on_adds_to_the_plan_in_the_windows_of_the_plan() -> None:
    held = contract(phase(1, JAN), EXTRA)
    (before,) = pools(sources(held, at=on(1, 15)), on(1, 15))
    (pool,) = pools(sources(held, at=on(1, 20)), on(1, 20))
    assert (before.limit, pool.limit) == (Decimal(100), Decimal(200))
    assert before.window == pool.window
    assert pool.window.resets_at == start_of_day(FEB, "UTC")


def test_the_same_add_on_twice_adds_twice() -> None:
    again = phase(3, MID, track="extra 2", anchor=MID)
    (pool,) = pools(sources(contract(phase(1, JAN), EXTRA, again), at=on(1, 20)), on(1, 20))
    assert pool.limit == Decimal(300)


def test_a_price_with_a_course_of_its_own_gives_nothing_again() -> None:
    own = phase(2, JAN, track="#seats", anchor=MID), phase(3, MID, track="extra#disk")
    held = contract(phase(1, JAN), *own)
    assert [one.phase.phase_no for one in standings([held], on(1, 10))] == [1, 3]
    (pool,) = pools(sources(held, at=on(1, 10)), on(1, 10))
    assert pool.limit == Decimal(100)


STATES = [
    # phases, as of                                                     states
    ([phase(1, JAN)], on(1, 1), [State.RUNNING]),
    ([phase(1, JAN)], datetime(2025, 12, 31, 23, 59, tzinfo=UTC), [State.PLANNED]),
    ([phase(1, JAN, MID)], on(1, 15), [State.RUNNING]),
    ([phase(1, JAN, MID)], datetime(2026, 1, 16, tzinfo=UTC), [State.ENDED]),
    ([phase(1, JAN, JAN)], on(1, 1), []),
    ([phase(1, JAN, MID), phase(2, MID)], on(1, 20), [State.ENDED, State.RUNNING]),
    ([phase(1, JAN), EXTRA], on(1, 10), [State.RUNNING, State.PLANNED]),
]  # fmt: skip


@pytest.mark.parametrize(("phases", "at", "states"), STATES)
def test_a_phase_stands(phases: list[Phase], at: datetime, states: list[State]) -> None:
    assert [one.state for one in standings([contract(*phases)], at)] == states


SHARED = [
    # two contracts' (subject, first day), as of   pools as (subject, first day, limit)
    (("acme", JAN), ("acme", JAN), [("acme", JAN, 200)]),
    (("acme", JAN), ("acme", MID), [("acme", JAN, 200)]),
    (("acme", JAN), ("site", MID), [("acme", JAN, 100), ("site", MID, 100)]),
]


@pytest.mark.parametrize(("one", "other", "found"), SHARED)
def test_contracts_over_the_same_use_share_a_pool(one: Any, other: Any, found: Any) -> None:
    held = [
        contract(phase(1, first), key=key, subject=subject)
        for key, (subject, first) in (("a", one), ("b", other))
    ]
    made = pools(sources(*held, at=on(1, 20)), on(1, 20))
    assert [(p.subject, p.window.starts_at.date(), p.limit) for p in made] == found


def test_windows_that_are_cut_apart_count_the_use_each_for_itself() -> None:
    held = [contract(phase(1, JAN)), contract(phase(1, MID, anchor=MID), key="b")]
    made = pools(sources(*held, at=on(1, 20)), on(1, 20))
    counted = [Counted(pool, Decimal(30)) for pool in made]
    asked = Question(feature(), on(1, 20), Decimal(140))
    answer = decide(asked, [], sources(*held, at=on(1, 20)), counted)
    assert (answer.limit, answer.used, answer.left, answer.code) == (
        200,
        60,
        140,
        Reason.WITHIN_LIMIT,
    )
    assert answer.reasons[0].message == "60 of 200 call used in 2 windows; 140 left"
    assert answer.resets_at == start_of_day(FEB, "UTC")


def test_no_limit_of_one_pool_is_no_limit_of_all_and_use_beyond_a_soft_one_goes_on() -> None:
    held = contract(phase(1, JAN))
    (plain,) = pools(sources(held, at=on(1, 20)), on(1, 20))
    free = plain._replace(limit=None, subject="site")
    soft = plain._replace(is_soft=True, subject="site")
    for other, code in ((free, Reason.UNLIMITED), (soft, Reason.OVER_SOFT_LIMIT)):
        counted = [Counted(plain, Decimal(150)), Counted(other, Decimal(150))]
        answer = decide(
            Question(feature(), on(1, 20)), [], sources(held, at=on(1, 20)), counted
        )  # fmt: skip
        assert (answer.code, answer.is_allowed, answer.used) == (code, True, 300)


INSTANTS = st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1)).map(  # noqa: DTZ001
    lambda at: at.replace(tzinfo=UTC)
)


@given(at=INSTANTS, zone=st.sampled_from(ZONES), reset=st.sampled_from(list(Reset)[:-1]),
       anchor_day=st.integers(1, 31))  # fmt: skip
def test_windows_tile_the_time_of_a_contract(
    at: datetime, zone: str, reset: Reset, anchor_day: int
) -> None:
    first = phase(1, date(2023, 5, 9), zone=zone, anchor=date(2023, 1, anchor_day))
    one = Standing(contract(first, zone=zone), first, State.RUNNING)
    found = window(feature(reset), one, at)
    assert found.whole is not None
    assert found.starts_at == found.whole.start <= at < found.whole.end
    after = window(feature(reset), one, found.whole.end)
    before = window(feature(reset), one, found.whole.start - timedelta(microseconds=1))
    assert after.starts_at == found.whole.end
    assert before.resets_at == found.whole.start


RESTARTS = [
    # the phases' (first day, end, change)         as of      counts from
    ([(JAN, MID, 0), (MID, None, 1)], on(1, 20), MID),
    ([(JAN, MID, 0), (MID, None, 1)], on(1, 10), JAN),
    ([(JAN, date(2026, 1, 5), 0), (MID, None, 0)], on(1, 20), JAN),
    ([(JAN, MID, 0), (MID, None, 1)], on(2, 20), FEB),
]


@pytest.mark.parametrize(("told", "at", "since"), RESTARTS)
def test_after_a_change_of_plan_use_is_counted_anew_if_the_feature_says_so(
    told: Any, at: datetime, since: date
) -> None:
    phases = [
        phase(number, first, end, change_no=change_no)
        for number, (first, end, change_no) in enumerate(told, start=1)
    ]
    (running,) = [one for one in standings([contract(*phases)], at) if one.runs]
    kept = window(feature(), running, at)
    fresh = window(feature(after=AfterSwitch.RESTART), running, at)
    assert fresh.starts_at == start_of_day(since, "UTC")
    assert kept.starts_at == start_of_day(FEB if at > on(2, 1) else JAN, "UTC")
    assert kept.whole == fresh.whole
