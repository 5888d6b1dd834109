"""Look customers up."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from everycent.customers import store
from everycent.customers.customer import Customer
from everycent.customers.payer import Payer
from everycent.db.connection import Tx
from everycent.kernel import ids
from everycent.kernel.errors import NotFound, Refusal


def by_name(tx: Tx, name: str) -> Customer:
    """A customer by its key or its id. Raises NotFound `customer.unknown`."""
    found = store.find_by_keys(tx, [name])
    if not found:
        try:
            found = store.find_by_ids(tx, [ids.parse(ids.CUSTOMER, name, "customer")])
        except Refusal:
            found = []
    if not found:
        raise NotFound(
            "customer.unknown",
            f"there is no customer {name!r}",
            field="customer",
            value=name,
            hint="list them with `everycent customer list`",
        )
    return found[0]


def by_keys(tx: Tx, keys: Sequence[str]) -> dict[str, Customer]:
    """Those of the named customers that exist, by key."""
    return {found.key: found for found in store.find_by_keys(tx, keys)}


def by_ids(tx: Tx, customer_ids: Sequence[UUID]) -> dict[UUID, Customer]:
    """Those of the customers that exist, by id."""
    return {found.customer_id: found for found in store.find_by_ids(tx, customer_ids)}


def payers(tx: Tx, customer_ids: Sequence[UUID]) -> dict[UUID, list[Payer]]:
    """Who pays for those of the customers for whom others pay, or have paid, in order of time."""
    return store.list_payers(tx, customer_ids) if customer_ids else {}


def payers_named(tx: Tx, held: Customer) -> list[tuple[str, Payer]]:
    """Who pays for a customer, or has paid, in order of time, each with the key of the one who pays."""
    told = payers(tx, [held.customer_id]).get(held.customer_id, [])
    known = by_ids(tx, [one.payer_id for one in told if one.payer_id is not None])
    return [(held.key if one.payer_id is None else known[one.payer_id].key, one) for one in told]


def payers_around(tx: Tx, first: UUID, last: UUID) -> dict[UUID, list[Payer]]:
    """The same for the customers whose ids lie between the two, both included, and for those for whom one
    of them pays at any time."""
    return store.list_payers_around(tx, first, last)


def paid_for(tx: Tx, first: UUID, last: UUID) -> list[UUID]:
    """The customers for whom somebody whose id lies between the two, both included, pays at any time."""
    return [
        customer_id
        for customer_id, told in payers_around(tx, first, last).items()
        if any(one.payer_id is not None and first <= one.payer_id <= last for one in told)
    ]


def page(tx: Tx, *, after: str = "", limit: int = 100) -> list[Customer]:
    """Customers in order of their keys."""
    return store.list_page(tx, after, limit)
