"""Customer rows in and out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from everycent.customers.customer import Customer, TaxStatus
from everycent.customers.payer import Payer
from everycent.db import statements
from everycent.db.connection import Tx

SQL = statements.beside(__file__)


def _customers(tx: Tx, statement: str, params: dict[str, Any]) -> list[Customer]:
    found = tx.tuples(SQL[statement], {"tenant_id": tx.tenant_id, **params})
    return [_customer(row) for row in found]


def _customer(row: tuple[Any, ...]) -> Customer:
    customer_id, key, name, currency, zone, email, address, tax_id, status, reason, group = row
    return Customer(
        customer_id,
        key,
        name,
        currency,
        zone,
        email,
        address,
        tax_id,
        TaxStatus(status),
        reason,
        group,
    )


def find_by_keys(tx: Tx, keys: Sequence[str]) -> list[Customer]:
    """Those of the named customers that exist."""
    return _customers(tx, "find_by_keys", {"keys": list(keys)})


def find_by_ids(tx: Tx, customer_ids: Sequence[UUID]) -> list[Customer]:
    """Those of the customers that exist."""
    return _customers(tx, "find_by_ids", {"ids": list(customer_ids)})


def list_page(tx: Tx, after: str, limit: int) -> list[Customer]:
    """Customers by key, after a key."""
    return _customers(tx, "list_page", {"after": after, "limit": limit})


def list_payers(tx: Tx, customer_ids: Sequence[UUID]) -> dict[UUID, list[Payer]]:
    """Who pays for those of the customers for whom anything is told, in order of time."""
    return _payers(tx, "payers_of", {"ids": list(customer_ids)})


def list_payers_around(tx: Tx, first: UUID, last: UUID) -> dict[UUID, list[Payer]]:
    """The same for the customers of a range, and for those for whom somebody of it pays at any time."""
    return _payers(tx, "payers_around", {"first": first, "last": last})


def _payers(tx: Tx, statement: str, params: dict[str, Any]) -> dict[UUID, list[Payer]]:
    found: dict[UUID, list[Payer]] = {}
    for row in tx.tuples(SQL[statement], {"tenant_id": tx.tenant_id, **params}):
        found.setdefault(row[0], []).append(Payer(*row))
    return found


def lock_range(tx: Tx, first: UUID, last: UUID) -> list[Customer]:
    """Locks and returns the customers of a range of ids."""
    return _customers(tx, "lock_range", {"first": first, "last": last})


def lock_ids(tx: Tx, customer_ids: Sequence[UUID]) -> list[Customer]:
    """Locks and returns the customers."""
    return _customers(tx, "lock_ids", {"ids": list(customer_ids)})
