"""Commitments: what is missing to a minimum of all that a contract is charged, or beyond a maximum."""

from __future__ import annotations

from datetime import date

import pytest

from everycent.catalog import document
from everycent.catalog.own_price import parse
from everycent.flows import explain
from everycent.kernel.calendar import local_date
from everycent.kernel.errors import Invalid
from everycent.subscriptions import operations as contracts
from everycent.subscriptions.changing import When
from everycent.subscriptions.timeline import Cancel
from everycent.subscriptions.told import Told
from tests.conftest import Place
from tests.flows import world
from tests.flows.test_agreed import at
from tests.flows.test_contracts import sound
from tests.flows.world import calls, midnight, use

CATALOGUE = """
products: {p: {name: P}}
meters: {calls: {unit: call}}
intake: {calls: {after_invoice: next_invoice}}
plans:
  monthly:
    currency: EUR
    anchor_day: 1
    prices:
      - {key: fee, product: p, flat: {amount: 31}, timing: in_advance}
      - {key: calls, product: p, meter: calls, per_unit: {unit_amount: 1}}
      - {key: least, product: p, commitment: {minimum: 100}}
  yearly:
    currency: EUR
    anchor_day: 1
    prices:
      - {key: calls, product: p, meter: calls, per_unit: {unit_amount: 1}}
      - {key: least, product: p, commitment: {minimum: 365, maximum: 730}, interval: year}
  capped:
    currency: EUR
    anchor_day: 1
    prices:
      - {key: fee, product: p, flat: {amount: 31}, timing: in_advance}
      - {key: calls, product: p, meter: calls, per_unit: {unit_amount: 1}}
      - {key: most, product: p, commitment: {maximum: 50, prices: [calls]}}
"""
JAN, FEB, MAR, APR = (date(2026, month, 1) for month in (1, 2, 3, 4))
MID = date(2026, 1, 16)
YEAR = date(2027, 1, 1)


def sell(place: Place, plan: str, told: Told = Told()) -> None:  # noqa: B008 - it is immutable
    world.sell(place, [("acme", plan)], text=CATALOGUE, starts_on=JAN, told=told)


def nets(place: Place) -> list[list[tuple[str, int]]]:
    """(price, net) of each line of each document in order of issue, without lines of nothing."""
    return [
        sorted((line.charge.price.key, line.net) for line in paper.lines if line.net)
        for paper in world.issued(place)
    ]


@pytest.mark.parametrize(
    ("plan", "used", "least"),
    [
        ("monthly", 20, [("least", 10000 - 3100 - 2000)]),
        ("monthly", 69, []),
        ("monthly", 68, [("least", 100)]),
        ("monthly", 500, []),
        ("capped", 20, []),
        ("capped", 50, []),
        ("capped", 51, [("most", -100)]),  # the fee does not count
        ("capped", 80, [("most", -3000)]),
    ],
)
def test_a_month_is_charged_what_is_missing_or_given_what_is_beyond(place, plan, used, least):
    sell(place, plan)
    use(place, [calls("acme", used, MID)])
    world.run(place, midnight(FEB))
    assert nets(place) == [
        [("fee", 3100)],
        sorted([("calls", used * 100), *least, ("fee", 3100)]),
    ]
    sound(place)


def test_a_year_counts_all_of_its_months_whenever_they_are_billed(place):
    sell(place, "yearly")
    use(place, [calls("acme", 100, date(2026, 3, 5)), calls("acme", 150, date(2026, 9, 5))])
    for month in range(2, 13):
        world.run(place, midnight(date(2026, month, 1)))
    world.run(place, midnight(YEAR))
    assert nets(place)[-1] == [("least", 36500 - 25000)]
    sound(place)


def test_a_year_that_is_billed_at_once_comes_to_the_same(place):
    sell(place, "yearly")
    use(place, [calls("acme", 100, date(2026, 3, 5)), calls("acme", 900, date(2026, 9, 5))])
    world.run(place, midnight(YEAR))
    assert [("least", 73000 - 100000)] in nets(place)
    sound(place)


