"""Ledger rows in and out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from everycent.db import statements
from everycent.db.connection import Tx
from everycent.ledger.account import CHART, Of

SQL = statements.beside(__file__)

Place = tuple[datetime | None, UUID | None]
"""When an entry holds, and its id; nothing and nothing before the first one."""


def insert_chart(tx: Tx) -> None:
    """Opens every account of the chart for the tenant."""
    for account in CHART:
        tx.run(SQL["insert_accounts"], {"tenant_id": tx.tenant_id, **account._asdict()})


def list_balances(tx: Tx, as_of: datetime, known_at: datetime) -> list[Any]:
    """One row per account and currency that has postings."""
    params = {"tenant_id": tx.tenant_id, "as_of": as_of, "known_at": known_at}
    return tx.rows(SQL["balances"], params)


def list_customer_balances(
    tx: Tx, as_of: datetime, known_at: datetime, customer_ids: Sequence[UUID] | None
) -> list[Any]:
    """One row per customer and currency with a balance other than zero."""
    return tx.rows(
        SQL["customer_balances"],
        {
            "tenant_id": tx.tenant_id,
            "as_of": as_of,
            "known_at": known_at,
            "customer_ids": None if customer_ids is None else list(customer_ids),
        },
    )


def list_statement(tx: Tx, customer_id: UUID, as_of: datetime, known_at: datetime) -> list[Any]:
    """A customer's entries with the change each made to what is owed."""
    return tx.rows(
        SQL["statement"],
        {
            "tenant_id": tx.tenant_id,
            "customer_id": customer_id,
            "as_of": as_of,
            "known_at": known_at,
        },
    )


def list_entry(tx: Tx, entry_id: UUID) -> list[Any]:
    """The postings of an entry, each with the entry's facts; empty when there is none."""
    return tx.rows(SQL["read_entry"], {"tenant_id": tx.tenant_id, "entry_id": entry_id})


def list_entries(
    tx: Tx,
    *,
    start: datetime | None,
    end: datetime | None,
    kind: str | None,
    document_id: UUID | None,
    account_id: int | None,
    customer_id: UUID | None,
    after: Place,
    limit: int,
) -> list[UUID]:
    """Entries in order of time, of those after a place."""
    after_at, after_id = after
    params = {
        "tenant_id": tx.tenant_id, "start": start, "end": end, "kind": kind,
        "document_id": document_id, "account_id": account_id, "customer_id": customer_id,
        "after_at": after_at, "after_id": after_id, "limit": limit,
    }  # fmt: skip
    return [entry_id for (entry_id,) in tx.tuples(SQL["list_entries"], params)]


def list_postings(tx: Tx, ids: Sequence[UUID]) -> list[tuple[Any, ...]]:
    """The postings of entries, in order of time, each with its entry's facts."""
    return tx.tuples(SQL["read_entries"], {"tenant_id": tx.tenant_id, "ids": list(ids)})


def list_account_entries(
    tx: Tx, of: Of, start: datetime | None, end: datetime, after: Place, limit: int
) -> list[Any]:
    """What entries post to an account, in order of time, of those after a place."""
    after_at, after_id = after
    return tx.rows(
        SQL["account_entries"],
        {
            "tenant_id": tx.tenant_id, **of._asdict(), "start": start, "end": end,
            "after_at": after_at, "after_id": after_id, "limit": limit,
        },
    )  # fmt: skip


def get_account_balance(tx: Tx, of: Of, at: datetime, upto: UUID | None) -> int:
    """What an account comes to before an instant, and of that instant up to an entry."""
    params = {"tenant_id": tx.tenant_id, **of._asdict(), "at": at, "upto": upto}
    return int(tx.value(SQL["account_balance"], params))


def stream_entries(tx: Tx, as_of: datetime) -> Iterator[tuple[Any, ...]]:
    """All postings by entry in order of time."""
    return tx.stream(SQL["journal_export"], {"tenant_id": tx.tenant_id, "as_of": as_of})


def list_violations(tx: Tx, check: str) -> list[str]:
    """What one of the checking statements finds; empty is good."""
    return [text for (text,) in tx.tuples(SQL[check], {"tenant_id": tx.tenant_id})]


def sum_by_entries(tx: Tx, ids: Sequence[UUID]) -> list[Any]:
    """What entries post, by account, customer and currency."""
    return tx.rows(SQL["sum_by_entries"], {"tenant_id": tx.tenant_id, "ids": list(ids)})
