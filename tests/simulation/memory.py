"""Memory: the database, as far as charging knows it. The functions have the names and meanings of the
product's stores; what a constraint, an index or a trigger refuses there is refused here.

A transaction is one instant: what it saw is what it changes, as the row locks of the real one make sure.
What a commit may come to is explicit: it happened, it did not, or nobody was told that it did.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from everycent.charging.attempt import Stage, Status
from everycent.charging.run import (
    CLAIMED,
    FINISHED,
    OPEN,
    SKIPPED,
    WAITING,
    Run,
    RunKind,
)
from everycent.invoicing.settlement import Open, Settle
from everycent.methods.method import ACTIVE, FAILED, Method
from everycent.payments.payment import Moved, Payment, Standing
from everycent.payments.provider import Kind

ALIVE = frozenset({"claimed", "sending", "unknown", "pending", "answered", "mismatched"})
WAYS = frozenset(
    [
        "claimed>sending",
        "claimed>cancelled",
        "claimed>failed",
        "sending>answered",
        "sending>failed",
        "sending>unknown",
        "sending>pending",
        "sending>mismatched",
        "unknown>answered",
        "unknown>failed",
        "unknown>unknown",
        "unknown>pending",
        "unknown>mismatched",
        "unknown>sending",
        "pending>answered",
        "pending>failed",
        "pending>pending",
        "pending>mismatched",
        "pending>unknown",
        "answered>succeeded",
        "mismatched>answered",
        "mismatched>failed",
        "mismatched>mismatched",
        "failed>answered",
        "cancelled>answered",
        "failed>mismatched",
        "cancelled>mismatched",
    ]
)
"""Copied from migration 0014 (check_attempt), as are the constraints below."""
FAR_PAST = datetime(1, 1, 1, tzinfo=UTC)


class RefusedError(BaseException):
    """A constraint of the database stands in the way; nothing of the transaction happened. Not even what
    isolates a failure may swallow it: a correct product never meets one."""


class LostError(Exception):
    """The database went away: nobody knows what became of the transaction."""


class Invoice(NamedTuple):
    """An invoice: `owed` in minor units."""

    invoice_id: UUID
    name: str
    customer_id: UUID
    owed: int
    currency: str


class Row(NamedTuple):
    """What the store says of an invoice that is to be collected."""

    invoice_id: UUID
    series: str
    number: int
    customer_id: UUID
    customer: str
    currency: str
    step: int
    open: int
    due: int
    method: Method | None
    tries: int
    made: int
    retry_at: datetime | None
    is_stopped: bool
    is_under_way: bool
    customer_group: None = None


class Collected(NamedTuple):
    """What is decided about collecting an invoice."""

    tries: int
    retry_at: datetime | None
    is_stopped: bool


_UNDECIDED = Collected(0, None, False)


class Tables:
    """All that is stored. `written` are the invoices and attempts of the last commits, for the checks."""

    def __init__(self) -> None:
        self.invoices: dict[UUID, Invoice] = {}
        self.opens: dict[UUID, Open] = {}
        self.attempts: dict[UUID, Stage] = {}
        self.of_invoice: dict[UUID, tuple[UUID, ...]] = {}
        self.collection: dict[UUID, Collected] = {}
        self.methods: dict[UUID, tuple[Method, ...]] = {}
        self.payments: dict[UUID, tuple[Payment, Standing]] = {}
        self.pays: dict[UUID, tuple[tuple[UUID, int], ...]] = {}
        self.externals: dict[tuple[str, str], UUID] = {}
        self.paid_by: dict[UUID, UUID] = {}
        self.notices: dict[tuple[str, str], bool] = {}
        self.workers: dict[UUID, Any] = {}
        self.runs: dict[UUID, Run] = {}
        self.scheduled: dict[datetime, UUID] = {}
        self.items: dict[UUID, dict[UUID, tuple[str, UUID | None]]] = {}

    # --- what is refused; each is a method so that a fault can be planted in its place --------------

    def refuse_alive(self, stage: Stage) -> None:
        """payment_attempt_alive: at most one attempt of an invoice is alive."""
        if sum(is_alive(one) for one in self._others(stage)) and is_alive(stage):
            raise RefusedError("payment_attempt_alive")

    def refuse_step(self, stage: Stage) -> None:
        """payment_attempt_step: of every state of an invoice at most one attempt ever succeeds."""
        if not _holds_step(stage):
            return
        step = stage.attempt.step
        if any(_holds_step(one) and one.attempt.step == step for one in self._others(stage)):
            raise RefusedError("payment_attempt_step")

    def refuse_way(self, before: Stage, after: Stage) -> None:
        """payment_attempt_transition: the state machine."""
        if f"{before.state.status}>{after.state.status}" not in WAYS:
            raise RefusedError(f"transition {before.state.status}>{after.state.status}")

    def refuse_fence(self, before: Stage, after: Stage) -> None:
        """payment_attempt_fence: nobody who was taken over from writes any more."""
        was, now = before.state.by, after.state.by
        if now.fence < was.fence or (now.fence == was.fence and now.worker_id != was.worker_id):
            raise RefusedError("payment_attempt_fence")

    def refuse_amount(self, stage: Stage) -> None:
        """No more is asked for than was open."""
        if not 0 < stage.attempt.amount <= stage.attempt.left:
            raise RefusedError("payment_attempt_amount")

    def refuse_settle(self, found: Open, step: Settle) -> None:
        """The chain of settlements, and its ends."""
        if (step.step, step.open_before, step.owed) != (found.step + 1, found.left, found.owed):
            raise RefusedError("settlement_chain")
        if not 0 <= step.open_after <= step.owed:
            raise RefusedError("settlement_end")

    def refuse_payment(self, payment: Payment) -> None:
        """A payment is booked once by its name at the provider, and once for its attempt."""
        if (payment.provider, payment.external_id) in self.externals:
            raise RefusedError("payment_external")
        if payment.attempt_id is not None and payment.attempt_id in self.paid_by:
            raise RefusedError("payment_attempt_once")

    def _others(self, stage: Stage) -> list[Stage]:
        mine = stage.attempt.attempt_id
        return [
            self.attempts[one]
            for one in self.of_invoice.get(stage.attempt.invoice_id, ())
            if one != mine and one in self.attempts
        ]


def is_alive(stage: Stage) -> bool:
    """Whether an attempt stands in the way of another one."""
    return stage.state.status in ALIVE and not stage.state.is_contradicted


def _holds_step(stage: Stage) -> bool:
    state = stage.state
    return state.status not in (Status.FAILED, Status.CANCELLED) and not state.is_contradicted


class Tx:
    """A transaction: what it changed, so that it can be undone, and which attempts and invoices."""

    tenant_id = 1

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.undo: list[tuple[dict[Any, Any], Any, Any]] = []
        self.stages: list[tuple[Stage | None, Stage]] = []
        self.moved: list[Moved] = []

    def put(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        """Writes a row."""
        self.undo.append((table, key, table.get(key)))
        table[key] = value

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Work that may be undone alone."""
        mark = len(self.undo)
        with suppress(psycopg.Rollback):
            try:
                yield
            except psycopg.Rollback:
                self._undo_to(mark)
                raise

    def roll_back(self) -> None:
        """Undoes all of it."""
        self._undo_to(0)

    def _undo_to(self, mark: int) -> None:
        while len(self.undo) > mark:
            table, key, before = self.undo.pop()
            if before is None:
                del table[key]
            else:
                table[key] = before


