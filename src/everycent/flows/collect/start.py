"""Start: opens a collection run. Uniqueness is the database's: however many schedulers there are, an
instant of the schedule has one run, and an invoice is in the hands of one attempt at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from uuid import UUID

from everycent.charging import operations_runs as running
from everycent.charging import queries
from everycent.charging.run import OPEN, Progress, Run, RunKind
from everycent.db.connection import Tx
from everycent.dunning.schedule import Schedule, due_instants
from everycent.flows.collect.desk import Desk
from everycent.kernel.calendar import local_date
from everycent.kernel.ids import IdSource
from everycent.kernel.period import instant_text


def on_demand(
    desk: Desk,
    *,
    due_by: datetime,
    time_zone: str,
    invoices: Sequence[UUID] | None = None,
) -> Run:
    """Opens a run of every invoice that is due by the day of `due_by` in `time_zone`, or of those given."""
    return _open(desk, RunKind.DEMAND, local_date(due_by, time_zone), None, invoices)[0]


def opened(
    tx: Tx,
    *,
    due_by: datetime,
    time_zone: str,
    invoices: Sequence[UUID] | None,
    names: Iterable[str],
    at: datetime,
    ids: IdSource,
) -> Run:
    """The same in a transaction that is there already, for whoever charges nothing itself; `names` are the
    providers that are set up."""
    name = f"collection/{RunKind.DEMAND}/{instant_text(at)}"
    day = local_date(due_by, time_zone)
    run = Run(ids(name), RunKind.DEMAND, at, day, None, OPEN, at, None)
    return running.open_run(tx, run, names, invoices)[0]


def on_schedule(desk: Desk, scheduled_at: datetime, time_zone: str) -> tuple[Run, bool]:
    """Opens the run of an instant of the schedule, or finds it; says whether it is new."""
    due_by = local_date(scheduled_at, time_zone)
    return _open(desk, RunKind.SCHEDULE, due_by, scheduled_at, None)


def by_schedule(desk: Desk, schedule: Schedule) -> Run | None:
    """Opens the run of the last instant of the schedule that has come since there was anything to charge,
    or since the run before; None when there was none. What was missed in between is charged by it too."""
    with desk.step("look_at_schedule") as tx:
        since = queries.to_collect_since(tx)
    if since is None:
        return None
    instants = list(due_instants(schedule, since, desk.clock()))
    return on_schedule(desk, instants[-1], schedule.time_zone)[0] if instants else None


def of_retries(desk: Desk) -> Run | None:
    """Opens a run of what is to be tried again by now; None when there is nothing."""
    due_by = local_date(desk.clock(), "UTC")
    with desk.step("look_for_retries") as tx:
        if not queries.has_retries(tx, desk.clock(), due_by, desk.names):
            return None
    run, is_new = _open(desk, RunKind.RETRY, due_by, None, None)
    return run if is_new else None


def _open(
    desk: Desk,
    kind: RunKind,
    due_by: date,
    scheduled_at: datetime | None,
    invoices: Sequence[UUID] | None,
) -> tuple[Run, bool]:
    now = desk.clock()
    name = f"collection/{kind}/{instant_text(scheduled_at or now)}"
    run = Run(desk.ids(name), kind, now, due_by, scheduled_at, OPEN, now, None)
    with desk.step("open_run") as tx:
        return running.open_run(tx, run, desk.names, invoices)


def progress(desk: Desk, run_id: UUID) -> Progress:
    """How far a run is."""
    with desk.database.snapshot(desk.tenant_id) as tx:
        return queries.progress(tx, run_id)
