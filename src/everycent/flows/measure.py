"""Measure what is due: interval by interval, in order, each exactly once.

An interval's records are stored first, in a transaction of their own, and its coverage after them,
together with the event that tells of it. A crash between the two leaves an interval that is measured
again; its records then find themselves stored already, because their ids follow from the interval. A
crash anywhere else leaves nothing. So what is covered was measured, and nothing is measured twice.

A measurement that fails keeps its reason and is tried again; the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import islice
from typing import NamedTuple

import psycopg

from everycent.db.connection import Database, Tx
from everycent.flows.measure_interval import TOGETHER_INTERVALS, Terms, Work, gather, store
from everycent.kernel.errors import Refusal, Unavailable
from everycent.kernel.period import Period
from everycent.measurements import operations, queries
from everycent.measurements.measurement import Http, Sql, State
from everycent.measurements.operations import Taking
from everycent.measurements.records import Gathered
from everycent.measurements.schedule import due_intervals, next_due_at
from everycent.metering import operations as metering

NO_MEMORY = "the source only knows the present, and nobody asked it in time"


class Outcome(NamedTuple):
    """What a run did for one measurement. `is_busy`: somebody else is at it; `failure`: why it stopped
    before it had caught up."""

    key: str
    taken: int = 0
    missed: int = 0
    records: int = 0
    conflicts: int = 0
    is_busy: bool = False
    failure: Refusal | None = None


class _Step(NamedTuple):
    """One transaction's worth: intervals and records covered; `is_last` when nothing more is due."""

    taken: int = 0
    missed: int = 0
    records: int = 0
    conflicts: int = 0
    is_busy: bool = False
    is_last: bool = False


OnProgress = Callable[[str, int, int], None]
"""Told a measurement's key, how many of its due intervals are covered, and how many there are."""


def run(
    database: Database,
    tenant_id: int,
    as_of: datetime,
    terms: Terms,
    *,
    is_patient: bool = False,
    should_stop: Callable[[], bool] = lambda: False,
    on_progress: OnProgress = lambda _key, _done, _total: None,
) -> list[Outcome]:
    """Measures every interval that is due by `as_of` and not covered yet, of every measurement.

    Run it as often as you like, and side by side. `is_patient` leaves those that failed alone until
    their time to retry has come. Raises Unavailable or psycopg's OperationalError when the database is
    away; anything else that goes wrong stops only its own measurement.
    """
    with database.snapshot(tenant_id) as tx:
        states = queries.listed(tx)
    # Who asks nobody comes first: a source that keeps others waiting does not keep these.
    states.sort(key=lambda state: isinstance(state.measurement.kind, Http | Sql))
    names = metering.Names()
    outcomes = []
    for state in states:
        if state.is_paused or should_stop():
            continue
        failure = state.failure
        if is_patient and failure is not None and failure.retry_at > terms.clock():
            continue
        catch_up = Work(database, tenant_id, state.measurement.key, as_of, terms, names)
        outcomes.append(_caught_up(catch_up, state, should_stop, on_progress))
    return outcomes


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
            step = _step(work)
        except Exception as error:
            if _is_database_away(error):
                raise
            return done._replace(failure=_noted(work, error))
        done = done._replace(
            taken=done.taken + step.taken,
            missed=done.missed + step.missed,
            records=done.records + step.records,
            conflicts=done.conflicts + step.conflicts,
            is_busy=step.is_busy,
        )
        on_progress(work.key, done.taken + done.missed, total)
        if step.is_busy or step.is_last:
            break
    return done


def _is_database_away(error: Exception) -> bool:
    if isinstance(error, Unavailable):
        return error.code == "database.unavailable"
    # Connections that broke have no state; classes 08 and 57P: the server is going or gone.
    return isinstance(error, psycopg.OperationalError) and (
        error.sqlstate is None or error.sqlstate.startswith(("08", "57P"))
    )


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


def _step(work: Work) -> _Step:
    """Measures some of the due intervals, or writes off those that can't be measured any more.

    The transaction that holds the lock also covers. It touches no table of usage: the records go in
    through another connection, which may have to make a month's partition.
    """
    terms = work.terms
    with work.database.transaction(work.tenant_id) as tx:
        if not operations.try_lock(tx, work.key):
            return _Step(is_busy=True)
        state = queries.get(tx, work.key)
        if state.is_paused:
            return _Step(is_last=True)
        gathered = _kept(tx, state)
        if not gathered:
            now = terms.clock()
            lost = _lost(state, work.as_of, now)
            if lost:
                operations.miss(
                    tx, state, lost, NO_MEMORY, recorded_at=now, actor=terms.actor, ids=terms.ids
                )
                return _Step(missed=len(lost))
            due = due_intervals(state.measurement.schedule, state.covered_until, work.as_of)
            gathered = gather(work, state.measurement, due)
            if not gathered:
                return _Step(is_last=True)
            if not state.measurement.has_memory:
                _keep(work, gathered)
        takings = store(work, gathered)
        _cover(tx, state, takings, terms)
    return _Step(
        len(takings),
        0,
        sum(taking.records for taking in takings),
        sum(len(taking.conflicting) for taking in takings),
    )


def _kept(tx: Tx, state: State) -> list[Gathered]:
    """What an attempt that broke off had learnt about the next interval, if anything."""
    kept = queries.kept_answer(tx, state)
    return [] if kept is None else [kept]


def _keep(work: Work, gathered: Sequence[Gathered]) -> None:
    """Writes down what a source without memory has told before anything is stored: nobody can ask it
    again, and records without their coverage would be taken for those of a missed interval."""
    (only,) = gathered
    with work.database.transaction(work.tenant_id) as tx:
        operations.keep_answer(tx, work.key, only)


def _cover(tx: Tx, state: State, takings: Sequence[Taking], terms: Terms) -> None:
    operations.cover(
        tx, state, takings, recorded_at=terms.clock(), actor=terms.actor, ids=terms.ids
    )


def _lost(state: State, as_of: datetime, now: datetime) -> list[Period]:
    """The next due intervals of a source without memory, all but the newest that has ended by now."""
    if state.measurement.has_memory:
        return []
    due = due_intervals(state.measurement.schedule, state.covered_until, max(as_of, now))
    ahead = list(islice(due, TOGETHER_INTERVALS + 1))
    delay = state.measurement.schedule.delay
    return [interval for interval in ahead[:-1] if interval.end + delay <= as_of]
