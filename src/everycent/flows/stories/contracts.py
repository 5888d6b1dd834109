"""What a story sells: the catalogue, contracts and their changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import msgspec

from everycent.catalog import document
from everycent.catalog import operations as catalog
from everycent.catalog.document import Entity
from everycent.catalog.document_refusals import Strict
from everycent.catalog.document_schemes import TermsShape
from everycent.catalog.document_term import TermShape
from everycent.customers import queries as customer_queries
from everycent.flows.move import Move, move
from everycent.flows.stories.document import Form, Moment
from everycent.flows.stories.world import Action, Came, World
from everycent.kernel import calendar
from everycent.subscriptions import operations as subscriptions
from everycent.subscriptions.changing import When
from everycent.subscriptions.order import Order
from everycent.subscriptions.subscription import Phase, Subscription
from everycent.subscriptions.timeline import MAIN, OF, Pause, Resume
from everycent.subscriptions.timeline import Action as Wanted
from everycent.subscriptions.told import Told


def _read_catalog(given: str | dict[str, Any], moment: Moment) -> list[Entity]:
    if isinstance(given, str):
        return document.parse(moment.read_file(given))
    return document.entities(given)


def _catalog(world: World, given: list[Entity]) -> Came:
    with world.database.transaction(world.tenant_id) as tx:
        changes = catalog.apply(tx, given, **world.writing)
    return Came([f"{c.kind} {c.key}: {c.verb} version {c.version}" for c in changes])


class _Subscribe(Strict):
    customer: str
    plan: str
    key: str | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    subject: str | None = None
    anchor_day: int | None = None
    quantities: dict[str, str] = msgspec.field(default_factory=dict)
    prices: dict[str, TermsShape] = msgspec.field(default_factory=dict)
    term: str | TermShape | None = None
    version: int | None = None


def _subscribe(world: World, given: _Subscribe) -> Came:
    with world.database.transaction(world.tenant_id) as tx:
        found = customer_queries.by_name(tx, given.customer)
        order = Order(
            found, given.plan, given.key or f"{found.key}/{given.plan}",
            given.starts_on or calendar.local_date(world.at, found.time_zone), given.subject,
            given.anchor_day, given.ends_on, _told(given),
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


class _Breaking(_Change):
    break_term: bool = False

    @property
    def when(self) -> When:
        """The same, and whether a term is broken."""
        return When(self.on, self.keep_paid, self.break_term)


class _Resume(Strict):
    subscription: str
    on: date
    reason: str = ""

    @property
    def when(self) -> When:
        """When it takes effect."""
        return When(self.on)


class _Switch(_Breaking, kw_only=True):
    plan: str
    quantities: dict[str, str] = msgspec.field(default_factory=dict)
    prices: dict[str, TermsShape] = msgspec.field(default_factory=dict)
    term: str | TermShape | None = None
    version: int | None = None


class _Quantity(_Breaking, kw_only=True):
    quantities: dict[str, str]
    name: str = MAIN


class _Add(Strict, kw_only=True):
    subscription: str
    plan: str
    on: date | None = None
    name: str | None = None
    quantities: dict[str, str] = msgspec.field(default_factory=dict)
    prices: dict[str, TermsShape] = msgspec.field(default_factory=dict)
    term: str | TermShape | None = None
    version: int | None = None
    reason: str = ""


def _told(given: _Subscribe | _Switch | _Add) -> Told:
    """What is said in place of the plan; a term as a bare text is how long it is."""
    term = TermShape(given.term) if isinstance(given.term, str) else given.term
    return Told(given.quantities, given.prices, term=term, version=given.version)


class _Drop(_Breaking, kw_only=True):
    name: str


class _Sell(Strict):
    customer: str
    plan: str
    on: date | None = None
    key: str | None = None
    quantities: dict[str, str] = msgspec.field(default_factory=dict)
    prices: dict[str, TermsShape] = msgspec.field(default_factory=dict)


class _Withdraw(Strict):
    subscription: str
    change: int
    reason: str = ""


def _switch(world: World, given: _Switch) -> Came:
    with world.database.transaction(world.tenant_id) as tx:
        made = subscriptions.switch(tx, given.subscription, given.plan, given.when,
                                    told=_told(given),
                                    reason=given.reason, writing=world.writing)  # fmt: skip
    return Came(_contract(made))


def _quantity(world: World, given: _Quantity) -> Came:
    with world.database.transaction(world.tenant_id) as tx:
        made = subscriptions.agree(tx, given.subscription, given.quantities, given.when,
                                   track=given.name, reason=given.reason,
                                   writing=world.writing)  # fmt: skip
    return Came(_contract(made))


def _add(world: World, given: _Add) -> Came:
    with world.database.transaction(world.tenant_id) as tx:
        made = subscriptions.add(tx, given.subscription, given.plan, given.on, name=given.name,
                                 told=_told(given),
                                 reason=given.reason, writing=world.writing)  # fmt: skip
    return Came(_contract(made))


def _drop(world: World, given: _Drop) -> Came:
    with world.database.transaction(world.tenant_id) as tx:
        made = subscriptions.drop(tx, given.subscription, given.name, given.when,
                                  reason=given.reason, writing=world.writing)  # fmt: skip
    return Came(_contract(made))


def _sell(world: World, given: _Sell) -> Came:
    with world.database.transaction(world.tenant_id) as tx:
        found = customer_queries.by_name(tx, given.customer)
        day = given.on or calendar.local_date(world.at, found.time_zone)
        order = Order(
            found, given.plan, given.key or f"{found.key}/{given.plan}/{day}", day,
            ends_on=day + timedelta(days=1), told=Told(given.quantities, given.prices),
        )  # fmt: skip
        (made,) = subscriptions.start(tx, [order], **world.writing)
    return Came(_contract(made))


def _change(wanted: Wanted) -> Callable[[World, _Change | _Resume], Came]:
    def do(world: World, given: _Change | _Resume) -> Came:
        with world.database.transaction(world.tenant_id) as tx:
            made = subscriptions.change(tx, given.subscription, wanted, given.when,
                                        reason=given.reason, writing=world.writing)  # fmt: skip
        return Came(_contract(made))

    return do


def _cancel(world: World, given: _Breaking) -> Came:
    with world.database.transaction(world.tenant_id) as tx:
        made = subscriptions.cancel(tx, given.subscription, given.when,
                                    reason=given.reason, writing=world.writing)  # fmt: skip
    return Came(_contract(made))


def _withdraw(world: World, given: _Withdraw) -> Came:
    with world.database.transaction(world.tenant_id) as tx:
        made = subscriptions.withdraw(tx, given.subscription, given.change,
                                      reason=given.reason, writing=world.writing)  # fmt: skip
    return Came(_contract(made))


class _Move(Strict):
    plan: str
    on: date | None = None
    from_version: int | None = None
    subscriptions: list[str] | None = None
    reason: str = ""


def _move(world: World, given: _Move) -> Came:
    wanted = Move(given.plan, given.on, given.from_version, given.subscriptions, given.reason)
    found = move(world.database, world.tenant_id, wanted, writing=world.writing)
    left_alone = {one.key: one.refusal.code for one in found.left_alone}
    return Came({"version": found.version, "moved": found.moved, "left_alone": left_alone})


def _contract(made: Subscription) -> dict[str, Any]:
    """A contract as its phases."""
    return {
        "subscription": made.key,
        "phases": [
            {
                "plan": f"{p.plan_key} v{p.plan_version}",
                **_part(p),
                "from": str(calendar.local_date(p.starts_at, made.time_zone)),
                "until": str(calendar.local_date(p.ends_at, made.time_zone)) if p.ends_at else None,
            }
            for p in made.phases
            if p.takes_place
        ],
    }


def _part(phase: Phase) -> dict[str, str]:
    """What tells a phase of an add-on, or of one price, apart from that of the plan."""
    name, _, price = phase.track.partition(OF)
    quantity = phase.items[0].quantity if phase.items else None
    told = {"name": name, "price": price, "quantity": quantity}
    return {field: text for field, text in told.items() if text}


CATALOG: dict[str, Action] = {
    "catalog": Action(_catalog, Form(str | dict[str, Any], read=_read_catalog)),
}
"""This action by name."""

CONTRACTS: dict[str, Action] = {
    "subscribe": Action(_subscribe, Form(_Subscribe)),
    "switch": Action(_switch, Form(_Switch)),
    "quantity": Action(_quantity, Form(_Quantity)),
    "add": Action(_add, Form(_Add)),
    "drop": Action(_drop, Form(_Drop)),
    "sell": Action(_sell, Form(_Sell)),
    "pause": Action(_change(Pause()), Form(_Change, short="subscription")),
    "resume": Action(_change(Resume()), Form(_Resume)),
    "cancel": Action(_cancel, Form(_Breaking, short="subscription")),
    "withdraw": Action(_withdraw, Form(_Withdraw)),
    "move": Action(_move, Form(_Move, short="plan")),
}
"""These actions by name."""
