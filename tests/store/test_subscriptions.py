"""Subscriptions in the database: started, cancelled, due; time is billed neither twice nor with a gap."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from everycent.catalog import operations as catalog
from everycent.catalog.document import parse
from everycent.customers import operations as customers
from everycent.customers.customer import Customer
from everycent.db.connection import Tx
from everycent.kernel import ids
from everycent.kernel.calendar import start_of_day
from everycent.kernel.errors import Conflict, Invalid, NotFound
from everycent.subscriptions import operations as subscriptions
from everycent.subscriptions import queries
from everycent.subscriptions.order import Order
from everycent.subscriptions.schedule import due_periods
from everycent.subscriptions.subscription import Subscription
from tests.conftest import Place
from tests.store import books
from tests.store.books import refused

ZONE = "Europe/Zagreb"
TEXT = """
products:
  p: {name: Power}
plans:
  arrears: {currency: EUR, prices: [{key: k, product: p, flat: {amount: 10}}]}
  advance: {currency: EUR, prices: [{key: k, product: p, flat: {amount: 10}, timing: in_advance}]}
  both:
    currency: EUR
    anchor_day: 1
    prices:
      - {key: fee, product: p, flat: {amount: 10}, timing: in_advance}
      - {key: rest, product: p, flat: {amount: 1}}
  dollars: {currency: USD, prices: [{key: k, product: p, flat: {amount: 10}}]}
