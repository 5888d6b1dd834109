"""A small seller for the tests of flows: a catalogue, customers, contracts and usage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from everycent.catalog import document
from everycent.catalog import operations as catalog
from everycent.catalog.meter import Aggregation, Series
from everycent.consumption import queries
from everycent.consumption.usage import Request, Usage
from everycent.corrections import operations as corrections
from everycent.customers import operations as customers
from everycent.customers.customer import Customer
from everycent.db.connection import Database, Tx
from everycent.flows import bill
from everycent.flows.replay import TABLES
from everycent.invoicing import operations as invoicing
from everycent.invoicing import queries as invoices
from everycent.invoicing.invoice import Invoice
from everycent.kernel import clock
from everycent.kernel.period import Period
from everycent.metering import operations as metering
from everycent.metering.record import UsageRecord
from everycent.subscriptions import operations as subscriptions
from everycent.subscriptions.order import Order
from everycent.subscriptions.told import NOTHING_TOLD, Told
from tests.conftest import Place

CATALOGUE = """
meters:
  calls: {unit: call}
  users: {unit: user, aggregation: unique, distinct: user}
  register: {unit: kWh, aggregation: counter, digits: 5}
taxes:
  vat: {rates: [{since: 2000-01-01, percent: 20}, {since: 2026-07-01, percent: 21}]}
products:
  api: {name: API calls, tax: vat}
  base: {name: Base fee, tax: vat}
  energy: {name: Energy, tax: vat}
  gift: {name: Untaxed thing}
plans:
  api:
    currency: EUR
    anchor_day: 1
    prices:
      - key: calls
        product: api
        meter: calls
        graduated: {tiers: [{up_to: 100, unit_amount: 0.05}, {unit_amount: 0.0333}]}
      - {key: fee, product: base, flat: {amount: 9.90}}
  advance:
    currency: EUR
    anchor_day: 1
    prices:
      - {key: fee, product: base, flat: {amount: 31}, timing: in_advance}
  power:
    currency: EUR
    anchor_day: 1
    prices:
      - {key: energy, product: energy, meter: register, per_unit: {unit_amount: 0.25}}
