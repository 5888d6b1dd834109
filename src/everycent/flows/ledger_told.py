"""Accounts, entries and balances as programs get them, on the command line and over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from everycent.customers import queries as customers
from everycent.db.connection import Tx
from everycent.invoicing import queries as invoicing
from everycent.kernel import ids
from everycent.kernel.money import Money, plain
from everycent.kernel.period import instant_text
from everycent.ledger.account import Account
from everycent.ledger.entry import BookedEntry
from everycent.ledger.queries import Movement


def account_data(one: Account) -> dict[str, str]:
    """An account of the chart."""
    return {"account": one.code, "name": one.name, "kind": one.kind.value}


def balance_data(row: Any) -> dict[str, Any]:
    """A row of the trial balance."""
    return {
        "account": row.code,
        "name": row.name,
        "kind": row.kind,
        "currency": row.currency,
        "debit": plain(Money(row.debit or 0, row.currency)),
        "credit": plain(Money(row.credit or 0, row.currency)),
        "balance": plain(Money(row.balance, row.currency)),
    }


def entries_data(tx: Tx, found: Sequence[BookedEntry]) -> list[dict[str, Any]]:
    """Entries with their postings; customers by their keys, documents by their numbers."""
    names = _documents(tx, [one.entry.document_id for one in found])
    legs = [leg for one in found for leg in one.entry.postings]
    wanted = {leg.customer_id for leg in legs if leg.customer_id is not None}
    known = customers.by_ids(tx, sorted(wanted))
    return [
        {
            "entry": ids.show(ids.EVENT, one.entry_id),
            "kind": one.entry.kind,
            "at": instant_text(one.at),
            "recorded_at": instant_text(one.recorded_at),
            "document": names.get(one.entry.document_id),
            "reverses": None
            if one.entry.reverses is None
            else ids.show(ids.EVENT, one.entry.reverses),
            "postings": [
                {
                    "account": leg.account.code,
                    "customer": None if leg.customer_id is None else known[leg.customer_id].key,
                    "currency": leg.currency,
                    "amount": plain(Money(leg.amount, leg.currency)),
                }
                for leg in one.entry.postings
            ],
        }
        for one in found
    ]


def movements_data(tx: Tx, found: Sequence[Movement], currency: str) -> list[dict[str, Any]]:
    """What moved an account, with the balance after each."""
    names = _documents(tx, [one.document_id for one in found])
    return [
        {
            "entry": ids.show(ids.EVENT, one.entry_id),
            "kind": one.kind,
            "at": instant_text(one.at),
            "recorded_at": instant_text(one.recorded_at),
            "document": names.get(one.document_id),
            "amount": plain(Money(one.amount, currency)),
            "balance": plain(Money(one.balance, currency)),
        }
        for one in found
    ]


def _documents(tx: Tx, some: Sequence[UUID | None]) -> dict[UUID | None, str | None]:
    found = invoicing.names(tx, sorted({one for one in some if one is not None}))
    return {one: found.get(one) for one in some if one is not None}
