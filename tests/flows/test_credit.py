"""Credit in the books: granted, drawn by the billing run, expired, voided, given back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from everycent.coupons import operations as coupons
from everycent.credits import operations, queries
from everycent.credits.grant import Basis, Grant, Order, Renewal, Scope
from everycent.credits.operations import Offer, Terms
from everycent.customers import queries as customers
from everycent.flows.explain import explain
from everycent.flows.owed import explained, owed
from everycent.flows.verify import verify
from everycent.integrations import explain_page
from everycent.invoicing import operations as invoicing
from everycent.invoicing.invoice import Invoice
from everycent.kernel.errors import Conflict, Invalid, NotFound
from everycent.ledger import queries as ledger
from everycent.subscriptions import operations as contracts
from everycent.subscriptions.changing import When
from everycent.subscriptions.timeline import Cancel
from tests.conftest import NOW, Place
from tests.flows import world
from tests.flows.test_given_back import CATALOGUE as GIVEN_BACK
from tests.flows.world import calls, credit, midnight, sell, use

FOREVER = datetime(2999, 1, 1, tzinfo=UTC)
DECEMBER = datetime(2025, 12, 1, tzinfo=UTC)


def writing(place: Place, at: datetime = DECEMBER, **later: int) -> dict[str, Any]:
    return world.writing(place) | {"at": at, "recorded_at": NOW + timedelta(**later)}


def open_wallet(place: Place, key: str, customer: str = "a", **terms: Any) -> None:
    with place.database.transaction(place.tenant_id) as tx:
        owner = customers.by_name(tx, customer)
        operations.open_wallet(tx, owner, key, Terms(**terms), writing(place))


def grant(place: Place, key: str, amount: int, basis: str = "paid", **more: Any) -> Grant:
    at = more.pop("at", DECEMBER)
    with place.database.transaction(place.tenant_id) as tx:
        payment = f"payment {len(queries.history(tx, queries.wallet(tx, key))) + 1}"
        offer = Offer(amount, Basis(basis), more.pop("reference", payment), **more)
        return operations.grant(tx, key, offer, writing(place, at))


def left(place: Place) -> dict[str, int]:
    """What is left in every wallet."""
    with place.database.snapshot(place.tenant_id) as tx:
        purses = queries.purses(tx, UUID(int=0), UUID(int=(1 << 128) - 1))
        found = {one.key: 0 for one in queries.wallets(tx)}
    return found | {purse.wallet.key: purse.left for purse in purses}


def balances(place: Place) -> dict[str, int]:
    """The ledger's accounts, debits positive."""
    with place.database.snapshot(place.tenant_id) as tx:
        return {row.code: row.balance for row in ledger.trial_balance(tx, FOREVER, FOREVER)}


def owes(place: Place, customer: str = "a") -> int:
    with place.database.snapshot(place.tenant_id) as tx:
        whole = {one.customer: one.amount.minor for one in owed(tx, FOREVER, FOREVER)}
        (detail,) = explained(tx, customer, FOREVER, FOREVER)
    assert whole.get(customer, 0) == detail.amount.minor
    return detail.amount.minor


def holds(place: Place) -> None:
    """Every promise, and the journal rebuilds every table."""
    with place.database.snapshot(place.tenant_id) as tx:
        checks = list(verify(tx, trusted_key=None, with_replay=True))
    assert {check.promise: check.violators for check in checks if check.violators} == {}


def bill(place: Place, month: int = 2) -> list[Invoice]:
    world.run(place, midnight(date(2026, month, 1)))
    issued = world.issued(place)
    with place.database.snapshot(place.tenant_id) as tx:
        for invoice in issued:
            shown = explain_page.page(invoice, explain(tx, invoice.name), {})
            assert ("Paid by credit" in shown) is bool(invoice.draws)
    return issued


# January: 100 × 0.05 + 9.90 = 14.90, with 20 % 17.88; from February 9.90, with 20 % 11.88
@pytest.fixture
def sold(place: Place) -> Place:
    sell(place, [("a", "api"), ("b", "api")])
    use(place, [calls("a", 100, date(2026, 1, 10))])
    return place