"""
ANA = Customer(ids.derived("ana"), "ana", "Ana", "EUR", ZONE)
BOB = Customer(ids.derived("bob"), "bob", "Bob", "EUR", "UTC")
JAN, FEB, MAR, APR = (date(2026, month, 1) for month in (1, 2, 3, 4))


def midnight(day: date, zone: str = ZONE) -> datetime:
    return start_of_day(day, zone)


@pytest.fixture
def shop(place: Place) -> Place:
    with place.database.transaction(place.tenant_id) as tx:
        catalog.apply(tx, parse(TEXT), **place.writing)
        customers.create(tx, [ANA, BOB], **place.writing)
    return place


def start(place: Place, *orders: Order) -> list[Subscription]:
    with place.database.transaction(place.tenant_id) as tx:
        return subscriptions.start(tx, orders, **place.writing)


def cancel(
    place: Place, key: str, ends_on: date | None, at: datetime | None = None
) -> Subscription:
    writing = place.writing | ({} if at is None else {"at": at})
    with place.database.transaction(place.tenant_id) as tx:
        return subscriptions.cancel(
            tx, key, subscriptions.When(ends_on), reason="moved away", writing=writing
        )


def get(place: Place, key: str) -> Subscription:
    with place.database.transaction(place.tenant_id) as tx:
        return subscriptions.get(tx, key)


def bill(
    tx: Tx, of: UUID, starts_at: datetime | None, ends_at: datetime | None, item_no: int = 1
) -> None:
    """A billed period as a row, without asking Python whether it is right."""
    invoice = None if starts_at is None else ids.derived(f"invoice/{starts_at}")
    tx.run(
        "insert into billed_period (tenant_id, subscription_id, item_no, starts_at, ends_at,"
        " invoice_id, line_no, charged) values (%s, %s, %s, %s, %s, %s, %s, %s)",
        (
            tx.tenant_id,
            of,
            item_no,
            starts_at,
            ends_at,
            invoice,
            *((None, None) if invoice is None else (1, 100)),
        ),
    )


def billed(place: Place, key: str, *days: date, item_no: int = 1) -> None:
    with place.database.transaction(place.tenant_id) as tx:
        found = subscriptions.get(tx, key)
        for first, last in pairwise(days):
            bill(tx, found.subscription_id, midnight(first), midnight(last), item_no)


def dues(place: Place, as_of: date) -> list[tuple[str, int, date, date, str]]:
    with place.database.transaction(place.tenant_id) as tx:
        everybody = queries.due_customers(tx, midnight(as_of))
        found = queries.due_items(tx, UUID(int=0), UUID(int=2**128 - 1), midnight(as_of))
    assert {item.customer_id for item in found} <= set(everybody)
    assert everybody == sorted(everybody)
    return [
        (item.subscription_key, item.item_no,
         (item.due.period.start + timedelta(hours=2)).date(),
         (item.due.period.end + timedelta(hours=2)).date(), str(item.due.share))
        for item in found
    ]  # fmt: skip


# --- starting ------------------------------------------------------------------------------------


def test_a_contract_is_recorded_with_its_items_and_opens_their_chains(shop):
    (made,) = start(shop, Order(ANA, "both", "ana-1", date(2026, 1, 16), subject="meter-7"))
    assert get(shop, "ana-1") == made
    with shop.database.transaction(shop.tenant_id) as tx:
        seeds = tx.rows(
            "select item_no, starts_at, ends_at, invoice_id from billed_period order by 1"
        )
    assert [tuple(seed) for seed in seeds] == [
        (1, None, made.starts_at, None),
        (2, None, made.starts_at, None),
    ]


def test_a_customer_may_have_several_contracts_each_with_its_own_key(shop):
    start(
        shop,
        Order(ANA, "both", "a", JAN),
        Order(ANA, "both", "b", JAN),
        Order(BOB, "both", "c", JAN),
    )
    with shop.database.transaction(shop.tenant_id) as tx:
        assert [s.key for s in queries.listed(tx)] == ["a", "b", "c"]
        assert [s.key for s in queries.listed(tx, customer_id=ANA.customer_id)] == ["a", "b"]
        assert [s.key for s in queries.listed(tx, after="a", limit=1)] == ["b"]
        assert [s.time_zone for s in queries.listed(tx)] == [ZONE, ZONE, "UTC"]


@pytest.mark.parametrize(
    ("orders", "code"),
    [
        ([Order(ANA, "arrears", "taken", JAN)], "subscription.exists"),
        ([Order(BOB, "arrears", "taken", JAN)], "subscription.exists"),
        ([Order(ANA, "arrears", "new", JAN), Order(BOB, "arrears", "new", JAN)], "subscription.exists"),
        ([Order(ANA, "dollars", "new", JAN)], "subscription.currency"),
        ([Order(ANA, "nothing", "new", JAN)], "plan.unknown"),
        ([Order(ANA, "arrears", "new", JAN, ends_on=JAN)], "subscription.ends_before_start"),
        ([Order(ANA, "arrears", "new", JAN), Order(ANA, "arrears", "", JAN)], "subscription.bad_key"),
        ([Order(Customer(ids.derived("x"), "x", "X", "EUR", ZONE), "arrears", "new", JAN)],
         "customer.unknown"),
    ],
)  # fmt: skip
def test_an_order_that_is_refused_leaves_nothing_of_its_batch(shop, orders, code):
    start(shop, Order(ANA, "arrears", "taken", JAN))
    with pytest.raises((Conflict, Invalid, NotFound)) as refusal:
        start(shop, *orders)
    assert refusal.value.code == code
    with shop.database.transaction(shop.tenant_id) as tx:
        assert [s.key for s in queries.listed(tx)] == ["taken"]


# --- cancelling ----------------------------------------------------------------------------------


def test_a_contract_ends_on_the_day_that_is_named(shop):
    (made,) = start(shop, Order(ANA, "arrears", "a", JAN))
    ended = cancel(shop, "a", date(2026, 1, 20))
    assert ended.ends_on == date(2026, 1, 20)
    assert get(shop, "a") == ended
    assert (ended.subscription_id, ended.starts_on) == (made.subscription_id, JAN)
    assert dues(shop, FEB) == [("a", 1, JAN, date(2026, 1, 20), "19/31")]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (datetime(2026, 1, 1, 12, tzinfo=UTC), date(2026, 2, 16)),
        (datetime(2026, 2, 15, 22, 59, tzinfo=UTC), date(2026, 2, 16)),
        (datetime(2026, 2, 15, 23, 0, tzinfo=UTC), date(2026, 3, 16)),
        (datetime(2026, 3, 20, 12, tzinfo=UTC), date(2026, 4, 16)),
    ],
)
def test_without_a_day_a_contract_ends_with_the_period_that_runs(shop, at, expected):
    start(shop, Order(ANA, "arrears", "a", date(2026, 1, 16)))
    assert cancel(shop, "a", None, at).ends_on == expected


@pytest.mark.parametrize(
    ("key", "ends_on", "code"),
    [
        ("nobody", FEB, "subscription.unknown"),
        ("a", JAN, "subscription.before_start"),
        ("a", date(2025, 12, 31), "subscription.before_start"),
        ("a", date.min, "subscription.day_out_of_range"),
        ("a", date.max, "subscription.day_out_of_range"),
        ("ended", MAR, "subscription.clash"),
        ("ended", None, "subscription.clash"),
        ("a", date(2026, 2, 28), "subscription.billed_beyond"),
    ],
)
def test_an_end_is_refused(shop, key, ends_on, code):
    start(shop, Order(ANA, "arrears", "a", JAN), Order(ANA, "arrears", "ended", JAN, ends_on=APR))
    billed(shop, "a", JAN, FEB, MAR)
    before = get(shop, "a")
    with pytest.raises((Conflict, Invalid, NotFound)) as refusal:
        cancel(shop, key, ends_on)
    assert refusal.value.code == code
    assert get(shop, "a") == before


def test_a_contract_may_end_where_its_usage_is_billed_to_and_before_what_is_paid_in_advance(shop):
    start(shop, Order(ANA, "both", "a", JAN))
    billed(shop, "a", JAN, FEB, MAR, item_no=1)
    billed(shop, "a", JAN, FEB, item_no=2)
    with pytest.raises(Conflict):
        cancel(shop, "a", date(2026, 1, 31))
    assert cancel(shop, "a", FEB).ends_on == FEB
    assert dues(shop, date(2027, 1, 1)) == [("a", 1, FEB, FEB, "0")]  # February is given back


# --- what is due ---------------------------------------------------------------------------------


def test_what_is_due_is_told_item_by_item_and_stops_at_what_is_billed(shop):
    start(shop, Order(ANA, "both", "a", date(2026, 1, 16)))
    january = ("a", 1, date(2026, 1, 16), FEB, "16/31")
    assert dues(shop, date(2026, 1, 15)) == []
    assert dues(shop, date(2026, 1, 16)) == [january]
    assert dues(shop, FEB) == [
        january,
        ("a", 1, FEB, MAR, "1"),
        ("a", 2, date(2026, 1, 16), FEB, "16/31"),
    ]
    billed(shop, "a", date(2026, 1, 16), FEB, MAR)
    assert dues(shop, FEB) == [("a", 2, date(2026, 1, 16), FEB, "16/31")]
    billed(shop, "a", date(2026, 1, 16), FEB, item_no=2)
    assert dues(shop, FEB) == []


def test_a_period_after_a_long_month_is_not_overlooked_on_the_day_it_ends(shop):
    """A month after 31 March, 00:00 in Zagreb, PostgreSQL stands a day behind the end of April's period."""
    start(shop, Order(ANA, "arrears", "a", date(2026, 1, 31)))
    billed(shop, "a", date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31))
    april = ("a", 1, date(2026, 3, 31), date(2026, 4, 30), "1")
    assert dues(shop, date(2026, 4, 29)) == []
    assert dues(shop, date(2026, 4, 30)) == [april]


