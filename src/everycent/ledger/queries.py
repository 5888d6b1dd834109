"""Balances as of any date and as known at any moment, statements, single entries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import accumulate, groupby
from typing import Any, NamedTuple
from uuid import UUID

from everycent.db.connection import Tx
from everycent.kernel.errors import NotFound
from everycent.kernel.near import meant
from everycent.ledger import store
from everycent.ledger.account import BY_ID, CHART, Account, Of
from everycent.ledger.entry import BookedEntry, Entry, Posting

_BY_CODE = {one.code: one for one in CHART}


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


def account(code: str) -> Account:
    """An account of the chart. Raises NotFound `ledger.account_unknown`."""
    found = _BY_CODE.get(code)
    if found is None:
        raise NotFound(
            "ledger.account_unknown", f"there is no account {code[:60]!r}", field="account",
            value=code, hint=meant(code, _BY_CODE) or f"there are {', '.join(_BY_CODE)}",
        )  # fmt: skip
    return found


def listed(
    tx: Tx,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    kind: str | None = None,
    document_id: UUID | None = None,
    of: Account | None = None,
    customer_id: UUID | None = None,
    after: UUID | None = None,
    limit: int = 100,
) -> list[BookedEntry]:
    """Entries in order of time from `start` on and before `end`, of those `after` one. Raises NotFound
    `ledger.entry_unknown`."""
    found = store.list_entries(
        tx, start=start, end=end, kind=kind, document_id=document_id,
        account_id=None if of is None else of.account_id, customer_id=customer_id,
        after=_place(tx, after), limit=limit,
    )  # fmt: skip
    return list(_booked(store.list_postings(tx, found)))


class Movement(NamedTuple):
    """What an entry did to an account, and what the account came to then; minor units."""

    entry_id: UUID
    kind: str
    at: datetime
    recorded_at: datetime
    document_id: UUID | None
    amount: int
    balance: int


def balance(tx: Tx, of: Of, at: datetime) -> int:
    """What an account came to before an instant."""
    return store.get_account_balance(tx, of, at, None)


def movements(
    tx: Tx,
    of: Of,
    start: datetime | None,
    end: datetime,
    *,
    after: UUID | None = None,
    limit: int = 100,
) -> list[Movement]:
    """What moved an account from `start` on and before `end`, in order of time, of those `after` an entry;
    with the balance after each. Raises NotFound `ledger.entry_unknown`."""
    place = _place(tx, after)
    rows = store.list_account_entries(tx, of, start, end, place, limit)
    if not rows:
        return []
    if after is not None and place[0] is not None:
        before = store.get_account_balance(tx, of, place[0], after)
    else:
        before = store.get_account_balance(tx, of, start or rows[0].at, None)
    balances = accumulate((row.amount for row in rows), initial=before)
    next(balances)
    return [
        Movement(
            row.entry_id, row.kind, row.at, row.recorded_at, row.document_id, row.amount, total
        )
        for row, total in zip(rows, balances, strict=True)
    ]


def _place(tx: Tx, entry_id: UUID | None) -> tuple[datetime | None, UUID | None]:
    return (None, None) if entry_id is None else (entry(tx, entry_id).at, entry_id)


def entries(tx: Tx, as_of: datetime) -> Iterator[BookedEntry]:
    """Every entry in order of time, streamed."""
    return _booked(store.stream_entries(tx, as_of))


def _booked(rows: Iterable[tuple[Any, ...]]) -> Iterator[BookedEntry]:
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
