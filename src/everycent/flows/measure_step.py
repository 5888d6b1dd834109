"""One step of measuring: some due intervals, each recorded once.

What we know ourselves is gathered and covered in one transaction that has the measurement's lock. Another
system is asked outside any transaction: the first, short one takes the work on with a fence, the second
looks whether the fence still stands, stores the answer and covers the interval. Who was so slow that
somebody else took the work over finds another fence and records nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from everycent.db.connection import Tx
from everycent.flows.measure_interval import (
    TOGETHER_INTERVALS,
    Terms,
    Work,
    accepted,
    ask,
    gather,
    store,
)
from everycent.kernel.period import Period
from everycent.measurements import operations, queries
from everycent.measurements.measurement import Http, Sql, State
from everycent.measurements.operations import Taking
from everycent.measurements.records import Gathered
from everycent.measurements.schedule import due_intervals

NO_MEMORY = "the source only knows the present, and nobody asked it in time"


class Step(NamedTuple):
    """Intervals and records covered; `is_last` when nothing more is due. `is_busy`: somebody else is at
    it, `busy_until` at the latest, where that is known."""

    taken: int = 0
    missed: int = 0
    records: int = 0
    conflicts: int = 0
    is_busy: bool = False
    is_last: bool = False
    busy_until: datetime | None = None


class _Task(NamedTuple):
    """An interval that was taken on, and what an attempt that broke off had learnt of it, if anything."""

    state: State
    interval: Period
    kept: Gathered | None
    fence: int


def step(work: Work) -> Step:
    """Measures some of the due intervals, or writes off those that can't be measured any more."""
    begun = _begin(work)
    if isinstance(begun, Step):
        return begun
    try:
        return _finish(work, begun)
    except Exception:
        with work.database.transaction(work.tenant_id) as tx:
            if not operations.is_taken_on(tx, work.key, begun.fence):
                return Step(is_busy=True)  # whoever took over has the word
            operations.let_go(tx, work.key, begun.fence)
        raise


def _begin(work: Work) -> Step | _Task:
    """All of it where we know everything ourselves; else the next interval, taken on."""
    terms = work.terms
    now = terms.clock()
    with work.database.transaction(work.tenant_id) as tx:
        if not operations.try_lock(tx, work.key):
            return Step(is_busy=True)
        busy_until = queries.busy_until(tx, work.key, now)
        if busy_until is not None:
            return Step(is_busy=True, busy_until=busy_until)
        state = queries.get(tx, work.key)
        if state.is_paused:
            return Step(is_last=True)
        kept = queries.kept_answer(tx, state)
        if kept is None and (lost := _lost(state, work.as_of, now)):
            operations.miss(
                tx, state, lost, NO_MEMORY, recorded_at=now, actor=terms.actor, ids=terms.ids
            )
            return Step(missed=len(lost))
        due = due_intervals(state.measurement.schedule, state.covered_until, work.as_of)
        if not isinstance(state.measurement.kind, Http | Sql):
            gathered = gather(work, state.measurement, due) if kept is None else [kept]
            return _known(work, tx, state, gathered, is_new=kept is None)
        interval = next(due, None) if kept is None else kept.interval
        if interval is None:
            return Step(is_last=True)
        fence = operations.take_on(tx, state.measurement, terms.worker, now)
        return _Task(state, interval, kept, fence)


def _lost(state: State, as_of: datetime, now: datetime) -> list[Period]:
    """The next due intervals of a source without memory, all but the newest that has ended by now."""
    if state.measurement.has_memory:
        return []
    due = due_intervals(state.measurement.schedule, state.covered_until, max(as_of, now))
    ahead = list(islice(due, TOGETHER_INTERVALS + 1))
    delay = state.measurement.schedule.delay
    return [interval for interval in ahead[:-1] if interval.end + delay <= as_of]


def _known(work: Work, tx: Tx, state: State, gathered: Sequence[Gathered], *, is_new: bool) -> Step:
    if not gathered:
        return Step(is_last=True)
    if is_new and not state.measurement.has_memory:
        (only,) = gathered
        with work.database.transaction(work.tenant_id) as own:
            operations.keep_answer(own, work.key, only)
    return _covered(work, tx, state, gathered)


def _finish(work: Work, task: _Task) -> Step:
    """Asks, and records the answer if the work is still ours."""
    state, interval, kept, fence = task
    gathered = kept
    if gathered is None:
        gathered = ask(work.terms.poll, state.measurement, interval)
        if not state.measurement.has_memory:
            _keep(work, fence, gathered)
    with work.turns, work.database.transaction(work.tenant_id) as tx:
        if not operations.is_taken_on(tx, work.key, fence):
            return Step(is_busy=True)
        operations.let_go(tx, work.key, fence)
        as_it_is = queries.get(tx, work.key)
        if as_it_is.is_paused or as_it_is.version != state.version:
            return Step()  # nobody wants this answer any more; the next step sees what is wanted
        return _covered(work, tx, state, [gathered])


def _keep(work: Work, fence: int, gathered: Gathered) -> None:
    """Writes down what a source without memory has told before anything is stored: nobody can ask it
    again, and records without their coverage would be taken for those of a missed interval."""
    with work.database.transaction(work.tenant_id) as tx:
        if operations.is_taken_on(tx, work.key, fence):
            operations.keep_answer(tx, work.key, gathered)


def _covered(work: Work, tx: Tx, state: State, gathered: Sequence[Gathered]) -> Step:
    """Stores the records and covers their intervals, as far as their meter's intake policy lets them in.

    The transaction that holds the lock also covers. It touches no table of usage: the records go in
    through another connection, which may have to make a month's partition.
    """
    takings = store(work, accepted(work, gathered))
    _cover(tx, state, takings, work.terms)
    return Step(
        len(takings),
        0,
        sum(taking.records for taking in takings),
        sum(len(taking.conflicting) for taking in takings),
    )


def _cover(tx: Tx, state: State, takings: Sequence[Taking], terms: Terms) -> None:
    operations.cover(
        tx, state, takings, recorded_at=terms.clock(), actor=terms.actor, ids=terms.ids
    )
