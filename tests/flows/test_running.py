"""Running cost: what stands open is what the invoice will say, and what was acknowledged shows at once."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from everycent.customers import queries as customers
from everycent.flows import outstanding as flow
from everycent.flows.running import Line, Running, State
from everycent.kernel.calendar import start_of_day
from everycent.kernel.errors import NotFound
from everycent.kernel.quantity import as_decimal, plain
from everycent.metering.record import UsageRecord
from everycent.subscriptions import operations as subscriptions
from everycent.subscriptions.order import Order
from tests.conftest import Place
from tests.flows import world

CATALOGUE = """
meters:
  calls: {unit: call}
  users: {unit: user, aggregation: unique, distinct: user}
  seats: {unit: seat, aggregation: units, distinct: user, granularity: day}
  stored: {unit: GB, aggregation: weighted_sum, granularity: second, level: sets}
  power: {unit: kW, aggregation: peak, window_minutes: 15}
  register: {unit: kWh, aggregation: counter, digits: 5}
  per_user: {unit: call, formula: "calls / max(users, 1)"}
taxes:
  vat: {rates: [{since: 2000-01-01, percent: 20}]}
products:
  thing: {name: Thing, tax: vat}
plans:
  all:
    currency: EUR
    anchor_day: 1
    prices:
      - key: calls
        product: thing
        meter: calls
        graduated: {tiers: [{up_to: 100, unit_amount: 0.05}, {unit_amount: 0.0333}]}
      - {key: users, product: thing, meter: users, per_unit: {unit_amount: 0.77}}
      - {key: seats, product: thing, meter: seats, per_unit: {unit_amount: 9.99}}
      - {key: stored, product: thing, meter: stored, per_unit: {unit_amount: 1.2345}}
      - {key: power, product: thing, meter: power, per_unit: {unit_amount: 2.1}}
      - {key: energy, product: thing, meter: register, per_unit: {unit_amount: 0.25}}
      - {key: each, product: thing, meter: per_user, per_unit: {unit_amount: 0.013}}
      - {key: fee, product: thing, flat: {amount: 9.90}}
      - {key: base, product: thing, flat: {amount: 31}, timing: in_advance}