PAID = [
    # granted  drawn by January and February   to pay     left  receivable of a
    (5000, [1788, 1188], [0, 0], 2024, 0),
    (2000, [1788, 212], [0, 976], 0, 976),
    (1000, [1000, 0], [788, 1188], 0, 1976),
]


@pytest.mark.parametrize(("amount", "drawn", "payable", "rest", "owe"), PAID)
def test_credit_pays_invoices_with_their_taxes_until_it_is_used_up(
    sold: Place, amount: int, drawn: list[int], payable: list[int], rest: int, owe: int
) -> None:
    open_wallet(sold, "w")
    grant(sold, "w", amount)
    assert balances(sold) == {"cash": amount, "prepaid_credit": -amount}
    assert owes(sold) == 0
    own = [i for i in bill(sold, 3) if i.customer.key == "a"]
    assert [i.prepaid for i in own] == drawn
    assert [i.payable for i in own] == payable
    assert left(sold) == {"w": rest}
    assert balances(sold).get("prepaid_credit", 0) == -rest
    assert owes(sold) == owe
    holds(sold)


def test_before_taxes_credit_pays_line_by_line_and_the_tax_is_on_what_is_left(
    sold: Place,
) -> None:
    open_wallet(sold, "w", before_tax=True, scope=Scope(products=("base",)))
    grant(sold, "w", 5000, "promotional")
    invoice = next(i for i in bill(sold) if i.customer.key == "a")
    assert [(line.charge.product.key, line.net, line.prepaid) for line in invoice.lines] == [
        ("api", 500, 0),
        ("base", 990, 990),
    ]
    assert [(tax.base, tax.amount) for tax in invoice.taxes] == [(500, 100)]
    assert (invoice.net, invoice.gross, invoice.prepaid, invoice.payable) == (1490, 1590, 990, 600)
    assert balances(sold)["promotions"] == 5000
    holds(sold)


def test_wallets_pay_in_order_of_priority_and_grants_in_that_of_the_policy(sold: Place) -> None:
    open_wallet(sold, "late", priority=2)
    open_wallet(sold, "early", priority=1, order=Order.EXPIRY)
    grant(sold, "late", 5000)
    grant(sold, "early", 1000)
    grant(sold, "early", 500, expires_at=midnight(date(2026, 6, 1)))
    invoice = next(i for i in bill(sold) if i.customer.key == "a")
    assert [(draw.wallet, draw.amount, draw.left) for draw in invoice.draws] == [
        ("early", 500, 0),
        ("early", 1000, 0),
        ("late", 288, 4712),
    ]
    holds(sold)


def test_credit_is_drawn_as_of_when_a_charge_fell_due_however_late_the_run_is(
    sold: Place,
) -> None:
    open_wallet(sold, "w")
    grant(sold, "w", 2000, expires_at=midnight(date(2026, 2, 10)))
    grant(sold, "w", 3000, effective_at=midnight(date(2026, 2, 15)), at=NOW)
    own = [i for i in bill(sold, 4) if i.customer.key == "a"]
    assert [i.prepaid for i in own] == [1788, 1188, 1188]
    assert left(sold) == {"w": 3000 - 2 * 1188}
    assert balances(sold)["breakage"] == -212
    with sold.database.snapshot(sold.tenant_id) as tx:
        before = ledger.trial_balance(tx, midnight(date(2026, 2, 10)), FOREVER)
    assert {row.code: row.balance for row in before}["breakage"] == -212
    holds(sold)


def test_one_late_run_writes_the_same_draws_as_a_run_every_month(
    sold: Place, other_place: Place
) -> None:
    sell(other_place, [("a", "api"), ("b", "api")])
    use(other_place, [calls("a", 100, date(2026, 1, 10))])
    draws = []
    for place in (sold, other_place):
        open_wallet(place, "w")
        grant(place, "w", 2000, expires_at=midnight(date(2026, 2, 10)))
        renewal = Renewal(500, date(2026, 1, 15), 1, 0, world.ZONE)
        grant(place, "w", 500, "promotional", renewal=renewal, priority=60, at=NOW)
        for month in (4,) if place is sold else (2, 3, 4):
            issued = bill(place, month)
        draws.append([(i.customer.key, i.prepaid, i.draws) for i in issued])
        holds(place)
    assert sorted(draws[0], key=str) == sorted(draws[1], key=str)


