"""Create customers and change their data; lock them while something is decided about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from everycent.customers import customer as customers
from everycent.customers import projection, store
from everycent.customers.customer import Customer
from everycent.customers.payer import SET, Payer, check, with_change
from everycent.db.connection import Tx
from everycent.journal import operations as journal
from everycent.journal.event import Draft
from everycent.kernel.errors import Conflict, Invalid, NotFound
from everycent.kernel.ids import IdSource

_LOWEST, _HIGHEST = UUID(int=0), UUID(int=(1 << 128) - 1)


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


def bring(
    tx: Tx,
    wanted: Sequence[Customer],
    *,
    at: datetime,
    recorded_at: datetime,
    actor: str,
    ids: IdSource,
) -> list[Customer]:
    """Creates those customers that are not there, and returns them; those that are there with the same
    data are left alone. Raises as `create`, and Conflict `customer.differs`."""
    known = {found.key: found for found in store.find_by_keys(tx, [one.key for one in wanted])}
    for one in wanted:
        _check_same(known.get(one.key), one)
    fresh = [one for one in wanted if one.key not in known]
    create(tx, fresh, at=at, recorded_at=recorded_at, actor=actor, ids=ids)
    return fresh


def _check_same(known: Customer | None, wanted: Customer) -> None:
    if known is not None and replace(wanted, customer_id=known.customer_id) != known:
        raise Conflict(
            "customer.differs",
            f"the customer {wanted.key!r} is there already with other data",
            field="key",
            value=wanted.key,
            hint="change it with `everycent customer update`; nothing was imported",
        )


def changed(known: Customer, fields: Mapping[str, Any]) -> Customer:
    """A customer with other values in some fields (None: it has none). The reason why it is not taxed goes
    with the tax status that it was a reason for. Raises Invalid `customer.bad_tax_status`."""
    told = dict(fields)
    if "tax_status" in told:
        told["tax_status"] = status = customers.tax_status(told["tax_status"])
        if status is not known.tax_status:
            told.setdefault("tax_reason", None)
    return replace(known, **told)


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


def set_payer(
    tx: Tx, told: Payer, *, at: datetime, recorded_at: datetime, actor: str, ids: IdSource
) -> None:
    """Lets a customer pay for another one from an instant on, or (`payer_id` None) nobody any more.

    Whether anything was billed since is for the caller to look at. Raises NotFound `customer.unknown`,
    Conflict `customer.payer_of_payer`, `customer.other_currency`, Invalid `customer.pays_itself`.
    """
    both = [told.customer_id, *([told.payer_id] if told.payer_id is not None else [])]
    known = {found.customer_id: found for found in lock(tx, sorted(set(both)))}
    held = known[told.customer_id]
    if told.payer_id is not None and known[told.payer_id].currency != held.currency:
        raise Conflict(
            "customer.other_currency",
            f"{held.key} is billed in {held.currency}, the payer in {known[told.payer_id].currency}",
            field="payer",
            hint="a payer has the currency of those it pays for",
        )
    of_others = store.list_payers_around(tx, _LOWEST, _HIGHEST)
    mine = with_change(of_others.pop(told.customer_id, []), told)
    check(mine, of_others)
    draft = Draft(
        ids(
            f"customer.payer_set/{held.key}/{told.starts_at.isoformat()}/{recorded_at.isoformat()}"
        ),
        customers.stream(told.customer_id),
        SET,
        at,
        actor,
        told,
    )
    journal.record(tx, [draft], recorded_at, projection.payer_set)


def lock(tx: Tx, customer_ids: Sequence[UUID]) -> list[Customer]:
    """Locks customers until the transaction ends, and those who pay for them: what is agreed with one is
    billed to the other. Raises NotFound `customer.unknown`."""
    wanted = set(customer_ids)
    locked: dict[UUID, Customer] = {}
    missing = wanted | _payers_of(tx, customer_ids)
    while missing:  # again, where somebody became a payer before the lock was there
        found = store.lock_ids(tx, sorted(missing))
        locked |= {customer.customer_id: customer for customer in found}
        if wanted - locked.keys():
            raise NotFound("customer.unknown", "there is no such customer", field="customer")
        missing = _payers_of(tx, customer_ids) - locked.keys()
    return [locked[customer_id] for customer_id in sorted(wanted)]


def _payers_of(tx: Tx, customer_ids: Sequence[UUID]) -> set[UUID]:
    told = store.list_payers(tx, customer_ids).values()
    return {one.payer_id for own in told for one in own if one.payer_id is not None}


def lock_range(tx: Tx, first: UUID, last: UUID) -> list[Customer]:
    """Locks and returns all customers whose ids lie between the two, both included."""
    return store.lock_range(tx, first, last)
