"""/v1/customers: who is billed, and who pays for whom."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

from everycent.api.operation import Asked, changing, reading
from everycent.api.parameters import day, instant
from everycent.api.shapes import (
    Body,
    Called,
    Currency,
    Day,
    Instant,
    Name,
    Page,
    Paged,
    Query,
    Reason,
    Shown,
    Text,
    Zone,
)
from everycent.api.writing import writing
from everycent.customers import operations, queries
from everycent.customers.customer import Customer as Known
from everycent.customers.customer import TaxStatus, from_data
from everycent.customers.shown import as_data, payers_data
from everycent.db.connection import Tx
from everycent.flows.paying import let_pay

_MOST = 1000
_Address = Annotated[str, Meta(max_length=2000, description="As it is printed, in lines.")]
_TaxReason = Annotated[str, Meta(max_length=200, description="Printed where no tax is added.")]
_Group = Annotated[
    str,
    Meta(max_length=80, description="Which customers it is like when it does not pay."),
]


class Customer(Shown):
    """Who is billed. The time zone decides where the days of its billing periods begin."""

    customer_id: str
    key: Annotated[str, Meta(description="Its name in the systems around, unique.")]
    name: str
    currency: Currency
    time_zone: Zone
    email: str | None = None
    address: _Address | None = None
    tax_id: str | None = None
    tax_status: TaxStatus = TaxStatus.TAXED
    tax_reason: _TaxReason | None = None
    group: _Group | None = None


class NewCustomer(Body):
    """A customer that is wanted."""

    key: Name
    name: Called
    currency: Currency
    time_zone: Zone
    email: Text | None = None
    address: _Address | None = None
    tax_id: Text | None = None
    tax_status: TaxStatus = TaxStatus.TAXED
    tax_reason: _TaxReason | None = None
    group: _Group | None = None
    at: Annotated[
        Instant | None, Meta(description="Since when it is a customer; now when not told.")
    ] = None


class NewCustomers(Body):
    """Customers that are wanted, all of them or none."""

    customers: Annotated[list[NewCustomer], Meta(min_length=1, max_length=_MOST)]


class Brought(Shown):
    """What became of customers that were wanted."""

    created: Annotated[list[str], Meta(description="The keys of those that are new.")]
    unchanged: Annotated[int, Meta(description="How many were there already with the same data.")]


class CustomerChanges(Body):
    """The fields that are to be other ones from now on; null takes away what a customer may do without.
    Key and currency stay."""

    name: Called | UnsetType = UNSET
    time_zone: Zone | UnsetType = UNSET
    email: Text | UnsetType | None = UNSET
    address: _Address | UnsetType | None = UNSET
    tax_id: Text | UnsetType | None = UNSET
    tax_status: TaxStatus | UnsetType = UNSET
    tax_reason: _TaxReason | UnsetType | None = UNSET
    group: _Group | UnsetType | None = UNSET


class PayerSpan(Shown):
    """Who pays for a customer, and in which days. `until` is the first day that is not theirs; empty:
    there is none."""

    payer: Annotated[str, Meta(description="Its key; the customer's own where it pays itself.")]
    from_: str = field(name="from")
    until: str
    reason: str


class NewPayer(Body):
    """Who is to pay from a day on; null: the customer itself does again."""

    payer: Name | None
    from_: Annotated[Day, Meta(description="The first local day.")] = field(name="from")
    reason: Reason | None = None


class PayerSet(Shown):
    """Who pays from a day on."""

    customer: str
    payer: str | None
    from_: str = field(name="from")


def list_customers(tx: Tx, asked: Asked[Paged, None]) -> Page[dict[str, Any]]:
    """Customers in order of their keys."""
    found = queries.page(tx, after=asked.query.after or "", limit=asked.query.size + 1)
    return asked.page([as_data(one) for one in found], lambda last: str(last["key"]))


def get_customer(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """One customer, by its key or its id."""
    return as_data(_named(tx, asked))


def create_customer(tx: Tx, asked: Asked[Query, NewCustomer]) -> dict[str, Any]:
    """Makes a customer. One with this key must not be there yet."""
    wanted = asked.body
    made = _made(asked, wanted)
    at = asked.now if wanted.at is None else instant(wanted.at, made.time_zone, "at")
    operations.create(tx, [made], **writing(asked) | {"at": at})
    return as_data(made)


def create_customers(tx: Tx, asked: Asked[Query, NewCustomers]) -> dict[str, Any]:
    """Makes many customers at once, all or none. Those that are there with the same data are left alone, so
    that a list can be sent again; one with other data refuses the whole list."""
    fresh = []
    at = writing(asked)
    wanted = asked.body.customers
    by_time: dict[Any, list[Known]] = {}
    for one in wanted:
        made = _made(asked, one)
        since = asked.now if one.at is None else instant(one.at, made.time_zone, "at")
        by_time.setdefault(since, []).append(made)
    for since, batch in by_time.items():
        fresh += operations.bring(tx, batch, **at | {"at": since})
    return {"created": [one.key for one in fresh], "unchanged": len(wanted) - len(fresh)}


def update_customer(tx: Tx, asked: Asked[Query, CustomerChanges]) -> dict[str, Any]:
    """Changes those data of a customer that are told, from now on. Issued invoices keep what they say."""
    given = {
        name: value
        for name, value in msgspec.structs.asdict(asked.body).items()
        if value is not UNSET
    }
    changed = operations.changed(_named(tx, asked), given)
    operations.update(tx, changed, **writing(asked))
    return as_data(changed)


def list_payers(tx: Tx, asked: Asked[Paged, None]) -> Page[dict[str, Any]]:
    """All who ever pay for a customer, and from when to when, in order of time; nobody but itself where
    there is nothing."""
    return asked.part(payers_data(queries.payers_named(tx, _named(tx, asked))))


def set_payer(tx: Tx, asked: Asked[Query, NewPayer]) -> dict[str, Any]:
    """Lets another customer pay for all that this one has agreed to, from a day on that is not billed yet.
    The payer gets the invoices together with its own."""
    wanted, customer = asked.body, _named(tx, asked)
    payer = None if wanted.payer is None else queries.by_name(tx, wanted.payer)
    told = let_pay(
        tx, customer, payer, day(wanted.from_, "from"), reason=wanted.reason or "",
        writing=writing(asked),
    )  # fmt: skip
    key = None if payer is None else payer.key
    return {"customer": customer.key, "payer": key, "from": str(told.starts_on)}


OPERATIONS = [
    reading("/v1/customers", "customers:read", list_customers, Page[Customer], Paged),
    changing(
        "POST", "/v1/customers", "customers:write", create_customer, Customer, NewCustomer,
        status=201,
    ),
    changing(
        "POST", "/v1/customers/batch", "customers:write", create_customers, Brought, NewCustomers
    ),
    reading("/v1/customers/{customer}", "customers:read", get_customer, Customer),
    changing(
        "PATCH", "/v1/customers/{customer}", "customers:write", update_customer, Customer, CustomerChanges
    ),
    reading("/v1/customers/{customer}/payers", "customers:read", list_payers, Page[PayerSpan], Paged),
    changing(
        "POST", "/v1/customers/{customer}/payers", "customers:write", set_payer, PayerSet, NewPayer
    ),
]  # fmt: skip


def _named(tx: Tx, asked: Asked[Any, Any]) -> Known:
    return queries.by_name(tx, asked.path["customer"])


def _made(asked: Asked[Any, Any], wanted: NewCustomer) -> Known:
    told: dict[str, Any] = msgspec.to_builtins(wanted)
    told.pop("at")
    return from_data(told, asked.app.ids(f"customer/{wanted.key}"))