def test_a_credit_note_gives_the_credit_back_to_the_grants_it_came_from(sold: Place) -> None:
    open_wallet(sold, "w")
    grant(sold, "w", 2000)
    invoice = next(i for i in bill(sold) if i.customer.key == "a")
    with sold.database.transaction(sold.tenant_id) as tx:
        note = invoicing.credit(
            tx, invoice.name, reason="x", time_zone="UTC", **world.at_year_end(sold)
        )
    assert [(d.amount, d.draw_no, d.left) for d in note.draws] == [(-1788, 2, 2000)]
    assert left(sold) == {"w": 2000}
    assert owes(sold) == 0
    holds(sold)
    bill(sold, 3)
    assert left(sold) == {"w": 2000 - 1188}
    holds(sold)


VOIDS = [
    # basis          owed?  account that it comes back to
    ("paid", False, "customer_credit"),
    ("paid", True, "receivable"),
    ("promotional", False, "promotions"),
]


@pytest.mark.parametrize(("basis", "is_owed", "account"), VOIDS)
def test_voided_credit_is_owed_back_or_no_longer_owed(
    sold: Place, basis: str, is_owed: bool, account: str
) -> None:
    open_wallet(sold, "w")
    grant(sold, "w", 2000, basis, is_owed=is_owed)
    assert owes(sold) == (2000 if is_owed else 0)
    bill(sold)
    before = balances(sold).get(account, 0)
    with sold.database.transaction(sold.tenant_id) as tx:
        operations.void(tx, "w", 1, "a mistake", writing(sold, NOW, hours=1))
    assert balances(sold).get(account, 0) - before == -212
    assert left(sold) == {"w": 0}
    holds(sold)
    with (
        pytest.raises(Conflict) as again,
        sold.database.transaction(sold.tenant_id) as tx,
    ):
        operations.void(tx, "w", 1, "again", writing(sold, NOW, hours=2))
    assert again.value.code == "credit.used_up"


def test_a_monthly_grant_comes_again_until_it_is_voided(sold: Place) -> None:
    open_wallet(sold, "w")
    renewal = Renewal(800, date(2026, 1, 15), 1, 0, world.ZONE)
    grant(sold, "w", 800, "promotional", renewal=renewal)
    own = [i for i in bill(sold, 3) if i.customer.key == "a"]
    # 15 December, 15 January: the invoice of 1 February draws 800, and again that of 1 March
    assert [i.prepaid for i in own] == [800, 800]
    assert balances(sold)["promotions"] == 3 * 800 - 800 + 800 - 800
    with sold.database.transaction(sold.tenant_id) as tx:
        operations.void(tx, "w", 1, "", writing(sold, midnight(date(2026, 3, 2)), hours=1))
    assert [i.prepaid for i in bill(sold, 5) if i.customer.key == "a"] == [800, 800, 0, 0]
    holds(sold)


def test_a_customer_who_is_billed_alone_draws_as_in_a_chunk(sold: Place, monkeypatch: Any) -> None:
    from everycent.flows import bill as flow

    open_wallet(sold, "w")
    grant(sold, "w", 2000)
    decide = flow._decide

    def fails_in_a_chunk(tx, chunk, owners, context):
        if len(owners) > 1:
            raise RuntimeError("the chunk as a whole")
        return decide(tx, chunk, owners, context)

    monkeypatch.setattr(flow, "_decide", fails_in_a_chunk)
    assert [i.prepaid for i in bill(sold) if i.customer.key == "a"] == [1788]
    holds(sold)


MIXED = """
taxes:
  vat: {rates: [{since: 2000-01-01, percent: 20}]}
  low: {rates: [{since: 2000-01-01, percent: 5}]}
products: {shop: {name: Shop, tax: vat}, book: {name: Book, tax: low}}
coupons: {tenth: {name: A tenth, percent: 10}}
policies: {tax.rounding_level: invoice}
plans:
  both:
    currency: EUR
    anchor_day: 1
    prices:
      - {key: shop, product: shop, flat: {amount: 120}, includes_tax: true}
      - {key: book, product: book, flat: {amount: 33.33}}
"""