INTERVALS = ["month", "2 months", "quarter", "half_year", "year", "day", "10 days", "week"]
ORDERS = st.tuples(
    st.sampled_from(INTERVALS),
    st.booleans(),
    st.dates(date(2023, 1, 1), date(2025, 12, 31)),
    st.none() | st.integers(28, 31),
    st.none() | st.integers(1, 500),
    st.sampled_from(["UTC", ZONE, "America/New_York", "Pacific/Auckland", "UTC+14:00"]),
)
_made = iter(range(10**9))


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(ORDERS, min_size=1, max_size=6), st.lists(st.integers(1, 60), min_size=1, max_size=6)
)
def test_the_database_overlooks_nothing_that_is_due(shop, wanted, waits):
    """Its first, rough choice never leaves out what the exact calculation finds."""
    run, orders, text = next(_made), [], "products: {p: {name: P}}\nplans:\n"
    people = [
        Customer(ids.derived(f"{run}/{n}"), f"{run}/{n}", "X", "EUR", zone)
        for n, (*_, zone) in enumerate(wanted)
    ]
    for number, (interval, in_advance, day, anchor, length, _) in enumerate(wanted):
        timing = "in_advance" if in_advance else "in_arrears"
        text += (
            f"  r{run}.{number}: {{currency: EUR, interval: {interval}, prices:"
            f" [{{key: k, product: p, flat: {{amount: 1}}, timing: {timing}}}]}}\n"
        )
        end = None if length is None else day + timedelta(days=length)
        if "day" in interval or "week" in interval:
            anchor = None
        orders.append(
            Order(people[number], f"r{run}.{number}", f"{run}/{number}", day, None, anchor, end)
        )
    with shop.database.transaction(shop.tenant_id) as tx:
        catalog.apply(tx, parse(text), **shop.writing)
        customers.create(tx, people, **shop.writing)
        made = subscriptions.start(tx, orders, **shop.writing)
    as_of = datetime(2023, 1, 1, tzinfo=UTC)
    covered = {s.key: s.starts_at for s in made}
    for wait in waits:
        as_of += timedelta(days=7 * wait, hours=wait)
        with shop.database.transaction(shop.tenant_id) as tx:
            found = [
                item
                for item in queries.due_items(tx, UUID(int=0), UUID(int=2**128 - 1), as_of)
                if item.subscription_key in covered
            ]
            expected = {}
            for s in made:
                exact = due_periods(
                    s.phases[0].cycle(s.time_zone),
                    covered[s.key],
                    s.ends_at,
                    as_of,
                    in_advance=s.phases[0].items[0].in_advance,
                )
                if exact:
                    expected[s.key] = list(exact)
            told: dict[str, list[Any]] = {}
            for item in found:
                told.setdefault(item.subscription_key, []).append(item.due)
                bill(tx, item.subscription_id, *item.due.period)
                covered[item.subscription_key] = item.due.period.end
            assert told == expected


