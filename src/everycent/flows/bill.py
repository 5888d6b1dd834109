"""The billing run: everything that is due by an instant becomes invoices, once, whatever breaks.

Due work is derived: whatever has accrued by `as_of` and is not covered yet. A run cuts the customers
into chunks; a chunk is one transaction that bills its customers and marks the chunk done. Workers,
as many as there are, take chunks side by side and commit them in order, so that numbers and rows
come out the same however many workers there are and wherever one of them dies.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from multiprocessing.process import BaseProcess
from typing import NamedTuple
from uuid import UUID

import psycopg

from everycent.catalog.policies import RECOUNT, STOP, Policies
from everycent.customers import operations as customers
from everycent.customers.customer import Customer
from everycent.db.connection import Database, Tx, is_lost
from everycent.flows import deciding, late, rate_due
from everycent.flows import recount as second
from everycent.flows.deciding import Known, Reading
from everycent.flows.garbage import collecting_rarely
from everycent.flows.rate_due import Decided
from everycent.invoicing import operations as invoicing
from everycent.invoicing import queries as invoices
from everycent.invoicing.assemble import DraftInvoice
from everycent.invoicing.operations import Prepared
from everycent.invoicing.runs import Chunk, Parked, Progress, Run
from everycent.kernel import points
from everycent.kernel.calendar import zone as known_zone
from everycent.kernel.clock import Clock
from everycent.kernel.errors import Broken, Invalid, Refusal, Unavailable
from everycent.kernel.ids import IdSource
from everycent.kernel.period import instant_text
from everycent.metering import operations as metering
from everycent.subscriptions import queries as subscriptions

CHUNK_SIZES = 500, 4000
"""The customers of a chunk, at least and at most: enough to share what a transaction costs by itself, and
few enough for several workers to be busy to the end."""
_CHUNKS = 16
_GROWN = frozenset(4**n for n in range(12))
"""After so many chunks tables have grown so much that the planner is told."""
PAYMENT_DAYS = 14
_RESTARTS = 3
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_POLLS_PER_SECOND = 10


class Terms(NamedTuple):
    """Who runs it and how. A run that was left open keeps the zone and the days it began with. With
    `recount`, or the tenant's policy, the second engine counts every invoice again before it is issued.
    Without a `chunk_size` a chunk has as many customers as suits how many there are."""

    actor: str
    time_zone: str = "UTC"
    payment_days: int = PAYMENT_DAYS
    chunk_size: int | None = None
    recount: bool = False


class RunResult(NamedTuple):
    """What a run did. `was_resumed` says that it had been started before and was left unfinished."""

    run: Run
    progress: Progress
    was_resumed: bool


OnProgress = Callable[[Progress], None]
OnFailed = Callable[[Exception], None]


def run(
    database: Database,
    tenant_id: int,
    as_of: datetime,
    *,
    clock: Clock,
    ids: IdSource,
    terms: Terms,
    workers: int = 1,
    on_progress: OnProgress | None = None,
    on_failed: OnFailed = lambda _: None,
) -> list[RunResult]:
    """Bills everything that is due by `as_of`. A run that was left unfinished is finished first; and one
    more follows where a period had to wait until somebody else was billed for the one before it.
    `on_failed` is told of chunks that failed as a whole in this process; their customers are billed one
    by one.

    Raises Unavailable `billing.workers_died` when worker processes keep dying; what they committed
    stays, and the next call goes on from there.
    """
    results: list[RunResult] = []
    while True:
        current, is_new = start(
            database, tenant_id, as_of, clock=clock, ids=ids, terms=terms, turn=len(results)
        )
        if workers == 1:
            work(database, tenant_id, current, clock=clock, ids=ids, terms=terms,
                 on_chunk=on_progress, on_failed=on_failed)  # fmt: skip
        else:
            _work_in_processes(
                database, tenant_id, current, clock, ids, terms, workers, on_progress
            )
        with database.transaction(tenant_id) as tx:
            results.append(RunResult(current, invoicing.progress(tx, current.run_id), not is_new))
            issued = results[-1].progress.invoices
            if is_new and not (issued and deciding.is_anyone_next(tx, current)):
                return results


def start(
    database: Database,
    tenant_id: int,
    as_of: datetime,
    *,
    clock: Clock,
    ids: IdSource,
    terms: Terms,
    turn: int = 0,
) -> tuple[Run, bool]:
    """Opens a run and cuts it into chunks, or finds the one that is open; says which it was. `turn` counts
    the runs of one instant."""
    check_time(as_of)
    known_zone(terms.time_zone)
    metering.fold(database, tenant_id)
    database.refresh_statistics()
    with database.transaction(tenant_id) as tx:
        tx.wait_as_long_as_it_takes()
        invoicing.mark_late(tx, sorted(late.ways(tx)))
        return start_in(tx, as_of, clock=clock, ids=ids, terms=terms, turn=turn)


def start_in(
    tx: Tx, as_of: datetime, *, clock: Clock, ids: IdSource, terms: Terms, turn: int = 0
) -> tuple[Run, bool]:
    """The same in a transaction that is there, of usage that was folded and looked for late usage."""
    started_at = clock()
    name = f"run/{instant_text(as_of)}/{instant_text(started_at)}"
    run_id = ids(f"{name}/{turn}" if turn else name)
    wanted = deciding.run_of(
        tx, run_id, as_of, time_zone=terms.time_zone, payment_days=terms.payment_days,
        started_at=started_at,
    )  # fmt: skip
    current, is_new = invoicing.open_run(tx, wanted)
    if is_new:
        due = sorted(due_of(tx, as_of))
        size = terms.chunk_size or chunk_size(len(due))
        current = invoicing.plan_run(tx, current, due, size)
        if not due:  # or it would stand in the way of others until somebody works on it
            invoicing.finish_run(tx, current.run_id, clock())
    return current, is_new


def chunk_size(customers: int) -> int:
    """How many of so many customers are billed in one transaction."""
    least, most = CHUNK_SIZES
    return max(least, min(most, customers // _CHUNKS))


def check_time(as_of: datetime) -> None:
    """Refuses before a run is opened what no run could finish. Raises Invalid `billing.out_of_range`."""
    if not _EARLIEST <= as_of < _LATEST:
        raise Invalid(
            "billing.out_of_range",
            f"{as_of.isoformat()} is not between the years 1970 and 2200",
            field="as_of",
            value=as_of.isoformat(),
        )


def work(
    database: Database,
    tenant_id: int,
    current: Run,
    *,
    clock: Clock,
    ids: IdSource,
    terms: Terms,
    on_chunk: OnProgress | None = None,
    on_failed: OnFailed = lambda _: None,
) -> None:
    """Bills chunks until the run is finished; what every worker does."""
    context = Context(database, tenant_id, current, clock, ids, terms)
    context.on_failed = on_failed
    with collecting_rarely():
        while _step(database, tenant_id, context):
            if context.done in _GROWN:
                database.refresh_statistics()
            if on_chunk is not None:
                with database.transaction(tenant_id) as tx:
                    on_chunk(invoicing.progress(tx, current.run_id))


class Context:
    """What a worker keeps from chunk to chunk: the run's facts and what it has read of the catalogue."""

    def __init__(
        self,
        database: Database,
        tenant_id: int,
        current: Run,
        clock: Clock,
        ids: IdSource,
        terms: Terms,
    ) -> None:
        self.database = database
        self.tenant_id = tenant_id
        self.run = current
        self.clock = clock
        self.ids = ids
        self.terms = terms
        self.known = Known()
        self.reading = Reading(partial(_beside, database, tenant_id))
        self.recounts = terms.recount or Policies(dict(current.policies))[RECOUNT] == STOP
        self.done = 0
        self.on_failed: OnFailed = lambda _: None


