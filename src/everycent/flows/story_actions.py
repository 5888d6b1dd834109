"""What can happen in a story: one entry of `ACTIONS` for each thing, and nothing else to touch.

An action has a shape (the fields in the file), perhaps a way to understand them before anything is run,
and a function that does it. It calls the operation that the command of the same name calls, and tells
what came of it as plain data, with what differs from what the step expects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from everycent.catalog import document
from everycent.catalog import operations as catalog
from everycent.catalog.document import Entity
from everycent.catalog.document_refusals import Strict
from everycent.corrections.operations import By
from everycent.customers import operations as customers
from everycent.customers import queries as customer_queries
from everycent.customers.customer import Customer
from everycent.db.connection import Database, Tx
from everycent.flows import bill, correct
from everycent.flows import owed as owing
from everycent.flows import reasons as reasoning
from everycent.flows.story_document import Form, Moment, instant, wrong
from everycent.flows.story_expect import (
    Difference,
    ExpectedInvoice,
    amounts,
    check_amount,
    checked,
    differences,
    invoice_told,
    unforeseen,
)
from everycent.flows.take_in import Intake
from everycent.invoicing import operations as invoicing
from everycent.invoicing import queries as invoices
from everycent.kernel import calendar, clock
from everycent.kernel.calendar import Repeated, Skipped
from everycent.kernel.ids import IdSource
from everycent.kernel.money import Money, plain
from everycent.measurements.schedule import Every, parse_every
from everycent.metering import operations as metering
from everycent.metering.record import UsageRecord, canonical_dimensions
from everycent.subscriptions import operations as subscriptions
from everycent.subscriptions.operations import Order, When, Writing
from everycent.subscriptions.subscription import Subscription
from everycent.subscriptions.timeline import Action as Wanted
from everycent.subscriptions.timeline import Pause, Resume

_SOURCE = "story"
_MAX_RECORDS = 50_000
_END_OF_TIME = datetime(2999, 1, 1, tzinfo=UTC)


class World:
    """Where a story happens, and what its test clock says."""

    def __init__(
        self, database: Database, tenant_id: int, actor: str, time_zone: str, payment_days: int,
        ids: IdSource,
    ) -> None:  # fmt: skip
        self.database = database
        self.tenant_id = tenant_id
        self.actor = actor
        self.time_zone = time_zone
        self.payment_days = payment_days
        self.ids = ids
        self.at = datetime(2000, 1, 1, tzinfo=UTC)
        self.seen: set[UUID] = set()

    @property
    def writing(self) -> Writing:
        """The arguments that every writing operation takes: what happens is recorded at once."""
        return Writing(at=self.at, recorded_at=self.at, actor=self.actor, ids=self.ids)


class Came(NamedTuple):
    """What came of an action, as plain data, and how it differs from what was expected."""

    data: Any
    differences: Sequence[Difference] = ()


class Action(NamedTuple):
    """A thing that can happen: how it is written, and what does it."""

    do: Callable[[World, Any], Came]
    form: Form


# --- catalogue, customers, contracts -------------------------------------------------------------


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


class _Resume(Strict):
    subscription: str
    on: date
    reason: str = ""


class _Switch(Strict):
    subscription: str
    plan: str
    on: date | None = None
    reason: str = ""


class _Withdraw(Strict):
    subscription: str
    change: int
    reason: str = ""


def _switch(world: World, given: _Switch) -> Came:
    with world.database.transaction(world.tenant_id) as tx:
        made = subscriptions.switch(tx, given.subscription, given.plan, When(given.on),
                                    reason=given.reason, writing=world.writing)  # fmt: skip
    return Came(_contract(made))


def _change(wanted: Wanted) -> Callable[[World, _Change | _Resume], Came]:
    def do(world: World, given: _Change | _Resume) -> Came:
        with world.database.transaction(world.tenant_id) as tx:
            made = subscriptions.change(tx, given.subscription, wanted, When(given.on),
                                        reason=given.reason, writing=world.writing)  # fmt: skip
        return Came(_contract(made))

    return do


def _cancel(world: World, given: _Change) -> Came:
    with world.database.transaction(world.tenant_id) as tx:
        made = subscriptions.cancel(tx, given.subscription, given.on,
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


# --- usage ---------------------------------------------------------------------------------------


class _Usage(Strict):
    subject: str
    meter: str
    value: str | None = None
    dimensions: dict[str, str] | None = None
    at: str | None = None
    every: str | None = None
    times: int | None = None
    values: list[str] | None = None
    id: str | None = None


def _read_usage(given: _Usage | list[_Usage], moment: Moment) -> list[UsageRecord]:
    records: list[UsageRecord] = []
    for number, one in enumerate(given if isinstance(given, list) else [given], start=1):
        name = one.id or f"{moment.number}-{number}"
        records += _records(one, moment, name)
        if len(records) > _MAX_RECORDS:
            raise wrong(f"a step has at most {_MAX_RECORDS} records")
    return records


def _records(one: _Usage, moment: Moment, name: str) -> list[UsageRecord]:
    """The record, or those of a spread, one after the other."""
    if one.values is not None and (one.value is not None or one.times is not None):
        raise wrong("`values` tells both how often and how much", "values")
    if one.every is None and (one.times is not None or one.values is not None):
        raise wrong("what is used several times needs `every`, such as 1d", "every")
    if one.every is not None and one.times is None and one.values is None:
        raise wrong("`every` needs `times`, or a list of `values`", "every")
    times = 1 if one.times is None else one.times
    if not 1 <= times <= _MAX_RECORDS:
        raise wrong(f"it is used 1 to {_MAX_RECORDS} times", "times")
    values = [one.value or "1"] * times if one.values is None else one.values
    if not values:
        raise wrong("there are no values", "values")
    first = moment.at if one.at is None else instant(one.at, moment.time_zone)
    every = parse_every(one.every) if one.every is not None else Every(0)
    told = canonical_dimensions(one.dimensions or {})
    return [
        UsageRecord(
            _SOURCE, f"{name}-{n + 1}" if len(values) > 1 else name, one.subject, one.meter,
            _later(first, every, n, moment.time_zone), value, told,
        )
        for n, value in enumerate(values)
    ]  # fmt: skip


def _later(first: datetime, every: Every, n: int, zone: str) -> datetime:
    """The n-th time after the first; days and months go by the clock on the wall."""
    if every.interval is None or n == 0:
        return first + n * timedelta(minutes=every.minutes)
    wall = first.astimezone(calendar.zone(zone)).replace(tzinfo=None)
    to = calendar.Cycle(wall.date(), every.interval, zone).boundary(n)
    return calendar.resolve_wall(
        datetime.combine(to, wall.time()), zone, Skipped.LATER, Repeated.FIRST
    )


def _usage(world: World, given: list[UsageRecord]) -> Came:
    """Records come in at the step's time, or when the last of a spread was used."""
    now = max(world.at, max(record.at for record in given))
    with Intake(world.database, clock.fixed(now)) as door:
        taken = door.take(world.tenant_id, given)
    metering.fold(world.database, world.tenant_id)
    refusal = next((one.refusal for one in taken.others if one.refusal is not None), None)
    if refusal is not None:
        raise refusal
    return Came({"accepted": taken.accepted, "duplicates": len(taken.others)})