# --- the chain of billed periods, attacked -------------------------------------------------------


def chain(place: Place) -> UUID:
    """A contract with January and February billed."""
    start(place, Order(ANA, "arrears", "a", JAN), Order(BOB, "arrears", "b", JAN))
    billed(place, "a", JAN, FEB, MAR)
    return get(place, "a").subscription_id


DAY = timedelta(days=1)
J, F, M, A = (midnight(day) for day in (JAN, FEB, MAR, APR))


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "constraint"),
    [
        pytest.param(J, F, "billed_period_pkey", id="the same period again"),
        pytest.param(F, M, "billed_period_pkey", id="the last period again"),
        pytest.param(J, F - DAY, "unique", id="a shorter one from the same instant"),
        pytest.param(J, A, "unique", id="a longer one from the same instant"),
        pytest.param(F - DAY, A, "chain", id="one that begins inside of a billed one"),
        pytest.param(F - DAY, M, "billed_period_pkey", id="one that ends with a billed one"),
        pytest.param(M + DAY, A, "chain", id="one that leaves a day out"),
        pytest.param(
            M + timedelta(microseconds=1), A, "chain", id="one that leaves an instant out"
        ),
        pytest.param(J - DAY, J, "billed_period_pkey", id="the time before the start"),
        pytest.param(J - 9 * DAY, J - DAY, "chain", id="a time apart, before the start"),
        pytest.param(None, M + DAY, "unique", id="a second seed"),
        pytest.param(None, J - DAY, "unique", id="a second seed, before the start"),
        pytest.param(M, M, "check", id="an empty period"),
        pytest.param(M, F, "billed_period_pkey", id="a period backwards to a billed end"),
        pytest.param(M, M - DAY, "check", id="a period backwards"),
        pytest.param(M, None, None, id="a period without an end"),
    ],
)
def test_time_can_be_billed_neither_twice_nor_with_a_gap(shop, starts_at, ends_at, constraint):
    names = {
        "unique": "billed_period_tenant_id_subscription_id_item_no_starts_at_key",
        "chain": "billed_period_tenant_id_subscription_id_item_no_starts_at_fkey",
        "check": "billed_period_check",
    }
    of = chain(shop)
    said = refused(shop, lambda tx: bill(tx, of, starts_at, ends_at))
    assert said.sqlstate[:2] == "23"
    if (starts_at, ends_at) == (M, F):  # backwards and twice: whichever is looked at first
        assert said.constraint_name in ("billed_period_check", "billed_period_pkey")
    elif constraint is not None:
        assert said.constraint_name == names.get(constraint, constraint)