# --- journal, invoicing, methods, payments --------------------------------------------------------


def record(tx: Tx, drafts: Iterable[Any], at: datetime, projection: Any) -> None:
    """The events' rows, in the order of the events."""
    for draft in drafts:
        if isinstance(draft.payload, Stage):
            put_stage(tx, draft.payload)
        else:
            put_moved(tx, draft.payload)


def put_stage(tx: Tx, stage: Stage) -> None:
    """An attempt at its new stage, and what is decided about its invoice (charging/projection.py)."""
    tables, attempt, state = tx.tables, stage.attempt, stage.state
    before = tables.attempts.get(attempt.attempt_id)
    if before is None:
        if state.status is not Status.CLAIMED:
            raise RefusedError("an attempt begins as claimed")
        tables.refuse_amount(stage)
        known = tables.of_invoice.get(attempt.invoice_id, ())
        tx.put(tables.of_invoice, attempt.invoice_id, (*known, attempt.attempt_id))
    else:
        if before.attempt != attempt:
            raise RefusedError("payment_attempt_frozen")
        tables.refuse_fence(before, stage)
        tables.refuse_way(before, stage)
    tables.refuse_alive(stage)
    tables.refuse_step(stage)
    tx.put(tables.attempts, attempt.attempt_id, stage)
    tx.stages.append((before, stage))
    says = (Status.FAILED, Status.ANSWERED, Status.MISMATCHED)
    if attempt.kind is Kind.CHARGE and state.status in says:
        came = state.status is Status.ANSWERED and not state.is_stopped
        decided = Collected(0 if came else attempt.tries, state.retry_at, state.is_stopped)
        tx.put(tables.collection, attempt.invoice_id, decided)


