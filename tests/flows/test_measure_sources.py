"""Asking other systems: outside transactions, side by side, and by one worker at a time."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from everycent.flows import measure as flow
from everycent.flows.measure_interval import Poll, Terms
from everycent.kernel import clock, ids
from everycent.kernel.errors import Unavailable
from everycent.kernel.period import Period
from everycent.measurements import operations, queries
from everycent.measurements.measurement import Measurement
from tests.conftest import Place
from tests.flows import world
from tests.flows.test_measure import (
    CATALOGUE,
    HOURS,
    assert_replays,
    assert_tiled,
    define,
    hours,
    intervals,
    records,
    state,
)

LEASE = timedelta(seconds=3 * 30 + 30)
"""Three attempts of the thirty seconds that a source has when nothing else is told, and some to spare."""


def source(*keys: str, more: str = "") -> str:
    lines = [
        f"  {key}: {{meter: traffic, every: 1h, starts_at: 2026-01-01T00:00Z,"
        f' http: {{url: "https://s.invalid/{key}?from={{start}}&to={{end}}"{more}}}}}'
        for key in keys
    ]
    return "measurements:\n" + "\n".join(lines) + "\n"


@pytest.fixture
def seller(place: Place) -> Place:
    world.sell(place, [], text=CATALOGUE)
    return place


def terms_of(poll: Poll, at: datetime | Callable[[], datetime], worker: str = "w1") -> Terms:
    return Terms(at if callable(at) else clock.fixed(at), ids.derived, "test", poll, worker)


def run(place: Place, until: datetime, poll: Poll, at: datetime | None = None) -> Any:
    outcomes = flow.run(place.database, place.tenant_id, until, terms_of(poll, at or until))
    return {outcome.key: outcome for outcome in outcomes}


def rows(value: str = "1") -> list[dict[str, str]]:
    return [{"subject": "vm1", "value": value}]


def honest(measurement: Measurement, interval: Period) -> list[dict[str, str]]:
    return rows(str(interval.start.hour + 1))


def wait_for(what: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if what():
            return True
        time.sleep(0.02)
    return False


def covered(place: Place, key: str) -> int:
    return sum(1 for row in intervals(place) if row[0] == key and row[3] == "taken")


# --- one worker at a time -----------------------------------------------------------------------


def test_workers_side_by_side_ask_for_each_interval_once(seller):
    define(seller, source("a", "b"))
    asked: list[tuple[str, datetime]] = []

    def poll(measurement: Measurement, interval: Period) -> Any:
        asked.append((measurement.key, interval.start))
        time.sleep(0.01)
        return honest(measurement, interval)

    workers = [threading.Thread(target=run, args=(seller, hours(12), poll)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    run(seller, hours(12), poll)
    assert sorted(asked) == [(key, hours(n)) for key in "ab" for n in range(12)]
    assert [r[4] for r in records(seller)] == [n + 1 for n in range(12) for _ in "ab"]
    assert_tiled(seller, hours(12))
    assert_replays(seller)


def _ask_and_die(conninfo: str, tenant_id: int, as_of: datetime) -> None:
    """A whole process that is killed when it has its answer and is about to record it."""
    from everycent.db.connection import Database

    def die(*_: Any) -> bool:
        os.kill(os.getpid(), signal.SIGKILL)
        return True

    operations.is_taken_on = die
    flow.run(Database(conninfo), tenant_id, as_of, terms_of(honest, as_of, "killed:1"))


def test_what_a_killed_worker_took_on_is_measured_once_its_lease_has_run_out(seller):
    define(seller, source("a"))
    fork = multiprocessing.get_context("forkserver")
    worker = fork.Process(target=_ask_and_die, args=(seller.conninfo, seller.tenant_id, hours(3)))
    worker.start()
    worker.join(60)
    assert worker.exitcode == -signal.SIGKILL
    assert (records(seller), covered(seller, "a")) == ([], 0)

    at_once = run(seller, hours(3), honest)["a"]
    assert (at_once.taken, at_once.is_busy, at_once.busy_until) == (0, True, hours(3) + LEASE)
    late = run(seller, hours(3), honest, at=hours(3) + LEASE)["a"]
    assert (late.taken, late.is_busy, late.failure) == (3, False, None)
    assert [r[4] for r in records(seller)] == [1, 2, 3]
    assert_tiled(seller, hours(3))
    assert_replays(seller)


def test_an_answer_that_comes_after_somebody_took_over_is_not_recorded(seller):
    define(seller, source("a"))

    def slow(measurement: Measurement, interval: Period) -> Any:
        other = run(seller, hours(1), lambda *_: rows("7"), at=hours(1) + LEASE)["a"]
        assert other.taken == 1
        return [*rows("8"), {"subject": "vm2", "value": "8"}]

    outcome = run(seller, hours(1), slow)["a"]
    assert (outcome.taken, outcome.is_busy, outcome.failure) == (0, True, None)
    assert [(r[1], r[4]) for r in records(seller)] == [("vm1", 7)]
    assert_replays(seller)


def test_a_failure_that_comes_after_somebody_took_over_blames_nobody(seller):
    define(seller, source("a"))

    def slow(measurement: Measurement, interval: Period) -> Any:
        run(seller, hours(1), honest, at=hours(1) + LEASE)
        raise Unavailable("measurement.source_slow", "too slow")

    assert run(seller, hours(1), slow)["a"].failure is None
    assert state(seller, "a").failure is None
    assert covered(seller, "a") == 1


def test_whoever_failed_holds_nobody_up(seller):
    define(seller, source("a"))

    def dead(*_: Any) -> Any:
        raise Unavailable("measurement.source_unavailable", "down")

    assert run(seller, hours(1), dead)["a"].failure is not None
    assert run(seller, hours(1), honest)["a"].taken == 1


@pytest.mark.parametrize(
    ("change", "taken", "is_paused"),
    [("pause", 0, True), ("new version", 1, False)],
)
def test_an_answer_to_a_question_that_nobody_asks_any_more_is_dropped(
    seller, change, taken, is_paused
):
    define(seller, source("a"))

    def poll(measurement: Measurement, interval: Period) -> Any:
        if "changed" in measurement.dimensions:
            return rows("2")
        if change == "pause":
            with seller.database.transaction(seller.tenant_id) as tx:
                operations.switch(tx, "a", is_paused=True, reason="", **seller.writing)
        else:
            define(seller, source("a").replace("http:", "dimensions: {changed: now}, http:"))
        return rows("1")

    assert run(seller, hours(1), poll)["a"].taken == taken
    assert state(seller, "a").is_paused == is_paused
    assert [r[4] for r in records(seller)] == [2] * taken
    assert_replays(seller)


def test_an_answer_that_nobody_can_give_again_is_kept_over_a_pause(seller):
    define(seller, source("a", more=", history: false"))

    def poll(*_: Any) -> Any:
        with seller.database.transaction(seller.tenant_id) as tx:
            operations.switch(tx, "a", is_paused=True, reason="", **seller.writing)
        return rows("5")

    run(seller, hours(1), poll)
    with seller.database.transaction(seller.tenant_id) as tx:
        operations.switch(tx, "a", is_paused=False, reason="", **seller.writing)
    run(seller, hours(2), lambda *_: rows("6"))
    assert [(r[3], r[4]) for r in records(seller)] == [(hours(0), 5), (hours(1), 6)]


# --- no transaction, no queue -------------------------------------------------------------------


def test_while_a_source_is_asked_no_transaction_is_open(seller):
    define(seller, source("a"))
    seen: list[Any] = []

    def poll(measurement: Measurement, interval: Period) -> Any:
        with psycopg.connect(seller.conninfo) as onlooker:
            seen.append(onlooker.execute(
                "select count(*) filter (where xact_start is not null), count(*)"
                " from pg_stat_activity where datname = current_database()"
                " and backend_type = 'client backend' and pid <> pg_backend_pid()"
            ).fetchone())  # fmt: skip
            locks = "select count(*) from pg_locks where locktype = 'advisory'"
            assert onlooker.execute(locks).fetchone() == (0,)
        return honest(measurement, interval)

    assert run(seller, hours(2), poll)["a"].taken == 2
    assert [opened for opened, _ in seen] == [0, 0]
    assert all(connected > 0 for _, connected in seen)


def test_a_source_that_does_not_answer_keeps_no_other_waiting(seller):
    define(seller, source("dead", "live", "quick"))
    others_were_done: list[bool] = []

    def poll(measurement: Measurement, interval: Period) -> Any:
        if measurement.key == "dead":
            others = [lambda: covered(seller, "live") == 3, lambda: covered(seller, "quick") == 3]
            others_were_done.extend(wait_for(other) for other in others)
            raise Unavailable("measurement.source_slow", "no answer")
        return honest(measurement, interval)

    outcomes = run(seller, hours(3), poll)
    assert others_were_done == [True, True]
    assert [outcomes[key].taken for key in ("dead", "live", "quick")] == [0, 3, 3]
    assert outcomes["dead"].failure is not None


def test_many_sources_at_once_find_their_connections(seller):
    keys = [f"s{n:02}" for n in range(24)]
    define(seller, source(*keys))
    outcomes = run(seller, hours(3), honest)
    assert {(o.taken, o.failure) for o in outcomes.values()} == {(3, None)}
    assert_tiled(seller, hours(3))


def test_watching_goes_on_with_the_others_while_one_source_does_not_answer(seller):
    define(seller, source("dead", "live") + HOURS.split("\n", 2)[2])
    now = [hours(1)]
    stop = threading.Event()
    told: list[flow.Outcome] = []
    seen: list[bool] = []

    def poll(measurement: Measurement, interval: Period) -> Any:
        if measurement.key == "dead":
            seen.append(wait_for(lambda: min(covered(seller, k) for k in ("live", "up")) == 1))
            now[0] = hours(2)
            seen.append(wait_for(lambda: min(covered(seller, k) for k in ("live", "up")) == 2))
            stop.set()
        return honest(measurement, interval)

    terms = terms_of(poll, lambda: now[0])
    with flow.watching(seller.database, seller.tenant_id, terms, stop, told.append) as look:
        while not stop.wait(look().total_seconds()):
            pass
    assert seen == [True, True]
    assert {(o.key, o.taken) for o in told} >= {("dead", 1), ("live", 1), ("up", 1)}
    with seller.database.snapshot(seller.tenant_id) as tx:
        assert queries.busy_until(tx, "dead", now[0]) is None
