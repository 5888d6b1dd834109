"""Look up the tenant's terms: the schedule, what follows failures, the campaigns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from everycent.charging.attempt import Stage
from everycent.charging.policy import Policies, Policy
from everycent.customers import queries as customers
from everycent.db.connection import Tx
from everycent.dunning import store
from everycent.dunning.again import kept_because
from everycent.dunning.campaign import Account, Owed, Taken
from everycent.dunning.step import STEP_TAKEN, StepTaken
from everycent.dunning.terms import NOTHING_SET, Terms, policies_of
from everycent.invoicing.invoice import name_of
from everycent.journal.types import decode
from everycent.kernel.errors import NotFound

_decoder = msgspec.json.Decoder(Terms)
_stage = msgspec.json.Decoder(Stage)
_EAST = timedelta(hours=14)
"""No clock is further ahead of UTC: whose day it is anywhere, it is then."""


class Held(NamedTuple):
    """The terms that hold, which version they are (0: nothing was ever set), and since when."""

    version: int
    terms: Terms
    at: datetime | None = None


def held(tx: Tx) -> Held:
    """The newest terms, and those of the product where none were set."""
    row = store.find_terms(tx)
    if row is None:
        return Held(0, NOTHING_SET)
    return Held(row.version, _decoder.decode(row.content), row.at)


def policies(tx: Tx) -> Policies:
    """What follows failures: see `terms.policies_of`."""
    return policies_of(held(tx).terms)


def concerned(tx: Tx, as_of: datetime) -> list[UUID]:
    """Customers who may have something overdue, or of whom an episode runs, in order of their ids."""
    rows = store.list_accounts(tx, (as_of + _EAST).date(), None)
    return sorted({row.customer_id for row in rows})


def accounts(tx: Tx, as_of: datetime, customers: Sequence[UUID], terms: Terms) -> list[Account]:
    """What the customers owe and where their episodes stand, by customer and currency; with what may be due
    anywhere on earth."""
    due_by = (as_of + _EAST).date()
    rows = store.list_accounts(tx, due_by, customers)
    held_by = store.sum_held(tx, customers)
    groups = {row.customer_id: row.group_key for row in rows}
    owed: dict[tuple[UUID, str], list[Owed]] = {}
    every = policies_of(terms)
    for row in store.list_owed(tx, due_by, customers):
        policy = every.of(groups.get(row.customer_id) or "")
        owed.setdefault((row.customer_id, row.currency), []).append(_owed(row, policy))
    return [
        Account(
            row.customer_id, row.key, row.name, row.group_key, row.email, row.time_zone,
            row.currency, tuple(owed.get((row.customer_id, row.currency), ())),
            held_by.get((row.customer_id, row.currency), 0), row.episode,
            tuple(map(Taken, row.keys, row.days, row.events)),
        )
        for row in rows
    ]  # fmt: skip


def _owed(row: Any, policy: Policy) -> Owed:
    last = None if row.attempt is None else _stage.decode(row.attempt)
    kept = kept_because(last, policy, row.reason) if row.is_stopped else None
    return Owed(
        row.invoice_id, name_of(row.series, row.number), row.due_on, row.open, row.is_under_way,
        row.tries, kept,
    )  # fmt: skip


def steps_told(tx: Tx, events: Sequence[UUID]) -> dict[UUID, StepTaken]:
    """Steps by the ids of their events."""
    return {
        row.event_id: decode(STEP_TAKEN, row.schema_version, row.payload)
        for row in (store.list_told(tx, events) if events else ())
    }


class Listed(NamedTuple):
    """A step with its customer's key, and why and on which day its episode ended, if it did."""

    customer: str
    step: StepTaken
    why: str | None
    ended_on: Any


class Place(NamedTuple):
    """A step by what it is the how-manieth of."""

    customer_id: UUID
    currency: str
    episode: int
    number: int


def place_of(tx: Tx, text: str) -> Place:
    """The step 'CUSTOMER~EUR~1~2'. Raises NotFound `dunning.step_unknown`, `customer.unknown`."""
    parts = text.rsplit("~", 3)
    if len(parts) == 4 and all(one.isascii() and one.isdecimal() for one in parts[2:]):
        customer = customers.by_name(tx, parts[0])
        return Place(customer.customer_id, parts[1], int(parts[2][:9]), int(parts[3][:9]))
    raise NotFound("dunning.step_unknown", "there is no such step", field="after", value=text)


def steps(
    tx: Tx,
    customer_id: UUID | None = None,
    limit: int = 100,
    *,
    behind: Place | None = None,
) -> list[Listed]:
    """Steps that were taken, the newest first; those behind another one."""
    return [
        Listed(
            row.customer, decode(STEP_TAKEN, row.schema_version, row.payload), row.why, row.ended_on
        )
        for row in store.list_steps(tx, customer_id, limit, behind)
    ]
