"""Gaps: a meter that should send and does not is noticed, and records that come late close the gap."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from everycent.catalog import document
from everycent.catalog import operations as catalog
from everycent.corrections import operations as corrections
from everycent.corrections.operations import By
from everycent.customers import queries as customers
from everycent.flows import archive_usage, replay
from everycent.flows import gaps as flow
from everycent.integrations.usage_archive import ArchiveFolder
from everycent.kernel import clock, ids
from everycent.kernel.errors import NotFound
from everycent.metering.record import UsageRecord
from everycent.subscriptions import operations as subscriptions
from everycent.subscriptions.order import Order
from everycent.watching import gap as gaps
from everycent.watching import operations, queries
from everycent.watching.gap import End, Expected, Gap, Hole, Outcome, Place
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
    return [(hole.place.starts_at, hole.end and hole.end.at) for hole in found.opened]


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
            tx,
            "acme",
            subscriptions.When(date(2026, 1, 2)),
            reason="",
            writing=world.writing(seller),
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


def expect_every(place: World, every: str) -> None:
    text = CATALOGUE.replace("expected_every: 15m", f"expected_every: {every}")
    with place.database.transaction(place.tenant_id) as tx:
        catalog.apply(tx, document.parse(text), **(world.writing(place) | {"at": after(40)}))


WIDENED = [
    # late records   the gap was
    ([], "not_expected"),
    ([30, 45], "not_expected"),  # too late for what was allowed when it opened
    ([15, 30, 45], "filled"),
]


@pytest.mark.parametrize(("late", "outcome"), WIDENED)
def test_a_gap_that_a_wider_policy_allows_was_not_filled_but_is_not_expected(seller, late, outcome):
    pulses(seller, 0, 60, 75)
    assert opened(check(seller, 76)) == [(after(0), after(60))]
    expect_every(seller, "2h")
    pulses(seller, *late)
    assert closed(check(seller, 77)) == [(after(0), outcome)]


def test_a_gap_at_the_end_of_a_contract_was_not_filled_but_is_not_expected(seller):
    pulses(seller, *every_15(0, DAY - 10))
    assert opened(check(seller, DAY + 10)) == [(after(DAY - 15), None)]
    with seller.database.transaction(seller.tenant_id) as tx:
        ends_on = date(2026, 1, 2)
        subscriptions.cancel(
            tx, "acme", subscriptions.When(ends_on), reason="", writing=world.writing(seller)
        )
    assert closed(check(seller, DAY + 11)) == [(after(DAY - 15), "not_expected")]


def test_a_gap_whose_first_record_is_taken_back_begins_at_the_one_before_it(seller):
    pulses(seller, 0, 20, 40)
    check(seller, 61)
    with seller.database.transaction(seller.tenant_id) as tx:
        by = By("x", "wrong", after(61), seller.ids)
        corrections.void(tx, [("test", "acme/40")], by)
    found = check(seller, 62)
    assert (opened(found), closed(found)) == ([(after(20), None)], [(after(40), "begins_earlier")])
    pulses(seller, 35, 50)
    assert closed(check(seller, 63)) == [(after(20), "filled")]


def test_a_silence_is_one_gap_however_many_contracts_ask_for_the_meter(seller):
    with seller.database.transaction(seller.tenant_id) as tx:
        acme = customers.by_name(tx, "acme")
        for day in (1, 2, 3):
            order = Order(acme, "all", f"more-{day}", date(2026, 1, day), "acme")
            subscriptions.start(tx, [order], **world.writing(seller))
    pulses(seller, *every_15(0, 600))
    assert opened(check(seller, 3 * DAY)) == [(after(585), None)]
    with seller.database.transaction(seller.tenant_id) as tx:
        ends_on = date(2026, 1, 2)
        subscriptions.cancel(
            tx, "acme", subscriptions.When(ends_on), reason="", writing=world.writing(seller)
        )
    found = check(seller, 3 * DAY + 1)  # the others go on
    assert (opened(found), closed(found)) == ([], [])


def test_contracts_with_time_between_them_have_gaps_of_their_own():
    terms = [(0, 10), (5, 20), (20, 30), (40, 50), (42, 45)]
    found = gaps.merged(
        Expected(subject, "pulse", after(since), after(until), ALLOWED)
        for subject in ("b", "a")
        for since, until in terms
    )
    assert [(one.subject, one.since, one.until) for one in found] == [
        (subject, after(since), after(until))
        for subject in ("a", "b")
        for since, until in ((0, 30), (40, 50))
    ]


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
    assert ends == {after(0): End(after(60)), after(60): None}


# --- a month in the archive -----------------------------------------------------------------------

DAY = 24 * 60
JANUARY, FEBRUARY = date(2026, 1, 1), date(2026, 2, 1)
TERMS = archive_usage.Terms(clock.fixed(datetime(2026, 5, 2, tzinfo=UTC)), ids.derived, "archivist")


def every_15(first: int, last: int) -> list[int]:
    """The minutes at which pulses come from one time up to another."""
    return list(range(first, last, 15))


def archive(place: World, folder: Path) -> None:
    """Puts January into the archive: it is gone from the table."""
    archive_usage.archive(
        place.database, "default", FEBRUARY, ArchiveFolder(folder), TERMS, even_unbilled=True
    )
    with place.database.snapshot(place.tenant_id) as tx:
        left = "select count(*) from usage_record where at < '2026-02-01 00:00Z'"
        assert tx.value(left) == 0


def restore(place: World, folder: Path) -> None:
    archive_usage.restore(place.database, place.tenant_id, JANUARY, ArchiveFolder(folder), TERMS)


def listed(place: World) -> dict[datetime, tuple[str, End | None]]:
    with place.database.snapshot(place.tenant_id) as tx:
        return {gap.place.starts_at: (gap.outcome.value, end) for gap, end in queries.gaps(tx)}


def accept(place: World, starts_at: float) -> None:
    with place.database.transaction(place.tenant_id) as tx:
        operations.accept_gap(
            tx, Place("acme", "pulse", after(starts_at)), "power cut", **world.writing(place)
        )


# Minutes since the start; January ends, in UTC, with minute 31 * DAY + 60.
EDGE = 31 * DAY + 60
HEALTHY = every_15(0, EDGE + 2 * DAY)
SERIES = [
    # pulses at minutes                                        looked at      gaps
    (HEALTHY, EDGE + 2 * DAY, []),
    (every_15(0, 600), 70 * DAY, [585]),
    (every_15(0, EDGE), EDGE + 3 * DAY, [EDGE - 15]),
    (every_15(0, EDGE - 2 * DAY) + every_15(EDGE + 10, EDGE + DAY), EDGE + DAY, [EDGE - 2 * DAY - 15]),
    (every_15(0, EDGE - 5 * DAY) + every_15(EDGE - 2 * DAY, EDGE + DAY), EDGE + DAY,
     [EDGE - 5 * DAY - 15]),
    (every_15(0, EDGE - 600) + every_15(EDGE - 300, EDGE + DAY), EDGE + DAY, [EDGE - 615]),
    (every_15(EDGE - 3 * DAY, EDGE + DAY), EDGE + DAY, [0]),
    (every_15(0, EDGE + 60) + every_15(EDGE + 200, EDGE + DAY), EDGE + DAY, [EDGE + 45]),
]  # fmt: skip


@pytest.mark.parametrize(("records", "looked", "gaps_at"), SERIES)
@pytest.mark.parametrize("is_accepted", [False, True], ids=["open", "accepted"])
def test_what_is_known_of_gaps_stays_when_their_month_is_archived(
    seller, tmp_path, records, looked, gaps_at, is_accepted
):
    pulses(seller, *records, 99 * DAY, fold=True)  # what lies ahead is no sign of life yet
    found = check(seller, looked)
    assert [at for at, _ in opened(found)] == [after(at) for at in gaps_at]
    if is_accepted:
        for at in gaps_at:
            accept(seller, at)
    before = listed(seller)
    archive(seller, tmp_path)
    for later in (1, 2, 40):
        found = check(seller, looked + later / 10)
        assert (opened(found), closed(found)) == ([], [])
    after_it = listed(seller)
    assert {at: outcome for at, (outcome, _) in after_it.items()} == {
        at: outcome for at, (outcome, _) in before.items()
    }
    for at, (_, end) in before.items():  # the end is the same, or one that is not too early
        told = after_it[at][1]
        assert end is not None
        assert told is not None
        assert told == end if told.is_exact else told.at >= end.at
    restore(seller, tmp_path)
    found = check(seller, looked + 5)
    assert (opened(found), closed(found)) == ([], [])
    assert listed(seller) == before


NEWS = [
    # pulses at minutes, the last before the gap first          late ones    the gap is
    (every_15(0, 600), [600], "filled"),
    (every_15(0, 600), [605, 620], "filled"),
    (every_15(0, 600), [700], "open"),
    (every_15(0, 600) + every_15(1000, 1200), [600], "filled"),
    (every_15(0, 600) + every_15(1000, 1200), [700], "open"),
    (every_15(0, EDGE), [EDGE], "filled"),
    (every_15(0, EDGE), [EDGE + 30], "open"),
]


@pytest.mark.parametrize(("records", "late", "outcome"), NEWS)
@pytest.mark.parametrize("fold", [False, True], ids=["live", "folded"])
def test_late_records_fill_a_gap_in_the_archive(seller, tmp_path, records, late, outcome, fold):
    pulses(seller, *records, fold=True)
    start = after(max(at for at in records if at + 15 not in records and at < min(late)))
    check(seller, 2 * DAY)
    check(seller, EDGE + DAY)
    assert listed(seller)[start][0] == "open"
    archive(seller, tmp_path)
    pulses(seller, *late, fold=fold)
    check(seller, EDGE + DAY + 1)
    assert listed(seller)[start][0] == outcome


def test_records_that_came_before_the_month_was_archived_fill_the_gap_if_days_can_tell(
    seller, tmp_path
):
    pulses(seller, *every_15(0, 600), fold=True)
    check(seller, 2 * DAY)
    pulses(seller, 600, fold=True)  # nobody looks before the month is gone
    archive(seller, tmp_path)
    found = check(seller, 70 * DAY)
    assert closed(found) == [(after(585), "filled")]


def test_a_hole_that_begins_in_the_archive_is_noticed(seller, tmp_path):
    pulses(seller, *every_15(0, EDGE), fold=True)
    archive(seller, tmp_path)
    assert opened(check(seller, EDGE + 5)) == []
    assert opened(check(seller, EDGE + 6)) == [(after(EDGE - 15), None)]


def test_a_hole_between_archived_days_is_noticed_and_its_end_told_as_what_is_known(
    seller, tmp_path
):
    first, last = EDGE - 5 * DAY, EDGE - 2 * DAY
    pulses(seller, *every_15(0, first), *every_15(last, EDGE + DAY), fold=True)
    archive(seller, tmp_path)
    hole = check(seller, EDGE + DAY).opened[0]
    assert (hole.place.starts_at, hole.end) == (
        after(first - 15), End(after(last + DAY - 15), is_exact=False)
    )  # fmt: skip
    assert flow.end_data(hole.end) == {"ends_at": None, "ends_by": "2026-01-30T23:45:00Z"}


def test_a_wider_policy_closes_a_gap_in_the_archive_when_days_can_tell(seller, tmp_path):
    pulses(seller, *every_15(0, 600), *every_15(1000, 3 * DAY), fold=True)
    check(seller, 2 * DAY)
    archive(seller, tmp_path)
    expect_every(seller, "12h")
    assert closed(check(seller, 3 * DAY)) == []  # the last record of the day comes after that
    expect_every(seller, "20h")
    assert closed(check(seller, 3 * DAY + 1)) == [(after(585), "not_expected")]


def test_a_gap_whose_contract_ends_at_it_is_closed_though_its_month_is_archived(seller, tmp_path):
    pulses(seller, *every_15(0, 600), fold=True)
    check(seller, 2 * DAY)
    archive(seller, tmp_path)
    text = CATALOGUE.replace("expected_every: 15m, grace: 5m", "ahead_minutes: 5")
    with seller.database.transaction(seller.tenant_id) as tx:
        catalog.apply(tx, document.parse(text), **(world.writing(seller) | {"at": after(3 * DAY)}))
    assert closed(check(seller, 70 * DAY)) == [(after(585), "not_expected")]


# --- the decision ---------------------------------------------------------------------------------

SPOT = Place("acme", "pulse", START)
HOLE = Hole(SPOT, None, ALLOWED)
TERM = Expected("acme", "pulse", START, after(100), ALLOWED)


def known(outcome: Outcome, minutes: float | None = None) -> dict[Place, Gap]:
    closed_at = None if minutes is None else after(minutes)
    return {SPOT: Gap(SPOT, after(25), ALLOWED, closed_at, outcome)}


DECIDED = [
    # the hole  known                       expected   opened  closed as
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
    (None, {}, True, False, None),
    (None, known(Outcome.OPEN), True, False, None),
    (None, known(Outcome.FILLED, 30), True, False, None),
]  # True: there; False: gone; None: in doubt


@pytest.mark.parametrize(("has_hole", "before", "is_expected", "opens", "closes"), DECIDED)
def test_a_hole_opens_a_gap_and_its_end_closes_it(has_hole, before, is_expected, opens, closes):
    found = gaps.decide(
        [HOLE] if has_hole else [],
        before,
        [TERM] if is_expected else [],
        {SPOT} if has_hole is None else set(),
        {SPOT},
        after(40),
    )
    assert found.opened == ([HOLE] if opens else [])
    assert [outcome for _, outcome in found.closed] == ([] if closes is None else [closes])


def test_whoever_looked_before_a_gap_was_noticed_does_not_close_it():
    nothing: set[Place] = set()
    for looked, expected in ((24, []), (25, [Outcome.FILLED])):
        found = gaps.decide([], known(Outcome.OPEN), [TERM], nothing, {SPOT}, after(looked))
        assert [outcome for _, outcome in found.closed] == expected


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
