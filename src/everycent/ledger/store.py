"""Ledger rows in and out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from everycent.db import statements
from everycent.db.connection import Tx
from everycent.ledger.account import CHART

SQL = statements.beside(__file__)


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


def stream_entries(tx: Tx, as_of: datetime) -> Iterator[tuple[Any, ...]]:
    """All postings by entry in order of time."""
    return tx.stream(SQL["journal_export"], {"tenant_id": tx.tenant_id, "as_of": as_of})


def list_violations(tx: Tx, check: str) -> list[str]:
    """What one of the checking statements finds; empty is good."""
    return [text for (text,) in tx.tuples(SQL[check], {"tenant_id": tx.tenant_id})]


def sum_by_entries(tx: Tx, ids: Sequence[UUID]) -> list[Any]:
    """What entries post, by account, customer and currency."""
    return tx.rows(SQL["sum_by_entries"], {"tenant_id": tx.tenant_id, "ids": list(ids)})