"""
METERS = ("calls", "users", "seats", "stored", "power", "register")
_ids = count()


def record(meter: str, at: datetime, value: str, **dimensions: str) -> UsageRecord:
    text = "{" + ",".join(f'"{name}":"{told}"' for name, told in sorted(dimensions.items())) + "}"
    return UsageRecord("test", f"{meter}/{at}/{next(_ids)}", "acme", meter, at, value, text)


def running(place: Place, as_of: datetime, *, is_now: bool = True, key: str | None = None):
    with place.database.snapshot(place.tenant_id) as tx:
        acme = customers.by_name(tx, "acme")
        return flow.of_customer(tx, acme, as_of, key=key, is_now=is_now)


def by_price(found: Running) -> dict[str, Line]:
    return {line.charge.price.key: line for line in found.lines if line.state is State.RUNNING}


@pytest.fixture
def seller(place: Place) -> Place:
    world.sell(place, [("acme", "all")], text=CATALOGUE)
    return place


JANUARY = [
    record("calls", datetime(2026, 1, 5, 8, tzinfo=UTC), "80"),
    record("calls", datetime(2026, 1, 20, 8, tzinfo=UTC), "41.5"),
    record("users", datetime(2026, 1, 5, 8, tzinfo=UTC), "1", user="a"),
    record("users", datetime(2026, 1, 6, 8, tzinfo=UTC), "1", user="b"),
    record("seats", datetime(2026, 1, 3, 8, tzinfo=UTC), "1", user="a"),
    record("seats", datetime(2026, 1, 10, 8, tzinfo=UTC), "1", user="a", operation="remove"),
    record("stored", datetime(2026, 1, 9, 7, 7, 7, tzinfo=UTC), "12.5"),
    record("power", datetime(2026, 1, 9, 7, 7, tzinfo=UTC), "3"),
    record("register", datetime(2025, 12, 31, 22, tzinfo=UTC), "100"),
    record("register", datetime(2026, 1, 31, 22, tzinfo=UTC), "177"),
]


@pytest.mark.parametrize("months", [1, 2, 3])
def test_when_a_period_has_ended_the_running_cost_is_the_invoice(seller, months):
    world.use(seller, JANUARY)
    as_of = start_of_day(date(2026, 1 + months, 1), world.ZONE)
    before = running(seller, as_of)
    assert {line.state for line in before.lines} == {State.DUE}
    world.run(seller, as_of)
    billed = {
        (line.item_no, line.starts_at, line.ends_at): line.charge
        for invoice in world.issued(seller)
        for line in invoice.lines
    }
    assert billed == {
        (line.item_no, line.period.start, line.period.end): line.charge for line in before.lines
    }
    assert len(billed) == 9 * months + 1  # the fee in advance of the month that begins
    assert before.totals() == {"EUR": sum(charge.net for charge in billed.values())}
    assert all(line.state is State.BILLED for line in running(seller, as_of).lines)


def test_registers_go_on_from_the_reading_that_was_billed_last(seller):
    world.use(seller, JANUARY)
    world.run(seller, start_of_day(date(2026, 2, 1), world.ZONE))
    world.use(seller, [record("register", datetime(2026, 2, 10, tzinfo=UTC), "200")])
    found = by_price(running(seller, datetime(2026, 2, 11, tzinfo=UTC)))
    assert found["energy"].charge.quantity.value == "23"


def test_what_was_acknowledged_shows_at_once_without_a_fold(seller):
    now = datetime(2026, 1, 10, 12, 3, tzinfo=UTC)
    world.use(seller, [record("calls", now - timedelta(seconds=1), "7")], fold=False)
    found = by_price(running(seller, now))["calls"]
    assert (found.charge.quantity.value, found.charge.net, found.records) == ("7", 35, 1)
    world.use(seller, [record("calls", now + timedelta(minutes=40), "1")], fold=False)
    assert by_price(running(seller, now))["calls"].charge.quantity.value == "8"


def test_as_of_the_past_only_what_had_been_used_by_then_counts(seller):
    world.use(seller, JANUARY)
    at = datetime(2026, 1, 9, 0, tzinfo=UTC)
    found = by_price(running(seller, at, is_now=False))
    assert found["calls"].charge.quantity.value == "80"
    assert found["power"].charge.quantity.value == "0"
    assert found["calls"].period.end == start_of_day(date(2026, 2, 1), world.ZONE)


LEVELS = [
    # as of (UTC)                                 weighed up to                      seat days
    (datetime(2026, 1, 9, 7, 7, 8, tzinfo=UTC), datetime(2026, 1, 9, 7, 15, tzinfo=UTC), 7),
    (datetime(2026, 1, 9, 23, 15, tzinfo=UTC), datetime(2026, 1, 9, 23, 15, tzinfo=UTC), 8),
    (datetime(2026, 1, 31, 23, tzinfo=UTC), datetime(2026, 1, 31, 23, tzinfo=UTC), 8),
]


@pytest.mark.parametrize(("as_of", "until", "days"), LEVELS)
def test_a_level_is_weighed_up_to_the_quarter_hour_that_runs(seller, as_of, until, days):
    world.use(seller, JANUARY)
    found = {line.charge.price.key: line.charge for line in running(seller, as_of).lines}
    held = until - datetime(2026, 1, 9, 7, 7, 7, tzinfo=UTC)
    share = Fraction(held // timedelta(seconds=1), 31 * 24 * 3600)
    assert found["stored"].quantity.value == plain(as_decimal(share * Fraction("12.5")))
    assert found["seats"].quantity.value == plain(as_decimal(Fraction(days, 31)))


def test_a_fee_in_advance_is_shown_as_billed_and_not_counted_again(seller):
    world.run(seller, start_of_day(date(2026, 1, 1), world.ZONE))
    found = running(seller, datetime(2026, 1, 10, tzinfo=UTC))
    assert [(line.charge.price.key, line.charge.net) for line in found.lines
            if line.state is State.BILLED] == [("base", 3100)]  # fmt: skip
    assert found.totals() == {"EUR": 990}


def test_nothing_stands_open_before_the_contract_begins(seller):
    found = running(seller, datetime(2025, 12, 1, tzinfo=UTC))
    assert (found.lines, found.totals(), found.refused) == ([], {}, [])


def test_a_contract_that_ended_is_open_until_it_is_billed(seller):
    with seller.database.transaction(seller.tenant_id) as tx:
        subscriptions.cancel(
            tx,
            "acme",
            subscriptions.When(date(2026, 1, 11)),
            reason="",
            writing=world.writing(seller),
        )
    found = running(seller, datetime(2026, 3, 1, tzinfo=UTC))
    assert {line.period.end for line in found.lines} == {
        start_of_day(date(2026, 1, 11), world.ZONE)
    }
    fee = next(line for line in found.lines if line.charge.price.key == "fee")
    assert (fee.state, fee.charge.net) == (State.DUE, 319)  # 9.90 × 10/31


def test_one_subscription_may_be_asked_for_alone(seller):
    with seller.database.transaction(seller.tenant_id) as tx:
        acme = customers.by_name(tx, "acme")
        order = Order(acme, "all", "second", world.START, "other")
        subscriptions.start(tx, [order], **world.writing(seller))
    as_of = datetime(2026, 1, 10, tzinfo=UTC)
    assert len(running(seller, as_of).lines) == 2 * len(running(seller, as_of, key="second").lines)
    with pytest.raises(NotFound, match="no subscription 'third'"):
        running(seller, as_of, key="third")


def test_a_register_that_runs_backwards_is_told_and_hides_nothing_else(seller):
    with seller.database.transaction(seller.tenant_id) as tx:
        order = Order(customers.by_name(tx, "acme"), "all", "second", world.START, "other")
        subscriptions.start(tx, [order], **world.writing(seller))
    readings = [
        record("register", datetime(2026, 1, 1 + n, tzinfo=UTC), value)
        for n, value in enumerate(("500", "100"))
    ]
    world.use(seller, readings)
    found = running(seller, datetime(2026, 1, 10, tzinfo=UTC))
    refusals = [(one.subscription, one.refusal.code) for one in found.refused]
    assert refusals == [("acme", "register.runs_backwards")]
    assert {line.subscription for line in found.lines} == {"second"}
    assert flow.as_data(found, "acme", [])["refused"][0]["code"] == "register.runs_backwards"


def test_programs_get_plain_text_amounts_and_are_told_that_it_is_no_invoice(seller):
    world.use(seller, JANUARY[:2])
    data = flow.as_data(running(seller, datetime(2026, 1, 25, tzinfo=UTC)), "acme", [])
    assert data["is_invoice"] is False
    assert data["as_of"] == "2026-01-25T00:00:00Z"
    assert data["lines"][0] == {
        "subscription": "acme", "item_no": 1, "price": "calls", "product": "Thing",
        "state": "running", "paid_by": None, "starts_at": "2025-12-31T23:00:00Z",
        "ends_at": "2026-01-31T23:00:00Z", "quantity": "121.5", "unit": "call", "records": 2,
        "net": "5.72", "currency": "EUR",
    }  # fmt: skip
    total = sum((Decimal(line["net"]) for line in data["lines"]), Decimal(0))
    assert data["totals"] == [{"currency": "EUR", "net": str(total)}]


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_whatever_was_used_the_running_cost_of_an_ended_period_is_its_invoice(other_places, data):
    place = other_places()
    start = start_of_day(date(2026, 1, 1), world.ZONE)
    moments = st.timedeltas(timedelta(0), timedelta(days=31) - timedelta(microseconds=1))
    records = []
    reading = 0
    for moment in sorted(data.draw(st.lists(moments, max_size=12), label="times")):
        at = start + moment
        meter = data.draw(st.sampled_from(METERS))
        value = data.draw(st.decimals("0", "500", places=2))
        dimensions = {}
        if meter in ("users", "seats"):
            dimensions = {"user": data.draw(st.sampled_from("abc"))}
        if meter == "register":
            reading += int(value)
            value = reading
        records.append(record(meter, at, str(value), **dimensions))
    world.use(place, records)
    as_of = start_of_day(date(2026, 2, 1), world.ZONE)
    before = running(place, as_of)
    world.run(place, as_of)
    billed = [line.charge for invoice in world.issued(place) for line in invoice.lines]
    assert sorted(map(str, billed)) == sorted(str(line.charge) for line in before.lines)


@pytest.fixture
def other_places(fresh_database):
    """Makes sellers one after the other."""
    from everycent.db.connection import Database
    from everycent.tenants import operations as tenants
    from tests.conftest import NOW

    made = []

    def make() -> Place:
        conninfo = fresh_database()
        database = Database(conninfo)
        made.append(database)
        tenant_id = tenants.create(database, "default", "Default", NOW)
        place = Place(database, tenant_id, conninfo, conninfo)
        world.sell(place, [("acme", "all")], text=CATALOGUE)
        return place

    yield make
    for database in made:
        database.close()
