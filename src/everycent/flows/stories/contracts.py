"""What a story sells and to whom: the catalogue, customers, contracts and their changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import msgspec

from everycent.catalog import document
from everycent.catalog import operations as catalog
from everycent.catalog.document import Entity
from everycent.catalog.document_refusals import Strict
from everycent.customers import operations as customers
from everycent.customers import queries as customer_queries
from everycent.customers.customer import Customer
from everycent.flows.stories.document import Form, Moment
from everycent.flows.stories.world import Action, Came, World
from everycent.kernel import calendar
from everycent.subscriptions import operations as subscriptions
from everycent.subscriptions.operations import Order, When
from everycent.subscriptions.subscription import Subscription
from everycent.subscriptions.timeline import Action as Wanted
from everycent.subscriptions.timeline import Pause, Resume


def _read_catalog(given: str | dict[str, Any], moment: Moment) -> list[Entity]:
    if isinstance(given, str):
        return document.parse(moment.read_file(given))
    return document.entities(given)


def _catalog(world: World, given: list[Entity]) -> Came:
    with world.database.transaction(world.tenant_id) as tx:
        changes = catalog.apply(tx, given, **world.writing)
    return Came([f"{c.kind} {c.key}: {c.verb} version {c.version}" for c in changes])


class _Customer(Strict):
    key: str
    name: str | None = None
    currency: str | None = None
    time_zone: str | None = None
    email: str | None = None
    address: str | None = None
    tax_id: str | None = None


def _read_customer(given: _Customer, moment: Moment) -> _Customer:
    given.name = given.name or given.key
    given.currency = given.currency or moment.currency
    given.time_zone = given.time_zone or moment.time_zone
    return given


def _customer(world: World, given: _Customer) -> Came:
    told = msgspec.structs.asdict(given)
    made = Customer(world.ids(f"customer/{given.key}"), **told)
    with world.database.transaction(world.tenant_id) as tx:
        customers.create(tx, [made], **world.writing)
    return Came({field: value for field, value in told.items() if value is not None})


class _Subscribe(Strict):
    customer: str
    plan: str
    key: str | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    subject: str | None = None
    anchor_day: int | None = None


def _subscribe(world: World, given: _Subscribe) -> Came:
    with world.database.transaction(world.tenant_id) as tx:
        found = customer_queries.by_name(tx, given.customer)
        order = Order(
            found, given.plan, given.key or f"{found.key}/{given.plan}",
            given.starts_on or calendar.local_date(world.at, found.time_zone), given.subject,
            given.anchor_day, given.ends_on,
        )  # fmt: skip
        (made,) = subscriptions.start(tx, [order], **world.writing)
    return Came(_contract(made))


class _Change(Strict):
    subscription: str
    on: date | None = None
    reason: str = ""
    keep_paid: bool = False

    @property
    def when(self) -> When:
        """When it takes effect, and whether what is paid beyond is kept."""
        return When(self.on, self.keep_paid)


class _Resume(Strict):
    subscription: str
    on: date
    reason: str = ""

    @property
    def when(self) -> When:
        """When it takes effect."""
        return When(self.on)


class _Switch(_Change, kw_only=True):
    plan: str


class _Withdraw(Strict):
    subscription: str
    change: int
    reason: str = ""


def _switch(world: World, given: _Switch) -> Came:
    with world.database.transaction(world.tenant_id) as tx:
        made = subscriptions.switch(tx, given.subscription, given.plan, given.when,
                                    reason=given.reason, writing=world.writing)  # fmt: skip
    return Came(_contract(made))


def _change(wanted: Wanted) -> Callable[[World, _Change | _Resume], Came]:
    def do(world: World, given: _Change | _Resume) -> Came:
        with world.database.transaction(world.tenant_id) as tx:
            made = subscriptions.change(tx, given.subscription, wanted, given.when,
                                        reason=given.reason, writing=world.writing)  # fmt: skip
        return Came(_contract(made))

    return do


def _cancel(world: World, given: _Change) -> Came:
    with world.database.transaction(world.tenant_id) as tx:
        made = subscriptions.cancel(tx, given.subscription, given.when,
                                    reason=given.reason, writing=world.writing)  # fmt: skip
    return Came(_contract(made))


def _withdraw(world: World, given: _Withdraw) -> Came:
    with world.database.transaction(world.tenant_id) as tx:
        made = subscriptions.withdraw(tx, given.subscription, given.change,
                                      reason=given.reason, writing=world.writing)  # fmt: skip
    return Came(_contract(made))


def _contract(made: Subscription) -> dict[str, Any]:
    """A contract as its phases."""
    return {
        "subscription": made.key,
        "phases": [
            {
                "plan": f"{p.plan_key} v{p.plan_version}",
                "from": str(calendar.local_date(p.starts_at, made.time_zone)),
                "until": str(calendar.local_date(p.ends_at, made.time_zone)) if p.ends_at else None,
            }
            for p in made.phases
            if p.takes_place
        ],
    }


CONTRACTS: dict[str, Action] = {
    "catalog": Action(_catalog, Form(str | dict[str, Any], read=_read_catalog)),
    "customer": Action(_customer, Form(_Customer, short="key", read=_read_customer)),
    "subscribe": Action(_subscribe, Form(_Subscribe)),
    "switch": Action(_switch, Form(_Switch)),
    "pause": Action(_change(Pause()), Form(_Change, short="subscription")),
    "resume": Action(_change(Resume()), Form(_Resume)),
    "cancel": Action(_cancel, Form(_Change, short="subscription")),
    "withdraw": Action(_withdraw, Form(_Withdraw)),
}
"""These actions by name."""
