"""Contracts that change: planned, withdrawn, paused, on another plan; and what is billed then."""

from __future__ import annotations

from datetime import date

import psycopg
import pytest

from everycent.flows.replay import replay
from everycent.flows.verify import verify
from everycent.kernel.calendar import local_date
from everycent.kernel.errors import NotFound, Refusal
from everycent.kernel.money import Money, plain
from everycent.subscriptions import operations as contracts
from everycent.subscriptions.changing import When
from everycent.subscriptions.subscription import Subscription
from everycent.subscriptions.timeline import Action, Cancel, Pause, Resume
from tests.conftest import Place
from tests.flows import world
from tests.flows.world import calls, midnight, use

CATALOGUE = """
meters:
  calls: {unit: call}
products: {api: {name: API}, base: {name: Base}}
plans:
  basic:
    currency: EUR
    anchor_day: 1
    prices:
      - {key: fee, product: base, flat: {amount: 31}}
      - {key: calls, product: api, meter: calls, per_unit: {unit_amount: 1}}
  plus:
    currency: EUR
    anchor_day: 1
    prices:
      - {key: fee, product: base, flat: {amount: 62}}
      - {key: calls, product: api, meter: calls, per_unit: {unit_amount: 0.10}}
  yearly: {currency: EUR, interval: year, prices: [{key: fee, product: base, flat: {amount: 365}}]}
  paid: {currency: EUR, anchor_day: 1,
         prices: [{key: fee, product: base, flat: {amount: 31}, timing: in_advance}]}
"""


@pytest.fixture
def seller(place: Place) -> Place:
    world.sell(
        place, [("acme", "basic"), ("early", "paid")], text=CATALOGUE, starts_on=date(2026, 1, 1)
    )
    return place


def change(place: Place, action: Action, on: date | None, key: str = "acme") -> Subscription:
    with place.database.transaction(place.tenant_id) as tx:
        return contracts.change(
            tx, key, action, When(on), reason="asked for", writing=world.writing(place)
        )


def switch(place: Place, plan: str, on: date | None, key: str = "acme") -> Subscription:
    with place.database.transaction(place.tenant_id) as tx:
        return contracts.switch(
            tx, key, plan, When(on), reason="asked for", writing=world.writing(place)
        )


def withdraw(place: Place, number: int, key: str = "acme") -> Subscription:
    with place.database.transaction(place.tenant_id) as tx:
        return contracts.withdraw(
            tx, key, number, reason="thought better of it", writing=world.writing(place)
        )


def course(held: Subscription) -> list[tuple[str, date, date | None]]:
    """(plan, first day, end) of the phases that take place."""
    return [
        (p.plan_key, local_date(p.starts_at, held.time_zone),
         None if p.ends_at is None else local_date(p.ends_at, held.time_zone))
        for p in sorted(held.phases, key=lambda phase: phase.starts_at)
        if p.takes_place
    ]  # fmt: skip


def billed(place: Place, key: str = "acme") -> list[tuple[str, date, date, str]]:
    """(price, first day, end, net) of every line on the invoices of a contract, in order."""
    found = []
    for invoice in world.issued(place):
        for line in invoice.lines:
            if line.subscription == key:
                zone = invoice.customer.time_zone
                net = plain(Money(line.charge.net, invoice.currency))
                days = local_date(line.starts_at, zone), local_date(line.ends_at, zone)
                found.append((line.charge.price.key, *days, net))
    return found


def sound(place: Place) -> None:
    """Everything that `verify` checks holds, and the tables follow from the journal."""
    with place.database.snapshot(place.tenant_id) as tx:
        violated = {c.promise: c.violators for c in verify(tx, trusted_key=None, with_replay=False)}
        assert {promise for promise, violators in violated.items() if violators} == set()
        assert replay(tx).differences == {}


JAN, FEB, MAR, APR = (date(2026, month, 1) for month in (1, 2, 3, 4))
MID = date(2026, 1, 16)


def test_a_change_of_plan_bills_each_day_and_each_record_on_the_plan_of_its_time(seller):
    use(seller, [calls("acme", 10, date(2026, 1, 10)), calls("acme", 20, date(2026, 1, 20))])
    held = switch(seller, "plus", MID)
    assert course(held) == [("basic", JAN, MID), ("plus", MID, None)]
    world.run(seller, midnight(FEB))
    assert billed(seller) == [
        ("fee", JAN, MID, "15.00"),
        ("calls", JAN, MID, "10.00"),
        ("fee", MID, FEB, "32.00"),
        ("calls", MID, FEB, "2.00"),
    ]
    sound(seller)


