"""Time that was paid in advance and that a change cuts off: what is given back, once and to the cent."""

from __future__ import annotations

from datetime import date

import psycopg
import pytest

from everycent.coupons import operations as coupons
from everycent.flows import explain, running
from everycent.invoicing import operations as invoicing
from everycent.kernel.calendar import local_date
from everycent.kernel.errors import Conflict
from everycent.subscriptions import operations as contracts
from everycent.subscriptions.changing import When
from everycent.subscriptions.timeline import Action, Cancel, Pause, Resume
from tests.conftest import Place
from tests.flows import world
from tests.flows.test_contracts import sound
from tests.flows.world import midnight

CATALOGUE = """
products: {base: {name: Base, tax: vat}}
taxes: {vat: {rounding: half_up, rates: [{since: 2020-01-01, percent: 20}]}}
plans:
  small: {currency: EUR, anchor_day: 1,
          prices: [{key: fee, product: base, flat: {amount: 31}, timing: in_advance}]}
  large: {currency: EUR, anchor_day: 1,
          prices: [{key: fee, product: base, flat: {amount: 62}, timing: in_advance}]}
  yearly: {currency: EUR, interval: year,
           prices: [{key: fee, product: base, flat: {amount: 365}, timing: in_advance}]}
"""
JAN, FEB, MAR, APR = (date(2026, month, 1) for month in (1, 2, 3, 4))
MID = date(2026, 1, 16)
LATE = date(2026, 1, 24)


@pytest.fixture
def seller(place: Place) -> Place:
    world.sell(place, [("acme", "small")], text=CATALOGUE, starts_on=JAN)
    world.run(place, midnight(JAN))
    return place


def change(place: Place, action: Action, on: date, *, keeps_paid: bool = False) -> None:
    with place.database.transaction(place.tenant_id) as tx:
        contracts.change(
            tx, "acme", action, When(on, keeps_paid), reason="asked", writing=world.writing(place)
        )


def switch(place: Place, plan: str, on: date) -> None:
    with place.database.transaction(place.tenant_id) as tx:
        contracts.switch(tx, "acme", plan, When(on), reason="asked", writing=world.writing(place))


def withdraw(place: Place, number: int) -> None:
    with place.database.transaction(place.tenant_id) as tx:
        contracts.withdraw(tx, "acme", number, reason="asked", writing=world.writing(place))


def papers(place: Place) -> list[tuple[str, list[tuple[date, date, int]], int]]:
    """(number, lines as (first day, end, net), gross) of every document, in order of issue."""
    found = []
    for paper in world.issued(place):
        zone = paper.customer.time_zone
        lines = [
            (local_date(line.starts_at, zone), local_date(line.ends_at, zone), line.net)
            for line in paper.lines
        ]
        found.append((paper.name, lines, paper.gross))
    return found


def test_a_change_of_plan_gives_back_what_is_left_and_bills_the_new_plan_on_one_invoice(seller):
    switch(seller, "large", MID)
    world.run(seller, midnight(MID))
    assert papers(seller)[1:] == [
        # 15 of 31 days of the old plan stay charged, 16 of 31 days of the new one come on top
        ("INV-000002", [(JAN, MID, 1500 - 3100), (MID, FEB, 3200)], 1920),
    ]
    world.run(seller, midnight(FEB))
    assert papers(seller)[2:] == [("INV-000003", [(FEB, MAR, 6200)], 7440)]
    sound(seller)


def test_a_cancelled_contract_gives_back_what_is_left_by_a_credit_note(seller):
    change(seller, Cancel(), MID)
    world.run(seller, midnight(MID))
    world.run(seller, midnight(APR))
    assert papers(seller)[1:] == [("CN-000001", [(JAN, MID, -1600)], -1920)]
    sound(seller)


