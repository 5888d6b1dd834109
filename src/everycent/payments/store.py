"""Payment rows in and out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from everycent.db import statements
from everycent.db.connection import Tx

SQL = statements.beside(__file__)


def list_payments(
    tx: Tx,
    *,
    ids: Sequence[UUID] | None = None,
    customer_id: UUID | None = None,
    provider: str | None = None,
    externals: Sequence[str] | None = None,
    attempt_id: UUID | None = None,
    amount: int | None = None,
    only_left: bool = False,
    after: tuple[date, UUID] | None = None,
    limit: int = 100_000,
) -> list[Any]:
    """Payments with where they stand, oldest first; those of which something is left with `only_left`."""
    params = {
        "tenant_id": tx.tenant_id,
        "ids": None if ids is None else list(ids),
        "customer_id": customer_id,
        "provider": provider,
        "externals": None if externals is None else list(externals),
        "attempt_id": attempt_id,
        "amount": amount,
        "only_left": only_left,
        "after_on": None if after is None else after[0],
        "after_id": None if after is None else after[1],
        "limit": limit,
    }
    return tx.rows(SQL["find_payments"], params)


def lock_payments(tx: Tx, ids: Sequence[UUID]) -> None:
    """Waits for whoever moves one of the payments, and keeps others waiting."""
    tx.tuples(SQL["lock_payments"], {"tenant_id": tx.tenant_id, "ids": list(ids)})


def list_moves(tx: Tx, payment_id: UUID) -> list[Any]:
    """Everything that became of a payment, in order."""
    return tx.rows(SQL["moves_of"], {"tenant_id": tx.tenant_id, "payment_id": payment_id})


def list_applied(tx: Tx, payment_id: UUID) -> list[tuple[UUID, int]]:
    """What a payment pays of each document, the newest first."""
    params = {"tenant_id": tx.tenant_id, "payment_id": payment_id}
    return [(document, amount) for document, amount in tx.tuples(SQL["applied_of"], params)]


def list_violations(tx: Tx, check: str) -> list[str]:
    """What one of the checking statements finds; empty is good."""
    return [text for (text,) in tx.tuples(SQL[check], {"tenant_id": tx.tenant_id})]


def list_payers_with_credit(tx: Tx, invoice_ids: Sequence[UUID]) -> list[UUID]:
    """Customers of the invoices of whom we hold something in the same currency."""
    params = {"tenant_id": tx.tenant_id, "ids": list(invoice_ids)}
    return [one for (one,) in tx.tuples(SQL["payers_with_credit"], params)]


def list_payers_by_account(tx: Tx) -> dict[str, UUID]:
    """Whose an account is, as it was booked last."""
    return dict(tx.tuples(SQL["payers_by_account"], {"tenant_id": tx.tenant_id}))


def find_externals(tx: Tx, provider: str, externals: Sequence[str]) -> set[str]:
    """Those of a provider's or a bank's references that are booked."""
    params = {"tenant_id": tx.tenant_id, "provider": provider, "externals": list(externals)}
    return {one for (one,) in tx.tuples(SQL["known_externals"], params)}


def list_in_suspense(tx: Tx, after: tuple[date, UUID] | None, limit: int) -> list[Any]:
    """Payments of nobody of which something is left."""
    params = {
        "tenant_id": tx.tenant_id,
        "after_on": None if after is None else after[0],
        "after_id": None if after is None else after[1],
        "limit": limit,
    }
    return tx.rows(SQL["in_suspense"], params)