def test_a_change_is_billed_the_same_whether_it_was_planned_or_is_told_late(seller):
    use(seller, [calls("acme", 10, date(2026, 2, 10))])
    world.run(seller, midnight(FEB))
    switch(seller, "plus", date(2026, 2, 15))
    world.run(seller, midnight(APR))
    assert billed(seller)[2:] == [
        ("fee", FEB, date(2026, 2, 15), "15.50"),
        ("calls", FEB, date(2026, 2, 15), "10.00"),
        ("fee", date(2026, 2, 15), MAR, "31.00"),
        ("calls", date(2026, 2, 15), MAR, "0.00"),
        ("fee", MAR, APR, "62.00"),
        ("calls", MAR, APR, "0.00"),
    ]
    sound(seller)


def test_what_is_paused_is_not_billed_and_goes_on_with_the_same_periods(seller):
    use(seller, [calls("acme", n, date(2026, 1, 10 * n)) for n in (1, 2, 3)])
    change(seller, Pause(), MID)
    held = change(seller, Resume(), date(2026, 1, 26))
    assert course(held) == [("basic", JAN, MID), ("basic", date(2026, 1, 26), None)]
    world.run(seller, midnight(FEB))
    assert billed(seller) == [
        ("fee", JAN, MID, "15.00"),
        ("calls", JAN, MID, "1.00"),
        ("fee", date(2026, 1, 26), FEB, "6.00"),
        ("calls", date(2026, 1, 26), FEB, "3.00"),
    ]
    sound(seller)


def test_a_planned_change_is_withdrawn_without_a_trace_on_the_bill(seller):
    switch(seller, "plus", MID)
    change(seller, Cancel(), MAR)
    assert course(withdraw(seller, 1)) == [("basic", JAN, MAR)]
    assert course(withdraw(seller, 2)) == [("basic", JAN, None)]
    assert switch(seller, "plus", MID).changes[-1].change_no == 3
    assert course(withdraw(seller, 3)) == [("basic", JAN, None)]
    world.run(seller, midnight(FEB))
    assert [(key, net) for key, _, _, net in billed(seller)] == [
        ("fee", "31.00"),
        ("calls", "0.00"),
    ]
    sound(seller)


def test_a_change_in_front_of_a_planned_one_takes_its_place(seller):
    change(seller, Pause(), MAR)
    assert course(switch(seller, "plus", FEB)) == [("basic", JAN, FEB), ("plus", FEB, MAR)]
    assert course(change(seller, Resume(), APR))[-1] == ("plus", APR, None)
    sound(seller)


def test_without_a_day_a_change_waits_for_the_end_of_the_period(seller):
    assert course(switch(seller, "plus", None)) == [("basic", JAN, FEB), ("plus", FEB, None)]
    assert change(seller, Cancel(), None, key="early").ends_on == FEB


def test_a_plan_of_another_length_begins_its_own_periods(seller):
    switch(seller, "yearly", MID)
    world.run(seller, midnight(date(2027, 1, 16)))
    assert billed(seller)[-1] == ("fee", MID, date(2027, 1, 16), "365.00")
    sound(seller)


@pytest.mark.parametrize(
    ("action", "on", "code"),
    [
        (Resume(), MID, "subscription.clash"),
        (Pause(), date(2026, 1, 15), "subscription.billed_beyond"),
        (Cancel(), date(2026, 1, 15), "subscription.billed_beyond"),
        (Cancel(), JAN, "subscription.before_start"),
        (Pause(), date(2300, 1, 1), "subscription.day_out_of_range"),
    ],
)
def test_a_change_is_refused_and_nothing_is_written(seller, action, on, code):
    world.run(seller, midnight(FEB))
    with seller.database.snapshot(seller.tenant_id) as tx:
        before = contracts.get(tx, "acme")
    with pytest.raises(Refusal) as refused:
        change(seller, action, on)
    assert refused.value.code == code
    with seller.database.snapshot(seller.tenant_id) as tx:
        assert contracts.get(tx, "acme") == before


@pytest.mark.parametrize("number", [0, 7])
def test_only_changes_that_are_there_are_withdrawn(seller, number):
    with pytest.raises(NotFound) as refused:
        withdraw(seller, number)
    assert refused.value.code == "subscription.change_unknown"


def test_the_database_lets_no_two_phases_of_a_track_overlap(seller):
    switch(seller, "plus", MID)
    with (
        pytest.raises(psycopg.errors.ExclusionViolation),
        seller.database.transaction(seller.tenant_id) as tx,
    ):
        tx.run(
            "update subscription_phase set ends_at = ends_at + interval '1 hour' where phase_no = 1"
        )