def test_a_contract_that_ends_within_owes_its_part_of_the_minimum(place):
    sell(place, "yearly")
    use(place, [calls("acme", 20, MID)])
    at(place, JAN, contracts.change, "acme", Cancel(), When(APR))
    world.run(place, midnight(APR))
    # 90 of 365 days of 365.00, less 20.00
    assert nets(place)[-1] == [("least", 9000 - 2000)]
    sound(place)


def test_a_change_of_plan_divides_it_by_days(place):
    sell(place, "monthly")
    use(place, [calls("acme", 10, date(2026, 1, 5)), calls("acme", 1, date(2026, 1, 20))])
    at(place, JAN, contracts.switch, "acme", "capped", When(MID))
    world.run(place, midnight(FEB))
    told = [line for paper in nets(place) for line in paper]
    # 15/31 of 100.00 less 10.00 of calls and 15.00 of the fee
    assert ("least", 4839 - 1000 - 1500) in told
    sound(place)


def test_late_usage_is_taken_off_what_was_missing(place):
    sell(place, "monthly")
    use(place, [calls("acme", 20, MID)])
    world.run(place, midnight(FEB))
    use(place, [calls("acme", 30, date(2026, 1, 20))])
    world.run(place, midnight(MAR))
    world.run(place, midnight(APR))
    told = nets(place)
    assert told[1] == [("calls", 2000), ("fee", 3100), ("least", 4900)]
    assert told[2] == [("calls", 3000), ("fee", 3100), ("least", 6900)]
    assert told[3] == sorted([("fee", 3100), ("least", -3000), ("least", 6900)])
    world.run(place, midnight(date(2026, 5, 1)))
    assert nets(place)[4] == [("fee", 3100), ("least", 6900)]
    sound(place)


def test_a_contract_can_commit_itself_to_more_than_its_plan(place):
    sell(place, "monthly", Told(prices={"least": parse("commitment: {minimum: 500}", "least")}))
    world.run(place, midnight(FEB))
    assert nets(place)[1] == [("fee", 3100), ("least", 50000 - 3100)]


def test_it_is_explained_with_what_was_counted(place):
    sell(place, "monthly")
    use(place, [calls("acme", 20, MID)])
    world.run(place, midnight(FEB))
    with place.database.snapshot(place.tenant_id) as tx:
        told = str(explain.explain(tx, "INV-000002"))
    assert "Missing to the minimum" in told
    assert "at least 100 EUR for a period" in told
    assert local_date(midnight(FEB), world.ZONE) == FEB


@pytest.mark.parametrize(
    ("price", "field"),
    [
        ("{key: c, product: p, commitment: {}}", "commitment"),
        ("{key: c, product: p, commitment: {minimum: -1}}", "commitment.minimum"),
        ("{key: c, product: p, commitment: {minimum: 2, maximum: 1}}", "commitment.minimum"),
        ("{key: c, product: p, commitment: {minimum: 1}, maximum: 5}", "maximum"),
        ("{key: c, product: p, commitment: {minimum: 1, prices: [x]}}", "commitment.prices"),
        ("{key: c, product: p, commitment: {minimum: 1, prices: [c]}}", "commitment.prices"),
        ("{key: c, product: p, commitment: {minimum: 1}, meter: calls}", "meter"),
        ("{key: c, product: p, commitment: {minimum: 1}, agreed: {unit: x}}", "agreed"),
        ("{key: c, product: p, commitment: {minimum: 1}, timing: in_advance}", "timing"),
        ("{key: c, product: p, commitment: {minimum: 1}, timing: once}", "timing"),
        ("{key: c, product: p, commitment: {minimum: 1}, includes_tax: true}", "includes_tax"),
    ],
)
def test_a_commitment_that_makes_no_sense_is_refused_with_its_place(price, field):
    text = f"""
products: {{p: {{name: P}}}}
meters: {{calls: {{unit: call}}}}
plans: {{a: {{currency: EUR, prices: [{{key: fee, product: p, flat: {{amount: 1}}}}, {price}]}}}}
"""
    with pytest.raises(Invalid) as refused:
        document.parse(text)
    assert refused.value.field == f"plans.a.prices.c.{field}"
