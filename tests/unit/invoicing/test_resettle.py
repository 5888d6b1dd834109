"""Issued invoices settled again: as they are, and as they would be over other amounts."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from uuid import UUID

import pytest

from everycent.catalog.coupon import Coupon
from everycent.coupons.application import Application, Held
from everycent.credits.purse import Purse
from everycent.invoicing.assemble import DraftInvoice, DueCharge, draft, finished
from everycent.invoicing.invoice import Correction, Invoice
from everycent.invoicing.prepaid import prepaid
from everycent.invoicing.resettle import resettled
from everycent.kernel import ids
from tests.unit.credits.made import lot, wallet
from tests.unit.invoicing.made import ANA, DUE_AT, due, tax

TAXES = {"vat": tax("vat", ("2015-01-01", "20"))}
QUARTER = Coupon("quarter", "Quarter", percent="25")
TEN = Coupon("ten", "Ten", amount="10", currency="EUR")


def held(coupon: Coupon) -> Held:
    day = date(2015, 1, 1)
    return Held(Application(ids.derived(coupon.key), ANA.customer_id, coupon, 1, 1, 1, day))


def issued(*charges: DueCharge, coupon: Coupon) -> Invoice:
    made: DraftInvoice = draft(ANA, DUE_AT, charges, TAXES, [held(coupon)])
    return finished(made, ids.derived("i"), 1, date(2026, 2, 1), 14, None)


@pytest.mark.parametrize(
    ("coupon", "amounts", "net", "tax_amount"),
    [
        (QUARTER, {}, 11250, 2250),
        (QUARTER, {1: 6000}, 8250, 1650),
        (QUARTER, {1: 0}, 3750, 750),
        (TEN, {}, 14000, 2800),
        (TEN, {1: 500, 2: 300}, 0, 0),
        (TEN, {1: -5000}, -1000, -200),  # the coupon reaches the other line alone
    ],
)
def test_an_invoice_is_settled_again_over_other_amounts(
    coupon: Coupon, amounts: dict[int, int], net: int, tax_amount: int
) -> None:
    invoice = issued(due("100"), due("50", item_no=2), coupon=coupon)
    found = resettled(invoice, amounts)
    assert (found.net, found.tax) == (net, tax_amount)


AGAIN = [
    # amount  credit that stays  tax, of 100.00 that credit paid 40.00 of
    (None, 4000, 1200),
    (5000, 2000, 600),
    (0, 0, 0),
    (15000, 4000, 2200),
]


@pytest.mark.parametrize(("amount", "stays", "tax_amount"), AGAIN)
def test_credit_goes_with_what_it_paid_where_a_line_would_come_to_less(
    amount: int | None, stays: int, tax_amount: int
) -> None:
    made = draft(ANA, DUE_AT, [due("100")], TAXES)
    held = Purse(wallet("w", before_tax=True), [lot("g", 4000, effective_at=DUE_AT)])
    invoice = finished(prepaid(made, [held]).draft, ids.derived("i"), 1, date(2026, 2, 1), 14, None)
    found = resettled(invoice, {} if amount is None else {1: amount})
    assert found.tax == tax_amount
    assert [tax.base for tax in found.settled.taxes] == [found.net - stays]


def test_a_line_that_corrects_another_keeps_its_discount_and_no_coupon_reaches_it() -> None:
    earlier: UUID = ids.derived("earlier")
    correction = due("80", item_no=2)._replace(
        corrects=Correction("INV-000001", earlier, 1, 1, 12000, DUE_AT), kept=Fraction(1, 4)
    )
    invoice = issued(due("100"), correction, coupon=TEN)
    first, second = invoice.lines
    assert (first.net, first.discount) == (10000, 1000)
    assert (second.net, second.discount, second.base) == (-4000, -1000, -3000)
    assert (second.corrects.charged, second.kept) == (12000, (1, 4))
    assert [share.line_no for share in invoice.discounts[0].shares] == [1]
    assert (invoice.net, invoice.discount, invoice.tax) == (6000, 0, 1200)
    again = resettled(invoice)
    assert again.settled.lines == [(0, 1000), (0, -1000)]
