"""Who owes how much and why: now, at any past instant, and as it was known then."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from everycent.customers import queries as customers
from everycent.db.connection import Tx
from everycent.invoicing import queries as invoicing
from everycent.invoicing.invoice import name_of
from everycent.kernel.money import Money
from everycent.ledger import queries as ledger


class Reason(NamedTuple):
    """An entry that changed what is owed, and the document behind it."""

    at: datetime
    recorded_at: datetime
    kind: str
    document: str | None
    amount: Money
    balance: Money


class Owed(NamedTuple):
    """What a customer owes in one currency (negative: we owe); `reasons` add up to it."""

    customer_id: UUID
    customer: str
    name: str
    amount: Money
    entries: int
    reasons: tuple[Reason, ...] = ()


def owed(tx: Tx, as_of: datetime, known_at: datetime) -> list[Owed]:
    """Everybody who owes something or is owed something, by customer key.

    Counts entries that hold at `as_of` and were recorded by `known_at`: with both in the past the
    answer is the one that would have been given then.
    """
    balances = ledger.customer_balances(tx, as_of, known_at)
    known = customers.by_ids(tx, [row.customer_id for row in balances])
    found = [
        Owed(
            row.customer_id,
            known[row.customer_id].key,
            known[row.customer_id].name,
            Money(row.balance, row.currency),
            row.entries,
        )
        for row in balances
    ]
    return sorted(found, key=lambda o: (o.customer, o.amount.currency))


def explained(tx: Tx, customer_name: str, as_of: datetime, known_at: datetime) -> list[Owed]:
    """What one customer owes per currency, with every entry that made it so, in order of time.

    Raises NotFound `customer.unknown`.
    """
    customer = customers.by_name(tx, customer_name)
    rows = ledger.statement(tx, customer.customer_id, as_of, known_at)
    papers = {
        row.invoice_id: name_of(row.series, row.number)
        for row in invoicing.documents(tx, [row.document_id for row in rows if row.document_id])
    }
    reasons: dict[str, list[Reason]] = {}
    for row in rows:
        before = reasons.setdefault(row.currency, [])
        amount = Money(row.amount, row.currency)
        balance = before[-1].balance + amount if before else amount
        paper = papers.get(row.document_id)
        before.append(Reason(row.at, row.recorded_at, row.kind, paper, amount, balance))
    if not reasons:
        nothing = Money(0, customer.currency)
        return [Owed(customer.customer_id, customer.key, customer.name, nothing, 0)]
    return [
        Owed(customer.customer_id, customer.key, customer.name, listed[-1].balance, len(listed),
             tuple(listed))
        for _, listed in sorted(reasons.items())
    ]  # fmt: skip
