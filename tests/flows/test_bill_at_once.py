"""A billing run in one transaction comes to what a run of many comes to, and leaves nothing when it is
undone."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from everycent.app.wiring import utc_now
from everycent.flows import bill_at_once, effect
from everycent.flows.effect import Document
from everycent.kernel.errors import Invalid
from everycent.kernel.period import instant_text
from tests.conftest import Place
from tests.flows import world
from tests.flows.test_payers import FEB, JAN, MAR, REGISTER, pay, reading, sound
from tests.flows.world import midnight, use


def at_once(place: Place, as_of: datetime) -> tuple[int, list[Document]]:
    """How many runs it would take, and their documents."""
    with place.database.rehearsal(place.tenant_id) as tx:
        runs = bill_at_once.run_in(
            tx, place.database, as_of, clock=utc_now, ids=place.ids, terms=world.TERMS
        )
        found = effect.so_far(tx)
    return len(runs), found.documents


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
    with place.database.rehearsal(place.tenant_id) as tx:
        tx.give_up_after(20)
        bill_at_once.run_in(
            tx, place.database, midnight(FEB), clock=utc_now, ids=place.ids, terms=world.TERMS
        )
        (found,) = effect.so_far(tx).documents
    assert found.gross == "19.08"  # (9.90 + 100 × 0.05 + 30 × 0.0333) × 1.2
