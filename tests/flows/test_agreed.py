"""What contracts agree on beside a plan: quantities, add-ons, prices of their own, what is sold once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from everycent.catalog.own_price import parse
from everycent.customers import queries as customers
from everycent.flows import explain, outstanding
from everycent.kernel.calendar import local_date
from everycent.kernel.errors import Conflict, Invalid, NotFound, Refusal
from everycent.subscriptions import operations as contracts
from everycent.subscriptions.changing import When
from everycent.subscriptions.order import Order
from everycent.subscriptions.subscription import Subscription
from everycent.subscriptions.timeline import MAIN, Cancel, Pause, Resume
from everycent.subscriptions.told import Told
from tests.conftest import Place
from tests.flows import world
from tests.flows.test_contracts import sound
from tests.flows.world import midnight

CATALOGUE = """
products: {p: {name: P}}
meters: {calls: {unit: call}}
plans:
  team:
    currency: EUR
    anchor_day: 1
    changes: {upgrade: now, downgrade: period_end}
    prices:
      - {key: fee, product: p, flat: {amount: 62}, timing: in_advance}
      - {key: seats, product: p, per_unit: {unit_amount: 31}, timing: in_advance,
         agreed: {unit: seat, quantity: 2, least: 1, most: 50}}
      - {key: calls, product: p, meter: calls,
         graduated: {tiers: [{up_to: 10, unit_amount: 1}, {unit_amount: 2}]}}
      - {key: setup, product: p, flat: {amount: 99}, timing: once}
      - {key: domain, product: p, flat: {amount: 12}, timing: in_advance, interval: year}
  big:
    currency: EUR
    anchor_day: 1
    prices:
      - {key: fee, product: p, flat: {amount: 310}, timing: in_advance}
      - {key: seats, product: p, timing: in_advance, agreed: {unit: seat},
         volume: {tiers: [{up_to: 4, unit_amount: 31}, {unit_amount: 15.5}]}}
  keeper:
    currency: EUR
    anchor_day: 1
    changes: {upgrade: now, downgrade: now, decrease: keep}
    prices:
      - {key: seats, product: p, per_unit: {unit_amount: 31}, timing: in_advance,
         agreed: {unit: seat}}
  arrears:
    currency: EUR
    anchor_day: 1
    changes: {upgrade: now, downgrade: now}
    prices:
      - {key: seats, product: p, per_unit: {unit_amount: 31}, agreed: {unit: seat}, minimum: 93}
  storage:
    currency: EUR
    adds_to: [team, big]
    prices:
      - {key: disk, product: p, per_unit: {unit_amount: 3.1}, timing: in_advance,
         agreed: {unit: GB, quantity: 10}}
  visit:
    currency: EUR
    prices:
      - {key: visit, product: p, per_unit: {unit_amount: 80}, timing: once,
         agreed: {unit: hour, quantity: 1}}
