"""Customers who pay for others: whose invoice a period stands on, and who owes."""

from __future__ import annotations

from datetime import date

import pytest

from everycent.customers import queries as customers
from everycent.flows import owed
from everycent.kernel.calendar import local_date
from everycent.kernel.errors import Refusal
from everycent.subscriptions import operations as contracts
from everycent.subscriptions.operations import When
from everycent.subscriptions.timeline import Cancel
from tests.conftest import Place
from tests.flows import world
from tests.flows.test_contracts import sound
from tests.flows.world import calls, midnight, use

CATALOGUE = """
meters:
  calls: {unit: call}
intake:
  calls: {after_invoice: next_invoice}
products: {api: {name: API}, base: {name: Base}}
plans:
  calls:
    currency: EUR
    anchor_day: 1
    prices: [{key: calls, product: api, meter: calls, per_unit: {unit_amount: 1}}]
  fixed:
    currency: EUR
    anchor_day: 1
    prices: [{key: fee, product: base, flat: {amount: 31}, timing: in_advance}]
"""
JAN, FEB, MAR, APR = (date(2026, month, 1) for month in (1, 2, 3, 4))
MID = date(2026, 1, 16)


@pytest.fixture
def seller(place: Place) -> Place:
    plans = [("parent", "fixed"), ("child", "calls"), ("other", "fixed"), ("alone", "calls")]
    world.sell(place, plans, text=CATALOGUE, starts_on=JAN)
    use(place, [calls("child", 7, date(2026, 1, 10)), calls("child", 5, date(2026, 2, 10))])
    return place


def pay(place: Place, key: str, payer: str | None, on: date) -> None:
    with place.database.transaction(place.tenant_id) as tx:
        contracts.let_pay(
            tx, customers.by_name(tx, key), payer and customers.by_name(tx, payer), on,
            reason="", writing=world.writing(place),
        )  # fmt: skip


def papers(place: Place) -> set[tuple[str, str, date, int]]:
    """(who got it, contract, first day, net) of every line."""
    return {
        (paper.customer.key, line.subscription,
         local_date(line.starts_at, paper.customer.time_zone), line.net)
        for paper in world.issued(place)
        for line in paper.lines
        if line.net
    }  # fmt: skip


def balances(place: Place) -> dict[str, int]:
    with place.database.snapshot(place.tenant_id) as tx:
        return {o.customer: o.amount.minor for o in owed.owed(tx, midnight(APR), midnight(APR))}


def test_a_parent_gets_one_invoice_for_itself_and_its_children(seller):
    pay(seller, "child", "parent", JAN)
    pay(seller, "other", "parent", JAN)
    world.run(seller, midnight(FEB))
    assert papers(seller) == {
        ("parent", "parent", JAN, 3100), ("parent", "other", JAN, 3100),
        ("parent", "child", JAN, 700), ("parent", "parent", FEB, 3100),
        ("parent", "other", FEB, 3100),
    }  # fmt: skip
    assert balances(seller) == {"parent": 13100}
    february = next(
        paper for paper in world.issued(seller)
        if paper.customer.key == "parent" and len({line.subscription for line in paper.lines}) == 3
    )  # fmt: skip
    assert [line.subscription for line in february.lines] == ["child", "other", "parent"]
    sound(seller)


def test_a_period_falls_to_who_pays_at_its_end_and_in_advance_at_its_start(seller):
    pay(seller, "child", "parent", MID)
    pay(seller, "other", "parent", MID)
    pay(seller, "child", None, date(2026, 2, 20))
    world.run(seller, midnight(MAR))
    assert papers(seller) >= {
        ("parent", "child", JAN, 700), ("child", "child", FEB, 500),
        ("other", "other", JAN, 3100), ("parent", "other", FEB, 3100),
    }  # fmt: skip
    sound(seller)


def test_what_is_given_back_goes_to_who_paid(seller):
    pay(seller, "other", "parent", JAN)
    world.run(seller, midnight(JAN))
    pay(seller, "other", None, date(2026, 1, 10))
    with seller.database.transaction(seller.tenant_id) as tx:
        contracts.change(
            tx, "other", Cancel(), When(MID), reason="left", writing=world.writing(seller)
        )
    world.run(seller, midnight(MID))
    assert ("parent", "other", JAN, 1500 - 3100) in papers(seller)
    sound(seller)


def test_late_usage_goes_to_who_got_the_invoice(seller):
    pay(seller, "child", "parent", JAN)
    world.run(seller, midnight(FEB))
    pay(seller, "child", None, FEB)
    use(seller, [calls("child", 3, date(2026, 1, 20))])
    world.run(seller, midnight(MAR))
    assert {("parent", "child", JAN, 300), ("child", "child", FEB, 500)} <= papers(seller)
    sound(seller)


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        ([("child", "child", JAN)], "customer.pays_itself"),
        ([("child", "parent", JAN), ("parent", "other", FEB)], "customer.payer_of_payer"),
        ([("parent", "other", JAN), ("child", "parent", FEB)], "customer.payer_of_payer"),
        ([("child", "parent", JAN), ("child", None, FEB), ("parent", "other", FEB)], None),
    ],
)
def test_somebody_pays_in_the_end(seller, steps, code):
    for step in steps[:-1]:
        pay(seller, *step)
    if code is None:
        pay(seller, *steps[-1])
        return
    with pytest.raises(Refusal) as refused:
        pay(seller, *steps[-1])
    assert refused.value.code == code


def test_who_paid_what_is_billed_stays(seller):
    world.run(seller, midnight(FEB))
    with pytest.raises(Refusal) as refused:
        pay(seller, "child", "parent", MID)
    assert refused.value.code == "customer.billed_beyond"
    pay(seller, "child", "parent", FEB)