@contextmanager
def _beside(database: Database, tenant_id: int) -> Iterator[Tx]:
    """Usage is read beside the transaction that bills: roll-ups may be folded meanwhile, and nobody
    waits for anybody."""
    with database.snapshot(tenant_id) as reader:
        reader.look_up_by_key()
        yield reader


def _step(database: Database, tenant_id: int, context: Context) -> bool:
    """Bills one chunk, or waits for one; False when the run is finished."""
    run_id = context.run.run_id
    try:
        with database.transaction(tenant_id) as tx:
            tx.wait_as_long_as_it_takes()
            chunk = invoicing.claim_chunk(tx, run_id)
            if chunk is not None:
                points.reach("bill_chunk.claimed")
                _bill(tx, chunk, context, one_by_one=False)
                context.done += 1
                points.reach("bill_chunk.commit")
            else:
                awaited = invoicing.first_open_chunk(tx, run_id)
                if awaited is None:
                    invoicing.finish_run(tx, run_id, context.clock())
                    return False
                invoicing.wait_for_chunk(tx, run_id, awaited)
        if chunk is not None:
            points.reach("bill_chunk.committed")
        return True
    except (_PredecessorDiedError, psycopg.errors.DeadlockDetected):
        return True  # the chunk is given back and will be taken again
    except psycopg.OperationalError:
        raise
    except Exception as error:
        if is_lost(error):
            raise
        failed = f"{type(error).__name__}: {error}"
        context.on_failed(error)
    _bill_carefully(database, tenant_id, context, failed)
    return True


