"""Terms and campaigns in and out of the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from everycent.db import statements
from everycent.db.connection import Tx

SQL = statements.beside(__file__)


def lock_terms(tx: Tx) -> None:
    """Serialises changes of the terms until the transaction ends."""
    tx.run(SQL["lock_terms"], {"tenant_id": tx.tenant_id})


def find_terms(tx: Tx) -> Any | None:
    """The newest terms as (version, at, content); None where none were ever set."""
    return tx.row(SQL["newest_terms"], {"tenant_id": tx.tenant_id})


def list_accounts(tx: Tx, due_by: date, customers: Sequence[UUID] | None) -> list[Any]:
    """Customers and currencies in which something may be overdue, or of which an episode runs."""
    told = None if customers is None else list(customers)
    params = {"tenant_id": tx.tenant_id, "due_by": due_by, "customers": told}
    return tx.rows(SQL["accounts"], params)


def list_owed(tx: Tx, due_by: date, customers: Sequence[UUID]) -> list[Any]:
    """Open invoices of customers that are due by a day."""
    params = {"tenant_id": tx.tenant_id, "due_by": due_by, "customers": list(customers)}
    return tx.rows(SQL["owed_of"], params)


def sum_held(tx: Tx, customers: Sequence[UUID]) -> dict[tuple[UUID, str], int]:
    """What customers have to pay with, by customer and currency."""
    params = {"tenant_id": tx.tenant_id, "customers": list(customers)}
    found = tx.tuples(SQL["held_of"], params)
    return {(customer_id, currency): amount for customer_id, currency, amount in found}


def list_told(tx: Tx, events: Sequence[UUID]) -> list[Any]:
    """Events of steps."""
    return tx.rows(SQL["steps_told"], {"tenant_id": tx.tenant_id, "events": list(events)})


def list_steps(
    tx: Tx, customer_id: UUID | None, limit: int, behind: tuple[UUID, str, int, int] | None
) -> list[Any]:
    """Steps, the newest first; those behind one, told by customer, currency, episode and number."""
    last_of, last_in, last_episode, last_number = behind or (None, None, None, None)
    params = {
        "tenant_id": tx.tenant_id, "customer_id": customer_id, "limit": limit, "last_of": last_of,
        "last_in": last_in, "last_episode": last_episode, "last_number": last_number,
    }  # fmt: skip
    return tx.rows(SQL["list_steps"], params)


def list_violations(tx: Tx, check: str) -> list[str]:
    """The violators of a check, at most a hundred."""
    names = ("steps_out_of_order", "steps_without_message", "stuck_messages")
    assert check in names, "a check of ours"
    return [row[0] for row in tx.tuples(SQL[check], {"tenant_id": tx.tenant_id})]
