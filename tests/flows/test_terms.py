"""Contracts with a term: when they may be left, what is refused, what ends by itself, what comes up."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from everycent.catalog import own_term
from everycent.customers import queries as customers
from everycent.flows.replay import replay
from everycent.kernel.calendar import Interval
from everycent.kernel.errors import Conflict, Refusal
from everycent.subscriptions import operations as contracts
from everycent.subscriptions import queries
from everycent.subscriptions.changing import When
from everycent.subscriptions.clash import Rule
from everycent.subscriptions.order import Order
from everycent.subscriptions.timeline import Cancel
from everycent.subscriptions.told import NOTHING_TOLD, Told
from tests.conftest import Place
from tests.flows import world
from tests.flows.test_agreed import at
from tests.flows.test_contracts import billed, course, sound
from tests.flows.world import midnight

CATALOGUE = """
products: {p: {name: P}}
plans:
  gold:
    currency: EUR
    anchor_day: 1
    term: {length: year, renews: half_year, notice: 3 months, reminder: 30 days}
    changes: {upgrade: now, downgrade: now}
    prices:
      - {key: fee, product: p, flat: {amount: 62}, timing: in_advance}
  silver:
    currency: EUR
    anchor_day: 1
    prices: [{key: fee, product: p, flat: {amount: 31}, timing: in_advance}]
  once:
    currency: EUR
    anchor_day: 1
    term: {length: quarter, renews: never, reminder: 2 weeks}
    prices: [{key: fee, product: p, flat: {amount: 31}, timing: in_advance}]
  loose:
    currency: EUR
    anchor_day: 1
    term: {length: year, leave: any_time, notice: month}
    prices: [{key: fee, product: p, flat: {amount: 31}}]
  seated:
    currency: EUR
    anchor_day: 1
    term: {length: year, decrease: end_of_term}
    changes: {downgrade: now}
    prices:
      - {key: seats, product: p, per_unit: {unit_amount: 31}, agreed: {unit: seat, quantity: 10}}
  device:
    currency: EUR
    adds_to: [gold, silver]
    term: {length: 2 years, renews: never}
    prices: [{key: rate, product: p, flat: {amount: 20}}]