class _Void(Strict):
    ids: list[str]
    reason: str


def _void(world: World, given: _Void) -> Came:
    by = By(world.actor, given.reason, world.at, world.ids)
    action = correct.void([(_SOURCE, record_id) for record_id in given.ids], by)
    effect = correct.apply(world.database, world.tenant_id, action)
    return Came({"voided": effect.voided})


# --- invoices and balances -----------------------------------------------------------------------


class _Bill(Strict):
    expect: list[ExpectedInvoice] | None = None


def _read_bill(given: _Bill, _: Moment) -> _Bill:
    checked(given.expect or ())
    return given


def _bill(world: World, given: _Bill) -> Came:
    results = bill.run(
        world.database, world.tenant_id, world.at, clock=clock.fixed(world.at), ids=world.ids,
        terms=bill.Terms(world.actor, world.time_zone, world.payment_days),
    )  # fmt: skip
    with world.database.snapshot(world.tenant_id) as tx:
        made = [invoice_told(invoices.issued(tx, event).invoice) for event in _fresh(world, tx)]
        parked = {row.customer: row for r in results for row in invoices.parked(tx, r.run.run_id)}
    codes = {customer: row.code for customer, row in parked.items()}
    data = {
        "invoices": made,
        "parked": [row._asdict() for row in parked.values()],
    }
    if given.expect is None:
        return Came(data, unforeseen(codes))
    return Came(data, differences(given.expect, made, codes))


