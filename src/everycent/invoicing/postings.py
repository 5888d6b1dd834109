"""Invoices and credit notes as ledger entries."""

from __future__ import annotations

from everycent.credits import postings as credit_postings
from everycent.invoicing.invoice import CreditNote, Invoice, kind_of
from everycent.invoicing.line_note import LineNote
from everycent.invoicing.settlement import Settled
from everycent.ledger.account import BAD_DEBT, DISCOUNTS, RECEIVABLE, REVENUE, TAX_PAYABLE
from everycent.ledger.entry import Entry, balanced, credit, debit, reversal


def of_invoice(invoice: Invoice) -> Entry | None:
    """Debit receivable with the gross and discounts with what coupons took off; credit revenue with the
    net before discounts and tax payable with the tax; and what credit pays of it comes off the receivable.

    What gives more back than it charges has all of it the other way round. None for an invoice over
    nothing.
    """
    customer_id, currency = invoice.customer.customer_id, invoice.currency
    return balanced(
        kind_of(invoice.series),
        (
            debit(RECEIVABLE, invoice.gross, currency, customer_id),
            debit(DISCOUNTS, invoice.discount, currency),
            credit(REVENUE, invoice.net + invoice.discount, currency),
            credit(TAX_PAYABLE, invoice.tax, currency),
            *credit_postings.of_invoice(invoice.draws, currency, customer_id),
        ),
        invoice.invoice_id,
    )


def of_credit_note(note: CreditNote) -> Entry | None:
    """The reversal of the invoice's entry, posting for posting."""
    original = of_invoice(note.original)
    if original is None:
        return None
    return reversal("credit_note", original, note.original_event_id, note.invoice_id)


def of_line_note(note: LineNote) -> Entry | None:
    """The other way round than the invoice's, with what goes back."""
    currency = note.currency
    return balanced(
        "credit_note",
        (
            credit(RECEIVABLE, note.gross, currency, note.customer.customer_id),
            credit(DISCOUNTS, note.discount, currency),
            debit(REVENUE, note.net + note.discount, currency),
            debit(TAX_PAYABLE, note.tax, currency),
        ),
        note.invoice_id,
    )


def of_settled(done: Settled) -> Entry | None:
    """What is written off is a bad debt, taxes included, and no longer owed. A set-off of two documents
    moves nothing: both are receivable (one of them below nothing)."""
    amount = sum(step.amount for step in done.steps)
    return balanced(
        "write_off",
        (
            debit(BAD_DEBT, amount, done.currency),
            credit(RECEIVABLE, amount, done.currency, done.customer_id),
        ),
        done.steps[0].document_id,
    )
