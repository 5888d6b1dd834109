"""Published cases of single payments; those of dunning and retries are in tests/dunning."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

from everycent.catalog import document
from everycent.catalog import operations as catalog
from everycent.customers import operations as customers
from everycent.customers.customer import Customer
from everycent.flows.collect import refund_lines
from everycent.invoicing import queries as invoices
from everycent.invoicing.settlement import Open
from everycent.kernel import ids
from everycent.payments import operations as payments
from everycent.payments.operations import Share
from everycent.payments.payment import PREFIX, MoveKind, Part, Way, applied, moved, received
from everycent.payments.payment import Payment as Paid
from everycent.subscriptions import operations as subscriptions
from everycent.subscriptions.order import Order
from tests.collecting import shop
from tests.flows import world

CASES = {
    case["id"]: case
    for case in json.loads((Path(__file__).parents[1] / "data/cases/payments.json").read_text())
}


def minor(text: str) -> int:
    return int(Decimal(text) * 100)


def paid(amount: int) -> Paid:
    return Paid(
        shop.random_ids(""), shop.random_ids(""), "USD", amount, Way.OTHER, "x", "1",
        shop.now().date(),
    )  # fmt: skip


def test_pd_001_a_provider_that_takes_a_part_leaves_the_rest_open():
    case = CASES["PD-001"]
    owed = minor(case["inputs"]["invoice"])
    document = Open(shop.random_ids(""), 0, owed, owed)
    balances = []
    for payment in case["inputs"]["payments"]:
        if "second" not in payment.get("invoice", ""):
            taken = minor(payment["taken"])
            _, standing = received(paid(taken))
            _, (step,), _ = applied(standing, [Part(document, taken)])
            document = document._replace(step=step.step, left=step.open_after)
        balances.append(document.left)
    assert balances == [minor(text) for text in case["expected"]["balance_first_invoice"]]


def test_pd_004_a_chargeback_opens_the_invoice_and_its_reversal_closes_it():
    case = CASES["PD-004"]
    owed = minor(case["inputs"]["invoice"])
    document = Open(shop.random_ids(""), 0, owed, owed)
    balances = []
    _, standing = received(paid(owed))
    for amount, kind in ((owed, None), (-owed, MoveKind.DISPUTE), (owed, MoveKind.DISPUTE_WON)):
        if kind is MoveKind.DISPUTE_WON:
            _, standing = moved(standing, kind, owed)
        _, (step,), standing = applied(standing, [Part(document, amount)])
        if kind is MoveKind.DISPUTE:
            _, standing = moved(standing, kind, owed)
        document = document._replace(step=step.step, left=step.open_after)
        balances.append(document.left)
    assert balances == [minor(text) for text in case["expected"]["invoice_balance"]]


TEN = """
products: {thing: {name: Thing}}
plans:
  ten: {currency: USD, anchor_day: 1,
        prices: [{key: fee, product: thing, flat: {amount: 10}, timing: in_advance}]}
"""


def test_pd_005_two_payments_go_back_with_line_credits_and_nothing_is_open(place):
    case = CASES["PD-005"]
    with place.database.transaction(place.tenant_id) as tx:
        catalog.apply(tx, document.parse(TEN), **world.writing(place))
        buyer = Customer(place.ids("customer/a"), "a", "A", case["currency"], world.ZONE)
        customers.create(tx, [buyer], **world.writing(place))
        order = Order(buyer, "ten", "a", date(2026, 1, 1))
        subscriptions.start(tx, [order], **world.writing(place))
    world.run(place, world.midnight(date(2026, 1, 1)))
    with place.database.snapshot(place.tenant_id) as tx:
        invoice = invoices.invoice(tx, "INV-000001").invoice
    assert invoice.payable == minor(case["inputs"]["invoice"])
    balances, names = [], {}
    for step in case["inputs"]["steps"]:
        what, amount, *more = step.split()
        if what == "pay":
            came = Paid(
                place.ids(step), buyer.customer_id, "USD", minor(amount), Way.TRANSFER, "bank", step,
                date(2026, 1, 2),
            )  # fmt: skip
            with place.database.transaction(place.tenant_id) as tx:
                payments.receive(tx, came, [Share(invoice.invoice_id)], shop.writing())
            names[amount] = ids.show(PREFIX, came.payment_id)
        else:
            assert (what, more) == ("refund", ["with", "line", "credit"])
            asked = refund_lines.asked(names[amount], (f"INV-000001/1={amount}",), "sorry")
            refund_lines.request(
                place.database, place.tenant_id, asked, at=shop.now(), actor="test",
                ids=shop.random_ids,
            )  # fmt: skip
        with place.database.snapshot(place.tenant_id) as tx:
            (document_,) = invoices.open_of(tx, [invoice.invoice_id])
        balances.append(document_.left)
    with place.database.snapshot(place.tenant_id) as tx:
        charged = sum(row.gross for row in invoices.listed(tx))
        all_open = invoices.open_of_customer(tx, None)
    assert balances == [minor(text) for text in case["expected"]["invoice_balance"]]
    assert charged == minor(case["expected"]["charged_at_end"])
    assert all_open == []
    assert shop.violations(place) == []