def _fresh(world: World, tx: Tx) -> list[UUID]:
    """The events of the invoices that were not there before, in order of their numbers."""
    rows = [row for row in invoices.listed(tx, limit=100_000) if row.kind == "invoice"]
    found = [row.event_id for row in sorted(rows, key=lambda row: (row.series, row.number))]
    fresh = [event for event in found if event not in world.seen]
    world.seen.update(fresh)
    return fresh


class _Credit(Strict):
    invoice: str
    reason: str


def _credit(world: World, given: _Credit) -> Came:
    with world.database.transaction(world.tenant_id) as tx:
        note = invoicing.credit(tx, given.invoice, reason=given.reason, time_zone=world.time_zone,
                                **world.writing)  # fmt: skip
    original = note.original
    return Came(
        {
            "number": note.name,
            "credits": original.name,
            "total": plain(Money(-original.gross, original.currency)),
        }
    )


def _read_amounts(given: dict[str, str], _: Moment) -> dict[str, str]:
    for name, text in given.items():
        check_amount(text, name)
    return given


def _owed(world: World, given: Mapping[str, str]) -> Came:
    with world.database.snapshot(world.tenant_id) as tx:
        for name in given:
            customer_queries.by_name(tx, name)
        found = {one.customer: plain(one.amount) for one in owing.owed(tx, world.at, _END_OF_TIME)}
    return Came(found, amounts("owed", given, found))


def _reasons(world: World, given: Mapping[str, str]) -> Came:
    with world.database.snapshot(world.tenant_id) as tx:
        found = reasoning.reasons(tx)
    told = {reason.code: str(reason.records) for reason in (*found.stored, *found.offered)}
    return Came(told, amounts("records", given, told))


ACTIONS: dict[str, Action] = {
    "catalog": Action(_catalog, Form(str | dict[str, Any], read=_read_catalog)),
    "customer": Action(_customer, Form(_Customer, short="key", read=_read_customer)),
    "subscribe": Action(_subscribe, Form(_Subscribe)),
    "switch": Action(_switch, Form(_Switch)),
    "pause": Action(_change(Pause()), Form(_Change, short="subscription")),
    "resume": Action(_change(Resume()), Form(_Resume)),
    "cancel": Action(_cancel, Form(_Change, short="subscription")),
    "withdraw": Action(_withdraw, Form(_Withdraw)),
    "usage": Action(_usage, Form(_Usage | list[_Usage], read=_read_usage)),
    "void": Action(_void, Form(_Void)),
    "bill": Action(_bill, Form(_Bill, read=_read_bill)),
    "credit": Action(_credit, Form(_Credit)),
    "owed": Action(_owed, Form(dict[str, str], read=_read_amounts)),
    "reasons": Action(_reasons, Form(dict[str, str], read=_read_amounts)),
}
"""Every action by the name that it has in a story, in the order in which the documentation tells them."""

FORMS: dict[str, Form] = {name: action.form for name, action in ACTIONS.items()}
"""How each is written, for the parser."""