def put_moved(tx: Tx, moved: Moved) -> None:
    """A payment's moves, and what they settle."""
    tables, payment = tx.tables, moved.payment
    last = moved.moves[-1]
    if moved.moves[0].move_no == 1:
        tables.refuse_payment(payment)
        tx.put(tables.externals, (payment.provider, payment.external_id), payment.payment_id)
        if payment.attempt_id is not None:
            tx.put(tables.paid_by, payment.attempt_id, payment.payment_id)
    standing = Standing(last.move_no, last.left_after, last.back_after, last.lost_after)
    tx.put(tables.payments, payment.payment_id, (payment, standing))
    for step in moved.settles:
        found = tables.opens[step.document_id]
        tables.refuse_settle(found, step)
        tx.put(tables.opens, step.document_id, found._replace(step=step.step, left=step.open_after))
        pays = dict(tables.pays.get(payment.payment_id, ()))
        pays[step.document_id] = pays.get(step.document_id, 0) + step.amount
        tx.put(tables.pays, payment.payment_id, tuple(pays.items()))
    tx.moved.append(moved)


def lock_open(tx: Tx, ids: Iterable[UUID]) -> list[Open]:
    """What is open of documents."""
    return [tx.tables.opens[one] for one in sorted(set(ids))]


def give_up(tx: Tx, bad: dict[UUID, str], **_: Any) -> None:
    """Methods that will never pay."""
    for customer_id, methods in list(tx.tables.methods.items()) if bad else ():
        changed = tuple(
            Method(
                m.method_id, m.customer_id, m.provider, m.payer, m.token, m.label, m.rank, FAILED
            )
            if m.method_id in bad
            else m
            for m in methods
        )
        if changed != methods:
            tx.put(tx.tables.methods, customer_id, changed)


def best_method(tables: Tables, customer_id: UUID) -> Method | None:
    """The method that is charged."""
    return next((m for m in tables.methods[customer_id] if m.state == ACTIVE), None)


# --- charging/store.py ----------------------------------------------------------------------------


def is_under_way(tables: Tables, invoice_id: UUID) -> bool:
    """Whether an attempt of the invoice is alive, or succeeded for the state in which it is."""
    step = tables.opens[invoice_id].step
    return any(
        is_alive(one) or (_holds_step(one) and one.attempt.step == step)
        for one in (tables.attempts[known] for known in tables.of_invoice.get(invoice_id, ()))
    )


def take_items(tx: Tx, run_id: UUID, limit: int, without: Sequence[str]) -> list[UUID]:
    """See store.sql, take_items."""
    if tx.tables.runs[run_id].state != OPEN:
        return []
    items = tx.tables.items[run_id]
    return [one for one, (state, _) in items.items() if state == WAITING][:limit]


def list_to_collect(tx: Tx, ids: Sequence[UUID], due_by: date) -> list[Row]:
    """See store.sql, to_collect."""
    tables, rows = tx.tables, []
    for invoice_id in sorted(ids):
        invoice, found = tables.invoices[invoice_id], tables.opens[invoice_id]
        decided = tables.collection.get(invoice_id, _UNDECIDED)
        rows.append(
            Row(
                invoice_id, invoice.name, 0, invoice.customer_id, "", invoice.currency, found.step,
                found.left, found.left, best_method(tables, invoice.customer_id), decided.tries,
                len(tables.of_invoice.get(invoice_id, ())), decided.retry_at, decided.is_stopped,
                is_under_way(tables, invoice_id),
            )
        )  # fmt: skip
    return rows


def mark_items(tx: Tx, run_id: UUID, marks: Iterable[Any]) -> None:
    """See store.sql, mark_items."""
    items = tx.tables.items[run_id]
    for mark in marks:
        _, before = items[mark.invoice_id]
        tx.put(items, mark.invoice_id, (mark.state, mark.attempt_id or before))


def lock_provider(tx: Tx, provider: str) -> None:
    """A transaction is one instant, and needs no lock."""


def count_calls(tx: Tx, provider: str, over: Sequence[UUID] = ()) -> int:
    """See store.sql, calls_open."""
    return sum(
        one.state.status is Status.SENDING and one.attempt.attempt_id not in over
        for one in tx.tables.attempts.values()
    )


def lock_attempts(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Stage]:
    """Attempts as they stand."""
    return {one: tx.tables.attempts[one] for one in ids if one in tx.tables.attempts}


def lock_attempts_of(tx: Tx, workers: Sequence[UUID]) -> list[Stage]:
    """See store.sql, attempts_of."""
    return [
        one
        for one in tx.tables.attempts.values()
        if one.state.status in (Status.CLAIMED, Status.SENDING)
        and one.state.by.worker_id in workers
    ]


def lock_unbooked(tx: Tx, after: UUID | None, limit: int) -> list[Stage]:
    """See store.sql, unbooked."""
    found = [one for one in tx.tables.attempts.values() if one.state.status is Status.ANSWERED]
    found.sort(key=lambda one: one.attempt.attempt_id)
    return [one for one in found if after is None or one.attempt.attempt_id > after][:limit]


