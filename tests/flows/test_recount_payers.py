"""The second engine on who pays and out of what: payers of others, credit before and after taxes."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from everycent.coupons import operations as coupons
from everycent.credits import drawdown, purse
from everycent.credits.grant import Order, Renewal, Rollover, Scope
from everycent.customers import queries as customers
from everycent.subscriptions import operations as contracts
from everycent.subscriptions import queries as subscriptions
from everycent.subscriptions.operations import When
from tests.conftest import Place
from tests.flows import test_payers, world
from tests.flows.test_credit import MIXED, grant, holds, open_wallet
from tests.flows.test_recount import WITH_RECOUNT, counted, parked, silent_numbers
from tests.flows.world import calls, credit, midnight, sell, use

FEBRUARY, MARCH, APRIL = date(2026, 2, 1), date(2026, 3, 1), date(2026, 4, 1)


@pytest.fixture
def sold(place: Place) -> Place:
    """Lines of two rates, with a coupon; credit of all sorts."""
    sell(place, [("a", "both")], text=MIXED)
    with place.database.transaction(place.tenant_id) as tx:
        owner = customers.by_name(tx, "a").customer_id
        starts_on = date(2026, 1, 1)
        coupons.apply(tx, "tenth", owner, starts_on=starts_on, **world.writing(place))
    open_wallet(place, "before", before_tax=True, scope=Scope(products=("shop",)))
    open_wallet(place, "after", priority=1)
    open_wallet(place, "last", priority=2, order=Order.RECEIVED)
    grant(place, "before", 5000, "promotional", expires_at=midnight(date(2026, 2, 20)))
    grant(place, "before", 6000, expires_at=midnight(date(2026, 3, 10)), priority=60)
    anchor = date(2026, 1, 15)
    renewal = Renewal(900, anchor, 1, 0, world.ZONE)
    grant(place, "after", 900, "promotional", renewal=renewal, rollover=Rollover(0, 250))
    grant(place, "after", 300, scope=Scope(prices=("book",)))
    grant(place, "last", 7000, priority=9)
    grant(place, "last", 15000, priority=9, expires_at=midnight(date(2026, 3, 20)))
    return place


def test_what_credit_pays_goes_through_the_recount_month_by_month(sold: Place) -> None:
    for month in (FEBRUARY, MARCH, APRIL):
        assert parked(sold, world.run(sold, midnight(month), terms=WITH_RECOUNT)) == []
    issued = world.issued(sold)
    assert [len(invoice.draws) for invoice in issued] == [6, 4, 1]
    assert {line.prepaid > 0 for line in issued[0].lines} == {True, False}
    assert counted(sold).differences == []
    holds(sold)


def test_several_months_that_are_billed_late_take_credit_from_each_other(sold: Place) -> None:
    assert parked(sold, world.run(sold, midnight(APRIL), terms=WITH_RECOUNT)) == []
    assert [len(invoice.draws) for invoice in world.issued(sold)] == [6, 4, 1]


def test_credit_that_came_back_or_came_later_changes_no_invoice_before(sold: Place) -> None:
    world.run(sold, midnight(FEBRUARY))
    (january,) = world.issued(sold)
    credit(sold, january.name)
    grant(sold, "after", 40000, at=datetime(2025, 12, 1, tzinfo=UTC))
    assert counted(sold).differences == []
    assert parked(sold, world.run(sold, midnight(MARCH), terms=WITH_RECOUNT)) == []
    assert world.issued(sold)[-1].payable == 0


def test_every_number_of_what_credit_pays_that_is_changed_is_told(
    sold: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.run(sold, midnight(APRIL))
    silent, tried = silent_numbers(sold, monkeypatch)
    assert silent == set()
    assert tried > 100


def test_late_usage_beside_what_a_change_gives_back_is_paid_as_of_the_change(place: Place) -> None:
    world.sell(
        place, [("alone", "fixed"), ("child", "calls")],
        text=test_payers.CATALOGUE, starts_on=date(2025, 12, 1),
    )  # fmt: skip
    test_payers.pay(place, "child", "alone", date(2025, 12, 1))
    world.run(place, midnight(date(2026, 1, 10)))
    with place.database.transaction(place.tenant_id) as tx:
        writing = world.writing(place)
        contracts.cancel(tx, "alone", When(date(2026, 1, 16)), reason="asked", writing=writing)
    use(place, [calls("child", 100, date(2025, 12, 10))])
    open_wallet(place, "w", "alone")
    grant(place, "w", 1000)
    grant(place, "w", 500, effective_at=midnight(date(2026, 1, 18)))
    done = world.run(place, midnight(date(2026, 1, 20)), terms=WITH_RECOUNT)
    assert parked(place, done) == []
    paper = world.issued(place)[-1]
    assert (paper.series, paper.net, paper.prepaid) == ("INV", 10000 - 1600, 1000)


def test_credit_that_is_drawn_in_the_wrong_order_parks_the_customer(
    sold: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawdown, "_order", lambda grant, order: (-grant.number, order))
    ((who, code, message),) = parked(sold, world.run(sold, midnight(FEBRUARY), terms=WITH_RECOUNT))
    assert (who, code) == ("a", "billing.recount_differs")
    assert message.startswith("the invoice: what is drawn is [(")
    assert world.issued(sold) == []


def test_credit_that_expired_and_is_drawn_all_the_same_parks_the_customer(
    sold: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.run(sold, midnight(FEBRUARY))
    monkeypatch.setattr(purse, "settle", lambda lots, _: (list(lots), []))
    monkeypatch.setattr(drawdown.Lot, "pays", lambda lot, _: lot.left > 0)
    ((who, code, _),) = parked(sold, world.run(sold, midnight(APRIL), terms=WITH_RECOUNT))
    assert (who, code) == ("a", "billing.recount_differs")


def test_who_pays_for_others_goes_through_the_recount(place: Place) -> None:
    world.sell(
        place, [("parent", "fixed"), ("child", "calls"), ("other", "fixed")],
        text=test_payers.CATALOGUE, starts_on=date(2026, 1, 1),
    )  # fmt: skip
    use(place, [calls("child", 7, date(2026, 1, 10)), calls("child", 5, date(2026, 2, 10))])
    test_payers.pay(place, "child", "parent", date(2026, 1, 16))
    test_payers.pay(place, "other", "parent", FEBRUARY)
    test_payers.pay(place, "child", None, MARCH)
    assert parked(place, world.run(place, midnight(FEBRUARY), terms=WITH_RECOUNT)) == []
    use(place, [calls("child", 2, date(2026, 1, 11))])
    assert parked(place, world.run(place, midnight(APRIL), terms=WITH_RECOUNT)) == []
    got = {(i.customer.key, line.subscription) for i in world.issued(place) for line in i.lines}
    assert got >= {("parent", "child"), ("child", "child"), ("parent", "other"), ("other", "other")}


def test_an_invoice_to_somebody_who_does_not_pay_parks_the_customer(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.sell(place, [("parent", "fixed"), ("child", "calls")], text=test_payers.CATALOGUE)
    use(place, [calls("child", 7, date(2026, 1, 10))])
    test_payers.pay(place, "child", "parent", date(2026, 1, 16))
    monkeypatch.setattr(subscriptions, "_paid", lambda due, _: due)
    ((who, code, message),) = parked(
        place, world.run(place, midnight(FEBRUARY), terms=WITH_RECOUNT)
    )
    assert (who, code) == ("child", "billing.recount_differs")
    assert message.startswith("line 1: who pays is ")
