"""What credit paid before taxes and is given back later: it is credit again, in the grants it came from,
and only the rest is taxed and owed. The numbers are worked out by hand beside each story."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, NamedTuple

import pytest

from everycent.coupons import operations as coupons
from everycent.credits.grant import Scope
from everycent.customers import queries as customers
from everycent.flows import wallets
from everycent.flows.explain import explain
from everycent.flows.paying import let_pay
from everycent.flows.saying import Node
from everycent.invoicing import operations as invoicing
from everycent.invoicing.invoice import Invoice
from everycent.kernel.errors import Conflict
from everycent.subscriptions import operations as contracts
from everycent.subscriptions.operations import When
from everycent.subscriptions.timeline import Action, Cancel, Pause
from tests.conftest import NOW, Place
from tests.flows import world
from tests.flows.test_credit import balances, grant, holds, left, open_wallet, owes, writing
from tests.flows.test_preview import plain, previewed
from tests.flows.world import calls, midnight, use

CATALOGUE = """
meters:
  calls: {unit: call}
intake:
  calls: {after_invoice: note}
taxes: {vat: {rounding: half_up, rates: [{since: 2020-01-01, percent: 20}]}}
products: {base: {name: Base, tax: vat}, other: {name: Other, tax: vat}, api: {name: API, tax: vat}}
coupons: {tenth: {name: A tenth, percent: 10}}
plans:
  fee: {currency: EUR, anchor_day: 1,
        prices: [{key: fee, product: base, flat: {amount: 1000}, timing: in_advance}]}
  incl: {currency: EUR, anchor_day: 1,
         prices: [{key: fee, product: base, flat: {amount: 1200}, includes_tax: true, timing: in_advance}]}
  large: {currency: EUR, anchor_day: 1,
          prices: [{key: fee, product: base, flat: {amount: 2000}, timing: in_advance}]}
  other: {currency: EUR, anchor_day: 1,
          prices: [{key: more, product: other, flat: {amount: 600}, timing: in_advance}]}
  usage: {currency: EUR, anchor_day: 1,
          prices: [{key: calls, product: api, meter: calls, per_unit: {unit_amount: 1}}]}
