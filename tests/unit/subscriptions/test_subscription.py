"""Contracts: what an order becomes, and which orders are refused."""

from datetime import UTC, date, datetime

import msgspec
import pytest

from everycent.catalog.offer import Offer
from everycent.catalog.plan import Item, Plan, Product
from everycent.catalog.price import Flat, Price
from everycent.customers.customer import Customer
from everycent.kernel import ids
from everycent.kernel.calendar import Cycle, Interval, start_of_day
from everycent.kernel.canonical import encode
from everycent.kernel.errors import Invalid
from everycent.kernel.money import Rounding
from everycent.subscriptions.order import Order, decide
from everycent.subscriptions.subscription import Phase, SubscribedItem, Subscription
from everycent.subscriptions.timeline import Begin, Change, Terms

ANA = Customer(ids.derived("ana"), "ana", "Ana", "EUR", "Europe/Zagreb")
START = date(2026, 1, 16)
STARTS_AT = start_of_day(START, "Europe/Zagreb")


def item(key, in_advance):
    price = Price(key, Flat("1"), key, Rounding.HALF_UP, in_advance)
    return Item(price, Product("p", "P", "none"))


def plan(interval="month", anchor_day=None, currency="EUR"):
    items = (item("fee", True), item("use", False))
    return Plan("basic", "Basic", currency, interval, items, anchor_day)


def order(**more):
    return Order(ANA, "basic", "ana-1", START)._replace(**more)


def decided(wanted, of=None):
    return decide(wanted, Offer(3, of or plan(), ((3, STARTS_AT),)), ids.derived)


def test_an_order_becomes_a_contract_for_the_version_it_was_made_on():
    assert decided(order()) == Subscription(
        subscription_id=ids.derived("subscription/ana-1"),
        customer_id=ANA.customer_id,
        key="ana-1",
        currency="EUR",
        subject="ana",
        time_zone="Europe/Zagreb",
        starts_on=START,
        starts_at=STARTS_AT,
        changes=(Change(0, STARTS_AT, Begin(Terms("basic", 3, START, 1, 0))),),
        phases=(
            Phase(
                phase_no=1,
                change_no=0,
                plan_key="basic",
                plan_version=3,
                anchor=START,
                interval_months=1,
                interval_days=0,
                starts_at=STARTS_AT,
                items=(SubscribedItem(1, 1, "fee", True), SubscribedItem(2, 2, "use", False)),
            ),
        ),
        changes_made=1,
        ends_on=None,
    )


@pytest.mark.parametrize(
    ("interval", "of_plan", "of_order", "anchor"),
    [
        ("month", None, None, START),
        ("month", 1, None, date(2026, 1, 1)),
        ("month", 1, 31, date(2026, 1, 31)),
        ("month", None, 29, date(2026, 1, 29)),
        ("year", 1, None, date(2026, 1, 1)),
        ("week", None, None, START),
        ("week", 1, None, date(2026, 1, 12)),
        ("week", 1, 5, START),
        ("10 days", None, None, START),
    ],
)
def test_periods_are_cut_where_the_order_the_plan_or_the_start_says(
    interval, of_plan, of_order, anchor
):
    found = decided(order(anchor_day=of_order), plan(interval, of_plan))
    months = {"month": 1, "year": 12}.get(interval, 0)
    days = {"week": 7, "10 days": 10}.get(interval, 0)
    assert found.phases[0].cycle(found.time_zone) == Cycle(
        anchor, Interval(months, days), "Europe/Zagreb"
    )


def test_the_days_of_a_contract_begin_by_the_customers_clock():
    found = decided(order(starts_on=date(2026, 3, 29), ends_on=date(2026, 3, 30)))
    assert found.starts_at == datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert found.ends_at == datetime(2026, 3, 29, 22, tzinfo=UTC)
    assert decided(order()).ends_at is None


def test_the_subject_is_the_customer_or_whoever_is_named():
    assert decided(order()).subject == "ana"
    assert decided(order(subject="meter-7")).subject == "meter-7"


@pytest.mark.parametrize(
    ("more", "of", "code", "field"),
    [
        ({}, plan(currency="USD"), "subscription.currency", "plan"),
        ({"key": ""}, plan(), "subscription.bad_key", "key"),
        ({"key": "k" * 201}, plan(), "subscription.bad_key", "key"),
        ({"key": "a\0b"}, plan(), "subscription.bad_key", "key"),
        ({"key": "a\ud800"}, plan(), "subscription.bad_key", "key"),
        ({"key": "a\nb"}, plan(), "subscription.bad_key", "key"),
        ({"subject": ""}, plan(), "usage.bad_name", "subject"),
        ({"subject": "s" * 201}, plan(), "usage.bad_name", "subject"),
        ({"subject": "a\0b"}, plan(), "usage.bad_name", "subject"),
        ({"ends_on": START}, plan(), "subscription.ends_before_start", "ends_on"),
        ({"ends_on": date(2026, 1, 15)}, plan(), "subscription.ends_before_start", "ends_on"),
        ({"anchor_day": 0}, plan(), "anchor.out_of_range", "anchor_day"),
        ({"anchor_day": 32}, plan(), "anchor.out_of_range", "anchor_day"),
        ({"anchor_day": 8}, plan("week"), "anchor.out_of_range", "anchor_day"),
        ({"anchor_day": 1}, plan("day"), "anchor.out_of_range", "anchor_day"),
        ({"starts_on": date(1, 1, 1)}, plan(), "subscription.day_out_of_range", "starts_on"),
        ({"starts_on": date(1999, 12, 31)}, plan(), "subscription.day_out_of_range", "starts_on"),
        ({"starts_on": date.max}, plan(), "subscription.day_out_of_range", "starts_on"),
        ({"ends_on": date(2200, 1, 1)}, plan(), "subscription.day_out_of_range", "ends_on"),
        ({"ends_on": date.max}, plan(), "subscription.day_out_of_range", "ends_on"),
    ],
)
def test_an_order_is_refused(more, of, code, field):
    with pytest.raises(Invalid) as refused:
        decided(order(**more), of)
    assert (refused.value.code, refused.value.field) == (code, field)


@pytest.mark.parametrize("zone", ["Europe/Zagreb", "UTC+14:00", "UTC-11:00"])
def test_the_first_and_the_last_day_that_can_be_sold_have_their_instants(zone):
    customer = msgspec.structs.replace(ANA, time_zone=zone)
    days = {"starts_on": date(2000, 1, 1), "ends_on": date(2199, 12, 31)}
    found = decided(order(customer=customer, **days), plan("half_year", 31))
    assert found.starts_at < found.ends_at


def test_a_contract_reads_back_as_it_was_recorded():
    for found in (decided(order()), decided(order(ends_on=date(2026, 2, 1), subject="s"))):
        assert msgspec.json.decode(encode(found), type=Subscription) == found
