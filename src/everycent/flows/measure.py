"""Measure what is due: interval by interval, in order, each exactly once.

An interval's records are stored first, in a transaction of their own, and its coverage after them,
together with the event that tells of it. A crash between the two leaves an interval that is measured
again; its records then find themselves stored already, because their ids follow from the interval. A
crash anywhere else leaves nothing. So what is covered was measured, and nothing is measured twice.

Sources are asked side by side, so that one that does not answer keeps no other waiting. A measurement
that fails keeps its reason and is tried again; the others go on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import NamedTuple

from everycent.db.connection import Database, is_lost
from everycent.flows.measure_interval import Terms, Work
from everycent.flows.measure_step import step
from everycent.kernel.errors import Refusal, Unavailable
from everycent.measurements import operations, queries
from everycent.measurements.measurement import Http, Sql, State
from everycent.measurements.schedule import due_intervals, next_due_at
from everycent.metering import operations as metering

_ASKED_TOGETHER = 8
_RECORDED_TOGETHER = 2  # each needs up to three connections out of the pool
_SECOND = timedelta(seconds=1)
_LONGEST_SLEEP = 60 * _SECOND  # after which a definition that is new is noticed
_SHORTEST_SLEEP = _SECOND


class Outcome(NamedTuple):
    """What a run did for one measurement. `is_busy`: somebody else is at it, until `busy_until` at the
    latest where that is known; `failure`: why it stopped before it had caught up."""

    key: str
    taken: int = 0
    missed: int = 0
    records: int = 0
    conflicts: int = 0
    is_busy: bool = False
    busy_until: datetime | None = None
    failure: Refusal | None = None


OnProgress = Callable[[str, int, int], None]
"""Told a measurement's key, how many of its due intervals are covered, and how many there are."""


def _untold(_key: str, _done: int, _total: int) -> None:
    pass


def run(
    database: Database,
    tenant_id: int,
    as_of: datetime,
    terms: Terms,
    *,
    on_progress: OnProgress = _untold,
) -> list[Outcome]:
    """Measures every interval that is due by `as_of` and not covered yet, of every measurement.

    Run it as often as you like, and side by side. Raises Unavailable or psycopg's OperationalError when
    the database is away; anything else that goes wrong stops only its own measurement.
    """
    with database.snapshot(tenant_id) as tx:
        states = [state for state in queries.listed(tx) if not state.is_paused]
    names, turns = metering.Names(), threading.Semaphore(_RECORDED_TOGETHER)
    stop = threading.Event()

    def catch_up(state: State) -> Outcome:
        work = Work(database, tenant_id, state.measurement.key, as_of, terms, names, turns)
        return _caught_up(work, state, stop.is_set, on_progress)

    # Sources that failed before come last: eight dead ones together would keep the others waiting.
    asked = sorted(filter(_is_asked, states), key=lambda state: state.failure is not None)
    with ThreadPoolExecutor(_ASKED_TOGETHER) as pool:
        coming = [pool.submit(catch_up, state) for state in asked]
        try:
            outcomes = [catch_up(state) for state in states if not _is_asked(state)]
            return outcomes + [future.result() for future in coming]
        except BaseException:  # Ctrl-C too: what is being asked is finished, and nothing begun
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@contextmanager
def watching(
    database: Database,
    tenant_id: int,
    terms: Terms,
    stop: threading.Event,
    on_outcome: Callable[[Outcome], None],
) -> Iterator[Callable[[], timedelta]]:
    """What begins to measure whatever is due and says how long to rest, over and over until `stop` is set;
    what it has begun is finished when the block ends. What failed is left alone until its time to retry has
    come. It raises Unavailable or psycopg's OperationalError while the database is away."""
    names, turns = metering.Names(), threading.Semaphore(_RECORDED_TOGETHER)
    coming: dict[str, Future[Outcome]] = {}

    def begin(state: State, now: datetime, pool: ThreadPoolExecutor) -> None:
        key = state.measurement.key
        work = Work(database, tenant_id, key, now, terms, names, turns)
        coming[key] = pool.submit(_caught_up, work, state, stop.is_set, _untold)

    # What asks nobody has a thread of its own, for which no source is waited.
    with ThreadPoolExecutor(1) as own, ThreadPoolExecutor(_ASKED_TOGETHER) as asking:

        def look() -> timedelta:
            for key in [key for key, future in coming.items() if future.done()]:
                on_outcome(coming.pop(key).result())
            with database.snapshot(tenant_id) as tx:
                resting = [s for s in queries.listed(tx) if s.measurement.key not in coming]
            now = terms.clock()
            for state in sorted(resting, key=lambda state: state.failure is not None):
                wake_at = next_wake([state])
                if wake_at is not None and wake_at <= now:
                    begin(state, now, asking if _is_asked(state) else own)
            return _SHORTEST_SLEEP if coming else _pause_until(next_wake(resting), now)

        yield look
    for future in coming.values():
        if future.exception() is None:
            on_outcome(future.result())


def _is_asked(state: State) -> bool:
    return isinstance(state.measurement.kind, Http | Sql)


def _pause_until(at: datetime | None, now: datetime) -> timedelta:
    pause = _LONGEST_SLEEP if at is None else at - now
    return min(max(pause, _SHORTEST_SLEEP), _LONGEST_SLEEP)


def next_wake(states: Sequence[State]) -> datetime | None:
    """When something is due next, or is to be tried again; None when nothing ever will be."""
    found = []
    for state in states:
        due_at = next_due_at(state.measurement.schedule, state.covered_until)
        if due_at is not None and not state.is_paused:
            found.append(due_at if state.failure is None else max(due_at, state.failure.retry_at))
    return min(found, default=None)


def _caught_up(
    work: Work, state: State, should_stop: Callable[[], bool], on_progress: OnProgress
) -> Outcome:
    schedule = state.measurement.schedule
    total = sum(1 for _ in due_intervals(schedule, state.covered_until, work.as_of))
    done = Outcome(work.key)
    while not should_stop():
        try:
            found = step(work)
        except Exception as error:
            if is_lost(error):
                raise
            return done._replace(failure=_noted(work, error))
        done = done._replace(
            taken=done.taken + found.taken,
            missed=done.missed + found.missed,
            records=done.records + found.records,
            conflicts=done.conflicts + found.conflicts,
            is_busy=found.is_busy,
            busy_until=found.busy_until,
        )
        on_progress(work.key, done.taken + done.missed, total)
        if found.is_busy or found.is_last:
            break
    return done


def _noted(work: Work, error: Exception) -> Refusal:
    """Writes down why it failed, for the list and for the next attempt."""
    refusal = error if isinstance(error, Refusal) else _unforeseen(error)
    with work.database.transaction(work.tenant_id) as tx:
        covered_until = queries.get(tx, work.key).covered_until
        operations.fail(
            tx, work.key, covered_until, refusal.code, refusal.message, work.terms.clock()
        )
    return refusal


def _unforeseen(error: Exception) -> Refusal:
    text = " ".join(str(error).split()) or "without a word"
    return Unavailable("measurement.failed", f"{type(error).__name__}: {text}")
