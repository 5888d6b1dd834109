"""Entry: a balanced set of postings, caused by exactly one event. An unbalanced one can't be built."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from everycent.kernel.errors import Broken
from everycent.ledger.account import Account


class Posting(NamedTuple):
    """One leg. `amount` is in minor units: a debit is positive, a credit negative, none is zero."""

    account: Account
    amount: int
    currency: str
    customer_id: UUID | None = None


class Entry(NamedTuple):
    """`kind` says why ('invoice', 'credit_note', …); `document_id` is the paper behind it, if any;
    `reverses` the entry that this one undoes."""

    kind: str
    postings: tuple[Posting, ...]
    document_id: UUID | None = None
    reverses: UUID | None = None


class BookedEntry(NamedTuple):
    """An entry as it was recorded."""

    entry_id: UUID
    at: datetime
    recorded_at: datetime
    entry: Entry


def debit(account: Account, amount: int, currency: str, customer_id: UUID | None = None) -> Posting:
    """A posting on the debit side (a negative amount turns up on the credit side)."""
    return Posting(account, amount, currency, customer_id)


def credit(
    account: Account, amount: int, currency: str, customer_id: UUID | None = None
) -> Posting:
    """A posting on the credit side (a negative amount turns up on the debit side)."""
    return Posting(account, -amount, currency, customer_id)


def balanced(
    kind: str,
    postings: Iterable[Posting],
    document_id: UUID | None = None,
    reverses: UUID | None = None,
) -> Entry | None:
    """The entry of these postings; legs of zero are left out, and None stands for "nothing to book".

    Raises Broken `ledger.unbalanced` when debits and credits differ in a currency.
    """
    legs = tuple(posting for posting in postings if posting.amount)
    if not legs:
        return None
    sums: dict[str, int] = {}
    for leg in legs:
        sums[leg.currency] = sums.get(leg.currency, 0) + leg.amount
    if any(sums.values()):
        raise Broken(
            "ledger.unbalanced",
            f"an entry of kind {kind} does not balance: {sums} minor units are left over",
        )
    return Entry(kind, legs, document_id, reverses)


def reversal(kind: str, original: Entry, entry_id: UUID, document_id: UUID | None) -> Entry:
    """The entry that undoes `original` (recorded as `entry_id`), posting for posting."""
    legs = tuple(posting._replace(amount=-posting.amount) for posting in original.postings)
    return Entry(kind, legs, document_id, entry_id)
