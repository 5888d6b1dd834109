"""Running: runs, and the processes that work on them: opened, paused, finished; alive as long as they say
so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import psycopg

from everycent.charging import store
from everycent.charging.run import ABORTED, OPEN, PAUSED, Run, RunKind, Worker
from everycent.db.connection import Tx
from everycent.kernel.errors import Conflict


def register(tx: Tx, worker: Worker, lease: timedelta) -> None:
    """Writes down a process that charges."""
    store.register_worker(tx, worker, lease)


def renew(tx: Tx, worker_id: UUID, lease: timedelta) -> None:
    """Says that a process is alive, for so many seconds of the database's time."""
    store.renew_lease(tx, worker_id, lease)


def end(tx: Tx, worker_id: UUID) -> None:
    """Says that a process has ended."""
    store.end_lease(tx, worker_id)


def open_run(
    tx: Tx, run: Run, providers: Iterable[str], invoices: Sequence[UUID] | None = None
) -> tuple[Run, bool]:
    """Opens a run with its work list (of all invoices, or of those), or finds the one that the schedule
    has for the instant; says whether it is new. One of retries that has nothing to do is not opened, and
    not new."""
    if run.kind is RunKind.RETRY:
        is_new = False
        with tx.savepoint():
            store.insert_run(tx, run)
            is_new = bool(store.plan_run(tx, run, invoices, providers))
            if not is_new:
                raise psycopg.Rollback
        return run, is_new
    if not store.insert_run(tx, run):
        assert run.scheduled_at is not None, "only scheduled instants are unique"
        found = store.find_scheduled_run(tx, run.scheduled_at)
        assert found is not None, "it stood in the way"
        return found, False
    store.plan_run(tx, run, invoices, providers)
    return run, True


def finish_run(tx: Tx, run_id: UUID, at: datetime) -> bool:
    """Closes a run of which nothing is left to do; whether it is this that closed it."""
    return store.finish_run(tx, run_id, at)


def switch_run(tx: Tx, run: Run, to: str, at: datetime) -> Run:
    """Pauses, resumes or aborts a run. What is under way comes to its end; what waits is not begun.

    Raises Conflict `collection.run_is_over`."""
    before = {PAUSED: [OPEN], OPEN: [PAUSED], ABORTED: [OPEN, PAUSED]}[to]
    if run.state == to:
        return run
    if not store.switch_run(tx, run.run_id, before, to, at):
        raise Conflict(
            "collection.run_is_over",
            f"the run is {run.state} and can't become {to}",
            field="run",
            hint="start another one: `everycent collect run`",
        )
    if to == ABORTED:
        store.abort_items(tx, run.run_id)
    return run._replace(state=to)


def workers_on(tx: Tx, worker_id: UUID) -> list[tuple[Worker, bool]]:
    """Other processes that have something under way, and whether their lease is over."""
    return store.list_workers_on(tx, worker_id)
