"""Rows of attempts, workers and collection runs, in and out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from everycent.charging.attempt import Stage, Status
from everycent.charging.notice import Noted
from everycent.charging.run import Mark, Run, RunKind, Worker
from everycent.charging.status import ALIVE, HELD, Closed, PaymentState, PaymentStatus, situations
from everycent.db import statements
from everycent.db.connection import Tx
from everycent.invoicing.invoice import INVOICE_SERIES, name_of

SQL = statements.beside(__file__)
_STAGE = msgspec.json.Decoder(Stage)
_NOTED = msgspec.json.Decoder(Noted)


def _stages(tx: Tx, statement: str, params: dict[str, Any]) -> list[Stage]:
    rows = tx.tuples(SQL[statement], {"tenant_id": tx.tenant_id, **params})
    return [_STAGE.decode(told) for (told,) in rows]


def register_worker(tx: Tx, worker: Worker, lease: timedelta) -> None:
    """Writes down a process that charges."""
    tx.run(
        SQL["register_worker"],
        worker._asdict() | {"tenant_id": tx.tenant_id, "lease": lease},
    )


def renew_lease(tx: Tx, worker_id: UUID, lease: timedelta) -> None:
    """Says that the process is alive, for so many seconds."""
    tx.run(SQL["renew_lease"], {"tenant_id": tx.tenant_id, "worker_id": worker_id, "lease": lease})


def end_lease(tx: Tx, worker_id: UUID) -> None:
    """Says that the process has ended."""
    tx.run(SQL["end_lease"], {"tenant_id": tx.tenant_id, "worker_id": worker_id})


def list_workers_on(tx: Tx, worker_id: UUID) -> list[tuple[Worker, bool]]:
    """Other processes that have something under way, and whether they are silent."""
    params = {"tenant_id": tx.tenant_id, "worker_id": worker_id}
    return [(Worker(*row[:-1]), row[-1]) for row in tx.tuples(SQL["workers_on"], params)]


def lock_attempts_of(tx: Tx, workers: Sequence[UUID]) -> list[Stage]:
    """What processes have claimed or begun to send, locked."""
    return _stages(tx, "attempts_of", {"workers": list(workers)})


def lock_attempts(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Stage]:
    """Attempts as they stand, locked."""
    rows = tx.tuples(SQL["lock_attempts"], {"tenant_id": tx.tenant_id, "ids": list(ids)})
    return {attempt_id: _STAGE.decode(told) for attempt_id, told in rows}


def lock_due_looks(tx: Tx, at: datetime, providers: Sequence[str], limit: int) -> list[Stage]:
    """Open outcomes that it is time to ask about, locked."""
    return _stages(tx, "due_looks", {"at": at, "providers": list(providers), "limit": limit})


def lock_unbooked(tx: Tx, after: UUID | None, limit: int) -> list[Stage]:
    """Attempts that were answered and are not booked, in the order of their ids: those after one. They are
    locked; those that somebody else has are passed over."""
    return _stages(tx, "unbooked", {"after": after, "limit": limit})


def has_open(tx: Tx, provider: str, before: datetime) -> bool:
    """Whether the outcome of something asked of the provider before then is open."""
    params = {"tenant_id": tx.tenant_id, "provider": provider, "before": before}
    return bool(tx.value(SQL["has_open"], params))


def lock_notice(tx: Tx, provider: str, notice_id: str) -> None:
    """Waits for whoever follows the same event of a provider."""
    tx.run(SQL["lock_notice"], {"tenant_id": tx.tenant_id, "key": f"{provider}/{notice_id}"})


def is_provider(tx: Tx, name: str) -> bool:
    """Whether a method or an attempt names the provider."""
    return bool(tx.value(SQL["is_provider"], {"tenant_id": tx.tenant_id, "provider": name}))


def lock_provider(tx: Tx, provider: str) -> None:
    """Waits for whoever hands out places at the provider."""
    tx.run(SQL["lock_provider"], {"tenant_id": tx.tenant_id, "provider": provider})


def count_calls(tx: Tx, provider: str, over: Sequence[UUID] = ()) -> int:
    """How many calls of the provider are under way, but for those that are known to be over."""
    params = {"tenant_id": tx.tenant_id, "provider": provider, "over": list(over)}
    return int(tx.value(SQL["calls_open"], params))


def insert_run(tx: Tx, run: Run) -> bool:
    """Opens a run; False where one for the scheduled instant is there already."""
    params = run._asdict() | {"tenant_id": tx.tenant_id, "kind": run.kind.value}
    return bool(tx.run(SQL["open_run"], params))


def plan_run(tx: Tx, run: Run, invoices: Sequence[UUID] | None, providers: Iterable[str]) -> int:
    """Writes the work list of a run; returns how many invoices it has."""
    params = {
        "tenant_id": tx.tenant_id, "run_id": run.run_id, "as_of": run.as_of, "due_by": run.due_by,
        "only_retries": run.kind is RunKind.RETRY,
        "invoices": None if invoices is None else list(invoices), "providers": sorted(providers),
    }  # fmt: skip
    return tx.run(SQL["plan_run"], params)


def _runs(tx: Tx, statement: str, params: dict[str, Any]) -> list[Run]:
    rows = tx.tuples(SQL[statement], {"tenant_id": tx.tenant_id, **params})
    return [Run(row[0], RunKind(row[1]), *row[2:]) for row in rows]


def find_run(tx: Tx, run_id: UUID) -> Run | None:
    """A run by its id."""
    return next(iter(_runs(tx, "find_run", {"run_id": run_id})), None)


def find_scheduled_run(tx: Tx, scheduled_at: datetime) -> Run | None:
    """The run of a scheduled instant."""
    return next(iter(_runs(tx, "find_scheduled_run", {"scheduled_at": scheduled_at})), None)


def list_runs(
    tx: Tx, limit: int, *, is_open: bool | None = None, before: UUID | None = None
) -> list[Run]:
    """Runs, the newest first; those that are open (or paused), or those that are not; older than one."""
    return _runs(tx, "list_runs", {"limit": limit, "is_open": is_open, "before": before})


def take_items(tx: Tx, run_id: UUID, limit: int, without: Sequence[str]) -> list[UUID]:
    """Waiting items of an open run, locked for this transaction; without those of some providers."""
    params = {
        "tenant_id": tx.tenant_id, "run_id": run_id, "limit": limit, "without": list(without),
    }  # fmt: skip
    return [invoice_id for (invoice_id,) in tx.tuples(SQL["take_items"], params)]


def list_to_collect(tx: Tx, ids: Sequence[UUID], due_by: date) -> list[Any]:
    """What has to be known of invoices to charge what is due of them by a day, by id."""
    params = {"tenant_id": tx.tenant_id, "ids": list(ids), "due_by": due_by}
    return tx.rows(SQL["to_collect"], params)


def mark_items(tx: Tx, run_id: UUID, marks: Sequence[Mark]) -> None:
    """What became of items of a run; at most one mark for an item."""
    if marks:
        marks = sorted(marks, key=lambda mark: mark.invoice_id)
        ids, states, outcomes, attempts = (list(column) for column in zip(*marks, strict=True))
        tx.run(
            SQL["mark_items"],
            {
                "tenant_id": tx.tenant_id, "run_id": run_id, "ids": ids, "states": states,
                "outcomes": outcomes, "attempts": attempts,
            },
        )  # fmt: skip


def list_progress(tx: Tx, run_id: UUID) -> list[tuple[str, str, int]]:
    """How many items of a run are in which state with which outcome."""
    rows = tx.tuples(SQL["run_progress"], {"tenant_id": tx.tenant_id, "run_id": run_id})
    return [(state, outcome, count) for state, outcome, count in rows]


def finish_run(tx: Tx, run_id: UUID, at: datetime) -> bool:
    """Closes a run of which nothing is left to do; whether it is this that closed it."""
    return bool(tx.run(SQL["finish_run"], {"tenant_id": tx.tenant_id, "run_id": run_id, "at": at}))


def switch_run(tx: Tx, run_id: UUID, before: Sequence[str], to: str, at: datetime) -> bool:
    """Changes the state of a run that is in one of the states `before`; whether it was."""
    params = {
        "tenant_id": tx.tenant_id, "run_id": run_id, "from": list(before), "to": to, "at": at,
    }  # fmt: skip
    return bool(tx.run(SQL["switch_run"], params))


def abort_items(tx: Tx, run_id: UUID) -> int:
    """Skips what waits in a run."""
    return tx.run(SQL["abort_items"], {"tenant_id": tx.tenant_id, "run_id": run_id})


def list_attempts(
    tx: Tx,
    *,
    invoice_id: UUID | None = None,
    payment_id: UUID | None = None,
    ids: Sequence[UUID] | None = None,
    references: Sequence[str] | None = None,
    statuses: Sequence[str] | None = None,
    limit: int = 100_000,
) -> list[Stage]:
    """Attempts as they stand, oldest first."""
    return _stages(
        tx,
        "attempts",
        {
            "invoice_id": invoice_id,
            "payment_id": payment_id,
            "ids": None if ids is None else list(ids),
            "references": None if references is None else list(references),
            "statuses": None if statuses is None else list(statuses),
            "limit": limit,
        },
    )


def find_attempt_of_charge(tx: Tx, provider: str, provider_id: str) -> Stage | None:
    """The attempt behind a provider's charge or refund."""
    params = {"provider": provider, "provider_id": provider_id}
    return next(iter(_stages(tx, "attempt_by_charge", params)), None)


