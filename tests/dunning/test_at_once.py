"""Runs at once, and runs that die: every step is taken once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import Counter
from datetime import date

import psycopg
import pytest

from everycent.db.connection import Database
from everycent.kernel import points
from tests.dunning import debts

FORK = multiprocessing.get_context("fork")
DAY = date(2026, 3, 1)


def steps_of(place) -> Counter:
    """How often each customer's steps are there, by customer and step."""
    with psycopg.connect(place.conninfo, options="-c search_path=everycent") as connection:
        rows = connection.execute(
            "select c.key, s.step from dunning_step s join customer c using (tenant_id, customer_id)"
            f" where s.tenant_id = {place.tenant_id}"
        ).fetchall()
    return Counter(rows)


def test_four_runs_at_once_take_each_step_once(place):
    debts.owing(place, 12)
    begun = threading.Barrier(4)
    found, errors = [], []

    def work() -> None:
        begun.wait()
        try:
            found.append(debts.run(place, DAY, chunk=3))
        except Exception as error:  # noqa: BLE001 - told by the test itself
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sum(len(did.steps) for did in found) == 12
    assert set(steps_of(place).values()) == {1}
    assert len(debts.queued(place)) == 12
    assert debts.violations(place) == []


def test_the_database_alone_keeps_a_step_from_coming_twice(place):
    debts.owing(place)
    debts.run(place, DAY)
    with (
        psycopg.connect(place.conninfo, options="-c search_path=everycent") as connection,
        pytest.raises(psycopg.errors.UniqueViolation),
    ):
        connection.execute(
            "insert into dunning_step (tenant_id, customer_id, currency, episode, number, campaign,"
            " step, taken_on, amount, at, event_id) select tenant_id, customer_id, currency, episode,"
            " number + 1, campaign, step, taken_on + 1, amount, at, event_id from dunning_step"
        )


def killed_at(place, point: str, nth: int) -> bool:
    """Runs in a process of its own that kills itself at a point; whether it came to it."""
    process = FORK.Process(target=_dies, args=(place, point, nth))
    process.start()
    process.join(60)
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode == -signal.SIGKILL


def _dies(place, point: str, nth: int) -> None:
    seen: Counter = Counter()

    def reach(name: str) -> None:
        seen[name] += 1
        if name == point and seen[name] == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    points.on_reach(reach)
    debts.run(place._replace(database=Database(place.conninfo)), DAY, chunk=2)
    os._exit(0)


@pytest.mark.parametrize("point", ["dun.begin", "dun.commit", "dun.committed"])
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_what_a_killed_run_has_left_the_next_one_does(place, point, nth):
    debts.owing(place, 6)
    assert killed_at(place, point, nth)
    done_before = steps_of(place)
    assert len(done_before) == 2 * (nth if point == "dun.committed" else nth - 1)
    debts.run(place, DAY)
    assert steps_of(place) == {(f"c{n:03d}", "reminder"): 1 for n in range(6)}
    assert len(debts.queued(place)) == 6
    assert debts.violations(place) == []
