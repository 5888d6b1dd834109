"""Create customers and change their data; lock them while something is decided about them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from everycent.customers import customer as customers
from everycent.customers import projection, store
from everycent.customers.customer import Customer
from everycent.db.connection import Tx
from everycent.journal import operations as journal
from everycent.journal.event import Draft
from everycent.kernel.errors import Conflict, Invalid, NotFound
from everycent.kernel.ids import IdSource


def create(
    tx: Tx,
    new: Sequence[Customer],
    *,
    at: datetime,
    recorded_at: datetime,
    actor: str,
    ids: IdSource,
) -> None:
    """Creates customers, any number at once. Raises Conflict `customer.exists`, Invalid."""
    for customer in new:
        customers.checked(customer)
    keys = [customer.key for customer in new]
    taken = {found.key for found in store.find_by_keys(tx, keys)}
    seen: set[str] = set()
    for key in keys:
        if key in taken or key in seen:
            raise Conflict(
                "customer.exists",
                f"there is a customer {key!r} already",
                field="key",
                value=key,
                hint="keys are unique; use `everycent customer update` to change its data",
            )
        seen.add(key)
    drafts = [
        Draft(
            ids(f"customer.created/{customer.key}"),
            customers.stream(customer.customer_id),
            customers.CREATED,
            at,
            actor,
            customer,
        )
        for customer in new
    ]
    journal.record(tx, drafts, recorded_at, projection.created)


def update(
    tx: Tx, changed: Customer, *, at: datetime, recorded_at: datetime, actor: str, ids: IdSource
) -> bool:
    """Replaces a customer's data; its key and currency stay. False when nothing is different.

    Raises NotFound `customer.unknown`, Invalid `customer.fixed_field`.
    """
    customers.checked(changed)
    (known,) = lock(tx, [changed.customer_id])
    if known == changed:
        return False
    for field in ("key", "currency"):
        if getattr(known, field) != getattr(changed, field):
            raise Invalid(
                "customer.fixed_field",
                f"a customer's {field} can't change: it stands on its invoices",
                field=field,
                value=getattr(changed, field),
                hint="create another customer",
            )
    draft = Draft(
        ids(f"customer.updated/{changed.key}/{recorded_at.isoformat()}"),
        customers.stream(changed.customer_id),
        customers.UPDATED,
        at,
        actor,
        changed,
    )
    journal.record(tx, [draft], recorded_at, projection.updated)
    return True


def lock(tx: Tx, customer_ids: Sequence[UUID]) -> list[Customer]:
    """Locks customers until the transaction ends. Raises NotFound `customer.unknown`."""
    found = store.lock_ids(tx, customer_ids)
    if len(found) != len(set(customer_ids)):
        raise NotFound("customer.unknown", "there is no such customer", field="customer")
    return found


def lock_range(tx: Tx, first: UUID, last: UUID) -> list[Customer]:
    """Locks and returns all customers whose ids lie between the two, both included."""
    return store.lock_range(tx, first, last)
