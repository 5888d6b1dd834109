"""Subscription rows in and out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from functools import lru_cache
from itertools import starmap
from typing import Any
from uuid import UUID

import msgspec

from everycent.db import statements
from everycent.db.connection import Tx
from everycent.subscriptions.agreeing import Billed
from everycent.subscriptions.subscription import (
    NOTHING_OWN,
    OwnTerms,
    Phase,
    SubscribedItem,
    Subscription,
)
from everycent.subscriptions.timeline import Change

SQL = statements.beside(__file__)
_CHANGES = msgspec.json.Decoder(tuple[Change, ...])
_OWN = msgspec.json.Decoder(OwnTerms)
_OF_PHASE = 12
"""A row has so many columns of its phase, then those of its items."""
LOWEST = UUID(int=0)
HIGHEST = UUID(int=(1 << 128) - 1)


def find(
    tx: Tx,
    *,
    keys: Sequence[str] | None = None,
    customer_id: UUID | None = None,
    after: str = "",
    limit: int = 1_000_000,
) -> list[Subscription]:
    """Subscriptions by key, by customer, or all, in order of their keys."""
    rows = tx.tuples(
        SQL["find_subscriptions"],
        {
            "tenant_id": tx.tenant_id,
            "keys": None if keys is None else list(keys),
            "first": customer_id or LOWEST,
            "last": customer_id or HIGHEST,
            "after": after,
            "limit": limit,
        },
    )
    return _subscriptions(tx, rows)


def find_owned(tx: Tx, customer_ids: Sequence[UUID], subjects: Sequence[str]) -> list[Subscription]:
    """Subscriptions of any of the customers, and those that bill any of the subjects, in order of keys."""
    told = {
        "tenant_id": tx.tenant_id,
        "customer_ids": list(customer_ids),
        "subjects": list(subjects),
    }
    return _subscriptions(tx, tx.tuples(SQL["find_owned"], told))


def _subscriptions(tx: Tx, rows: Sequence[tuple[Any, ...]]) -> list[Subscription]:
    phases = _phases(tx, [row[0] for row in rows]) if rows else {}
    return [_subscription(row, phases[row[0]]) for row in rows]


def _phases(tx: Tx, subscription_ids: Sequence[UUID]) -> dict[UUID, list[Phase]]:
    found: dict[UUID, list[Phase]] = {}
    params = {"tenant_id": tx.tenant_id, "subscription_ids": subscription_ids}
    for row in tx.tuples(SQL["find_phases"], params):
        subscription_id, *facts, track, ends_at, keeps = row[:_OF_PHASE]
        of_items = row[_OF_PHASE:]
        items = tuple(starmap(_item, zip(*of_items, strict=True)))
        phase = Phase(*[*facts, items, track, ends_at, tuple(keeps)])
        found.setdefault(subscription_id, []).append(phase)
    return found


def _item(
    number: int, of_plan: int, price_key: str, in_advance: bool, opens_at: datetime | None, text: str,
    is_commitment: bool,
) -> SubscribedItem:  # fmt: skip
    own = own_of(text)
    return SubscribedItem(
        number, of_plan, price_key, in_advance, opens_at, own.proration, own.quantity, own.price,
        is_commitment,
    )  # fmt: skip


def _subscription(row: Sequence[Any], phases: Sequence[Phase]) -> Subscription:
    *facts, changes, changes_made, ends_on, ends_at = row
    held = _CHANGES.decode(changes)
    return Subscription(*[*facts, held, tuple(phases), changes_made, ends_on, ends_at])


@lru_cache(maxsize=1024)
def own_of(text: str) -> OwnTerms:
    """What an item has of its own as it was stored."""
    return _OWN.decode(text) if text else NOTHING_OWN


def billed(tx: Tx, subscription_ids: Sequence[UUID]) -> dict[UUID, Billed]:
    """What was billed of contracts, by their ids; those of which nothing was are left out."""
    params = {"tenant_id": tx.tenant_id, "subscription_ids": list(subscription_ids)}
    until: dict[UUID, dict[int, datetime]] = {}
    given_back: dict[UUID, dict[int, datetime]] = {}
    for name, found in (("billed_until", until), ("given_back", given_back)):
        for subscription_id, phase_no, at in tx.tuples(SQL[name], params):
            found.setdefault(subscription_id, {})[phase_no] = at
    return {one: Billed(until.get(one, {}), given_back.get(one, {})) for one in until | given_back}


def list_terms_coming_up(tx: Tx, first: date, last: date) -> list[str]:
    """The keys of contracts that may have a term of which something comes up between two days: never too
    few, and hardly ever too many."""
    params = {"tenant_id": tx.tenant_id, "first": first, "last": last}
    return [key for (key,) in tx.tuples(SQL["terms_coming_up"], params)]


def list_on_older_versions(
    tx: Tx, plan_key: str, version: int, at: datetime, keys: Sequence[str] | None
) -> list[str]:
    """The keys of contracts of which a phase from an instant on has a version before another one."""
    params = {
        "tenant_id": tx.tenant_id, "plan_key": plan_key, "version": version, "at": at,
        "keys": None if keys is None else list(keys),
    }  # fmt: skip
    return [key for key, _ in tx.tuples(SQL["on_older_versions"], params)]


def find_paid_beyond(tx: Tx, customer_id: UUID, at: datetime) -> str | None:
    """A contract of which something was billed that falls to who pays from an instant on, or None."""
    params = {"tenant_id": tx.tenant_id, "customer_id": customer_id, "at": at}
    found: str | None = tx.value(SQL["paid_beyond"], params)
    return found


def list_due_corrections(
    tx: Tx, first: UUID, last: UUID, holders: Sequence[UUID] | None, as_of: datetime
) -> list[tuple[Any, ...]]:
    """One row per billed period of which a part has to be given back."""
    params = _of_range(tx, first, last, holders, as_of) | {"ids": None}
    return tx.tuples(SQL["due_corrections"], params)


def list_corrections_of(
    tx: Tx, held: Collection[tuple[UUID, UUID]], as_of: datetime
) -> list[tuple[Any, ...]]:
    """The same for some subscriptions, told with who holds them (customer, subscription)."""
    holders = {customer_id for customer_id, _ in held}
    params = _of_range(tx, min(holders), max(holders), None, as_of)
    params["ids"] = [subscription_id for _, subscription_id in held]
    return tx.tuples(SQL["due_corrections"], params)


def list_due_items(
    tx: Tx, first: UUID, last: UUID, holders: Sequence[UUID] | None, as_of: datetime
) -> list[tuple[Any, ...]]:
    """One row per item that may be due, of a range of customers; only of `holders`, if they are told."""
    return tx.tuples(SQL["due_items"], _of_range(tx, first, last, holders, as_of))


def _of_range(
    tx: Tx, first: UUID, last: UUID, holders: Sequence[UUID] | None, as_of: datetime
) -> dict[str, Any]:
    return {
        "tenant_id": tx.tenant_id, "first": first, "last": last, "as_of": as_of,
        "holders": None if holders is None else list(holders),
    }  # fmt: skip


def list_due_customers(tx: Tx, as_of: datetime) -> list[UUID]:
    """The customers who may have something due, and who pay for such, by id."""
    statement = (
        f"with holder as materialized (select customer_id from ({SQL['due_items']}) d"
        f" union select customer_id from ({SQL['due_corrections']}) c"
        f" union select customer_id from ({SQL['commitments_again']}) a)"
        " select customer_id from holder union select p.payer_id from holder"
        " join customer_payer p using (customer_id)"
        " where p.tenant_id = %(tenant_id)s and p.payer_id is not null order by 1"
    )
    params = _of_range(tx, LOWEST, HIGHEST, None, as_of) | {"ids": None}
    return [customer_id for (customer_id,) in tx.tuples(statement, params)]


def list_commitments_again(
    tx: Tx, first: UUID, last: UUID, holders: Sequence[UUID] | None, as_of: datetime
) -> list[tuple[Any, ...]]:
    """One row per billed period of a commitment in which something was corrected."""
    return tx.tuples(SQL["commitments_again"], _of_range(tx, first, last, holders, as_of))


def list_counted(
    tx: Tx, wanted: Sequence[tuple[UUID, datetime, datetime]]
) -> list[tuple[int, str, int]]:
    """(which of the wanted contracts and spans, key of the price, minor units) of all that was charged."""
    ids, starts, ends = map(list, zip(*wanted, strict=True))
    params = {"tenant_id": tx.tenant_id, "ids": ids, "starts": starts, "ends": ends}
    return [(n, key, int(amount)) for n, key, amount in tx.tuples(SQL["counted"], params)]


def list_open_items(tx: Tx, subscription_ids: Sequence[UUID]) -> list[tuple[Any, ...]]:
    """One row per item with its last billed period."""
    params = {"tenant_id": tx.tenant_id, "subscription_ids": list(subscription_ids)}
    return tx.tuples(SQL["open_items"], params)


def list_item_frames(tx: Tx, items: Sequence[tuple[UUID, int]]) -> list[tuple[Any, ...]]:
    """How the periods of some items are counted."""
    params = {
        "tenant_id": tx.tenant_id,
        "subscriptions": [subscription_id for subscription_id, _ in items],
        "items": [item_no for _, item_no in items],
    }
    return tx.tuples(SQL["item_frames"], params)


def list_violations(tx: Tx) -> list[str]:
    """Phases that overlap."""
    rows = tx.tuples(SQL["overlapping_phases"], {"tenant_id": tx.tenant_id})
    return [str(text) for (text,) in rows]
