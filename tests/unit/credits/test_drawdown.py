"""Which grant pays what, what expires, and what is left over."""

from __future__ import annotations

from datetime import date

import pytest

from everycent.credits.drawdown import (
    CarryOverage,
    Kind,
    Part,
    Policy,
    Use,
    draw_down,
    pay,
    settle,
)
from everycent.credits.grant import Order, Rollover, Scope
from tests.unit.credits.made import START, after, every, left_of, lot, use

HOUR = after(hours=1)
DAY = after(days=1)
API = Scope(products=("api",))
CALLS = Scope(prices=("calls",))


ORDERS = [
    # grants                                                     order           used   left of a, b
    ([lot("a"), lot("b", number=2)], Order.EXPIRY, 120, [0, 80]),
    ([lot("a", priority=2), lot("b", number=2)], Order.EXPIRY, 120, [80, 0]),
    ([lot("a"), lot("b", number=2, days=30)], Order.EXPIRY, 120, [80, 0]),
    ([lot("a", days=31), lot("b", number=2, days=30)], Order.EXPIRY, 120, [80, 0]),
    ([lot("a"), lot("b", number=2, days=30)], Order.RECEIVED, 120, [0, 80]),
    ([lot("a", priority=2), lot("b", number=2)], Order.RECEIVED, 120, [80, 0]),
    ([lot("a", priority=1), lot("b", number=2, days=1, priority=2)], Order.EXPIRY, 99, [1, 100]),
    ([lot("a"), lot("b", number=2)], Order.EXPIRY, 250, [0, 0]),
]


@pytest.mark.parametrize(("grants", "order", "used", "left"), ORDERS)
@pytest.mark.parametrize("is_turned", [False, True])
def test_grants_pay_in_the_order_of_the_policy_however_they_are_told(
    grants, order, used, left, is_turned
):
    told = list(reversed(grants)) if is_turned else grants
    found = draw_down(told, [use(used, HOUR)], after(hours=2), Policy(order))
    assert left_of(found, "a", "b") == left
    assert sum(found.overage.values()) == max(0, used - 200)


MOMENTS = [
    # grant                               used at       paid
    (lot("a", days=1), DAY - (DAY - HOUR), True),
    (lot("a", days=1), START, True),
    (lot("a", days=1), DAY, False),
    (lot("a", effective_at=DAY), DAY, True),
    (lot("a", effective_at=DAY), HOUR, False),
]


@pytest.mark.parametrize(("grant", "at", "paid"), MOMENTS)
def test_a_grant_pays_from_its_first_instant_and_no_longer_at_its_last(grant, at, paid):
    found = draw_down([grant], [use(10, at)], after(days=9))
    assert (found.overage == {}) is paid


def test_what_expires_is_told_with_its_instant():
    found = draw_down([lot("a", days=2)], [use(30, HOUR)], after(days=2))
    assert [(m.kind, m.at, m.amount, m.lot.left) for m in found.movements] == [
        (Kind.DRAWN, HOUR, 30, 70),
        (Kind.EXPIRED, after(days=2), 70, 0),
    ]
    assert settle(found.lots, after(days=9)) == (found.lots, [])


CARRIED = [
    # carried                      reset?   left of a grant that begins a day later, overage
    (CarryOverage.NEVER, False, 100, 30),
    (CarryOverage.TO_NEXT_GRANT, False, 70, 0),
    (CarryOverage.TO_NEXT_GRANT, True, 100, 30),
    (CarryOverage.OVER_RESETS, True, 70, 0),
]


@pytest.mark.parametrize(("carried", "is_reset", "left", "overage"), CARRIED)
def test_overage_is_carried_as_far_as_the_policy_says(carried, is_reset, left, overage):
    grant = lot("a", effective_at=DAY, rollover=Rollover(0, None))
    resets = [after(hours=12)] if is_reset else []
    policy = Policy(Order.EXPIRY, carried)
    found = draw_down([grant], [use(30, HOUR, "u")], after(days=2), policy, resets)
    assert left_of(found, "a") == [left]
    assert found.overage == ({"u": overage} if overage else {})


