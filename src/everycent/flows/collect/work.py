"""Work: what a process that charges does, over and over: recover, and work on what is open."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

from everycent.charging import operations_runs as running
from everycent.charging import queries
from everycent.charging.run import OPEN
from everycent.db.connection import AWAY
from everycent.dunning import queries as dunning
from everycent.dunning.terms import policies_of
from everycent.flows.collect import recover, refund, start
from everycent.flows.collect.desk import Desk, ended, register, renewed
from everycent.flows.collect.engine import Engine
from everycent.flows.collect.recover import IsGone
from everycent.flows.collect.sender import Sender, sending, together
from everycent.kernel.errors import Broken, Conflict

_PAUSE = 0.25
_LONGEST_PAUSE = 5.0
_TRIES = 12
CLASHES = (*AWAY, Conflict)
"""The database is away, or somebody else was first: it is tried again later."""


class Stop:
    """Asked to stop: what is under way comes to its end, nothing new is begun."""

    def __init__(self) -> None:
        self.is_asked = False
        self._sender: Sender | None = None

    def ask(self) -> None:
        """Says that it is to stop. May be called from a signal handler."""
        self.is_asked = True
        if self._sender is not None:
            self._sender.stop()

    async def rest(self, seconds: float) -> None:
        """Waits so long, or until it is asked."""
        until = time.monotonic() + seconds
        while not self.is_asked and time.monotonic() < until:
            await asyncio.sleep(0.1)

    def watches(self, sender: Sender) -> None:
        """Stops this sender too."""
        self._sender = sender
        if self.is_asked:
            sender.stop()


async def on_run(desk: Desk, run_id: UUID, is_gone: IsGone, stop: Stop) -> Counter[str]:
    """Works on one run until it is finished, paused or aborted; what others hold of it is waited for, and
    taken over when they are gone. Returns what attempts came to by this process."""
    counts: Counter[str] = Counter()
    pause = _PAUSE
    while not stop.is_asked:
        try:
            done = await one_round(desk, is_gone, stop, run_id)
            if _is_over(desk, run_id):
                return counts + done
            counts += done
            pause = _PAUSE if done else min(2 * pause, _LONGEST_PAUSE)
        except CLASHES:
            pass
        await stop.rest(pause)
    return counts


async def one_round(
    desk: Desk, is_gone: IsGone, stop: Stop, run_id: UUID | None = None
) -> Counter[str]:
    """Ends what others left and books what is answered; then sends refunds, asks about what is unknown, and
    charges what can be charged now of a run if one is given, side by side: a provider that takes its time
    holds no other one up. Returns what attempts came to, and how many were booked late."""
    recover.settle_own(desk)
    counts = recover.take_over(desk, is_gone)
    counts += Counter({"booked": recover.book(desk)})  # which leaves out none
    is_charged = asyncio.Event()
    async with sending(desk) as sender:
        stop.watches(sender)

        async def charge() -> None:
            try:
                if run_id is not None:
                    engine = Engine(sender, run_id, lambda: recover.take_over(desk, is_gone))
                    await engine.work()
            finally:
                is_charged.set()

        async def look_after() -> None:
            await together(sender, refund.send(sender), recover.ask(sender))
            while not is_charged.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(is_charged.wait(), _LONGEST_PAUSE)
                await together(sender, refund.send(sender), recover.ask(sender))

        await together(sender, charge(), look_after())
    return counts + sender.counts


async def on_schedule(
    desk: Desk,
    is_gone: IsGone,
    stop: Stop,
    counts: Counter[str],
    *,
    is_once: bool = False,
    on_clash: Callable[[Exception], None] = lambda _: None,
    on_broken: Callable[[Exception], None] | None = None,
    on_well: Callable[[], None] = lambda: None,
) -> None:
    """Opens what the schedule and the retries have by now, and works on everything, over and over until it
    is asked to stop, or once. Adds to `counts` what attempts came to. When the database is away, or others
    were first, something may be left: that is told, and tried again; so is what breaks in a way that nobody
    foresaw, where somebody wants to be told.

    Raises one of CLASHES when what was to be done once was broken off so often that it is given up."""
    clashes = 0
    while not stop.is_asked:
        pause = _LONGEST_PAUSE
        before = counts["defect"]
        try:
            await _by_now(desk, is_gone, stop, counts)
            if is_once:
                return
            _check_defects(counts["defect"] - before)
            on_well()
            clashes = 0
        except CLASHES as error:
            clashes += 1
            if is_once and clashes == _TRIES:
                raise
            on_clash(error)
            pause = min(_PAUSE * 2**clashes, _LONGEST_PAUSE)
        except Exception as error:
            if on_broken is None:
                raise
            on_broken(error)
        await stop.rest(pause)


def _check_defects(met: int) -> None:
    """Raises Broken `collecting.defect` where attempts met an error of ours, which held up no other."""
    if met:
        raise Broken(
            "collecting.defect",
            f"{met} times what became of an attempt could not be written down; it is recovered",
            hint="the log has the error; evidence decides about the attempts",
        )


async def _by_now(desk: Desk, is_gone: IsGone, stop: Stop, counts: Counter[str]) -> None:
    """By the terms that hold now."""
    with desk.step("terms") as tx:
        terms = dunning.held(tx).terms
    desk = desk._replace(policies=policies_of(terms))
    start.by_schedule(desk, terms.schedule)
    start.of_retries(desk)
    await on_everything(desk, is_gone, stop, counts)


async def on_everything(desk: Desk, is_gone: IsGone, stop: Stop, counts: Counter[str]) -> None:
    """Works on every open run there is, and recovers; returns when nothing is left that can be done now.
    Adds what attempts came to to `counts`. Raises one of CLASHES when something may be left for it."""
    counts.update(await one_round(desk, is_gone, stop))
    with desk.step("open_runs") as tx:
        runs = queries.runs(tx, 1000, is_open=True)
    for run in reversed(runs):
        if run.state == OPEN and not stop.is_asked:
            counts.update(await one_round(desk, is_gone, stop, run.run_id))
            _is_over(desk, run.run_id)


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
            except CLASHES:
                continue  # the database is away; when the lease is over, others take over

    thread = threading.Thread(target=beat, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        with suppress(*AWAY):  # then the lease runs out
            ended(desk)
