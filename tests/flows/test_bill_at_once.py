"""A billing run in one transaction comes to what a run of many comes to, and leaves nothing when it is
undone."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from everycent.app.wiring import utc_now
from everycent.customers import operations as customers
from everycent.db.connection import Tx
from everycent.flows import bill_at_once, effect
from everycent.flows.effect import Document
from everycent.flows.late import keep_up
from everycent.flows.rehearse import rehearse
from everycent.invoicing import operations as invoicing
from everycent.kernel.errors import Invalid
from everycent.kernel.period import instant_text
from tests.api.test_planned_runs import Thread, until
from tests.conftest import Place
from tests.flows import world
from tests.flows.test_late import CATALOGUE
from tests.flows.test_payers import APR, FEB, JAN, MAR, REGISTER, pay, reading, sound
from tests.flows.world import calls, midnight, use


def at_once(place: Place, as_of: datetime) -> tuple[int, list[Document]]:
    """How many runs it would take, and their documents."""

    def billed(tx: Tx) -> tuple[int, list[Document]]:
        runs = bill_at_once.run_in(
            tx, place.database, as_of, clock=utc_now, ids=place.ids, terms=world.TERMS
        )
        return len(runs), effect.so_far(tx).documents

    with bill_at_once.ready(place.database, place.tenant_id):
        return rehearse(place.database, place.tenant_id, billed)


def issued(place: Place) -> list[Document]:
    """The documents that there are."""
    return sorted(
        Document(
            "invoice", one.customer.key, instant_text(min(line.starts_at for line in one.lines)),
            instant_text(max(line.ends_at for line in one.lines)), one.currency,
            f"{one.gross / 100:.2f}", f"{one.prepaid / 100:.2f}",
        )
        for one in world.issued(place)
    )  # fmt: skip


def test_it_comes_to_what_a_run_in_many_transactions_comes_to(place: Place):
    world.sell(place, [(f"c{n}", "api" if n % 2 else "advance") for n in range(8)])
    runs, documents = at_once(place, midnight(MAR))
    assert (runs, world.issued(place)) == (1, [])
    world.run(place, midnight(MAR))
    assert documents == issued(place)
    assert at_once(place, midnight(MAR)) == (1, [])
    sound(place)


def test_what_waits_for_what_it_bills_is_billed_with_it(place: Place):
    world.sell(place, [("acme", "metered"), ("p1", "fixed")], text=REGISTER)
    use(place, [reading(1000, JAN), reading(1100, FEB), reading(1300, MAR)])
    pay(place, "acme", "p1", FEB)
    runs, documents = at_once(place, midnight(MAR))
    assert runs == 2
    world.run(place, midnight(MAR))
    assert documents == issued(place)


def test_more_customers_than_are_billed_at_once_are_refused(place: Place, monkeypatch):
    world.sell(place, [("ana", "api"), ("ben", "api")])
    monkeypatch.setattr(bill_at_once, "MOST_CUSTOMERS", 1)
    with pytest.raises(Invalid, match="2 customers are to be billed"):
        at_once(place, midnight(date(2026, 2, 1)))


def test_usage_that_nobody_has_counted_yet_is_in_a_plan_though_somebody_waits_for_it(place: Place):
    world.sell(place, [("ana", "api")])
    use(place, [world.calls("ana", 130, date(2026, 1, 5))], fold=False)
    with (
        bill_at_once.ready(place.database, place.tenant_id),
        place.database.rehearsal(place.tenant_id) as tx,
    ):
        tx.give_up_after(20)
        bill_at_once.run_in(
            tx, place.database, midnight(FEB), clock=utc_now, ids=place.ids, terms=world.TERMS
        )
        (found,) = effect.so_far(tx).documents
    assert found.gross == "19.08"  # (9.90 + 100 × 0.05 + 30 × 0.0333) × 1.2


SHARED = """
meters:
  register: {unit: kWh, aggregation: counter, digits: 5}
  calls: {unit: call}
intake:
  calls: {after_invoice: next_invoice}
products: {energy: {name: Energy}, base: {name: Base}, api: {name: API}}
plans:
  metered:
    currency: EUR
    anchor_day: 1
    prices: [{key: energy, product: energy, meter: register, per_unit: {unit_amount: 0.10}}]
  calls:
    currency: EUR
    anchor_day: 1
    prices: [{key: calls, product: api, meter: calls, per_unit: {unit_amount: 1}}]
"""


def sold(place: Place) -> None:
    world.sell(place, [("acme", "metered"), ("p1", "calls")], text=SHARED)
    use(place, [reading(1000, JAN), reading(1100, FEB), reading(1300, MAR), reading(1350, APR)])
    use(place, [calls("p1", 7, date(2026, 1, 10)), calls("p1", 5, date(2026, 2, 10))])


def papers(place: Place) -> list[tuple[str, str, date, int]]:
    """All lines that come to something, by who pays."""
    return sorted(
        (paper.customer.key, line.subscription, line.starts_at.date(), line.net)
        for paper in world.issued(place) for line in paper.lines if line.net
    )  # fmt: skip


@pytest.mark.parametrize("recount", [False, True], ids=["", "recounted"])
@pytest.mark.parametrize(
    ("is_late", "is_marked"), [(False, False), (True, False), (True, True)],
    ids=["nothing late", "late", "late and marked"],
)  # fmt: skip
def test_late_usage_and_what_waits_come_to_the_same(
    place: Place, other_place: Place, recount: bool, is_late: bool, is_marked: bool
):
    terms = world.TERMS._replace(recount=recount)
    for one in (place, other_place):
        sold(one)
        world.run(one, midnight(FEB))
        pay(one, "acme", "p1", MAR)
        if is_late:
            use(one, [world.calls("p1", 3, date(2026, 1, 20))])
        if is_marked:
            keep_up(one.database, one.tenant_id)
    assert world.run(place, midnight(APR), terms=terms).progress.parked == 0
    with (
        bill_at_once.ready(other_place.database, other_place.tenant_id),
        other_place.database.transaction(other_place.tenant_id, is_of_one_instant=True) as tx,
    ):
        runs = bill_at_once.run_in(
            tx, other_place.database, midnight(APR), clock=utc_now, ids=other_place.ids, terms=terms
        )
        assert bill_at_once.parked(tx, runs) == []
    assert papers(place) == papers(other_place)
    sound(other_place)


def test_it_waits_for_no_credit_note_that_waits_for_it(place: Place):
    world.sell(place, [(f"c{n}", "basic") for n in range(6)], text=CATALOGUE % "next_invoice")
    first = min((place.ids(f"customer/c{n}"), f"c{n}") for n in range(6))[1]
    use(place, [world.calls(first, 80, date(2026, 1, 10))])
    world.run(place, midnight(FEB))
    world.void(place, first, date(2026, 1, 10))  # it begins with a credit note
    keep_up(place.database, place.tenant_id)
    last = max(world.issued(place), key=lambda one: one.customer.customer_id)
    with place.database.transaction(place.tenant_id) as tx:
        customers.lock(tx, [last.customer.customer_id])
        run = Thread(lambda: at_once(place, midnight(MAR)))
        until(place, "select exists (select from pg_locks where not granted)")
        writing = world.at_year_end(place)
        invoicing.credit(tx, last.name, reason="wrong", time_zone=world.ZONE, **writing)
    assert not isinstance(run.result(), Exception), run.result()
