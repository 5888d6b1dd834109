"""Credit in the ledger: what customers have prepaid is owed to them in services.

granted, paid        debit cash (or receivable while it is owed)  credit prepaid credit
granted, promotional debit promotions                             credit prepaid credit
drawn by an invoice  debit prepaid credit                         credit receivable
expired, paid        debit prepaid credit                         credit breakage
expired, promotional debit prepaid credit                         credit promotions
voided, paid         debit prepaid credit       credit customer credit (or receivable while owed)
voided, promotional  debit prepaid credit                         credit promotions
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from everycent.credits.grant import Basis
from everycent.credits.wallet import Draw, Granted, Taken
from everycent.ledger.account import (
    BREAKAGE,
    CASH,
    CUSTOMER_CREDIT,
    PREPAID_CREDIT,
    PROMOTIONS,
    RECEIVABLE,
    Account,
)
from everycent.ledger.entry import Entry, Posting, balanced, credit, debit


def of_grant(granted: Granted) -> Entry | None:
    """Credit that came in."""
    amount, currency, customer_id = granted.grant.amount, granted.currency, granted.customer_id
    if granted.grant.basis is Basis.PROMOTIONAL:
        against = debit(PROMOTIONS, amount, currency)
    elif granted.is_owed:
        against = debit(RECEIVABLE, amount, currency, customer_id)
    else:
        against = debit(CASH, amount, currency)
    return balanced(
        "credit_granted", (against, credit(PREPAID_CREDIT, amount, currency, customer_id))
    )


def of_invoice(draws: Iterable[Draw], currency: str, customer_id: UUID) -> tuple[Posting, ...]:
    """What credit pays of an invoice: the postings that its entry has besides."""
    amount = sum(draw.amount for draw in draws)
    return (
        debit(PREPAID_CREDIT, amount, currency, customer_id),
        credit(RECEIVABLE, amount, currency, customer_id),
    )


def of_expiry(taken: Taken) -> Entry | None:
    """Credit that nobody used in time: paid for, it is revenue; given away, no expense after all."""
    return _taken("credit_expired", taken, BREAKAGE)


def of_void(taken: Taken) -> Entry | None:
    """Credit that was taken away: what was paid for it is owed back, or no longer owed."""
    return _taken("credit_voided", taken, RECEIVABLE if taken.is_owed else CUSTOMER_CREDIT)


def _taken(kind: str, taken: Taken, paid_to: Account) -> Entry | None:
    currency, customer_id = taken.currency, taken.customer_id
    sums = dict.fromkeys(Basis, 0)
    for draw in taken.draws:
        sums[draw.basis] += draw.amount
    owner = customer_id if paid_to is not BREAKAGE else None
    return balanced(
        kind,
        (
            debit(PREPAID_CREDIT, sum(sums.values()), currency, customer_id),
            credit(paid_to, sums[Basis.PAID], currency, owner),
            credit(PROMOTIONS, sums[Basis.PROMOTIONAL], currency),
        ),
    )