"""
JAN, FEB, MAR, APR = (date(2026, month, 1) for month in (1, 2, 3, 4))
YEAR = date(2027, 1, 1)


def sell(place: Place, plan: str, term: str | None = None) -> None:
    told = NOTHING_TOLD if term is None else Told(term=own_term.parse(term, "term"))
    world.sell(place, [("acme", plan)], text=CATALOGUE, starts_on=JAN, told=told)


def day(text: str) -> date:
    return date.fromisoformat(text)


def cancelled(place: Place, asked: date, on: date | None = None, **more: Any) -> date | None:
    return at(place, asked, contracts.cancel, "acme", When(on, **more)).ends_on


LEFT = [
    ("gold", None, "2026-01-01", "2027-01-01"),
    ("gold", None, "2026-09-30", "2027-01-01"),
    ("gold", None, "2026-10-01", "2027-07-01"),  # too late by a day: half a year more
    ("gold", None, "2027-03-31", "2027-07-01"),
    ("gold", None, "2027-04-01", "2028-01-01"),
    ("gold", "2 years", "2026-10-01", "2028-01-01"),
    ("gold", "{notice: month}", "2026-11-30", "2027-01-01"),
    ("gold", "none", "2026-01-10", "2026-02-01"),
    ("silver", "month", "2026-01-31", "2026-02-01"),
    ("silver", "{length: month, notice: week}", "2026-01-25", "2026-03-01"),
    ("loose", None, "2026-01-31", "2026-03-01"),  # at the end of a period, with notice
    ("loose", None, "2026-02-01", "2026-04-01"),
]


def test_without_a_day_a_contract_ends_when_it_may_first_be_left(place):
    keys = [f"c{number}" for number in range(len(LEFT))]
    world.sell(place, [(key, "silver") for key in keys], text=CATALOGUE, starts_on=JAN)
    for key, (plan, own, asked, expected) in zip(keys, LEFT, strict=True):
        start(place, key, plan, own)
        held = at(place, day(asked), contracts.cancel, f"{key}/{plan}", When())
        assert str(held.ends_on) == expected, (plan, own, asked)
    sound(place)


def start(place: Place, key: str, plan: str, term: str | None = None, **more: Any) -> None:
    told = NOTHING_TOLD if term is None else Told(term=own_term.parse(term, "term"))
    with place.database.transaction(place.tenant_id) as tx:
        order = Order(customers.by_name(tx, key), plan, f"{key}/{plan}", JAN, told=told, **more)
        contracts.start(tx, [order], **world.writing(place))


def refused(place: Place, asked: date, do: Any, *given: Any, **named: Any) -> Refusal:
    """What is said to a change; the contract and the journal are as before."""
    before = world.state(place.database, place.tenant_id)
    with pytest.raises(Conflict) as told:
        at(place, asked, do, "acme", *given, **named)
    assert told.value.code == "subscription.clash"
    assert world.state(place.database, place.tenant_id) == before
    return told.value


def test_an_end_within_the_term_is_refused_and_the_ways_out_are_told(place):
    sell(place, "gold")
    told = refused(place, FEB, contracts.cancel, When(APR))
    assert told.value == Rule.WITHIN_TERM
    assert told.message == (
        "change 1 (the contract ends on 2026-04-01) can't be: the term runs until 2027-01-01;"
        " it clashes with the start (gold version 1 begins on 2026-01-01)"
    )
    assert told.hint == (
        "let it end on 2027-01-01, or break the term on agreement, with --break-term and a --reason"
    )
    assert cancelled(place, FEB, APR, breaks_term=True) == APR
    sound(place)


def test_a_term_is_not_broken_without_a_word(place):
    sell(place, "gold")
    with (
        pytest.raises(Refusal) as told,
        place.database.transaction(place.tenant_id) as tx,
    ):
        contracts.cancel(
            tx, "acme", When(APR, breaks_term=True), reason=" ", writing=world.writing(place)
        )
    assert (told.value.code, told.value.field) == ("subscription.no_reason", "reason")


NAMED = [
    ("gold", "2026-10-01", "2027-01-01", Rule.NOTICE_LATE, "the next day is 2027-07-01"),
    ("gold", "2026-09-30", "2027-01-01", None, ""),
    ("gold", "2026-09-30", "2027-01-02", Rule.WITHIN_TERM, "until 2027-07-01"),
    ("loose", "2026-01-01", "2026-02-01", Rule.NOTICE_LATE, "the next day is 2026-03-01"),
    ("loose", "2026-01-01", "2026-02-02", None, ""),
    ("once", "2026-01-01", "2026-04-01", Rule.TERM_OVER, "ends by itself"),
    ("once", "2026-01-01", "2026-03-31", Rule.WITHIN_TERM, "until 2026-04-01"),
]


def test_an_end_on_a_day_that_somebody_names(place):
    keys = [f"c{number}" for number in range(len(NAMED))]
    world.sell(place, [(key, "silver") for key in keys], text=CATALOGUE, starts_on=JAN)
    for key, (plan, asked, on, rule, tells) in zip(keys, NAMED, strict=True):
        start(place, key, plan)
        given = f"{key}/{plan}", When(day(on))
        if rule is None:
            assert str(at(place, day(asked), contracts.cancel, *given).ends_on) == on
            continue
        with pytest.raises(Conflict) as told:
            at(place, day(asked), contracts.cancel, *given)
        assert (told.value.value, tells in told.value.message) == (rule, True), told.value


def test_a_cheaper_plan_waits_for_the_end_of_the_term_and_a_dearer_one_does_not(place):
    sell(place, "silver", "year")
    assert course(at(place, FEB, contracts.switch, "acme", "gold", When(FEB)))[-1][:2] == (
        "gold",
        FEB,
    )
    # back to the plan with which the term began
    assert course(at(place, MAR, contracts.switch, "acme", "silver", When()))[-1][:2] == (
        "silver",
        MAR,
    )


def test_a_plan_below_the_term_is_refused_on_a_day_within_it(place):
    sell(place, "gold")
    told = refused(place, FEB, contracts.switch, "silver", When(APR))
    assert told.value == Rule.PLAN_BELOW_TERM
    assert "silver is cheaper than gold" in told.message
    held = at(place, FEB, contracts.switch, "acme", "silver", When())
    assert course(held)[-1][:2] == ("silver", YEAR)
    at(place, FEB, contracts.withdraw, "acme", 1)
    held = at(place, FEB, contracts.switch, "acme", "silver", When(APR, breaks_term=True))
    # the term binds on the cheaper plan too, as nobody has broken that
    assert refused(place, APR, contracts.cancel, When(day("2026-06-01"))).value == Rule.WITHIN_TERM
    sound(place)


def test_less_than_was_agreed_waits_for_the_end_of_the_term(place):
    sell(place, "seated")
    told = refused(place, FEB, contracts.agree, {"seats": "9"}, When(MAR))
    assert told.value == Rule.QUANTITY_BELOW_TERM
    held = at(place, FEB, contracts.agree, "acme", {"seats": "9"}, When())
    assert held.phase_at(midnight(YEAR), "#seats").items[0].quantity == "9"
    at(place, FEB, contracts.withdraw, "acme", held.changes[-1].change_no)
    at(place, FEB, contracts.agree, "acme", {"seats": "20"}, When(FEB))
    at(place, MAR, contracts.agree, "acme", {"seats": "10"}, When(MAR))
    at(place, MAR, contracts.agree, "acme", {"seats": "8"}, When(APR, breaks_term=True))
    sound(place)


def test_what_renews_nothing_ends_by_itself_and_is_billed_no_longer(place):
    sell(place, "once")
    world.run(place, midnight(day("2026-06-01")))
    assert [(first, end) for _, first, end, _ in billed(place)] == [
        (JAN, FEB), (FEB, MAR), (MAR, APR),
    ]  # fmt: skip
    with place.database.snapshot(place.tenant_id) as tx:
        assert contracts.get(tx, "acme").ends_on == APR
    sound(place)


def test_a_new_term_that_is_agreed_in_time_lets_it_go_on(place):
    sell(place, "once")
    told = Told(term=own_term.parse("{length: month, renews: month}", "term"))
    held = at(place, MAR, contracts.switch, "acme", "once", When(APR), told=told)
    assert held.ends_on is None
    assert cancelled(place, APR) == day("2026-05-01")
    # the end stands on the new term: withdrawn, the contract would be over before it
    told = refused(place, APR, contracts.withdraw, 1)
    assert "change 2 (the contract ends on 2026-05-01) stands on it" in told.message
    assert told.hint == "withdraw change 2 first"
    sound(place)


def test_an_add_on_has_a_term_of_its_own(place):
    sell(place, "silver")
    at(place, FEB, contracts.add, "acme", "device", FEB)
    told = refused(place, MAR, contracts.drop, "device", When(APR))
    assert (told.value, "2028-02-01" in told.message) == (Rule.WITHIN_TERM, True)
    assert refused(place, MAR, contracts.cancel, When(APR)).value == Rule.WITHIN_TERM
    held = at(place, MAR, contracts.drop, "acme", "device", When(APR, breaks_term=True))
    assert held.phase_at(midnight(APR), "device") is None
    assert cancelled(place, MAR, APR) == APR
    sound(place)


def test_a_term_goes_on_with_a_new_version_of_the_plan_and_is_as_that_says_afterwards(place):
    sell(place, "gold")
    world.apply(place, CATALOGUE.replace("renews: half_year, notice: 3 months", "renews: year"))
    at(place, FEB, contracts.switch, "acme", "gold", When(MAR))
    assert cancelled(place, day("2026-10-01")) == day("2028-01-01")
    sound(place)


def test_a_term_of_its_own_goes_on_with_a_new_version_of_the_plan(place):
    sell(place, "gold", "{length: 2 years, notice: week}")
    world.apply(place, CATALOGUE.replace("renews: half_year, notice: 3 months", "renews: year"))
    at(place, FEB, contracts.switch, "acme", "gold", When(MAR))
    assert cancelled(place, day("2027-12-24")) == day("2028-01-01")
    sound(place)


def test_an_end_that_is_agreed_with_the_start_keeps_to_the_term(place):
    sell(place, "silver")
    with pytest.raises(Conflict) as told:
        start(place, "acme", "gold", ends_on=MAR)
    assert told.value.value == Rule.WITHIN_TERM
    start(place, "acme", "gold", ends_on=YEAR)


# --- what comes up ------------------------------------------------------------------------------


def coming(place: Place, asked: str, within: Interval) -> list[tuple[str, ...]]:
    """(contract, add-on, what, on, term until, then, until) of what comes up."""
    with place.database.snapshot(place.tenant_id) as tx:
        found = queries.ending(tx, midnight(day(asked)), within)
    return [
        (one.subscription.key, one.track, one.sign.value, str(one.day), str(one.ran.ends_on),
         one.then.value, str(one.renews_until or ""))
        for one in found
    ]  # fmt: skip


COMING = [
    ("2026-01-01", 200, []),
    ("2026-08-01", 31, [("reminder", "2026-09-01", "2027-01-01", "renews", "2027-07-01")]),
    ("2026-09-01", 0, [("reminder", "2026-09-01", "2027-01-01", "renews", "2027-07-01")]),
    ("2026-09-02", 27, []),
    ("2026-09-02", 28, [("notice", "2026-09-30", "2027-01-01", "renews", "2027-07-01")]),
    ("2026-10-01", 91, []),
    ("2026-10-01", 92, [("end", "2027-01-01", "2027-01-01", "renews", "2027-07-01")]),
    ("2036-12-31", 1, [("end", "2037-01-01", "2037-01-01", "renews", "2037-07-01")]),
]


def test_reminder_notice_and_end_come_up_on_their_days(place):
    sell(place, "gold")
    for asked, days, expected in COMING:
        found = coming(place, asked, Interval(0, days))
        assert found == [("acme", "", *one) for one in expected], asked


def test_what_comes_up_tells_what_happens_then(place):
    plans = ("gold", "once", "loose", "silver", "seated")
    world.sell(place, [(plan, plan) for plan in plans], text=CATALOGUE, starts_on=JAN)
    at(place, JAN, contracts.add, "silver", "device", FEB)
    at(place, FEB, contracts.switch, "gold", "silver", When(APR, breaks_term=True))
    at(place, FEB, contracts.change, "seated", Cancel(), When(YEAR))
    at(place, FEB, contracts.switch, "loose", "seated", When(MAR))
    at(place, FEB, contracts.withdraw, "loose", 1)
    assert coming(place, "2026-02-01", Interval(0, 60)) == [
        ("once", "", "reminder", "2026-03-18", "2026-04-01", "ends", ""),
    ]
    assert coming(place, "2026-11-15", Interval(2, 0)) == [
        ("loose", "", "notice", "2026-11-30", "2027-01-01", "renews", "2028-01-01"),
        ("gold", "", "end", "2027-01-01", "2027-01-01", "goes on", ""),
        ("seated", "", "end", "2027-01-01", "2027-01-01", "cancelled", ""),
    ]
    assert coming(place, "2027-12-31", Interval(0, 60)) == [
        ("loose", "", "end", "2028-01-01", "2028-01-01", "renews", "2029-01-01"),
        ("silver", "device", "end", "2028-02-01", "2028-02-01", "ends", ""),
    ]
    with place.database.snapshot(place.tenant_id) as tx:
        assert replay(tx).differences == {}