def test_credit_before_taxes_goes_with_coupons_and_with_prices_that_include_taxes(
    place: Place,
) -> None:
    sell(place, [("a", "both")], text=MIXED)
    with place.database.transaction(place.tenant_id) as tx:
        owner = customers.by_name(tx, "a").customer_id
        starts_on = date(2026, 1, 1)
        coupons.apply(tx, "tenth", owner, starts_on=starts_on, **world.writing(place))
    open_wallet(place, "w", before_tax=True, scope=Scope(products=("shop",)))
    grant(place, "w", 4000)
    (january,) = bill(place)
    # shop: 120 less 10 % = 108, which is 90 and 18 of tax; 40 are paid, so 20 % of 50 are left to tax.
    # book: 33.33 less 3.33 = 30, and 5 % of it.
    assert [(line.base, line.prepaid) for line in january.lines] == [(9000, 4000), (3000, 0)]
    assert {t.category: (t.base, t.amount) for t in january.taxes} == {
        "vat": (5000, 1000),
        "low": (3000, 150),
    }
    assert (january.net, january.gross, january.payable) == (12000, 13150, 9150)
    assert owes(place) == 9150
    holds(place)
    credit(place, january.name)
    assert (left(place), owes(place)) == ({"w": 4000}, 0)
    holds(place)


def test_what_gives_back_more_than_it_charges_draws_no_credit(place: Place) -> None:
    sell(place, [("a", "small")], text=GIVEN_BACK, starts_on=date(2026, 1, 1))
    world.run(place, midnight(date(2026, 1, 1)))
    open_wallet(place, "w")
    grant(place, "w", 5000)
    with place.database.transaction(place.tenant_id) as tx:
        contracts.change(
            tx, "a", Cancel(), When(date(2026, 1, 16)), reason="asked", writing=world.writing(place)
        )
    world.run(place, midnight(date(2026, 2, 1)))
    note = next(one for one in world.issued(place) if one.series == "CN")
    assert (note.gross < 0, note.prepaid, note.payable) == (True, 0, note.gross)
    assert left(place) == {"w": 5000}
    holds(place)


def test_a_wallet_takes_the_policies_that_hold_when_it_is_opened_and_keeps_them(
    sold: Place,
) -> None:
    open_wallet(sold, "before")
    policies = "policies: {credits.order: priority_then_received, credits.before_tax: true}\n"
    world.apply(sold, policies)
    open_wallet(sold, "after")
    open_wallet(sold, "told", order=Order.EXPIRY, before_tax=False)
    with sold.database.snapshot(sold.tenant_id) as tx:
        found = {one.key: (one.order, one.before_tax) for one in queries.wallets(tx)}
    assert found == {
        "before": (Order.EXPIRY, False),
        "after": (Order.RECEIVED, True),
        "told": (Order.EXPIRY, False),
    }
    holds(sold)


REFUSED = [
    # what is asked for                                             kind      code
    (lambda p: open_wallet(p, "w"), Conflict, "wallet.exists"),
    (lambda p: open_wallet(p, "-"), Invalid, "wallet.bad_key"),
    (lambda p: open_wallet(p, "x", "nobody"), NotFound, "customer.unknown"),
    (lambda p: grant(p, "x", 1), NotFound, "wallet.unknown"),
    (lambda p: grant(p, "w", 1, expires_at=DECEMBER), Invalid, "credit.bad_expiry"),
    (lambda p: grant(p, "w", 1, priority=-1), Invalid, "credit.bad_priority"),
    (lambda p: grant(p, "w", 1, renewal=Renewal(1, date(2026, 1, 1), 1, 0, "UTC")), Invalid,
     "credit.renewal_paid"),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "kind", "code"), REFUSED)
def test_what_makes_no_sense_is_refused_and_nothing_is_written(
    sold: Place, asked: Any, kind: type[Exception], code: str
) -> None:
    open_wallet(sold, "w")
    before = world.state(sold.database, sold.tenant_id)
    with pytest.raises(kind) as refused:
        asked(sold)
    assert refused.value.code == code
    assert world.state(sold.database, sold.tenant_id) == before
