"""Workers of a billing run are killed at random, fifty times; the result is that of a quiet run.

Two worker processes bill side by side. Each is killed (SIGKILL) after a random life, and another one
takes its place, until fifty have died and the run is finished. Ids and recorded times are derived
from what they belong to, so that every row, every number and every hash can be compared.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from datetime import date, datetime

import pytest

from everycent.flows import bill
from everycent.flows.verify import verify
from everycent.invoicing.runs import Run
from everycent.kernel import clock, ids
from tests.conftest import Place
from tests.flows import world
from tests.flows.world import calls, midnight, sell, state, use

KILLS = 50
CUSTOMERS = 300
TERMS = world.TERMS._replace(chunk_size=2)


def _months() -> list[datetime]:
    return [midnight(date(2026 + n // 12, n % 12 + 1, 1)) for n in range(1, 24)]


def _prepare(place: Place) -> None:
    keys = [f"c{n:04d}" for n in range(CUSTOMERS)]
    sell(place, [(key, "api") for key in keys])
    use(place, [calls(key, 7 * n % 500, date(2026, 1, 3)) for n, key in enumerate(keys)])


def _start(place: Place, as_of: datetime) -> Run:
    current, is_new = bill.start(
        place.database,
        place.tenant_id,
        as_of,
        clock=clock.fixed(as_of),
        ids=ids.derived,
        terms=TERMS,
    )
    assert is_new
    return current


def _bill_under_fire(place: Place, current: Run, kills: int, dice: random.Random) -> int:
    """Bills the run with two workers that die `kills` times; returns how often one was killed."""
    fork = multiprocessing.get_context("forkserver")
    fork.set_forkserver_preload(["everycent.flows.bill"])
    killed = 0
    arguments = (
        place.conninfo, place.tenant_id, current, clock.fixed(current.as_of), ids.derived, TERMS,
    )  # fmt: skip
    workers: list[tuple[multiprocessing.process.BaseProcess, float]] = []
    while True:
        finished = [w for w, _ in workers if w.exitcode == 0]
        workers = [(w, until) for w, until in workers if w.exitcode is None]
        if finished and not workers:
            return killed
        while len(workers) < 2 and not finished:
            worker = fork.Process(target=bill.work_alone, args=arguments)
            worker.start()
            workers.append((worker, time.monotonic() + dice.uniform(0.02, 0.4)))
        for worker, until in workers:
            if killed < kills and time.monotonic() > until and worker.pid is not None:
                os.kill(worker.pid, signal.SIGKILL)
                worker.join()
                if worker.exitcode == -signal.SIGKILL:
                    killed += 1
        time.sleep(0.005)


@pytest.mark.parametrize(
    "seed", [20260101, *(pytest.param(n, marks=pytest.mark.soak) for n in range(20))]
)
def test_fifty_killed_workers_leave_the_same_books_as_a_quiet_run(
    place: Place, other_place: Place, seed: int
) -> None:
    dice = random.Random(seed)
    quiet = other_place
    _prepare(place)
    _prepare(quiet)
    killed = 0
    rounds = 0
    for as_of in _months():
        killed += _bill_under_fire(place, _start(place, as_of), KILLS - killed, dice)
        rounds += 1
        if killed >= KILLS:
            break
    assert killed == KILLS
    for as_of in _months()[:rounds]:
        bill.work(
            quiet.database,
            quiet.tenant_id,
            _start(quiet, as_of),
            clock=clock.fixed(as_of),
            ids=ids.derived,
            terms=TERMS,
        )
    under_fire, in_peace = (state(p.database, p.tenant_id) for p in (place, quiet))
    for name in in_peace:
        assert under_fire[name] == in_peace[name], name
    with place.database.snapshot(place.tenant_id) as tx:
        for check in verify(tx, trusted_key=None, with_replay=True):
            assert check.violators == [], check.promise