def list_stages(tx: Tx, streams: Sequence[str]) -> list[Any]:
    """The events of attempts' streams in order of time."""
    return tx.rows(SQL["stages_of"], {"tenant_id": tx.tenant_id, "streams": list(streams)})


def find_notices(tx: Tx, provider: str, ids: Sequence[str]) -> set[str]:
    """Those of a provider's events that are written down already."""
    params = {"tenant_id": tx.tenant_id, "provider": provider, "ids": list(ids)}
    return {notice_id for (notice_id,) in tx.tuples(SQL["find_notices"], params)}


def has_retries(tx: Tx, at: datetime, due_by: date, providers: Iterable[str]) -> bool:
    """Whether an invoice is to be tried again by then that can be charged."""
    params = {
        "tenant_id": tx.tenant_id, "at": at, "due_by": due_by, "providers": sorted(providers),
    }  # fmt: skip
    return bool(tx.value(SQL["has_retries"], params))


def list_violations(tx: Tx, check: str) -> list[str]:
    """What one of the checking statements finds; empty is good."""
    return [text for (text,) in tx.tuples(SQL[check], {"tenant_id": tx.tenant_id})]


def lock_waiting_refunds(tx: Tx, provider: str, limit: int) -> list[Stage]:
    """Refunds that wait for a process, locked."""
    return _stages(tx, "waiting_refunds", {"provider": provider, "limit": limit})