class _PredecessorDiedError(Exception):
    """The chunk before ours was given up: it must be billed first, so ours is given back."""


def _bill_carefully(database: Database, tenant_id: int, context: Context, failed: str) -> None:
    """A chunk that failed as a whole is billed customer by customer; the bad one is parked."""
    try:
        with database.transaction(tenant_id) as tx:
            tx.wait_as_long_as_it_takes()
            bill_chunk(tx, context, one_by_one=True)
    except (_PredecessorDiedError, psycopg.errors.DeadlockDetected):
        return
    except (psycopg.IntegrityError, psycopg.DataError) as error:
        raise Broken(
            "billing.chunk_refused",
            f"the database refuses a chunk of run {context.run.run_id}: {error} (before: {failed})",
            hint="this is a defect; nothing of the chunk was written",
        ) from error


def bill_chunk(tx: Tx, context: Context, *, one_by_one: bool) -> bool:
    """Bills a chunk that nobody has claimed, if there is one; whether there was. `one_by_one` parks whoever
    can't be billed, whatever it is."""
    chunk = invoicing.claim_chunk(tx, context.run.run_id)
    if chunk is not None:
        _bill(tx, chunk, context, one_by_one=one_by_one)
    return chunk is not None


def _bill(tx: Tx, chunk: Chunk, context: Context, *, one_by_one: bool) -> None:
    """Load, decide, wait for the chunk before, record: all in the transaction that owns the chunk."""
    tx.look_up_by_key()
    owners = customers.lock_range(tx, chunk.first, chunk.last)
    if one_by_one:
        decided = _decide_one_by_one(tx, owners, context)
    else:
        decided = _decide(tx, chunk, owners, context)
    points.reach("bill_chunk.checked")
    drafts = decided.drafts
    parked = list(decided.parked)
    prepared = [] if one_by_one else invoicing.prepare(tx, drafts, context.ids)
    points.reach("bill_chunk.prepared")
    previous = chunk.chunk_no - 1
    if previous and not invoicing.wait_for_chunk(tx, context.run.run_id, previous):
        raise _PredecessorDiedError
    if one_by_one:
        drafts, refused = _issue_one_by_one(tx, drafts, context)
        parked.extend(refused)
    else:
        points.reach("bill_chunk.issue")
        _issue(tx, prepared, context)
        points.reach("bill_chunk.issued")
    lines = sum(len(draft.lines) for draft in drafts)
    invoicing.finish_chunk(tx, context.run.run_id, chunk, len(drafts), lines, parked)


def _decide(tx: Tx, chunk: Chunk, owners: Sequence[Customer], context: Context) -> Decided:
    run = context.run
    decided = deciding.decide(tx, run, chunk, owners, context.known, context.reading)
    points.reach("bill_chunk.decided")
    return _without_differing(decided, context) if context.recounts else decided


def _decide_one_by_one(tx: Tx, owners: Sequence[Customer], context: Context) -> Decided:
    decided = Decided([], [])
    for owner in owners:
        alone = Chunk(0, owner.customer_id, owner.customer_id)
        try:
            with tx.savepoint():
                own = _decide(tx, alone, [owner], context)
        except psycopg.OperationalError:
            raise
        except Refusal as refusal:
            if is_lost(refusal):
                raise
            decided.parked.append(Parked(owner.customer_id, refusal))
        except Exception as error:  # noqa: BLE001 - the others are billed
            decided.parked.append(Parked(owner.customer_id, rate_due.unexpected(error)))
        else:
            decided.drafts.extend(own.drafts)
            decided.parked.extend(own.parked)
    return decided


