"""Work: what a process that charges does, over and over: recover, and work on what is open."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import psycopg

from everycent.charging import operations_runs as running
from everycent.charging import queries
from everycent.charging.run import OPEN
from everycent.dunning.schedule import Schedule
from everycent.flows.collect import recover, refund, start
from everycent.flows.collect.desk import Desk, ended, register, renewed
from everycent.flows.collect.engine import Engine, OnProgress
from everycent.flows.collect.recover import IsGone
from everycent.kernel.errors import Conflict, Unavailable

_PAUSE = 0.25
AWAY = (psycopg.OperationalError, Unavailable, Conflict)
"""The database is away, or somebody else was first: it is tried again later."""


class Stop:
    """Asked to stop: what is under way comes to its end, nothing new is begun."""

    def __init__(self) -> None:
        self.is_asked = False
        self._engine: Engine | None = None

    def ask(self) -> None:
        """Says that it is to stop. May be called from a signal handler."""
        self.is_asked = True
        if self._engine is not None:
            self._engine.stop()

    async def rest(self, seconds: float) -> None:
        """Waits so long, or until it is asked."""
        until = time.monotonic() + seconds
        while not self.is_asked and time.monotonic() < until:
            await asyncio.sleep(0.1)

    def watches(self, engine: Engine) -> None:
        """Stops this engine too."""
        self._engine = engine
        if self.is_asked:
            engine.stop()


async def on_run(
    desk: Desk,
    run_id: UUID,
    is_gone: IsGone,
    stop: Stop,
    on_progress: OnProgress = lambda _: None,
) -> Counter[str]:
    """Works on one run until it is finished, paused or aborted; what others hold of it is waited for, and
    taken over when they are gone. Returns the attempts of this process by what became of them."""
    counts: Counter[str] = Counter()
    while not stop.is_asked:
        try:
            await recovered(desk, is_gone, stop)
            engine = Engine(desk, run_id, on_progress, lambda: recover.take_over(desk, is_gone))
            stop.watches(engine)
            await engine.work()
            counts.update(engine.counts)
            if _is_over(desk, run_id):
                break
        except AWAY:
            pass
        await asyncio.sleep(_PAUSE)
    return counts


async def recovered(desk: Desk, is_gone: IsGone, stop: Stop | None = None) -> Counter[str]:
    """Ends what others left, books what is answered, sends refunds, and asks about what is unknown. Returns
    what attempts came to, and how many were booked and sent."""
    recover.settle_own(desk)
    counts = recover.take_over(desk, is_gone)
    sent = await refund.send(desk, lambda: stop is not None and stop.is_asked)
    done = {"booked": recover.book(desk), "refund": sent.total()}
    counts += Counter(done)  # which leaves out what was not to be done
    return counts + await recover.ask(desk)


async def on_schedule(desk: Desk, schedule: Schedule, is_gone: IsGone, stop: Stop) -> Counter[str]:
    """Opens what the schedule and the retries have by now, and works on everything; does nothing while the
    database is away."""
    try:
        start.by_schedule(desk, schedule)
        start.of_retries(desk)
        return await on_everything(desk, is_gone, stop)
    except AWAY:
        return Counter()


async def on_everything(desk: Desk, is_gone: IsGone, stop: Stop) -> Counter[str]:
    """Works on every open run there is, and recovers; returns when nothing is left that can be done now."""
    counts = await recovered(desk, is_gone, stop)
    with desk.step("open_runs") as tx:
        runs = queries.runs(tx, 1000, is_open=True)
    for run in reversed(runs):
        if run.state == OPEN and not stop.is_asked:
            counts += await on_run(desk, run.run_id, is_gone, stop)
    return counts


def _is_over(desk: Desk, run_id: UUID) -> bool:
    with desk.step("finish_run") as tx:
        if running.finish_run(tx, run_id, desk.clock()):
            return True
        found = queries.find_run(tx, run_id)
    return found is None or found.state != OPEN


@contextmanager
def alive(desk: Desk) -> Iterator[None]:
    """The process is written down, says while it lasts that it is alive, in a thread of its own, and in the
    end that it has ended."""
    register(desk)
    over = threading.Event()

    def beat() -> None:
        while not over.wait(desk.pace.lease.total_seconds() / 3):
            try:
                renewed(desk)
            except AWAY:
                continue  # the database is away; when the lease is over, others take over

    thread = threading.Thread(target=beat, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        ended(desk)