def test_a_credit_note_has_a_series_of_its_own_without_gaps(seller):
    change(seller, Cancel(), MID)
    world.run(seller, midnight(APR))
    assert [name for name, _, _ in papers(seller)] == ["INV-000001", "CN-000001"]
    with seller.database.transaction(seller.tenant_id) as tx, pytest.raises(Conflict) as refused:
        invoicing.credit(tx, "INV-000001", reason="x", time_zone="UTC", **world.at_year_end(seller))
    assert refused.value.code == "invoice.corrected"
    sound(seller)


def test_what_is_told_after_periods_were_paid_gives_all_of_them_back(seller):
    world.run(seller, midnight(MAR))
    change(seller, Cancel(), MID)
    world.run(seller, midnight(APR))
    assert papers(seller)[3:] == [
        ("CN-000001", [(JAN, MID, -1600), (FEB, FEB, -3100), (MAR, MAR, -3100)], -9360)
    ]
    sound(seller)


def test_a_contract_that_ends_earlier_still_gives_back_only_the_days_between(seller):
    change(seller, Cancel(), LATE)
    world.run(seller, midnight(LATE))
    assert papers(seller)[1:] == [("CN-000001", [(JAN, LATE, -800)], -960)]


def test_a_pause_gives_back_and_what_is_resumed_is_billed_from_then_on(seller):
    change(seller, Pause(), MID)
    change(seller, Resume(), LATE)
    world.run(seller, midnight(FEB))
    assert papers(seller)[1:] == [
        ("CN-000001", [(JAN, MID, -1600)], -1920),
        ("INV-000002", [(LATE, FEB, 800)], 960),
        ("INV-000003", [(FEB, MAR, 3100)], 3720),
    ]
    sound(seller)


def test_nothing_is_given_back_where_that_was_agreed(seller):
    change(seller, Cancel(), MID, keeps_paid=True)
    world.run(seller, midnight(APR))
    assert papers(seller)[1:] == []
    sound(seller)


def test_nothing_is_given_back_by_a_change_that_was_withdrawn_in_time(seller):
    change(seller, Cancel(), LATE)
    withdraw(seller, 1)
    world.run(seller, midnight(FEB))
    assert papers(seller)[1:] == [("INV-000002", [(FEB, MAR, 3100)], 3720)]
    sound(seller)


def test_time_that_was_given_back_is_not_taken_again_by_withdrawing_the_change(seller):
    change(seller, Cancel(), MID)
    world.run(seller, midnight(MID))
    with pytest.raises(Conflict) as refused:
        withdraw(seller, 1)
    assert refused.value.code == "subscription.given_back"
    sound(seller)


def test_a_period_of_which_the_invoice_was_taken_back_is_not_given_back_again(seller):
    with seller.database.transaction(seller.tenant_id) as tx:
        invoicing.credit(tx, "INV-000001", reason="x", time_zone="UTC", **world.at_year_end(seller))
    change(seller, Cancel(), MID)
    world.run(seller, midnight(APR))
    assert papers(seller)[1:] == []
    sound(seller)


def test_several_changes_on_one_day_come_to_what_the_last_one_makes(seller):
    switch(seller, "large", MID)
    world.run(seller, midnight(MID))
    switch(seller, "yearly", LATE)
    world.run(seller, midnight(LATE))
    assert papers(seller)[2:] == [
        # 8 of the 16 days of the large plan go back; the year begins on the 24th
        ("INV-000003", [(MID, LATE, 1600 - 3200), (LATE, date(2027, 1, 24), 36500)], 41880),
    ]
    sound(seller)


def test_what_is_given_back_is_told_before_it_is_billed_and_explained_afterwards(seller):
    switch(seller, "large", MID)
    with seller.database.snapshot(seller.tenant_id) as tx:
        held = [contracts.get(tx, "acme")]
        before = running.running(tx, held, midnight(MID))
    assert [(line.state.value, line.net) for line in before.lines] == [
        ("due", -1600), ("due", 3200),
    ]  # fmt: skip
    assert before.totals() == {"EUR": 1600}
    world.run(seller, midnight(MID))
    with seller.database.snapshot(seller.tenant_id) as tx:
        told = explain.explain(tx, "INV-000002", 1).children[0]
    line = told
    assert (line.value, line.detail) == (
        "-16.00 EUR", "1 Jan – 15 Jan 2026, in the place of line 1 of INV-000001",
    )  # fmt: skip
    assert [(node.kind, node.value) for node in line.children[:2]] == [
        ("before", "-31.00 EUR"), ("right", "15.00 EUR"),
    ]  # fmt: skip


