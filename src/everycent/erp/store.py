"""The way into the ERP, in and out of the database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from everycent.db import statements
from everycent.db.connection import Tx
from everycent.erp.handed import State

SQL = statements.beside(__file__)
_STATE = msgspec.json.Decoder(State)


def lock_batches(tx: Tx, erp: str) -> None:
    """Waits for whoever else makes a batch."""
    tx.run(SQL["lock_batches"], {"tenant_id": tx.tenant_id, "erp": erp})


def find_last_batch(tx: Tx, erp: str) -> tuple[int, str] | None:
    """Number and digest of the last batch."""
    row = tx.row(SQL["last_batch"], {"tenant_id": tx.tenant_id, "erp": erp})
    return None if row is None else (row.batch_no, row.digest)


def list_waiting(tx: Tx, erp: str, since: date, limit: int) -> list[tuple[UUID, UUID]]:
    """Documents that are not handed over, with the events that issued them."""
    params = {"tenant_id": tx.tenant_id, "erp": erp, "since": since, "limit": limit}
    return [(key, event_id) for key, event_id in tx.tuples(SQL["waiting_documents"], params)]


def list_issued(tx: Tx, event_ids: Sequence[UUID]) -> list[Any]:
    """Events that issued documents."""
    return tx.rows(SQL["issued_events"], {"tenant_id": tx.tenant_id, "ids": list(event_ids)})


def list_due(tx: Tx, erp: str, at: datetime, limit: int) -> list[tuple[int, UUID | None, str]]:
    """Batches (no document named) and documents that can be handed over now, with the name to claim."""
    params = {"tenant_id": tx.tenant_id, "erp": erp, "at": at, "limit": limit}
    return [(no, key, what) for no, key, what in tx.tuples(SQL["due"], params)]


def list_to_ask(tx: Tx, erp: str, at: datetime, limit: int) -> list[UUID]:
    """Documents that the ERP is to be asked about."""
    params = {"tenant_id": tx.tenant_id, "erp": erp, "at": at, "limit": limit}
    return [key for (key,) in tx.tuples(SQL["to_ask"], params)]


def claim(tx: Tx, erp: str, what: Iterable[str], lease: timedelta, holder: str) -> set[str]:
    """Takes work for so long by the database's clock; what of it nobody else has."""
    params = {
        "tenant_id": tx.tenant_id, "erp": erp, "what": list(what), "lease": lease, "holder": holder,
    }  # fmt: skip
    return {name for (name,) in tx.tuples(SQL["claim"], params)}


def is_claimed(tx: Tx, erp: str, what: Iterable[str], holder: str) -> bool:
    """Whether a holder has any of the work."""
    params = {"tenant_id": tx.tenant_id, "erp": erp, "what": list(what), "holder": holder}
    return bool(tx.value(SQL["is_claimed"], params))


def release_held(tx: Tx, erp: str, holder: str) -> None:
    """Gives all work of a holder back."""
    tx.run(SQL["release_held"], {"tenant_id": tx.tenant_id, "erp": erp, "holder": holder})


def release(tx: Tx, erp: str, what: Iterable[str]) -> None:
    """Gives work back."""
    tx.run(SQL["release"], {"tenant_id": tx.tenant_id, "erp": erp, "what": list(what)})


def list_documents(
    tx: Tx,
    erp: str,
    *,
    batch_no: int | None = None,
    ids: Sequence[UUID] | None = None,
    status: str | None = None,
    after: tuple[int, int] = (0, 0),
    limit: int = 1_000_000,
) -> list[tuple[Any, State]]:
    """Documents with where they stand, in order of batches and places, of those after one of these."""
    params = {
        "tenant_id": tx.tenant_id, "erp": erp, "batch_no": batch_no,
        "ids": None if ids is None else list(ids), "status": status, "limit": limit,
        "after_batch": after[0], "after_place": after[1],
    }  # fmt: skip
    return [(row, _STATE.decode(row.told)) for row in tx.rows(SQL["documents"], params)]


def list_stuck(
    tx: Tx, erp: str, slow_before: datetime | None, limit: int
) -> list[tuple[Any, State]]:
    """Documents with which something is wrong, or that were acknowledged before an instant."""
    params = {
        "tenant_id": tx.tenant_id, "erp": erp, "slow_before": slow_before, "limit": limit,
    }  # fmt: skip
    return [(row, _STATE.decode(row.told)) for row in tx.rows(SQL["stuck"], params)]


def list_held_up(tx: Tx, erp: str, limit: int) -> list[Any]:
    """Credit notes whose invoice waits for a person."""
    return tx.rows(SQL["held_up"], {"tenant_id": tx.tenant_id, "erp": erp, "limit": limit})


def lock_states(tx: Tx, erp: str, ids: Sequence[UUID]) -> dict[UUID, State]:
    """Where documents stand, locked."""
    params = {"tenant_id": tx.tenant_id, "erp": erp, "ids": list(ids)}
    return {key: _STATE.decode(told) for key, told in tx.tuples(SQL["lock_states"], params)}


def owners_of(tx: Tx, erp: str, bills: Sequence[str]) -> dict[str, UUID]:
    """Which documents have some of the ERP's ids."""
    params = {"tenant_id": tx.tenant_id, "erp": erp, "bills": list(bills)}
    return dict(tx.tuples(SQL["bills_of_others"], params))


def list_batches(
    tx: Tx, erp: str, *, batch_no: int | None = None, before: int | None = None, limit: int = 100
) -> list[Any]:
    """Batches, the newest first, of those before a number."""
    params = {
        "tenant_id": tx.tenant_id, "erp": erp, "batch_no": batch_no, "before": before, "limit": limit,
    }  # fmt: skip
    return tx.rows(SQL["batches"], params)


def list_counts(tx: Tx, erp: str) -> list[Any]:
    """How many documents stand where."""
    return tx.rows(SQL["counts"], {"tenant_id": tx.tenant_id, "erp": erp})


def insert_answer(tx: Tx, **told: Any) -> None:
    """Keeps what the ERP said."""
    tx.run(SQL["put_answer"], told | {"tenant_id": tx.tenant_id})


def find_answer(tx: Tx, answer_id: UUID) -> Any | None:
    """What the ERP said."""
    return tx.row(SQL["answer"], {"tenant_id": tx.tenant_id, "answer_id": answer_id})


def list_batch_members(tx: Tx) -> list[Any]:
    """Batches of all ERPs, with the digests of their documents."""
    return tx.rows(SQL["batch_members"], {"tenant_id": tx.tenant_id})


def list_batch_sums(tx: Tx) -> list[Any]:
    """What the documents of batches come to, by currency."""
    return tx.rows(SQL["batch_sums"], {"tenant_id": tx.tenant_id})


def list_violations(tx: Tx, statement: str) -> list[str]:
    """The violators of a promise."""
    return [str(text) for (text,) in tx.tuples(SQL[statement], {"tenant_id": tx.tenant_id})]