def _without_differing(decided: Decided, context: Context) -> Decided:
    """Parks customers of whose invoices one comes to something else when counted again."""
    with context.reading.opened() as reader:
        found = second.differing(reader, decided.drafts)
    kept = [draft for draft in decided.drafts if draft.customer.customer_id not in found]
    parked = [Parked(customer_id, refusal) for customer_id, refusal in found.items()]
    return Decided(kept, [*decided.parked, *parked])


def _issue(tx: Tx, prepared: Sequence[Prepared], context: Context) -> None:
    invoicing.issue(
        tx,
        prepared,
        time_zone=context.run.time_zone,
        payment_days=context.run.payment_days,
        at=context.run.as_of,
        recorded_at=context.clock(),
        actor=context.terms.actor,
        ids=context.ids,
        run_id=context.run.run_id,
    )


def _issue_one_by_one(
    tx: Tx, drafts: Sequence[DraftInvoice], context: Context
) -> tuple[list[DraftInvoice], list[Parked]]:
    by_customer: dict[UUID, list[DraftInvoice]] = {}
    for draft in drafts:
        by_customer.setdefault(draft.customer.customer_id, []).append(draft)
    issued: list[DraftInvoice] = []
    parked = []
    for customer_id, own in by_customer.items():
        try:
            with tx.savepoint():
                _issue(tx, invoicing.prepare(tx, own, context.ids), context)
        except psycopg.OperationalError:
            raise
        except Exception as error:  # noqa: BLE001 - the others are billed
            parked.append(Parked(customer_id, rate_due.unexpected(error)))
        else:
            issued.extend(own)
    return issued, parked


def _work_in_processes(
    database: Database,
    tenant_id: int,
    current: Run,
    clock: Clock,
    ids: IdSource,
    terms: Terms,
    workers: int,
    on_progress: OnProgress | None,
) -> None:
    spawn = multiprocessing.get_context("spawn")
    arguments = (database.conninfo, tenant_id, current, clock, ids, terms)
    restarts = _RESTARTS * workers
    alive: list[BaseProcess] = []

    def employ() -> None:
        process = spawn.Process(target=work_alone, args=arguments, daemon=True)
        process.start()
        alive.append(process)

    for _ in range(min(workers, max(current.chunks, 1))):
        employ()
    while alive:
        for process in list(alive):
            process.join(1 / (_POLLS_PER_SECOND * len(alive)))
            if process.exitcode is None:
                continue
            alive.remove(process)
            if process.exitcode != 0:
                if restarts == 0:
                    _dismiss(alive)
                    raise Unavailable(
                        "billing.workers_died",
                        "worker processes of the billing run keep dying",
                        hint="what they finished is kept; look at their messages and run it again",
                    )
                restarts -= 1
                employ()
        if on_progress is not None:
            with database.transaction(tenant_id) as tx:
                on_progress(invoicing.progress(tx, current.run_id))


def _dismiss(workers: Sequence[BaseProcess]) -> None:
    for process in workers:
        process.terminate()
    deadline = time.monotonic() + 10
    for process in workers:
        process.join(max(0, deadline - time.monotonic()))


def work_alone(
    conninfo: str, tenant_id: int, current: Run, clock: Clock, ids: IdSource, terms: Terms
) -> None:
    """A worker process: its own connections, the same work."""
    database = Database(conninfo)
    try:
        work(database, tenant_id, current, clock=clock, ids=ids, terms=terms)
    finally:
        database.close()


def due(database: Database, tenant_id: int, at: datetime) -> set[UUID]:
    """The customers of whom something is due at an instant, or came late."""
    with database.snapshot(tenant_id) as tx:
        return due_of(tx, at)


def due_of(tx: Tx, at: datetime) -> set[UUID]:
    """The same in a transaction that is open."""
    return {*subscriptions.due_customers(tx, at), *late.customers(tx)}


def is_open(database: Database, tenant_id: int) -> bool:
    """Whether a run was begun and not finished."""
    with database.snapshot(tenant_id) as tx:
        last = invoices.runs(tx, 1)
        return bool(last) and last[0].finished_at is None