@pytest.mark.parametrize("column", ["charged", "ends_at", "charged_before"])
def test_the_database_takes_no_correction_that_does_not_stand_on_what_was_charged(seller, column):
    change(seller, Cancel(), LATE)
    world.run(seller, midnight(LATE))
    row = (
        "select tenant_id, subscription_id, item_no, starts_at, step + 1 as step, ends_at as ends_before,"
        " starts_at + interval '1 day' as ends_at, charged as charged_before, 100::bigint as charged,"
        " taken_back, invoice_id, line_no + 1 as line_no from period_correction"
    )
    wrong = {
        "charged": "step = 1",
        "ends_at": "ends_before = ends_before + interval '1 day'",
        "charged_before": "charged_before = charged_before + 1",
    }[column]
    name, _, value = wrong.partition(" = ")
    columns = (
        "tenant_id, subscription_id, item_no, starts_at, step, ends_before, ends_at,"
        " charged_before, charged, taken_back, invoice_id, line_no"
    )
    chosen = ", ".join(
        value if each.strip() == name else each.strip() for each in columns.split(",")
    )
    with (
        pytest.raises(psycopg.IntegrityError),
        seller.database.transaction(seller.tenant_id) as tx,
    ):
        tx.run(f"insert into period_correction ({columns}) select {chosen} from ({row}) r")


RULES = """
products: {base: {name: Base}}
plans:
  ten: {currency: EUR, anchor_day: 1, proration: {RULE}, changes: {CHANGES},
        prices: [{key: fee, product: base, flat: {amount: 10}, timing: in_advance}]}
  twenty: {currency: EUR, anchor_day: 1, proration: {RULE},
           prices: [{key: fee, product: base, flat: {amount: 20}, timing: in_advance}]}
"""


@pytest.mark.parametrize(
    ("rule", "changes", "is_cancelled", "nets"),
    [
        # 17 of 31 days are left: 10 × 17/31 = 5.4838… and 20 × 17/31 = 10.9677…
        ("", "", False, [-548, 1097]),
        ("round_per_line: false", "", False, [-549, 1097]),
        ("credit: unused_part", "", True, [-548]),
        ("unit: none", "", True, []),
        ("", "unused: nothing", False, [1097]),
        ("", "unused: nothing", True, [-548]),
        ("", "unused_at_end: nothing", True, []),
        ("", "unused: same_item", False, [-548, 1097]),
    ],
)
def test_what_is_given_back_follows_the_rule_of_the_plan(place, rule, changes, is_cancelled, nets):
    text = RULES.replace("RULE", rule).replace("CHANGES", changes)
    world.sell(place, [("acme", "ten")], text=text, starts_on=JAN)
    world.run(place, midnight(JAN))
    day = date(2026, 1, 15)
    if is_cancelled:
        change(place, Cancel(), day)
    else:
        switch(place, "twenty", day)
    world.run(place, midnight(day))
    assert [net for _, lines, _ in papers(place)[1:] for _, _, net in lines if net] == nets
    sound(place)


def test_what_a_coupon_took_off_is_not_given_back(place):
    text = RULES.replace("RULE", "").replace("CHANGES", "")
    coupon = "coupons: {half: {percent: 50}}\n"
    world.sell(place, [("acme", "ten")], text=coupon + text, starts_on=JAN)
    with place.database.transaction(place.tenant_id) as tx:
        coupons.apply(tx, "half", place.ids("customer/acme"), starts_on=JAN, **world.writing(place))
    world.run(place, midnight(JAN))
    change(place, Cancel(), date(2026, 1, 15))
    world.run(place, midnight(date(2026, 1, 15)))
    assert [paper.gross for paper in world.issued(place)] == [500, -274]
    sound(place)