RESETS = [
    # rollover               left   then     overage before, carried
    (Rollover(0, 0), 90, 0),
    (Rollover(0, 50), 90, 50),
    (Rollover(0, None), 90, 90),
    (Rollover(95, 95), 90, 95),
    (Rollover(20, 50), 90, 50),
]


@pytest.mark.parametrize(("rollover", "left", "then"), RESETS)
def test_a_reset_keeps_what_the_rollover_allows(rollover, left, then):
    grant = lot("a", rollover=rollover)
    found = draw_down([grant], [use(100 - left, HOUR)], DAY, resets=[after(hours=5)])
    assert left_of(found, "a") == [then]


def test_overage_that_is_carried_over_a_reset_is_paid_first():
    grant = lot("a", days=30, rollover=Rollover(50, 50))
    uses = [use(10, HOUR), use(100, after(hours=2))]
    policy = Policy(carry_overage=CarryOverage.OVER_RESETS)
    found = draw_down([grant], uses, DAY, policy, [after(hours=5)])
    assert left_of(found, "a") == [40]


RENEWALS = [
    # rollover          used  on day 1 and 2    left before, at and after the second renewal
    (Rollover(0, 0), 30, 40, [60, 100, 100]),
    (Rollover(0, 50), 30, 40, [110, 150, 150]),
    (Rollover(0, None), 30, 40, [130, 230, 230]),
    (Rollover(80, None), 30, 40, [140, 240, 240]),
]


@pytest.mark.parametrize(("rollover", "first", "second", "left"), RENEWALS)
def test_a_grant_that_comes_again_keeps_what_rolls_over_and_adds_its_amount(
    rollover, first, second, left
):
    grant = lot("a", renewal=every("week", date(2024, 1, 1)), rollover=rollover)
    uses = [use(first, after(days=1)), use(second, after(days=8))]
    ends = [after(days=14) - (DAY - HOUR), after(days=14), after(days=20)]
    assert [left_of(draw_down([grant], uses, end), "a")[0] for end in ends] == left


def test_nothing_comes_again_at_or_after_the_end():
    grant = lot("a", renewal=every("week", date(2024, 1, 1)), days=14)
    assert left_of(draw_down([grant], [], after(days=13)), "a") == [100]
    found = draw_down([grant], [], after(days=60))
    assert left_of(found, "a") == [0]
    assert [m.at for m in found.movements if m.kind is Kind.GRANTED] == [after(days=7)]


def test_months_are_counted_from_the_anchor_and_in_its_zone():
    grant = lot("a", renewal=every("month", date(2023, 12, 31), zone="Europe/Zagreb"))
    found = draw_down([grant], [], after(days=95))
    assert [m.at.isoformat() for m in found.movements if m.kind is Kind.GRANTED] == [
        "2024-01-30T23:00:00+00:00",
        "2024-02-28T23:00:00+00:00",
        "2024-03-30T23:00:00+00:00",
    ]


PARTS = (Part(60, "api", "calls"), Part(60, "base", "fee"))
SCOPES = [
    # grants                                                                 unpaid by part
    ([lot("a", scope=API)], [0, 60]),
    ([lot("a", scope=CALLS)], [0, 60]),
    ([lot("a", scope=Scope(("base",), ("calls",)))], [0, 20]),
    ([lot("a", scope=Scope(("nothing",)))], [60, 60]),
    # one that may pay everything leaves the calls to the one that may pay nothing else
    ([lot("a", 60), lot("b", 60, number=2, scope=API)], [0, 0]),
    ([lot("a", 60, scope=API), lot("b", 60, number=2)], [0, 0]),
]


@pytest.mark.parametrize(("grants", "unpaid"), SCOPES)
def test_a_grant_pays_within_its_scope_and_spares_what_only_it_may_pay(grants, unpaid):
    _, _, rests = pay(grants, Use("u", HOUR, PARTS), Order.EXPIRY)
    assert rests == unpaid
