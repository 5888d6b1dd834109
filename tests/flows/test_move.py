"""Contracts go over to the newest version of their plan, all together: who, when, at which price, and what
becomes of those that can't."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from everycent.catalog.own_price import parse
from everycent.flows.move import Move, Outcome, move
from everycent.kernel.errors import Refusal
from everycent.subscriptions import operations as contracts
from everycent.subscriptions.changing import When
from everycent.subscriptions.subscription import Subscription
from everycent.subscriptions.timeline import Cancel, Pause, Resume
from everycent.subscriptions.told import Told
from tests.conftest import Place
from tests.flows import world
from tests.flows.test_agreed import at
from tests.flows.test_contracts import sound
from tests.flows.world import midnight

CATALOGUE = """
products: {p: {name: P}}
plans:
  team:
    currency: EUR
    anchor_day: 1
    prices:
      - {key: fee, product: p, flat: {amount: 62}, timing: in_advance}
      - {key: seats, product: p, per_unit: {unit_amount: 31}, timing: in_advance,
         agreed: {unit: seat, quantity: 2}}
      - {key: use, product: p, flat: {amount: 1}}
      - {key: setup, product: p, flat: {amount: 99}, timing: once}
  other:
    currency: EUR
    anchor_day: 1
    prices: [{key: fee, product: p, flat: {amount: 10}}]
