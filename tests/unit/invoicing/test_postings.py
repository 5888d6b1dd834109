"""Invoices in the ledger, credit notes as their exact opposite, and both as rows."""

from datetime import UTC, date, datetime

import pytest

from everycent.invoicing import projection
from everycent.invoicing.assemble import finished
from everycent.invoicing.invoice import CREDITED, ISSUED, CreditNote
from everycent.invoicing.postings import of_credit_note, of_invoice
from everycent.journal.event import Event
from everycent.kernel import ids
from everycent.kernel.table import Rows
from everycent.ledger.account import RECEIVABLE, REVENUE, TAX_PAYABLE
from everycent.ledger.entry import Posting
from tests.unit.invoicing.made import ANA, drafted, due, tax

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)
DAY = date(2026, 2, 1)
EVENT_ID = ids.derived("event")


def invoice(*charges, currency="EUR", taxes=None):
    made = drafted(*charges, currency=currency, taxes=taxes)
    return finished(made, ids.derived("invoice"), 7, DAY, 14, None)


def credited(original):
    return CreditNote(
        ids.derived("note"), "CN", 1, "CN-000001", DAY, "mistake", original, EVENT_ID
    )  # fmt: skip


def legs(entry):
    return [(p.account, p.amount, p.currency, p.customer_id) for p in entry.postings]


@pytest.mark.parametrize(
    ("charges", "currency", "gross", "net", "tax_amount"),
    [
        ((due("10"), due("0.33")), "EUR", 1291, 1033, 258),
        ((due("-10"), due("-0.33")), "EUR", -1291, -1033, -258),
        ((due("999.5", currency="JPY"),), "JPY", 1250, 1000, 250),
        ((due("1.0005", currency="BHD"),), "BHD", 1251, 1001, 250),
    ],
)
def test_an_invoice_debits_the_customer_and_credits_revenue_and_tax(
    charges, currency, gross, net, tax_amount
):
    entry = of_invoice(invoice(*charges, currency=currency))
    assert (entry.kind, entry.document_id, entry.reverses) == (
        "credit_note" if gross < 0 else "invoice",
        ids.derived("invoice"),
        None,
    )
    assert legs(entry) == [
        (RECEIVABLE, gross, currency, ANA.customer_id),
        (REVENUE, -net, currency, None),
        (TAX_PAYABLE, -tax_amount, currency, None),
    ]


def test_an_untaxed_invoice_has_no_leg_for_taxes():
    assert [leg[0] for leg in legs(of_invoice(invoice(due("10", "none"))))] == [RECEIVABLE, REVENUE]


@pytest.mark.parametrize("amounts", [("0",), ("10", "-10"), ("0.001",)])
def test_an_invoice_over_nothing_is_not_booked_and_neither_is_its_credit_note(amounts):
    over_nothing = invoice(*(due(amount) for amount in amounts))
    assert of_invoice(over_nothing) is None
    assert of_credit_note(credited(over_nothing)) is None


def test_what_taxes_alone_leave_is_booked():
    rates = {"vat": tax("vat", ("2015-01-01", "25")), "low": tax("low", ("2015-01-01", "5"))}
    entry = of_invoice(invoice(due("10"), due("-10", "low"), taxes=rates))
    assert legs(entry) == [
        (RECEIVABLE, 200, "EUR", ANA.customer_id),
        (TAX_PAYABLE, -200, "EUR", None),
    ]


@pytest.mark.parametrize("amounts", [("10", "0.33"), ("-0.02",), ("0.02", "0.02")])
def test_a_credit_note_is_the_exact_opposite(amounts):
    original = invoice(*(due(amount) for amount in amounts))
    entry, back = of_invoice(original), of_credit_note(credited(original))
    assert (back.kind, back.reverses, back.document_id) == (
        "credit_note",
        EVENT_ID,
        ids.derived("note"),
    )
    assert back.postings == tuple(
        Posting(p.account, -p.amount, p.currency, p.customer_id) for p in entry.postings
    )


def rows_of(kind, payload, project):
    rows = Rows()
    event = Event(EVENT_ID, "customer:x", 1, kind, NOW, NOW, "test", None, payload, b"")
    project(event, rows, 1)
    return rows


def test_the_rows_of_a_credit_note_are_those_of_the_invoice_with_the_opposite_sign():
    original = invoice(due("10"), due("0.33", item_no=2), due("5", "none", item_no=3))
    issued = rows_of(ISSUED.name, original, projection.issued).added
    back = rows_of(CREDITED.name, credited(original), projection.credited).added
    lines, taxes = issued[projection.LINE], issued[projection.TAX]
    net = projection.LINE.names.index("net")
    assert [row[net] for row in back[projection.LINE]] == [-row[net] for row in lines]
    assert [row[5:7] for row in back[projection.TAX]] == [(-row[5], -row[6]) for row in taxes]
    (head,), (back_head,) = issued[projection.INVOICE], back[projection.INVOICE]
    sums = slice(projection.INVOICE.names.index("net"), projection.INVOICE.names.index("gross") + 1)
    assert back_head[sums] == tuple(-amount for amount in head[sums])
    assert back_head[projection.INVOICE.names.index("credits")] == original.invoice_id
    assert projection.BILLED_PERIOD in issued
    assert projection.BILLED_PERIOD not in back
    assert len(lines) == 3
