"""Balances as of any date and as known at any moment, statements, single entries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from everycent.db.connection import Tx
from everycent.kernel.errors import NotFound
from everycent.ledger import store
from everycent.ledger.account import BY_ID
from everycent.ledger.entry import BookedEntry, Entry, Posting


def trial_balance(tx: Tx, as_of: datetime, known_at: datetime) -> list[Any]:
    """Debit, credit and balance (minor units) per account and currency; the balances sum to zero."""
    return store.list_balances(tx, as_of, known_at)


def customer_balances(
    tx: Tx,
    as_of: datetime,
    known_at: datetime,
    customer_id: UUID | None = None,
    *,
    customer_ids: Sequence[UUID] | None = None,
) -> list[Any]:
    """What is owed per customer and currency (minor units; negative is credit), of one, of some, of all."""
    wanted = customer_ids if customer_id is None else [customer_id]
    return store.list_customer_balances(tx, as_of, known_at, wanted)


def statement(tx: Tx, customer_id: UUID, as_of: datetime, known_at: datetime) -> list[Any]:
    """A customer's entries in order of time with the change each made to what is owed."""
    return store.list_statement(tx, customer_id, as_of, known_at)


def entry(tx: Tx, entry_id: UUID) -> BookedEntry:
    """One entry. Raises NotFound `ledger.entry_unknown`."""
    rows = store.list_entry(tx, entry_id)
    if not rows:
        raise NotFound("ledger.entry_unknown", "there is no such entry", value=entry_id)
    first = rows[0]
    postings = tuple(
        Posting(BY_ID[row.account_id], row.amount, row.currency, row.customer_id) for row in rows
    )
    return BookedEntry(
        entry_id,
        first.at,
        first.recorded_at,
        Entry(first.kind, postings, first.document_id, first.reverses),
    )


def entries(tx: Tx, as_of: datetime) -> Iterator[BookedEntry]:
    """Every entry in order of time, streamed."""
    rows = store.stream_entries(tx, as_of)
    for entry_id, group in groupby(rows, key=lambda row: row[0]):
        lines = list(group)
        _, kind, at, recorded_at, document_id, reverses, *_ = lines[0]
        postings = tuple(
            Posting(BY_ID[account_id], amount, currency, customer_id)
            for *_, account_id, amount, currency, customer_id in lines
        )
        yield BookedEntry(entry_id, at, recorded_at, Entry(kind, postings, document_id, reverses))


def posted_by(tx: Tx, entry_ids: Sequence[UUID]) -> list[Any]:
    """What entries post together: account, customer_id, currency, minor; debits are positive."""
    return store.sum_by_entries(tx, entry_ids)