"""

START = date(2026, 1, 1)
ZONE = "Europe/Zagreb"
TERMS = bill.Terms("test", ZONE, chunk_size=3)


def writing(place: Place) -> dict[str, Any]:
    """The arguments that every writing operation takes."""
    return {"at": place.now, "recorded_at": place.now, "actor": "test", "ids": place.ids}


def at_year_end(place: Place) -> dict[str, Any]:
    """The same for something that holds when all of the year was billed."""
    return writing(place) | {"at": datetime(2026, 12, 31, tzinfo=UTC)}


def sell(
    place: Place,
    plans: Sequence[tuple[str, str]],
    *,
    text: str = CATALOGUE,
    starts_on: date = START,
    told: Told = NOTHING_TOLD,
) -> None:
    """Applies the catalogue and subscribes customers, given as (key, plan), each by its own key."""
    with place.database.transaction(place.tenant_id) as tx:
        catalog.apply(tx, document.parse(text), **writing(place))
        made = [
            Customer(place.ids(f"customer/{key}"), key, f"Customer {key}", "EUR", ZONE)
            for key, _ in plans
        ]
        customers.create(tx, made, **writing(place))
        orders = [
            Order(customer, plan, customer.key, starts_on, told=told)
            for customer, (_, plan) in zip(made, plans, strict=True)
        ]
        subscriptions.start(tx, orders, **writing(place))


def use(place: Place, records: Iterable[UsageRecord], *, fold: bool = True) -> None:
    """Takes usage in."""
    metering.ingest(place.database, place.tenant_id, list(records), place.now, metering.Names())
    if fold:
        metering.fold(place.database, place.tenant_id)


def ingest(
    place: Place, records: Sequence[UsageRecord], names: metering.Names | None = None
) -> metering.Intake:
    """Takes usage in and says what became of it; nothing is folded."""
    return metering.ingest(
        place.database, place.tenant_id, records, place.now, names or metering.Names()
    )


def usage_of(
    place: Place, subject: str, meter: str, period: Period, *, is_live: bool = False, **more: Any
) -> Usage:
    """What was used of a meter in a period; `more` are fields of the series."""
    series = Series(meter, "unit", more.pop("aggregation", Aggregation.SUM), **more)
    request = Request(subject, series, period)
    with place.database.snapshot(place.tenant_id) as tx:
        return queries.read(tx, [request], is_live=is_live)[request]


def void(place: Place, key: str, day: date) -> None:
    """Takes back the calls of a customer that `calls` made for a day."""
    by = corrections.By("test", "wrong", place.now, place.ids)
    with place.database.transaction(place.tenant_id) as tx:
        corrections.void(tx, [("test", f"{key}/{day}")], by)
    metering.fold(place.database, place.tenant_id)


def apply(place: Place, text: str) -> None:
    """Applies a catalogue."""
    with place.database.transaction(place.tenant_id) as tx:
        catalog.apply(tx, document.parse(text), **writing(place))


def credit(place: Place, name: str) -> None:
    """Takes an invoice back."""
    with place.database.transaction(place.tenant_id) as tx:
        invoicing.credit(tx, name, reason="wrong", time_zone=ZONE, **at_year_end(place))


def calls(key: str, amount: int, day: date, *, name: str = "") -> UsageRecord:
    """`amount` calls of the customer at noon UTC of a day."""
    at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    return UsageRecord("test", name or f"{key}/{day}", key, "calls", at, str(amount))


def run(place: Place, as_of: datetime, **more: Any) -> bill.RunResult:
    """A billing run whose clock stands still, a second after that of the run before."""
    terms = more.pop("terms", TERMS)
    with place.database.snapshot(place.tenant_id) as tx:
        runs = len(invoices.runs(tx, 100_000))
    return bill.run(
        place.database,
        place.tenant_id,
        as_of,
        clock=clock.fixed(later(place.now, seconds=runs)),
        ids=place.ids,
        terms=terms,
        **more,
    )[-1]


def midnight(day: date) -> datetime:
    """The first instant of a local day in the world's zone, in winter or summer."""
    from everycent.kernel.calendar import start_of_day

    return start_of_day(day, ZONE)


def issued(place: Place) -> list[Invoice]:
    """All that billing issued, in order of date and number, without what takes whole invoices back."""
    with place.database.snapshot(place.tenant_id) as tx:
        rows = [
            row for row in invoices.listed(tx, limit=100_000) if not (row.credits or row.reduces)
        ]
        return [invoices.issued(tx, row.event_id).invoice for row in rows]


def state(database: Database, tenant_id: int) -> dict[str, list[Any]]:
    """Every row that billing writes, the journal with its hashes included, in order of the keys.

    Left out is only what PostgreSQL adds of its own: transaction numbers and sequence positions.
    """
    found: dict[str, list[Any]] = {}
    with database.snapshot(tenant_id) as tx:
        for target in TABLES:
            found[target.name] = _rows(tx, target.names, target.name, target.key)
        columns = (
            "stream version event_id type schema_version at recorded_at actor cause payload hash"
        )
        found["journal_event"] = _rows(tx, columns.split(), "journal_event", ("stream", "version"))
        found["billing_parked"] = _rows(
            tx, ["customer_id", "code", "message"], "billing_parked", ("customer_id",)
        )
    return found


def _rows(tx: Tx, columns: Sequence[str], name: str, key: Sequence[str]) -> list[Any]:
    return tx.tuples(f"select {', '.join(columns)} from {name} order by {', '.join(key)}")


def later(at: datetime, **delta: int) -> datetime:
    """The instant plus a span."""
    return at + timedelta(**delta)