"""
JAN, FEB, MAR, APR = (date(2026, month, 1) for month in (1, 2, 3, 4))
MID, LATE = date(2026, 1, 16), date(2026, 1, 24)
YEAR = date(2027, 1, 1)


@pytest.fixture
def seller(place: Place) -> Place:
    world.sell(place, [("acme", "team")], text=CATALOGUE, starts_on=JAN)
    return place


def at(
    place: Place, day: date, do: Callable[..., Subscription], *given: Any, **named: Any
) -> Subscription:
    """An operation on contracts as it would be called on a day."""
    writing = {**world.writing(place), "at": midnight(day)}
    with place.database.transaction(place.tenant_id) as tx:
        return do(tx, *given, **named, reason="asked", writing=writing)


def seats(place: Place, day: date, quantity: str, on: date | None = None) -> Subscription:
    return at(place, day, contracts.agree, "acme", {"seats": quantity}, When(on))


def lines(place: Place) -> list[list[tuple[str, date, date, str | None, int]]]:
    """(price, first day, end, quantity, net) of each line of each document, in order of issue."""
    found = []
    for paper in world.issued(place):
        zone = paper.customer.time_zone
        found.append(
            [
                (
                    line.charge.price.key,
                    local_date(line.starts_at, zone),
                    local_date(line.ends_at, zone),
                    None if line.charge.quantity is None else line.charge.quantity.value,
                    line.net,
                )
                for line in paper.lines
            ]
        )
    return found


FIRST = [
    ("fee", JAN, FEB, None, 6200),
    ("seats", JAN, FEB, "2", 6200),
    ("setup", JAN, date(2026, 1, 2), None, 9900),
    ("domain", JAN, YEAR, None, 1200),
]


def test_fees_seats_what_is_sold_once_and_what_has_another_interval_stand_on_the_first_invoice(
    seller,
):
    world.run(seller, midnight(JAN))
    assert [sorted(paper) for paper in lines(seller)] == [sorted(FIRST)]
    sound(seller)


def test_nothing_is_sold_once_again_and_a_year_is_paid_once(seller):
    world.run(seller, midnight(MAR))
    told = [line for paper in lines(seller) for line in paper]
    assert [key for key, *_ in told].count("setup") == 1
    assert [key for key, *_ in told].count("domain") == 1
    assert [key for key, *_ in told].count("seats") == 3
    sound(seller)


def test_more_seats_in_mid_month_cost_the_difference_for_the_rest_and_cut_nothing_else(seller):
    world.use(seller, [world.calls("acme", 8, MID), world.calls("acme", 7, LATE)])
    world.run(seller, midnight(JAN))
    seats(seller, MID, "5")
    world.run(seller, midnight(MID))
    # 2 seats stay for 15 of 31 days, 5 come for 16 of 31
    assert lines(seller)[1:] == [
        [("seats", JAN, MID, "2", 3000 - 6200), ("seats", MID, FEB, "5", 8000)]
    ]
    world.run(seller, midnight(FEB))
    assert sorted(lines(seller)[2]) == [
        ("calls", JAN, FEB, "15", 2000),  # one period, with tiers as ever
        ("fee", FEB, MAR, None, 6200),
        ("seats", FEB, MAR, "5", 15500),
    ]
    sound(seller)


def test_fewer_seats_wait_for_the_end_of_the_period_by_the_plan_and_come_at_once_if_a_day_is_told(
    seller,
):
    world.run(seller, midnight(JAN))
    seats(seller, MID, "1")
    world.run(seller, midnight(FEB))
    assert ("seats", FEB, MAR, "1", 3100) in lines(seller)[1]
    seats(seller, FEB, "3", date(2026, 2, 8))
    seats(seller, FEB, "2", date(2026, 2, 15))
    world.run(seller, midnight(date(2026, 2, 15)))
    told = [line for paper in lines(seller)[2:] for line in paper]
    assert told == [
        ("seats", FEB, date(2026, 2, 8), "1", 775 - 3100),
        ("seats", date(2026, 2, 8), date(2026, 2, 15), "3", 2325),
        ("seats", date(2026, 2, 15), MAR, "2", 3100),
    ]
    sound(seller)


def test_a_plan_that_keeps_what_is_paid_lowers_seats_with_the_next_period_only(place):
    told = Told({"seats": "4"})
    start(place, "keeper", told)
    world.run(place, midnight(JAN))
    with pytest.raises(Invalid) as refused:
        seats(place, MID, "2", MID)
    assert (refused.value.code, refused.value.hint) == (
        "subscription.decrease_kept",
        "choose 2026-02-01",
    )
    seats(place, MID, "2")
    world.run(place, midnight(FEB))
    assert lines(place) == [
        [("seats", JAN, FEB, "4", 12400)],
        [("seats", FEB, MAR, "2", 6200)],
    ]


def start(place: Place, plan: str, told: Told) -> None:
    world.sell(place, [("acme", plan)], text=CATALOGUE, starts_on=JAN, told=told)


def test_seats_in_arrears_are_billed_by_stretches_with_their_part_of_a_minimum(place):
    start(place, "arrears", Told({"seats": "1"}))
    seats(place, MID, "4")
    world.run(place, midnight(FEB))
    assert [line for paper in lines(place) for line in paper] == [
        ("seats", JAN, MID, "1", 4500),  # the minimum of 93 for 15 of 31 days
        ("seats", MID, FEB, "4", 6400),  # 4 × 31 for 16 of 31 days
    ]
    sound(place)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        # a planned switch takes over what is agreed by then, whenever that was agreed
        ([("switch", JAN, FEB, "big"), ("seats", MID, "5")], ("5", 7750)),
        ([("seats", MID, "5"), ("switch", JAN, FEB, "big")], ("5", 7750)),
        ([("switch", JAN, FEB, "big")], ("2", 6200)),
    ],
)
def test_a_switch_goes_on_with_the_seats_that_are_agreed_then(seller, changes, expected):
    for what, day, *given in changes:
        if what == "seats":
            seats(seller, day, given[0])
        else:
            at(seller, day, contracts.switch, "acme", given[1], When(given[0]))
    world.run(seller, midnight(FEB))
    (found,) = [
        line for paper in lines(seller) for line in paper if line[0] == "seats" and line[1] == FEB
    ]
    assert found[3:] == expected
    sound(seller)


def test_an_add_on_is_billed_beside_the_plan_with_periods_cut_like_its(seller):
    world.run(seller, midnight(JAN))
    at(seller, MID, contracts.add, "acme", "storage", None)
    world.run(seller, midnight(FEB))
    told = [line for paper in lines(seller)[1:] for line in paper if line[0] == "disk"]
    assert told == [("disk", MID, FEB, "10", 1600), ("disk", FEB, MAR, "10", 3100)]
    at(seller, FEB, contracts.drop, "acme", "storage", When(date(2026, 2, 15)))
    world.run(seller, midnight(APR))
    told = [line for paper in lines(seller)[3:] for line in paper if line[0] == "disk"]
    assert told == [("disk", FEB, date(2026, 2, 15), "10", -1550)]
    sound(seller)


def test_the_quantity_of_an_add_on_changes_by_its_name(seller):
    at(seller, JAN, contracts.add, "acme", "storage", JAN, name="backup", told=Told({"disk": "20"}))
    at(seller, JAN, contracts.add, "acme", "storage", JAN)
    at(seller, JAN, contracts.agree, "acme", {"disk": "40"}, When(FEB), track="backup")
    world.run(seller, midnight(FEB))
    told = sorted(line for paper in lines(seller) for line in paper if line[0] == "disk")
    assert told == [
        ("disk", JAN, FEB, "10", 3100), ("disk", JAN, FEB, "20", 6200),
        ("disk", FEB, MAR, "10", 3100), ("disk", FEB, MAR, "40", 12400),
    ]  # fmt: skip
    sound(seller)


def test_a_pause_rests_everything_and_a_cancellation_ends_everything(seller):
    at(seller, JAN, contracts.add, "acme", "storage", JAN)
    at(seller, JAN, contracts.change, "acme", Pause(), When(FEB))
    at(seller, JAN, contracts.change, "acme", Resume(), When(MAR))
    at(seller, JAN, contracts.change, "acme", Cancel(), When(APR))
    world.run(seller, midnight(date(2026, 5, 1)))
    told = sorted(
        (key, first) for paper in lines(seller) for key, first, *_, net in paper if net > 0
    )
    assert told == [
        ("disk", JAN), ("disk", MAR), ("domain", JAN), ("domain", MAR), ("fee", JAN), ("fee", MAR),
        ("seats", JAN), ("seats", MAR), ("setup", JAN),
    ]  # fmt: skip
    sound(seller)


def test_a_price_of_its_own_stands_in_place_of_the_plans(place):
    start(
        place, "team",
        Told(prices={"fee": parse("flat: {amount: '6.20'}", "fee"),
                     "seats": parse("per_unit: {unit_amount: '3.1'}", "seats")}),
    )  # fmt: skip
    world.run(place, midnight(JAN))
    assert sorted(lines(place)[0]) == sorted(
        [("fee", JAN, FEB, None, 620), ("seats", JAN, FEB, "2", 620), *FIRST[2:]]
    )
    seats(place, MID, "3")
    world.run(place, midnight(MID))
    assert lines(place)[1] == [
        ("seats", JAN, MID, "2", 300 - 620), ("seats", MID, FEB, "3", 480),
    ]  # fmt: skip
    sound(place)


def test_to_a_new_version_of_its_plan_a_contract_goes_with_its_prices_and_nothing_is_sold_again(
    place,
):
    start(place, "team", Told({"seats": "3"}, {"fee": parse("flat: {amount: '6.20'}", "fee")}))
    world.run(place, midnight(JAN))
    world.apply(place, CATALOGUE.replace("unit_amount: 31}", "unit_amount: 40}"))
    at(place, MID, contracts.switch, "acme", "team", When(FEB))
    world.run(place, midnight(FEB))
    assert sorted(lines(place)[1]) == [
        ("calls", JAN, FEB, "0", 0), ("domain", JAN, FEB, None, 102 - 1200),
        ("domain", FEB, YEAR, None, 1098), ("fee", FEB, MAR, None, 620), ("seats", FEB, MAR, "3", 12000),
    ]  # fmt: skip
    sound(place)


def test_something_is_sold_once_without_a_contract_that_goes_on(seller):
    with seller.database.transaction(seller.tenant_id) as tx:
        found = customers.by_name(tx, "acme")
        order = Order(found, "visit", "acme/visit", MID, ends_on=date(2026, 1, 17),
                      told=Told({"visit": "2.5"}))  # fmt: skip
        contracts.start(tx, [order], **world.writing(seller))
    world.run(seller, midnight(APR))
    told = [line for paper in lines(seller) for line in paper if line[0] == "visit"]
    assert told == [("visit", MID, date(2026, 1, 17), "2.5", 20000)]
    sound(seller)


def test_what_is_agreed_is_explained_and_runs_in_the_running_cost(seller):
    world.run(seller, midnight(JAN))
    with seller.database.snapshot(seller.tenant_id) as tx:
        explain.explain(tx, "INV-000001")
        found = outstanding.of_customer(tx, customers.by_name(tx, "acme"), midnight(MID))
    assert any(line.charge.price.key == "seats" for line in found.lines)


@pytest.mark.parametrize(
    ("do", "given", "named", "code"),
    [
        (contracts.agree, ({"seats": "0"}, When(FEB)), {}, "subscription.quantity"),
        (contracts.agree, ({"seats": "51"}, When(FEB)), {}, "subscription.quantity"),
        (contracts.agree, ({"seats": "1e9"}, When(FEB)), {}, "subscription.quantity"),
        (contracts.agree, ({"fee": "2"}, When(FEB)), {}, "subscription.quantity"),
        (contracts.agree, ({"calls": "2"}, When(FEB)), {}, "subscription.quantity"),
        (contracts.agree, ({"chairs": "2"}, When(FEB)), {}, "subscription.price_unknown"),
        (contracts.agree, ({"disk": "2"}, When(FEB)), {"track": "storage"}, "subscription.no_add_on"),
        (contracts.agree, ({"seats": "2"}, When(FEB)), {}, "subscription.clash"),
        (contracts.drop, ("storage", When(FEB)), {}, "subscription.no_add_on"),
        (contracts.drop, (MAIN, When(FEB)), {}, "subscription.no_add_on"),
        (contracts.drop, ("#seats", When(FEB)), {}, "subscription.no_add_on"),
        (contracts.add, ("storage", FEB), {"name": "a#b"}, "subscription.name_taken"),
        (contracts.add, ("storage", FEB), {"told": Told({"disk": "-1"})}, "subscription.quantity"),
        (contracts.add, ("nothing", FEB), {}, "plan.unknown"),
        (contracts.switch, ("keeper", When(FEB)), {"told": Told({"fee": "1"})},
         "subscription.price_unknown"),
        (contracts.switch, ("storage", When(FEB)), {}, "subscription.add_on_alone"),
        (contracts.switch, ("big", When(FEB)),
         {"told": Told(prices={"fee": parse("per_unit: {unit_amount: 1}", "fee")})}, "catalog.wrong_value"),
    ],
)  # fmt: skip
def test_what_can_not_be_agreed_is_refused(seller, do, given, named, code):
    with pytest.raises(Refusal) as refused:
        at(seller, MID, do, "acme", *given, **named)
    assert refused.value.code == code


def test_an_add_on_clashes_with_a_plan_that_it_does_not_add_to(seller):
    at(seller, JAN, contracts.add, "acme", "storage", FEB)
    with pytest.raises(Conflict) as refused:
        at(seller, JAN, contracts.switch, "acme", "keeper", When(MAR))
    assert refused.value.code == "subscription.clash"
    assert "storage is no add-on to keeper" in refused.value.message
    at(seller, JAN, contracts.drop, "acme", "storage", When(MAR))
    at(seller, JAN, contracts.switch, "acme", "keeper", When(MAR))


def test_a_quantity_that_nobody_tells_is_asked_for(seller):
    with pytest.raises(Conflict) as refused:
        world.sell(seller, [("else", "keeper")], text=CATALOGUE)
    assert "how much of seats" in refused.value.message
    with pytest.raises(NotFound):
        at(seller, JAN, contracts.agree, "acme", {"disk": "1"}, When(FEB), track="storage")