def insert(values: str) -> Callable[[Tx], int]:
    columns = (
        "tenant_id, subscription_id, item_no, starts_at, ends_at, invoice_id, line_no, charged"
    )
    return lambda tx: tx.run(
        f"insert into billed_period ({columns}) select {values} from billed_period b"
        " join subscription s using (tenant_id, subscription_id)"
        " where s.key = 'a' order by b.ends_at desc limit 1"
    )


@pytest.mark.parametrize(
    ("values", "state"),
    [
        pytest.param(
            "b.tenant_id, b.subscription_id, 2, null, b.ends_at, null, null, null", "23503",
            id="a seed for an item that is not there"),
        pytest.param(
            "b.tenant_id, gen_random_uuid(), 1, null, b.ends_at, null, null, null", "23503",
            id="a seed for a contract that is not there"),
        pytest.param(
            "b.tenant_id, b.subscription_id, 1, b.ends_at, b.ends_at + '1 day'::interval, null, null, null",
            "23514", id="a period without an invoice"),
        pytest.param(
            "b.tenant_id, b.subscription_id, 1, b.ends_at, b.ends_at + '1 day'::interval,"
            " b.invoice_id, null, 100", "23514", id="a period without a line"),
        pytest.param(
            "b.tenant_id, b.subscription_id, 1, null, b.ends_at + '1 day'::interval,"
            " b.invoice_id, 1::smallint, 100", "23514", id="a seed with an invoice"),
        pytest.param(
            "b.tenant_id + 1, b.subscription_id, 1, b.ends_at, b.ends_at + '1 day'::interval,"
            " b.invoice_id, 1::smallint, 100", "42501", id="a period of another tenant"),
    ],
)  # fmt: skip
def test_rows_that_are_no_billed_period_are_refused(shop, values, state):
    chain(shop)
    assert refused(shop, insert(values)).sqlstate == state


def test_two_periods_that_only_hold_each_other_are_refused(shop):
    """A ring would need a period that ends before it begins."""
    of = chain(shop)

    def ring(tx: Tx) -> None:
        tx.run(
            "insert into billed_period (tenant_id, subscription_id, item_no, starts_at, ends_at,"
            " invoice_id, line_no, charged) values (%(t)s, %(s)s, 1, %(a)s, %(b)s, %(s)s, 1, 100),"
            " (%(t)s, %(s)s, 1, %(b)s, %(a)s, %(s)s, 1, 100)",
            {"t": tx.tenant_id, "s": of, "a": A, "b": A + DAY},
        )

    assert refused(shop, ring).constraint_name == "billed_period_check"


@pytest.mark.parametrize(
    "change",
    ["update billed_period set ends_at = ends_at + '1 day'::interval", "delete from billed_period",
     "truncate billed_period, period_correction"],
)  # fmt: skip
def test_what_is_billed_stays_billed(shop, change):
    chain(shop)
    assert refused(shop, lambda tx: tx.run(change)).sqlstate == "42501"
    with books.owner(shop) as owner, pytest.raises(Exception, match="is immutable"):
        owner.execute(change)


def test_the_chain_goes_on_where_it_ended(shop):
    of = chain(shop)
    with shop.database.transaction(shop.tenant_id) as tx:
        bill(tx, of, M, M + DAY)
        bill(tx, of, M + DAY, A)
    assert dues(shop, date(2026, 5, 1)) == sorted(
        [
            ("a", 1, APR, date(2026, 5, 1), "1"),
            *(d for d in dues(shop, date(2026, 5, 1)) if d[0] == "b"),
        ]
    )
