"""What is owed does not depend on when billing runs, nor on when something is told that began before."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from everycent.subscriptions import operations as contracts
from everycent.subscriptions.changing import When
from everycent.subscriptions.timeline import Cancel, Pause
from tests.conftest import Place
from tests.flows import world
from tests.flows.test_agreed import at
from tests.flows.test_contracts import sound
from tests.flows.test_payers import pay
from tests.flows.world import calls, midnight, use

CATALOGUE = """
meters: {calls: {unit: call}}
intake: {calls: {after_invoice: next_invoice}}
products: {p: {name: P}}
plans:
  basic:
    currency: EUR
    anchor_day: 1
    prices:
      - {key: fee, product: p, flat: {amount: 31}, timing: in_advance}
      - {key: seats, product: p, per_unit: {unit_amount: 31}, timing: in_advance,
         agreed: {unit: seat, quantity: 4}}
  strict:
    currency: EUR
    anchor_day: 1
    changes: {upgrade: now, unused: nothing, unused_at_end: nothing}
    prices: [{key: fee, product: p, flat: {amount: 31}, timing: in_advance}]
  plus:
    currency: EUR
    anchor_day: 1
    prices: [{key: fee, product: p, flat: {amount: 62}, timing: in_advance}]
  committed:
    currency: EUR
    anchor_day: 1
    prices:
      - {key: year, product: p, flat: {amount: 365}, timing: in_advance, interval: year}
      - {key: least, product: p, commitment: {minimum: 100}}
  used:
    currency: EUR
    anchor_day: 1
    prices:
      - {key: calls, product: p, meter: calls, per_unit: {unit_amount: 1}}
      - {key: least, product: p, commitment: {minimum: 1000}, interval: year}
  monthly:
    currency: EUR
    anchor_day: 1
    prices:
      - {key: calls, product: p, meter: calls, per_unit: {unit_amount: 1}}
      - {key: least, product: p, commitment: {minimum: 100}}
  extra:
    currency: EUR
    anchor_day: 1
    prices: [{key: extra, product: p, flat: {amount: 31}, timing: in_advance}]
"""
JAN, FEB, MAR = (date(2026, month, 1) for month in (1, 2, 3))
MID = date(2026, 1, 16)


def owed(place: Place) -> int:
    """What all documents come to."""
    return sum(paper.gross for paper in world.issued(place))


def changed(place: Place, action: Any, when: When) -> None:
    at(place, when.on or JAN, contracts.change, "acme", action, when)


CHANGES = [
    # plan, what happens on the 16th, and what January costs
    ("basic", lambda place: changed(place, Cancel(), When(MID, keeps_paid=True)), 15500),
    ("basic", lambda place: changed(place, Pause(), When(MID, keeps_paid=True)), 15500),
    ("basic", lambda place: changed(place, Cancel(), When(MID)), 7500),
    ("strict", lambda place: changed(place, Cancel(), When(MID)), 3100),
    (
        "strict",
        lambda place: at(place, MID, contracts.switch, "acme", "plus", When(MID)),
        3100 + 3200,
    ),
]


@pytest.mark.parametrize("in_time", [True, False])
@pytest.mark.parametrize(("plan", "do", "expected"), CHANGES)
def test_what_is_kept_is_charged_whether_or_not_it_was_billed_by_then(
    place: Place, in_time: bool, plan: str, do: Any, expected: int
) -> None:
    world.sell(place, [("acme", plan)], text=CATALOGUE, starts_on=JAN)
    if in_time:
        world.run(place, midnight(JAN))
    do(place)
    for day in (MID, date(2026, 1, 31)):
        world.run(place, midnight(day))
    assert owed(place) == expected
    sound(place)


@pytest.mark.parametrize("months", [(), (2,), (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)])
def test_a_commitment_waits_for_all_that_it_counts_whoever_pays(
    place: Place, months: tuple[int, ...]
) -> None:
    plans = [("acme", "used"), ("holding", "plus")]
    world.sell(place, plans, text=CATALOGUE, starts_on=JAN)
    pay(place, "acme", "holding", date(2026, 7, 1))
    use(place, [calls("acme", 60, date(2026, month, 10)) for month in range(1, 13)])
    for month in months:
        world.run(place, midnight(date(2026, month, 1)))
    world.run(place, midnight(date(2027, 1, 1)))
    missing = [
        line.net for paper in world.issued(place) for line in paper.lines
        if line.charge.price.key == "least"
    ]  # fmt: skip
    assert missing == [100_000 - 12 * 6_000]
    sound(place)


@pytest.mark.parametrize("action", [Cancel(), Pause()])
def test_a_commitment_is_corrected_of_a_contract_of_which_nothing_else_falls_due(
    place: Place, action: Any
) -> None:
    world.sell(place, [("acme", "committed")], text=CATALOGUE, starts_on=JAN)
    for day in (JAN, FEB):
        world.run(place, midnight(day))
    changed(place, action, When(date(2026, 2, 11)))
    for day in (date(2026, 2, 11), MAR, date(2026, 4, 1)):
        world.run(place, midnight(day))
    # 41 days of the year, what is missing to January's 100, and the ten days of February's
    assert owed(place) == 4100 + (10_000 - 4100) + 3571
    sound(place)


def test_an_add_on_that_is_told_late_counts_as_if_it_had_been_told(place: Place) -> None:
    world.sell(place, [("acme", "monthly")], text=CATALOGUE, starts_on=JAN)
    use(place, [calls("acme", 10, date(2026, 1, 10))])
    world.run(place, midnight(FEB))
    at(place, FEB, contracts.add, "acme", "extra", JAN, name="extra")
    for day in (FEB + timedelta(days=1), FEB + timedelta(days=2)):
        world.run(place, midnight(day))
    january = sum(
        line.net for paper in world.issued(place) for line in paper.lines
        if line.starts_at == midnight(JAN)
    )  # fmt: skip
    assert january == 10_000
    sound(place)


def test_a_contract_ends_with_what_takes_place_and_not_with_what_was_withdrawn(
    place: Place,
) -> None:
    world.sell(place, [("acme", "basic")], text=CATALOGUE, starts_on=JAN)
    at(place, JAN, contracts.switch, "acme", "plus", When(date(2026, 7, 1)))
    at(place, JAN, contracts.withdraw, "acme", 1)
    changed(place, Pause(), When(date(2026, 6, 1)))
    held = at(place, JAN, contracts.change, "acme", Cancel(), When(date(2026, 6, 20)))
    assert held.ends_on == date(2026, 6, 1)
