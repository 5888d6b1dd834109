"""Gaps: a meter that should send and does not is noticed, and records that come late close the gap."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from everycent.catalog import document
from everycent.catalog import operations as catalog
from everycent.flows import gaps as flow
from everycent.flows import replay
from everycent.kernel.errors import NotFound
from everycent.metering.record import UsageRecord
from everycent.subscriptions import operations as subscriptions
from everycent.watching import gap as gaps
from everycent.watching import operations, queries
from everycent.watching.gap import Expected, Gap, Hole, Outcome, Place
from tests.conftest import Place as World
from tests.flows import world

CATALOGUE = """
meters:
  pulse: {unit: pulse}
  quiet: {unit: thing}
intake:
  pulse: {expected_every: 15m, grace: 5m}
taxes:
  vat: {rates: [{since: 2000-01-01, percent: 20}]}
products:
  thing: {name: Thing, tax: vat}
plans:
  all:
    currency: EUR
    anchor_day: 1
    prices:
      - {key: pulse, product: thing, meter: pulse, per_unit: {unit_amount: 0.05}}
      - {key: quiet, product: thing, meter: quiet, per_unit: {unit_amount: 0.05}}
"""
START = world.midnight(date(2026, 1, 1))
ALLOWED = timedelta(minutes=20)


@pytest.fixture
def seller(place: World) -> World:
    world.sell(place, [("acme", "all")], text=CATALOGUE)
    return place


def after(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def pulses(place: World, *minutes: float, fold: bool = False, subject: str = "acme") -> None:
    records = [
        UsageRecord("test", f"{subject}/{at}", subject, "pulse", after(at), "1") for at in minutes
    ]
    world.use(place, records, fold=fold)


def check(place: World, minutes: float) -> flow.Settled:
    as_of = after(minutes)
    writing: operations.Writing = {
        "at": as_of, "recorded_at": as_of, "actor": "test", "ids": place.ids,
    }  # fmt: skip
    return flow.check(place.database, place.tenant_id, as_of, writing)


def opened(found: flow.Settled) -> list[tuple[datetime, datetime | None]]:
    return [(hole.place.starts_at, hole.ends_at) for hole in found.opened]


def closed(found: flow.Settled) -> list[tuple[datetime, str]]:
    return [(gap.place.starts_at, outcome.value) for gap, outcome in found.closed]


def standing(place: World) -> list[tuple[datetime, str]]:
    with place.database.snapshot(place.tenant_id) as tx:
        return sorted((gap.place.starts_at, gap.outcome.value) for gap, _ in queries.gaps(tx))


NOTICED = [
    # records at minutes         looked at   holes, from and until
    ([], 20, []),
    ([], 21, [(0, None)]),
    ([0, 15, 30], 50, []),
    ([0, 15, 30], 51, [(30, None)]),
    ([0, 20, 40], 45, []),
    ([0, 21, 40], 45, [(0, 21)]),
    ([30, 60], 65, [(0, 30), (30, 60)]),
    ([0, 15, 200], 20, []),  # what lies ahead is no sign of life yet
    ([-10, 15], 20, []),
]


@pytest.mark.parametrize(("records", "looked", "holes"), NOTICED)
@pytest.mark.parametrize("fold", [False, True], ids=["live", "folded"])
def test_silence_longer_than_allowed_opens_a_gap(seller, records, looked, holes, fold):
    if records:
        pulses(seller, *records, fold=fold)
    found = check(seller, looked)
    assert opened(found) == [
        (after(start), None if end is None else after(end)) for start, end in holes
    ]
    assert opened(check(seller, looked)) == []
    assert [at for at, _ in standing(seller)] == [after(start) for start, _ in holes]


def test_a_meter_that_goes_on_leaves_its_hole_open_until_late_records_fill_it(seller):
    pulses(seller, 0, 60, 75)
    assert opened(check(seller, 80)) == [(after(0), after(60))]
    pulses(seller, 15, 45)  # late, and not enough: the hole from 15 on is another one
    found = check(seller, 81)
    assert (opened(found), closed(found)) == ([(after(15), after(45))], [(after(0), "filled")])
    pulses(seller, 30)
    assert closed(check(seller, 82)) == [(after(15), "filled")]
    assert standing(seller) == [(after(0), "filled"), (after(15), "filled")]


def test_records_taken_back_open_the_gap_again(seller):
    pulses(seller, 0, 20, 40)
    assert opened(check(seller, 45)) == []
    check(seller, 61)
    pulses(seller, 60)
    assert closed(check(seller, 62)) == [(after(40), "filled")]
    with seller.database.transaction(seller.tenant_id) as tx:
        tx.run(
            "insert into usage_reversal (tenant_id, key, reversal_no, sign, batch_id, correction_id,"
            " subject_id, meter_id, dimensions_id, at, value, content, source_id, record_id)"
            " select tenant_id, key, 1, -1, batch_id, key, subject_id, meter_id, dimensions_id, at,"
            " value, content, source_id, record_id from usage_record where at = %s",
            (after(60),),
        )
    assert opened(check(seller, 63)) == [(after(40), None)]
    assert standing(seller) == [(after(40), "open")]


def test_a_gap_that_is_accepted_stays_closed(seller):
    pulses(seller, 0, 60)
    check(seller, 61)
    place = Place("acme", "pulse", after(0))
    with seller.database.transaction(seller.tenant_id) as tx:
        operations.accept_gap(tx, place, "power cut", **world.writing(seller))
    found = check(seller, 65)
    assert (opened(found), standing(seller)) == ([], [(after(0), "accepted")])
    with pytest.raises(NotFound), seller.database.transaction(seller.tenant_id) as tx:
        operations.accept_gap(tx, place, "again", **world.writing(seller))


def test_a_gap_older_than_the_look_back_is_neither_forgotten_nor_opened_twice(seller):
    pulses(seller, 0)
    assert opened(check(seller, 30)) == [(after(0), None)]
    days = flow.LOOK_BACK // timedelta(minutes=1) * 3
    found = check(seller, days)
    assert (opened(found), closed(found)) == ([], [])
    pulses(seller, days - 1)
    found = check(seller, days)
    assert (opened(found), closed(found)) == ([], [])
    assert standing(seller) == [(after(0), "open")]


def test_after_the_end_of_a_contract_nothing_is_expected(seller):
    with seller.database.transaction(seller.tenant_id) as tx:
        subscriptions.cancel(
            tx, "acme", ends_on=date(2026, 1, 2), reason="", **world.writing(seller)
        )
    minutes = [15 * n for n in range(96)]
    pulses(seller, *minutes)
    assert opened(check(seller, 5000)) == []


def test_without_a_policy_nothing_is_expected_and_open_gaps_are_dropped(seller):
    pulses(seller, 0)
    check(seller, 30)
    text = CATALOGUE.replace("expected_every: 15m, grace: 5m", "ahead_minutes: 5")
    with seller.database.transaction(seller.tenant_id) as tx:
        catalog.apply(tx, document.parse(text), **(world.writing(seller) | {"at": after(40)}))
    assert closed(check(seller, 50)) == [(after(0), "not_expected")]


def test_every_subject_has_gaps_of_its_own(place):
    world.sell(place, [("acme", "all"), ("beta", "all")], text=CATALOGUE)
    pulses(place, 0, 15)
    found = check(place, 30)
    assert [(hole.place.subject, hole.place.starts_at) for hole in found.opened] == [
        ("beta", after(0))
    ]


def test_many_checkers_at_once_open_a_gap_once(seller):
    pulses(seller, 0)
    together = threading.Barrier(4)

    def look(n: int) -> flow.Settled:
        together.wait()
        return check(seller, 30 + n)

    with ThreadPoolExecutor(4) as threads:
        found = [hole for settled in threads.map(look, range(4)) for hole in settled.opened]
    assert len(found) == 1


def test_the_journal_rebuilds_gaps(seller):
    pulses(seller, 0, 60)
    check(seller, 100)
    pulses(seller, 20, 40)
    check(seller, 101)
    with seller.database.snapshot(seller.tenant_id) as tx:
        rebuilt = replay.replay(tx)
    assert (rebuilt.differences, rebuilt.rows["usage_gap"]) == ({}, 2)


def test_the_list_says_where_a_gap_ends_if_it_does(seller):
    pulses(seller, 0, 60)
    check(seller, 100)
    with seller.database.snapshot(seller.tenant_id) as tx:
        ends = {gap.place.starts_at: end for gap, end in queries.gaps(tx)}
    assert ends == {after(0): after(60), after(60): None}


# --- the decision ---------------------------------------------------------------------------------

SPOT = Place("acme", "pulse", START)
HOLE = Hole(SPOT, None, ALLOWED)
TERM = Expected("acme", "pulse", START, after(100), ALLOWED)


def known(outcome: Outcome, minutes: float | None = None) -> dict[Place, Gap]:
    return {SPOT: Gap(SPOT, after(25), None if minutes is None else after(minutes), outcome)}


DECIDED = [
    # a hole    known                          expected   opened  closed as
    (True, {}, True, True, None),
    (True, known(Outcome.OPEN), True, False, None),
    (True, known(Outcome.FILLED, 30), True, True, None),
    (True, known(Outcome.FILLED, 50), True, False, None),  # whoever looked later saw it filled
    (True, known(Outcome.ACCEPTED, 30), True, False, None),
    (True, known(Outcome.NOT_EXPECTED, 30), True, True, None),
    (False, {}, True, False, None),
    (False, known(Outcome.OPEN), True, False, Outcome.FILLED),
    (False, known(Outcome.OPEN), False, False, Outcome.NOT_EXPECTED),
    (False, known(Outcome.FILLED, 30), True, False, None),
]


@pytest.mark.parametrize(("has_hole", "before", "is_expected", "opens", "closes"), DECIDED)
def test_a_hole_opens_a_gap_and_its_end_closes_it(has_hole, before, is_expected, opens, closes):
    found = gaps.decide(
        [HOLE] if has_hole else [], before, [TERM] if is_expected else [], after(40)
    )
    assert found.opened == ([HOLE] if opens else [])
    assert [outcome for _, outcome in found.closed] == ([] if closes is None else [closes])


@given(st.text(max_size=200), st.text(max_size=200))
@example("", "\0")
def test_every_series_has_a_stream_that_the_journal_takes(subject, meter):
    import re

    name = gaps.stream(subject, meter)
    assert re.fullmatch(r"[a-z_]+:[A-Za-z0-9_.:-]{1,100}", name)
    if subject != meter:
        assert name != gaps.stream(meter, subject)


def test_now_is_told_in_utc(seller):
    assert check(seller, 21).opened[0].place.starts_at.tzinfo is UTC
