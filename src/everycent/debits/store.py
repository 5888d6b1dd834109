"""Rows of direct debits and their files, in and out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from everycent.db import statements
from everycent.db.connection import Tx
from everycent.debits.entry import Effect

SQL = statements.beside(__file__)


def lock(tx: Tx, names: Iterable[str]) -> None:
    """Waits for whoever works on the accounts or files of these names."""
    tx.tuples(SQL["lock"], {"tenant_id": tx.tenant_id, "ids": sorted(set(names))})


def list_due(tx: Tx, account: str, due_by: date, at: datetime) -> list[tuple[UUID, bool]]:
    """Invoices that are due and paid by mandates for an account of ours, with whether something is against
    collecting each; the oldest first, and first those that can be collected."""
    params = {"tenant_id": tx.tenant_id, "account": account, "due_by": due_by, "at": at}
    return [(invoice_id, is_blocked) for invoice_id, is_blocked in tx.tuples(SQL["due"], params)]


def list_used_mandates(tx: Tx, account: str, mandates: Sequence[str]) -> set[str]:
    """Those of the mandates by which something was collected, or is about to be."""
    params = {"tenant_id": tx.tenant_id, "account": account, "mandates": list(mandates)}
    return {mandate_id for (mandate_id,) in tx.tuples(SQL["used_mandates"], params)}


def find_file(tx: Tx, message_id: str) -> Any | None:
    """The event of a file."""
    return tx.row(SQL["find_file"], {"tenant_id": tx.tenant_id, "message_id": message_id})


def list_files(
    tx: Tx, limit: int, message_id: str | None = None, *, before: str | None = None
) -> list[Any]:
    """Files, the newest first, with what became of their debits."""
    params = {
        "tenant_id": tx.tenant_id, "limit": limit, "message_id": message_id, "before": before,
    }  # fmt: skip
    return tx.rows(SQL["files"], params)


def list_silent(tx: Tx, day: date) -> list[Any]:
    """Files with debits that were to be collected by a day, and of which nothing was heard."""
    return tx.rows(SQL["silent"], {"tenant_id": tx.tenant_id, "day": day})


def list_statuses(tx: Tx, file_id: UUID) -> list[Any]:
    """Where the attempts of a file stand."""
    return tx.rows(SQL["statuses_of_file"], {"tenant_id": tx.tenant_id, "file_id": file_id})


def list_entries(tx: Tx, file_id: UUID) -> list[Any]:
    """What statements said about debits of a file, in the order in which they were taken in."""
    return tx.rows(SQL["entries_of_file"], {"tenant_id": tx.tenant_id, "file_id": file_id})


def is_withdrawn(tx: Tx, file_id: UUID) -> bool:
    """Whether a person has withdrawn the file."""
    return bool(tx.value(SQL["is_withdrawn"], {"tenant_id": tx.tenant_id, "file_id": file_id}))


def count_entries(tx: Tx, file_id: UUID) -> int:
    """How many entries spoke of debits of the file."""
    return int(tx.value(SQL["count_entries"], {"tenant_id": tx.tenant_id, "file_id": file_id}))


def list_debits(tx: Tx, references: Sequence[str]) -> list[Any]:
    """Debits by their end-to-end ids."""
    params = {"tenant_id": tx.tenant_id, "references": list(references)}
    return tx.rows(SQL["debits_by_reference"], params)


def find_entries(
    tx: Tx, account: str, entries: Sequence[str], debits: Sequence[str]
) -> dict[str, str]:
    """Entries of an account that were taken in, by name or of debits; with the debit of each."""
    params = {
        "tenant_id": tx.tenant_id,
        "account": account,
        "entries": list(entries),
        "debits": list(debits),
    }
    return dict(tx.tuples(SQL["known_entries"], params))


def list_effects(tx: Tx, ids: Sequence[UUID]) -> list[tuple[UUID, Effect]]:
    """What entries before did, by attempt."""
    rows = tx.tuples(SQL["effects"], {"tenant_id": tx.tenant_id, "ids": list(ids)})
    return [(attempt_id, Effect(effect)) for attempt_id, effect in rows]


def list_violations(tx: Tx, check: str) -> list[str]:
    """What one of the checking statements finds; empty is good."""
    return [text for (text,) in tx.tuples(SQL[check], {"tenant_id": tx.tenant_id})]
