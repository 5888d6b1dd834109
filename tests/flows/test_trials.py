"""Trials and rules of proration from the catalogue file to the invoice: billed, explained, told, kept."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from everycent.flows import rerate, verify
from everycent.flows.explain import explain
from everycent.flows.rerate import Issued
from everycent.kernel.errors import Refusal
from everycent.metering.record import UsageRecord
from everycent.subscriptions.timeline import Cancel, Pause, Resume
from tests.conftest import Place
from tests.flows import world
from tests.flows.test_contracts import FEB, JAN, MAR, MID, billed, change, course, sound, switch
from tests.flows.world import calls, midnight, use

CATALOGUE = """
meters:
  calls: {unit: call}
  register: {unit: kWh, aggregation: counter, digits: 5}
products: {api: {name: API}, base: {name: Base}}
plans:
  trial:
    currency: EUR
    trial: {days: 14}
    prices:
      - {key: fee, product: base, flat: {amount: 31}, timing: in_advance}
      - {key: calls, product: api, meter: calls, per_unit: {unit_amount: 1}}
  more:
    currency: EUR
    trial: {days: 20, change: from_start}
    prices:
      - {key: fee, product: base, flat: {amount: 62}, timing: in_advance}
      - {key: calls, product: api, meter: calls, per_unit: {unit_amount: 2}}
  over:
    currency: EUR
    trial: {days: 20, change: end}
    prices: [{key: fee, product: base, flat: {amount: 62}, timing: in_advance}]
  off:
    currency: EUR
    anchor_day: 1
    trial: {days: 14, mode: days_off_first_period, usage: billed}
    prices:
      - {key: fee, product: base, flat: {amount: 31}, timing: in_advance}
      - {key: calls, product: api, meter: calls, per_unit: {unit_amount: 1}}
  thirty:
    currency: EUR
    anchor_day: 1
    proration: {day_count: 30, complement: true, change_day: both, end_day: billed}
    prices: [{key: fee, product: base, flat: {amount: 30}}]
  daily:
    currency: EUR
    anchor_day: 1
    proration: {round_daily_rate: true, minimum: last_part}
    prices:
      - {key: fee, product: base, flat: {amount: 10}}
      - {key: calls, product: api, meter: calls, per_unit: {unit_amount: 1}, minimum: 62}
  power:
    currency: EUR
    trial: {days: 14}
    prices: [{key: energy, product: api, meter: register, per_unit: {unit_amount: 1}}]
  whole:
    currency: EUR
    anchor_day: 1
    prices:
      - {key: fee, product: base, flat: {amount: 9}, proration: {unit: none}}
      - {key: slow, product: base, flat: {amount: 31}, proration: {unit: second}}