def lock_refunds_of(tx: Tx, payment_id: UUID, move_no: int) -> list[Stage]:
    """The attempts to give back what a move has set aside, locked."""
    return _stages(tx, "refunds_of", {"payment_id": payment_id, "move_no": move_no})


def get_set_aside(tx: Tx, payment_id: UUID, move_no: int) -> Any:
    """What a move has set aside (`amount`), what of it did not go (`returned`), and what went (`went`)."""
    params = {"tenant_id": tx.tenant_id, "payment_id": payment_id, "move_no": move_no}
    return tx.row(SQL["set_aside"], params)


def count_taken_there(tx: Tx, payment_id: UUID, external_id: str) -> int:
    """What is booked of a refund that a provider told, in minor units."""
    params = {
        "tenant_id": tx.tenant_id, "payment_id": payment_id, "external_id": external_id,
    }  # fmt: skip
    return int(tx.value(SQL["taken_there"], params))


def lock_refunds_to_retry(tx: Tx, at: datetime) -> list[Stage]:
    """Refunds that are to be tried again by then, locked."""
    return _stages(tx, "refunds_to_retry", {"at": at})


_AMONG: dict[PaymentStatus | None, str] = {
    **dict.fromkeys(ALIVE, "alive"),
    **dict.fromkeys(HELD, "held"),
    PaymentStatus.PENDING: "open",
    PaymentStatus.CREDITED: "credited",
    PaymentStatus.WRITTEN_OFF: "written_off",
}
"""Among which invoices those with a status are, found by an index and not one by one."""


