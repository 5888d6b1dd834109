"""Who a story is about: customers, their data, and who pays for whom."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec

from everycent.catalog.document_refusals import Strict
from everycent.customers import customer as values
from everycent.customers import operations as customers
from everycent.customers import queries
from everycent.flows.paying import let_pay
from everycent.flows.stories.document import Form, Moment
from everycent.flows.stories.world import Action, Came, World
from everycent.kernel.calendar import local_date


class _Data(Strict):
    name: str | None = None
    time_zone: str | None = None
    email: str | None = None
    address: str | None = None
    tax_id: str | None = None
    tax_status: values.TaxStatus | None = None
    tax_reason: str | None = None


class _Customer(_Data, kw_only=True):
    key: str
    currency: str | None = None


def _read_customer(given: _Customer, moment: Moment) -> _Customer:
    given.name = given.name or given.key
    given.currency = given.currency or moment.currency
    given.time_zone = given.time_zone or moment.time_zone
    return given


def _customer(world: World, given: _Customer) -> Came:
    told = _told(given)
    made = values.Customer(world.ids(f"customer/{given.key}"), **told)
    with world.database.transaction(world.tenant_id) as tx:
        customers.create(tx, [made], **world.writing)
    return Came(told)


class _Update(_Data, kw_only=True):
    customer: str


def _update(world: World, given: _Update) -> Came:
    told = _told(given)
    del told["customer"]
    with world.database.transaction(world.tenant_id) as tx:
        known = queries.by_name(tx, given.customer)
        if told.get("tax_status", known.tax_status) is not known.tax_status:
            told.setdefault("tax_reason", None)  # it was that of the other status
        changed = msgspec.structs.replace(known, **told)
        customers.update(tx, changed, **world.writing)
    return Came({"customer": known.key, **told})


def _told(given: _Data) -> dict[str, Any]:
    """What is written, without what is left out."""
    return {
        field: value for field, value in msgspec.structs.asdict(given).items() if value is not None
    }


class _Payer(Strict):
    customer: str
    payer: str | None = None
    starts_on: date | None = None
    reason: str = ""


def _payer(world: World, given: _Payer) -> Came:
    with world.database.transaction(world.tenant_id) as tx:
        customer = queries.by_name(tx, given.customer)
        payer = None if given.payer is None else queries.by_name(tx, given.payer)
        starts_on = given.starts_on or local_date(world.at, customer.time_zone)
        told = let_pay(tx, customer, payer, starts_on, reason=given.reason, writing=world.writing)
    who = customer.key if payer is None else payer.key
    return Came({"customer": customer.key, "payer": who, "starts_on": str(told.starts_on)})


CUSTOMERS: dict[str, Action] = {
    "customer": Action(_customer, Form(_Customer, short="key", read=_read_customer)),
    "update": Action(_update, Form(_Update)),
    "payer": Action(_payer, Form(_Payer)),
}
"""These actions by name."""