"""
KEYS = ["trial", "off", "thirty", "daily", "whole", "power"]


@pytest.fixture
def seller(place: Place) -> Place:
    world.sell(place, [(key, key) for key in KEYS], text=CATALOGUE, starts_on=JAN)
    return place


def day(month: int, number: int) -> date:
    return date(2026, month, number)


def reasons(place: Place) -> dict[str, int]:
    with place.database.snapshot(place.tenant_id) as tx:
        return {code: n for code, n in verify.reasons_of_usage(tx).items() if n}


def rated_again(place: Place) -> None:
    """Every issued line comes to the same again, and its explanation agrees with it."""
    issued = [Issued(invoice, line) for invoice in world.issued(place) for line in invoice.lines]
    with place.database.snapshot(place.tenant_id) as tx:
        again = rerate.rerate(tx, issued)
        for invoice in world.issued(place):
            explain(tx, invoice.name)
    for one, charge in zip(issued, again, strict=True):
        assert not isinstance(charge, Refusal)
        assert (charge.net, charge.share) == (one.line.charge.net, one.line.charge.share)


def test_a_trial_costs_nothing_and_the_first_period_begins_when_it_ends(seller):
    use(seller, [calls("trial", 5, day(1, 10)), calls("trial", 7, day(1, 20))])
    world.run(seller, midnight(MID))
    assert billed(seller, "trial") == [("fee", day(1, 15), day(2, 15), "31.00")]
    assert reasons(seller)["trial"] == 1
    world.run(seller, midnight(MAR))
    assert billed(seller, "trial")[1:] == [
        ("fee", day(2, 15), day(3, 15), "31.00"),
        ("calls", day(1, 15), day(2, 15), "7.00"),
    ]
    assert reasons(seller) == {"trial": 1, "billed": 1}
    sound(seller)


def test_days_of_a_trial_are_taken_off_and_usage_is_billed_for_the_whole_period(seller):
    use(seller, [calls("off", 5, day(1, 10)), calls("off", 7, day(1, 20))])
    world.run(seller, midnight(FEB))
    assert billed(seller, "off") == [
        ("fee", day(1, 15), FEB, "17.00"),
        ("fee", FEB, MAR, "31.00"),
        ("calls", JAN, FEB, "12.00"),
    ]
    assert reasons(seller) == {"billed": 2}
    sound(seller)
    rated_again(seller)


def test_a_change_within_a_trial_keeps_it_restarts_it_or_ends_it(seller):
    assert course(switch(seller, "more", day(1, 10), key="trial"))[1:] == [
        ("more", day(1, 10), None)
    ]
    world.run(seller, midnight(day(1, 21)))
    assert billed(seller, "trial") == [("fee", day(1, 21), day(2, 21), "62.00")]
    sound(seller)


def test_a_trial_can_end_with_the_change(seller):
    switch(seller, "over", day(1, 10), key="trial")
    world.run(seller, midnight(day(1, 10)))
    assert billed(seller, "trial") == [("fee", day(1, 10), day(2, 10), "62.00")]
    sound(seller)


def test_a_pause_does_not_make_a_trial_longer_and_an_end_within_it_costs_nothing(seller):
    change(seller, Pause(), day(1, 5), key="trial")
    change(seller, Resume(), day(1, 12), key="trial")
    change(seller, Cancel(), day(1, 10), key="off")
    world.run(seller, midnight(MID))
    assert billed(seller, "trial") == [("fee", day(1, 15), day(2, 15), "31.00")]
    world.run(seller, midnight(MAR))
    assert [row for row in billed(seller, "off") if row[3] != "0.00"] == []
    sound(seller)


def test_months_of_thirty_days_and_their_rest_and_a_day_on_both_plans(seller):
    switch(seller, "whole", MID, key="thirty")
    world.run(seller, midnight(FEB))
    # 1 to 16 January on the old plan: its 16 days of 30, the day of the change counted.
    assert billed(seller, "thirty")[0] == ("fee", JAN, MID, "16.00")
    sound(seller)
    rated_again(seller)


def test_the_day_on_which_a_contract_ends_is_billed_where_the_plan_says_so(seller):
    held = change(seller, Cancel(), day(2, 10), key="thirty")
    assert held.ends_on == day(2, 11)
    world.run(seller, midnight(MAR))
    assert billed(seller, "thirty")[-1] == ("fee", FEB, day(2, 11), "10.00")
    sound(seller)


def test_a_rounded_daily_rate_and_a_minimum_with_the_last_part_only(seller):
    switch(seller, "trial", MID, key="daily")
    world.run(seller, midnight(FEB))
    # 10 / 31 = 0.32 a day, × 15; the minimum of 62 is left to the part that ends the period.
    assert billed(seller, "daily")[:2] == [
        ("fee", JAN, MID, "4.80"),
        ("calls", JAN, MID, "0.00"),
    ]
    sound(seller)
    rated_again(seller)


def test_parts_in_full_and_by_seconds(seller):
    change(seller, Cancel(), MID, key="whole")
    world.run(seller, midnight(FEB))
    assert billed(seller, "whole") == [
        ("fee", JAN, MID, "9.00"),
        ("slow", JAN, MID, "15.00"),
    ]
    sound(seller)
    rated_again(seller)


def test_the_share_says_by_which_rule_it_was_counted(seller):
    switch(seller, "trial", MID, key="daily")
    change(seller, Cancel(), day(1, 10), key="thirty")
    world.run(seller, midnight(FEB))
    shares = []
    with seller.database.snapshot(seller.tenant_id) as tx:
        for invoice in world.issued(seller):
            for line in explain(tx, invoice.name).children:
                shares += [n for n in line.children if n.kind == "share" and ";" in n.detail]
    assert [(node.what, node.value, node.detail) for node in shares] == [
        (
            "10 of the period's 30 days",
            "10 EUR",
            (
                "30 EUR × 10/30; every month has 30 days, the last day of the contract is billed,"
                " the day of a change is billed on both plans, the last part is what the others leave"
            ),
        ),
        (
            "15 of the period's 31 days",
            "4.8 EUR",
            "10 EUR × 15/31; the price of one day is rounded first",
        ),
    ]


def reading(number: int, value: int) -> UsageRecord:
    at = datetime(2026, 1, number, 12, tzinfo=UTC)
    return UsageRecord("test", f"r{number}", "power", "register", at, str(value))


def test_a_register_is_billed_from_the_last_reading_of_the_trial_on(seller):
    use(seller, [reading(2, 100), reading(14, 140), reading(20, 200)])
    assert reasons(seller) == {"trial": 2, "not_yet_billed": 1}
    world.run(seller, midnight(day(2, 15)))
    assert billed(seller, "power") == [("energy", day(1, 15), day(2, 15), "60.00")]
    assert reasons(seller) == {"opening_reading": 2, "billed": 1}
    sound(seller)