"""
APRIL, MAY, JUNE = (date(2026, month, 1) for month in (4, 5, 6))
HALF = date(2026, 4, 16)  # 15 of the 30 days of April are gone then


class Told(NamedTuple):
    """What a document says, in minor units; `lines` as (base, prepaid)."""

    name: str
    lines: list[tuple[int, int]]
    tax: int
    gross: int
    prepaid: int
    payable: int


def told(document: Invoice) -> Told:
    lines = [(line.base, line.prepaid) for line in document.lines]
    return Told(
        document.name, lines, document.tax, document.gross, document.prepaid, document.payable
    )


def papers(place: Place) -> list[Told]:
    """Every document, in order of issue: what was previewed, explained on the way."""
    issued = world.issued(place)
    with place.database.snapshot(place.tenant_id) as tx:
        for document in issued:
            explain(tx, document.name)
    return [told(document) for document in sorted(issued, key=lambda one: one.issued_on)]


def run(place: Place, on: date) -> list[Invoice]:
    """Bills; what comes out is what the preview had said."""
    before = [document.name for document in world.issued(place)]
    expected = previewed(place, as_of=midnight(on)).documents
    world.run(place, midnight(on))
    found = [one for one in world.issued(place) if one.name not in before]
    assert [plain(one) for one in found] == [plain(one) for one in expected]
    return found


def change(place: Place, action: Action, on: date) -> None:
    with place.database.transaction(place.tenant_id) as tx:
        contracts.change(tx, "a", action, When(on), reason="asked", writing=world.writing(place))


def switch(place: Place, plan: str, on: date) -> None:
    with place.database.transaction(place.tenant_id) as tx:
        contracts.switch(tx, "a", plan, When(on), reason="asked", writing=world.writing(place))


def sold(place: Place, plan: str = "fee", **credit: Any) -> Place:
    """A contract from April on that is paid before taxes out of 400.00, and April is billed."""
    world.sell(place, [("a", plan)], text=CATALOGUE, starts_on=APRIL)
    open_wallet(place, "w", before_tax=True, **credit)
    grant(place, "w", 40000)
    run(place, APRIL)
    return place


@pytest.fixture
def billed(place: Place) -> Place:
    return sold(place)


PAID = Told("INV-000001", [(100000, 40000)], 12000, 112000, 40000, 72000)
"""1000.00, of which credit pays 400.00: 20 % of 600.00."""


def test_half_of_a_line_gives_half_of_its_credit_back_and_half_of_its_tax(billed: Place) -> None:
    change(billed, Cancel(), HALF)
    (note,) = run(billed, HALF)
    # 500.00 are given back: 400.00 × 500/1000 = 200.00 are credit again, and 20 % of 300.00 come back
    assert papers(billed) == [
        PAID,
        Told("CN-000001", [(-50000, -20000)], -6000, -56000, -20000, -36000),
    ]
    (draw,) = note.draws
    assert (draw.draw_no, draw.amount, draw.left, draw.lines) == (2, -20000, 20000, ((1, -20000),))
    assert note.lines[0].corrects is not None
    assert (note.lines[0].corrects.charged, note.lines[0].corrects.prepaid) == (100000, 40000)
    assert left(billed) == {"w": 20000}
    assert owes(billed) == 36000  # 720.00 less 360.00
    assert balances(billed) == {
        "receivable": 36000, "revenue": -50000, "tax_payable": -6000, "prepaid_credit": -20000,
        "cash": 40000,
    }  # fmt: skip
    holds(billed)


def test_a_period_that_is_cut_again_gives_back_of_what_still_stands(billed: Place) -> None:
    change(billed, Cancel(), date(2026, 4, 21))
    run(billed, date(2026, 4, 21))
    change(billed, Pause(), HALF)
    run(billed, date(2026, 4, 22))
    assert papers(billed) == [
        PAID,
        # 10 of 30 days: 333.33, and 400.00 × 33333/100000 = 133.33 of credit; 20 % of 200.00
        Told("CN-000001", [(-33333, -13333)], -4000, -37333, -13333, -24000),
        # 5 days more: 166.67 of 666.67, and 266.67 × 16667/66667 = 66.669 of credit; 20 % of 100.00
        Told("CN-000002", [(-16667, -6667)], -2000, -18667, -6667, -12000),
    ]
    assert left(billed) == {"w": 20000}
    assert owes(billed) == 36000
    holds(billed)


def test_what_was_drawn_last_goes_back_first_to_grants_of_several_wallets(place: Place) -> None:
    world.sell(place, [("a", "fee")], text=CATALOGUE, starts_on=APRIL)
    open_wallet(place, "first", priority=1, before_tax=True)
    open_wallet(place, "second", priority=2, before_tax=True)
    grant(place, "first", 15000)
    grant(place, "second", 25000, "promotional")
    run(place, APRIL)
    assert papers(place) == [PAID]
    change(place, Cancel(), HALF)
    (half,) = run(place, HALF)
    assert [(d.wallet, d.amount, d.left) for d in half.draws] == [("second", -20000, 20000)]
    change(place, Pause(), date(2026, 4, 4))
    (rest,) = run(place, date(2026, 4, 17))
    # 400.00 of the 500.00 that are charged, and so 160.00 of the 200.00 that credit stands for: the 50.00
    # of the second wallet that are left, then 110.00 of the first
    assert told(rest) == Told("CN-000002", [(-40000, -16000)], -4800, -44800, -16000, -28800)
    assert [(d.wallet, d.amount, d.left) for d in rest.draws] == [
        ("second", -5000, 25000),
        ("first", -11000, 11000),
    ]
    assert left(place) == {"first": 11000, "second": 25000}
    holds(place)


def test_of_a_price_that_includes_its_taxes_the_part_without_them_was_paid(place: Place) -> None:
    sold(place, "incl")
    change(place, Cancel(), HALF)
    run(place, HALF)
    # 1200.00 are 1000.00 and 20 %; 600.00 given back are 500.00, and 400.00 × 600/1200 are credit again
    assert papers(place) == [
        PAID,
        Told("CN-000001", [(-50000, -20000)], -6000, -56000, -20000, -36000),
    ]
    holds(place)


def test_a_discount_is_kept_and_credit_paid_of_what_it_left(place: Place) -> None:
    world.sell(place, [("a", "fee")], text=CATALOGUE, starts_on=APRIL)
    with place.database.transaction(place.tenant_id) as tx:
        owner = customers.by_name(tx, "a").customer_id
        coupons.apply(tx, "tenth", owner, starts_on=APRIL, **world.writing(place))
    open_wallet(place, "w", before_tax=True)
    grant(place, "w", 40000)
    run(place, APRIL)
    change(place, Cancel(), HALF)
    run(place, HALF)
    assert papers(place) == [
        # 1000.00 less 10 % and 400.00 of credit: 20 % of 500.00
        Told("INV-000001", [(90000, 40000)], 10000, 100000, 40000, 60000),
        Told("CN-000001", [(-45000, -20000)], -5000, -50000, -20000, -30000),
    ]
    holds(place)


def test_what_comes_back_pays_new_charges_of_the_same_document(billed: Place) -> None:
    switch(billed, "large", HALF)
    (document,) = run(billed, HALF)
    # 500.00 given back with 200.00 of credit; they pay the 1000.00 for the rest of April, of which the
    # other 300.00 come off: 20 % of −300.00 + 800.00
    assert told(document) == Told(
        "INV-000002", [(-50000, -20000), (100000, 20000)], 10000, 60000, 0, 60000
    )
    assert [(d.draw_no, d.amount, d.left, d.lines) for d in document.draws] == [
        (2, -20000, 20000, ((1, -20000),)),
        (3, 20000, 0, ((2, 20000),)),
    ]
    assert (document.issued_on, document.due_on) == (HALF, HALF + timedelta(days=14))
    assert (left(billed), owes(billed)) == ({"w": 0}, 72000 + 60000)
    holds(billed)
    change(billed, Cancel(), date(2026, 4, 19))
    run(billed, date(2026, 4, 19))
    # 12 of 15 days of the new line: 800.00 and 160.00 of its credit; 20 % of 640.00
    assert papers(billed)[2] == Told(
        "CN-000001", [(-80000, -16000)], -12800, -92800, -16000, -76800
    )
    assert left(billed) == {"w": 16000}
    holds(billed)


def test_what_credit_paid_alone_is_credit_again_by_a_credit_note_over_nothing(place: Place) -> None:
    world.sell(place, [("a", "fee")], text=CATALOGUE, starts_on=APRIL)
    open_wallet(place, "w", before_tax=True)
    grant(place, "w", 300000)
    run(place, APRIL)
    change(place, Cancel(), HALF)
    (note,) = run(place, HALF)
    assert papers(place) == [
        Told("INV-000001", [(100000, 100000)], 0, 100000, 100000, 0),
        Told("CN-000001", [(-50000, -50000)], 0, -50000, -50000, 0),
    ]
    assert note.due_on == note.issued_on
    assert (left(place), owes(place)) == ({"w": 250000}, 0)
    holds(place)


def test_what_is_to_be_paid_is_an_invoice_though_its_gross_is_below_nothing(place: Place) -> None:
    world.sell(place, [("a", "fee")], text=CATALOGUE, starts_on=APRIL)
    open_wallet(place, "w", before_tax=True, scope=Scope(products=("base",)))
    grant(place, "w", 100000)
    run(place, APRIL)
    switch(place, "other", HALF)
    (document,) = run(place, HALF)
    # 500.00 that credit had paid are credit again; 300.00 and 20 % are to be paid in money
    assert told(document) == Told(
        "INV-000002", [(-50000, -50000), (30000, 0)], 6000, -14000, -50000, 36000
    )
    assert document.due_on == HALF + timedelta(days=14)
    assert (left(place), owes(place)) == ({"w": 50000}, 36000)
    holds(place)


def test_where_net_and_tax_come_to_nothing_the_books_tell_of_credit(place: Place) -> None:
    world.sell(place, [("a", "fee")], text=CATALOGUE.replace(", tax: vat", ""), starts_on=APRIL)
    open_wallet(place, "w", before_tax=True, scope=Scope(products=("base",)))
    grant(place, "w", 100000)
    run(place, APRIL)
    world.apply(place, CATALOGUE.replace(", tax: vat", "").replace("600", "1000"))
    switch(place, "other", HALF)
    run(place, HALF)
    assert papers(place)[1] == Told(
        "INV-000002", [(-50000, -50000), (50000, 0)], 0, 0, -50000, 50000
    )
    assert (left(place), owes(place)) == ({"w": 50000}, 50000)
    holds(place)


def test_what_comes_back_to_a_grant_that_has_expired_expires_again(place: Place) -> None:
    world.sell(place, [("a", "fee")], text=CATALOGUE, starts_on=APRIL)
    open_wallet(place, "w", before_tax=True)
    grant(place, "w", 40000, expires_at=midnight(date(2026, 4, 10)))
    run(place, APRIL)
    switch(place, "large", HALF)
    with place.database.snapshot(place.tenant_id) as tx:
        owner = customers.by_name(tx, "a")
        (standing,) = wallets.standings(tx, [owner], midnight(HALF))
    # 500.00 with 200.00 of credit given back, 1000.00 to pay: (−300.00 + 1000.00) × 1.2
    assert (standing.usable, standing.reserved, standing.missing) == (0, 0, 84000)
    (document,) = run(place, HALF)
    assert told(document) == Told(
        "INV-000002", [(-50000, -20000), (100000, 0)], 14000, 64000, -20000, 84000
    )
    assert left(place) == {"w": 20000}
    holds(place)
    wallets.check(place.database, place.tenant_id, midnight(HALF), writing(place, NOW, hours=1))
    assert (left(place), balances(place)["breakage"]) == ({"w": 0}, -20000)
    holds(place)


def test_the_real_time_balance_knows_what_will_be_credit_again(billed: Place) -> None:
    change(billed, Cancel(), HALF)
    with billed.database.snapshot(billed.tenant_id) as tx:
        owner = customers.by_name(tx, "a")
        (before,) = wallets.standings(tx, [owner], midnight(HALF))
    assert (before.usable, before.reserved, before.balance) == (0, -20000, 20000)
    run(billed, HALF)
    with billed.database.snapshot(billed.tenant_id) as tx:
        (after,) = wallets.standings(tx, [owner], midnight(HALF))
    assert (after.usable, after.balance) == (20000, 20000)


def test_usage_that_is_taken_back_and_comes_again_moves_credit_with_it(place: Place) -> None:
    world.sell(place, [("a", "usage")], text=CATALOGUE, starts_on=APRIL)
    open_wallet(place, "w", before_tax=True)
    grant(place, "w", 4000)
    use(place, [calls("a", 40, date(2026, 4, 2)), calls("a", 60, date(2026, 4, 3))])
    run(place, MAY)
    world.void(place, "a", date(2026, 4, 2))
    run(place, date(2026, 5, 2))
    use(place, [calls("a", 80, date(2026, 4, 4))])
    run(place, date(2026, 5, 3))
    world.void(place, "a", date(2026, 4, 3))
    world.void(place, "a", date(2026, 4, 4))
    run(place, date(2026, 5, 4))
    assert papers(place) == [
        # 100 calls, of which credit pays 40.00
        Told("INV-000001", [(10000, 4000)], 1200, 11200, 4000, 7200),
        # 40 calls less: 40.00 × 40/100 are credit again
        Told("CN-000001", [(-4000, -1600)], -480, -4480, -1600, -2880),
        # 80 calls more, and what is there pays: 16.00
        Told("INV-000002", [(8000, 1600)], 1280, 9280, 1600, 7680),
        # all 140 calls less: all of the 40.00
        Told("CN-000002", [(-14000, -4000)], -2000, -16000, -4000, -12000),
    ]
    assert (left(place), owes(place)) == ({"w": 4000}, 0)
    holds(place)


def test_credit_after_taxes_pays_as_money_does_and_is_not_credit_again(place: Place) -> None:
    world.sell(place, [("a", "fee")], text=CATALOGUE, starts_on=APRIL)
    open_wallet(place, "w")
    grant(place, "w", 40000)
    run(place, APRIL)
    change(place, Cancel(), HALF)
    run(place, HALF)
    assert papers(place) == [
        Told("INV-000001", [(100000, 0)], 20000, 120000, 40000, 80000),
        Told("CN-000001", [(-50000, 0)], -10000, -60000, 0, -60000),
    ]
    holds(place)


def test_credit_of_who_paid_for_somebody_else_goes_back_to_who_paid(place: Place) -> None:
    world.sell(place, [("a", "fee"), ("b", "usage")], text=CATALOGUE, starts_on=APRIL)
    with place.database.transaction(place.tenant_id) as tx:
        one, other = (customers.by_name(tx, key) for key in "ab")
        let_pay(tx, one, other, APRIL, reason="", writing=world.writing(place))
    open_wallet(place, "own", before_tax=True)
    grant(place, "own", 9900)
    open_wallet(place, "w", "b", before_tax=True)
    grant(place, "w", 40000)
    world.run(place, midnight(APRIL))
    change(place, Cancel(), HALF)
    with place.database.snapshot(place.tenant_id) as tx:
        found = wallets.standings(tx, [one, other], midnight(HALF))
    assert {standing.wallet.key: standing.usable for standing in found} == {"own": 9900, "w": 0}
    world.run(place, midnight(HALF))
    assert papers(place) == [
        PAID,
        Told("CN-000001", [(-50000, -20000)], -6000, -56000, -20000, -36000),
    ]
    assert left(place) == {"own": 9900, "w": 20000}
    holds(place)


def test_a_document_that_gave_credit_back_is_not_taken_back_as_a_whole(billed: Place) -> None:
    switch(billed, "large", HALF)
    run(billed, HALF)
    before = world.state(billed.database, billed.tenant_id)
    for name in ("INV-000001", "INV-000002"):
        with (
            billed.database.transaction(billed.tenant_id) as tx,
            pytest.raises(Conflict) as refused,
        ):
            invoicing.credit(tx, name, reason="x", time_zone="UTC", **world.at_year_end(billed))
        assert refused.value.code == "invoice.corrected"
    assert world.state(billed.database, billed.tenant_id) == before


def test_an_invoice_that_is_taken_back_as_a_whole_gives_each_line_its_credit_back(
    billed: Place,
) -> None:
    world.credit(billed, "INV-000001")
    assert (left(billed), owes(billed)) == ({"w": 40000}, 0)
    holds(billed)
    change(billed, Cancel(), HALF)
    assert run(billed, HALF) == []  # nothing stands for the period any more


def test_the_explanation_tells_which_part_is_credit_again(billed: Place) -> None:
    change(billed, Cancel(), HALF)
    run(billed, HALF)
    with billed.database.snapshot(billed.tenant_id) as tx:
        tree = explain(tx, "CN-000001")
    value, detail = _node(tree, "credit_back")
    assert value == "200.00 EUR"
    assert detail == (
        "500.00 EUR of 1000.00 EUR are given back, and so is that part of the 400.00 EUR that credit had"
        " paid before taxes; not taxed"
    )
    assert _node(tree, "returned") == (
        "200.00 EUR", "to the grants that had paid the lines before",
    )  # fmt: skip
    assert _node(tree, "payable") == ("-360.00 EUR", "gross and what is credit again")


def _node(tree: Node, kind: str) -> tuple[str, str]:
    if tree.kind == kind:
        return tree.value, tree.detail
    found = [_node(child, kind) for child in tree.children]
    return next((one for one in found if one[0]), ("", ""))