def list_payment_states(
    tx: Tx, status: PaymentStatus | None, after: int, offset: int, limit: int
) -> list[PaymentState]:
    """Where invoices after a number stand, in order of their numbers."""
    params = {
        "tenant_id": tx.tenant_id, "series": INVOICE_SERIES, "after": after, "offset": offset,
        "limit": limit, "situations": None if status is None else situations(status),
        "among": _AMONG.get(status, "all"),
    }  # fmt: skip
    return [_state(row) for row in tx.rows(SQL["payment_states"], params)]


def find_payment_state(tx: Tx, invoice_id: UUID) -> PaymentState | None:
    """Where one document stands."""
    params = {"tenant_id": tx.tenant_id, "invoice_id": invoice_id}
    row = tx.row(SQL["payment_state_of"], params)
    return None if row is None else _state(row)


def _state(row: Any) -> PaymentState:
    return PaymentState(
        row.invoice_id, row.kind, name_of(row.series, row.number), row.customer_id, row.customer,
        row.currency, row.issued_on, row.due_on, row.owed, row.open, Closed(row.closed),
        row.attempt, None if row.attempt_status is None else Status(row.attempt_status),
        row.claimed_at, row.changed_at, row.tries, row.retry_at, row.is_stopped, row.reason,
        row.has_method,
    )  # fmt: skip


def list_under_way(tx: Tx, ids: Sequence[UUID]) -> set[UUID]:
    """Those of the invoices for which an attempt is alive."""
    params = {"tenant_id": tx.tenant_id, "ids": list(ids)}
    return {invoice_id for (invoice_id,) in tx.tuples(SQL["under_way"], params)}


def list_needing_attention(tx: Tx) -> list[Stage]:
    """Attempts with an unknown outcome, a mismatch or a contradiction."""
    return _stages(tx, "needing_attention", {})


def to_collect_since(tx: Tx) -> datetime | None:
    """The instant of the last scheduled run, or of the first invoice."""
    found: datetime | None = tx.value(SQL["to_collect_since"], {"tenant_id": tx.tenant_id})
    return found


def last_agreement(tx: Tx, invoice_id: UUID) -> int:
    """How often instalments were agreed on for an invoice."""
    params = {"tenant_id": tx.tenant_id, "invoice_id": invoice_id}
    return int(tx.value(SQL["last_agreement"], params))


def find_owners(tx: Tx, ids: Sequence[str]) -> dict[tuple[str, str], UUID]:
    """Whose charges and refunds are, by provider and its id."""
    if not ids:
        return {}
    rows = tx.tuples(SQL["owners"], {"tenant_id": tx.tenant_id, "ids": list(ids)})
    return {(provider, provider_id): attempt_id for provider, provider_id, attempt_id in rows}


def list_held(tx: Tx, ids: Sequence[UUID]) -> set[UUID]:
    """Those of the invoices that are stopped by hand."""
    params = {"tenant_id": tx.tenant_id, "ids": list(ids)}
    return {invoice_id for (invoice_id,) in tx.tuples(SQL["held"], params)}


def called_off(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, bool]:
    """Those of the attempts that are not to be sent: never again, or not as long as their run waits."""
    params = {"tenant_id": tx.tenant_id, "ids": list(ids)}
    return dict(tx.tuples(SQL["called_off"], params))


def list_unfollowed(tx: Tx) -> list[Noted]:
    """What providers told and nobody could follow."""
    rows = tx.tuples(SQL["unfollowed_notices"], {"tenant_id": tx.tenant_id})
    return [_NOTED.decode(told) for (told,) in rows]


def list_stopped(tx: Tx) -> list[Any]:
    """Open invoices of which nothing is charged until somebody says so."""
    return tx.rows(SQL["stopped_invoices"], {"tenant_id": tx.tenant_id})


def list_items(
    tx: Tx,
    run_id: UUID,
    *,
    states: Sequence[str] | None = None,
    without: Sequence[str] | None = None,
    ids: Sequence[UUID] | None = None,
    limit: int | None = 1_000,
) -> list[Any]:
    """Invoices of a run, in its order."""
    params = {
        "tenant_id": tx.tenant_id, "run_id": run_id, "limit": limit,
        "states": None if states is None else list(states),
        "without": None if without is None else list(without),
        "ids": None if ids is None else list(ids),
    }  # fmt: skip
    return tx.rows(SQL["items_of"], params)