def lock_due_looks(tx: Tx, at: datetime, providers: Sequence[str], limit: int) -> list[Stage]:
    """See store.sql, due_looks."""
    asked = (Status.UNKNOWN, Status.PENDING, Status.MISMATCHED)
    return [
        one
        for one in tx.tables.attempts.values()
        if one.state.status in asked and one.state.look_at is not None and one.state.look_at <= at
    ][:limit]


def insert_run(tx: Tx, run: Run) -> bool:
    """See store.sql, open_run: one run per instant of the schedule."""
    tables = tx.tables
    if run.scheduled_at is not None:
        if run.scheduled_at in tables.scheduled:
            return False
        tx.put(tables.scheduled, run.scheduled_at, run.run_id)
    tx.put(tables.runs, run.run_id, run)
    tx.put(tables.items, run.run_id, {})
    return True


def find_scheduled_run(tx: Tx, scheduled_at: datetime) -> Run | None:
    """The run of a scheduled instant."""
    return tx.tables.runs[tx.tables.scheduled[scheduled_at]]


def find_run(tx: Tx, run_id: UUID) -> Run | None:
    """A run by its id."""
    return tx.tables.runs.get(run_id)


def called_off(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, bool]:
    """See store.sql, called_off."""
    tables = tx.tables
    found = {}
    for attempt_id in ids:
        attempt = tables.attempts[attempt_id].attempt
        decided = tables.collection.get(attempt.invoice_id, _UNDECIDED)
        own = {m.method_id: m.state for m in tables.methods[attempt.customer_id]}
        if decided.is_stopped or own.get(attempt.method_id, ACTIVE) != ACTIVE:
            found[attempt_id] = True
        elif attempt.run_id is not None and tables.runs[attempt.run_id].state != OPEN:
            found[attempt_id] = False
    return found


def find_owners(tx: Tx, ids: Sequence[str]) -> dict[tuple[str, str], UUID]:
    """See store.sql, owners."""
    says = (Status.ANSWERED, Status.SUCCEEDED, Status.MISMATCHED, Status.PENDING)
    return {
        (one.attempt.provider, one.state.provider_id): one.attempt.attempt_id
        for one in tx.tables.attempts.values()
        if one.state.provider_id in ids and one.state.status in says
    }


def plan_run(tx: Tx, run: Run, invoices: Sequence[UUID] | None, providers: Iterable[str]) -> int:
    """See store.sql, plan_run."""
    tables = tx.tables
    for invoice_id, found in tables.opens.items():
        decided = tables.collection.get(invoice_id, _UNDECIDED)
        if found.left <= 0 or decided.is_stopped or (invoices and invoice_id not in invoices):
            continue
        if run.kind is RunKind.RETRY:
            if decided.retry_at is None or decided.retry_at > run.as_of:
                continue
            if best_method(tables, tables.invoices[invoice_id].customer_id) is None:
                continue
        elif (decided.retry_at or FAR_PAST) > run.as_of:
            continue
        if not is_under_way(tables, invoice_id):
            tables.items[run.run_id][invoice_id] = (WAITING, None)
    return len(tables.items[run.run_id])


def has_retries(tx: Tx, at: datetime) -> bool:
    """See store.sql, has_retries."""
    return (earliest := next_retry(tx.tables)) is not None and earliest <= at


def next_retry(tables: Tables) -> datetime | None:
    """When something is to be tried again that can be."""
    times = [
        decided.retry_at
        for one, decided in tables.collection.items()
        if decided.retry_at is not None
        and not decided.is_stopped
        and tables.opens[one].left > 0
        and best_method(tables, tables.invoices[one].customer_id) is not None
        and not is_under_way(tables, one)
    ]
    return min(times, default=None)


def finish_run(tx: Tx, run_id: UUID, at: datetime) -> bool:
    """See store.sql, finish_run."""
    run = tx.tables.runs[run_id]
    busy = any(state in (WAITING, CLAIMED) for state, _ in tx.tables.items[run_id].values())
    if run.state != OPEN or busy:
        return False
    tx.put(tx.tables.runs, run_id, run._replace(state=FINISHED, finished_at=at))
    return True


def switch_run(tx: Tx, run_id: UUID, before: Sequence[str], to: str, at: datetime) -> bool:
    """See store.sql, switch_run."""
    run = tx.tables.runs[run_id]
    if run.state not in before:
        return False
    tx.put(tx.tables.runs, run_id, run._replace(state=to))
    return True


def abort_items(tx: Tx, run_id: UUID) -> int:
    """See store.sql, abort_items."""
    items = tx.tables.items[run_id]
    waiting = [one for one, (state, _) in items.items() if state == WAITING]
    for one in waiting:
        tx.put(items, one, (SKIPPED, None))
    return len(waiting)