"""
DEARER = CATALOGUE.replace("amount: 62", "amount: 93").replace(
    "quantity: 2", "quantity: 2, most: 5"
)
JAN, FEB, MAR, APR, MAY = (date(2026, month, 1) for month in (1, 2, 3, 4, 5))
MID = date(2026, 1, 16)
KEYS = ("bare", "dropped", "extra", "many", "moved", "own", "paused", "planned", "two")


@pytest.fixture
def seller(place: Place) -> Place:
    """Contracts of all kinds on version 1, and version 2, in which everything is dearer."""
    sold = [(key, "team") for key in KEYS if key not in ("own", "many")]
    world.sell(place, [*sold, ("else", "other")], text=CATALOGUE, starts_on=JAN)
    sell(place, "own", Told(prices={"fee": parse("flat: {amount: '31'}", "fee")}))
    sell(place, "many", Told({"seats": "9"}))
    at(place, JAN, contracts.add, "extra", "team", MID, name="second", told=Told({"seats": "3"}))
    at(place, JAN, contracts.change, "paused", Pause(), When(MID))
    at(place, JAN, contracts.change, "paused", Resume(), When(MAR))
    at(place, JAN, contracts.switch, "planned", "other", When(MAR))
    at(place, JAN, contracts.switch, "planned", "team", When(APR))
    at(place, JAN, contracts.change, "dropped", Cancel(), When(FEB))
    world.apply(place, DEARER)
    at(place, JAN, contracts.switch, "moved", "team", When(MID))
    return place


def sell(place: Place, key: str, told: Told) -> None:
    from everycent.customers import operations as customers
    from everycent.customers.customer import Customer
    from everycent.subscriptions.order import Order

    with place.database.transaction(place.tenant_id) as tx:
        made = Customer(place.ids(f"customer/{key}"), key, key, "EUR", world.ZONE)
        customers.create(tx, [made], **world.writing(place))
        contracts.start(tx, [Order(made, "team", key, JAN, told=told)], **world.writing(place))


def moved(place: Place, day: date, *, on: date | None = None, **more: Any) -> Outcome:
    writing = {**world.writing(place), "at": midnight(day)}
    return move(place.database, place.tenant_id, Move("team", on, **more), writing=writing)


def held(place: Place, key: str) -> Subscription:
    with place.database.snapshot(place.tenant_id) as tx:
        return contracts.get(tx, key)


def versions(place: Place, key: str, day: date) -> dict[str, tuple[str, int]]:
    """The plan and version of each track that runs on a day."""
    running = held(place, key)
    return {
        phase.track: (phase.plan_key, phase.plan_version)
        for phase in running.phases
        if running.phase_at(midnight(day), phase.track) == phase and "#" not in phase.track
    }


def prices(place: Place, first: date) -> dict[tuple[str, str], int]:
    """Net by contract and price of everything billed for a period that begins on a day."""
    return {
        (line.subscription, line.charge.price.key): line.net
        for paper in world.issued(place)
        for line in paper.lines
        if line.starts_at == midnight(first)
    }


def test_everybody_goes_over_when_the_period_ends_and_what_was_agreed_goes_on(seller):
    world.run(seller, midnight(JAN))
    found = moved(seller, date(2026, 1, 20))
    assert (found.version, found.moved, found.from_versions) == (2, 5, {1: 6})
    assert [(one.key, one.refusal.code) for one in found.left_alone] == [
        ("many", "subscription.clash"),
        ("planned", "subscription.planned_version"),
    ]
    assert "9 × seats, and then it has to be from 0 to 5" in found.left_alone[0].refusal.message
    assert found.differences == {
        1: ["items[fee].price.scheme.amount: 62 → 93", "items[seats].agreed.most: – → 5"]
    }
    assert versions(seller, "bare", date(2026, 1, 31)) == {"": ("team", 1)}
    assert versions(seller, "bare", FEB) == {"": ("team", 2)}
    assert versions(seller, "extra", FEB) == {"": ("team", 2), "second": ("team", 2)}
    assert versions(seller, "paused", MAR) == {"": ("team", 2)}
    assert versions(seller, "planned", APR) == {"": ("team", 1)}
    world.run(seller, midnight(FEB))
    told = prices(seller, FEB)
    assert (told["bare", "fee"], told["own", "fee"], told["many", "fee"]) == (9300, 3100, 6200)
    assert (told["bare", "seats"], told["many", "seats"]) == (6200, 9 * 3100)
    assert not any(price == "setup" for _, price in told)
    sound(seller)


def test_a_trial_writes_nothing_and_says_the_same(seller):
    before = world.state(seller.database, seller.tenant_id)
    tried = moved(seller, MID, is_trial=True)
    assert world.state(seller.database, seller.tenant_id) == before
    done = moved(seller, MID)
    assert tried[:4] == done[:4]
    assert tried.differences == done.differences
    assert [(one.key, one.refusal.message) for one in tried.left_alone] == [
        (one.key, one.refusal.message) for one in done.left_alone
    ]


def test_it_goes_on_where_it_stopped_and_moves_nobody_twice(seller):
    class StoppedError(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done >= 4:
            raise StoppedError

    writing = {**world.writing(seller), "at": midnight(MID)}
    with pytest.raises(StoppedError):
        move(seller.database, seller.tenant_id, Move("team", chunk_size=2), writing=writing,
             on_progress=stop)  # fmt: skip
    partly = {key for key in KEYS if versions(seller, key, FEB) == {"": ("team", 2)}}
    assert 0 < len(partly - {"moved"}) < 4
    again = moved(seller, MID, chunk_size=2)
    assert again.moved == 5 - len(partly - {"moved"})
    third = moved(seller, date(2026, 2, 3), chunk_size=2)
    assert (third.moved, len(third.left_alone)) == (0, 2)
    assert len(held(seller, "bare").changes) == 2
    sound(seller)


def test_a_day_a_version_and_contracts_can_be_named(seller):
    found = moved(seller, MID, on=date(2026, 1, 20), keys=["bare", "else"], from_version=1)
    assert (found.moved, found.from_versions) == (1, {1: 1})
    assert versions(seller, "bare", date(2026, 1, 20)) == {"": ("team", 2)}
    assert versions(seller, "two", date(2026, 1, 20)) == {"": ("team", 1)}
    world.apply(seller, DEARER.replace("amount: 93", "amount: 124"))
    found = moved(seller, MID, on=MAR, from_version=2, keys=["bare", "two"])
    assert (found.moved, found.from_versions) == (1, {2: 1})
    assert versions(seller, "two", MAR) == {"": ("team", 1)}
    sound(seller)


def test_what_is_billed_in_arrears_is_not_moved(seller):
    world.run(seller, midnight(FEB))
    found = moved(seller, FEB, on=MID, keys=["bare", "two"])
    assert found.moved == 0
    assert {one.refusal.code for one in found.left_alone} == {"subscription.billed_beyond"}


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (Move("nothing"), "plan.unknown"),
        (Move("team", from_version=2), "plan.not_older"),
        (Move("team", from_version=0), "plan.not_older"),
        (Move("team", keys=["bare", "nobody"]), "subscription.unknown"),
    ],
)
def test_what_is_refused(seller, wanted, code):
    with pytest.raises(Refusal) as refused:
        move(seller.database, seller.tenant_id, wanted, writing=world.writing(seller))
    assert refused.value.code == code


def test_a_move_gives_way_to_what_the_contract_asks_for(seller):
    moved(seller, date(2026, 2, 3), on=APR)
    assert versions(seller, "two", APR)[""] == ("team", 2)
    at(seller, MAR, contracts.cancel, "two", When(APR))
    assert held(seller, "two").ends_on == APR
    at(seller, MAR, contracts.switch, "bare", "other", When(MAR))
    assert versions(seller, "bare", MAY)[""] == ("other", 1)
    at(seller, MAR, contracts.switch, "moved", "other", When(APR))
    assert versions(seller, "moved", MAY)[""] == ("other", 1)
    sound(seller)


def test_contracts_without_a_term_are_not_bound_by_a_version_that_has_one(seller):
    world.apply(seller, DEARER.replace("  team:\n", "  team:\n    term: {length: 2 years}\n", 1))
    moved(seller, date(2026, 2, 3), on=APR)
    at(seller, APR, contracts.cancel, "two", When(MAY))
    assert held(seller, "two").ends_on == MAY
