"""Credit parts of an invoice's lines: a concession to the customer, whatever was used. What is charged for
the periods stays as it was agreed. The note is set off against the invoice as far as that is open.
"""

from __future__ import annotations

from collections.abc import Sequence

from everycent.customers import operations as customers
from everycent.db.connection import Tx
from everycent.invoicing import operations, queries
from everycent.invoicing import operations_notes as issuing
from everycent.invoicing.invoice import INVOICE_SERIES, Invoice, check_credit_date
from everycent.invoicing.line_asked import LinesOff, asked, taken_off
from everycent.invoicing.line_note import LineNote
from everycent.invoicing.queries import IssuedInvoice
from everycent.invoicing.settlement import Open
from everycent.kernel.errors import Conflict
from everycent.subscriptions import queries as subscriptions
from everycent.subscriptions.operations import Writing


def credit_lines(
    tx: Tx, name: str, wanted: Sequence[str], *, reason: str, time_zone: str, writing: Writing
) -> LineNote:
    """Issues a credit note over what is wanted of the lines of an invoice, each as '2=4.00', '2=25%' or '2'
    for all that is left; or over the rest of all lines where nothing is told.

    Raises NotFound `invoice.unknown`, Conflict `invoice.not_an_invoice`, `invoice.credited_before`,
    `invoice.credit_before_issue`, and what `line_asked` raises.
    """
    found, off, open_now = decide(tx, name, wanted)
    check_credit_date(found.invoice, found.at, writing["at"])
    return issuing.credit_lines(
        tx, found, off, open_now, reason=reason, time_zone=time_zone, **writing
    )


def decide(tx: Tx, name: str, wanted: Sequence[str]) -> tuple[IssuedInvoice, LinesOff, Open]:
    """What the note would be, with the invoice and what is open of it: nobody else credits or settles it
    until the transaction ends. Raises what `credit_lines` raises."""
    found = queries.invoice(tx, name)
    invoice = found.invoice
    lock(tx, invoice)
    (open_now,) = operations.lock_open(tx, [invoice.invoice_id])
    _check_kind(tx, found)
    notes = queries.line_notes(tx, invoice.invoice_id)
    off = taken_off(
        invoice, queries.lines_left(tx, invoice), [asked(invoice, text) for text in wanted],
        notes=len(notes), gross=sum(note.gross for note in notes),
    )  # fmt: skip
    return found, off, open_now


def lock(tx: Tx, invoice: Invoice) -> None:
    """Locks who got the invoice, and whose contracts are on it: while they are locked nobody bills
    corrections of its periods."""
    items = sorted({(line.subscription_id, line.item_no) for line in invoice.lines})
    holders = {frame.customer_id for frame in subscriptions.frames(tx, items).values()}
    customers.lock(tx, sorted({invoice.customer.customer_id, *holders}))


def _check_kind(tx: Tx, found: IssuedInvoice) -> None:
    invoice = found.invoice
    if invoice.series != INVOICE_SERIES:
        raise Conflict(
            "invoice.not_an_invoice",
            f"{invoice.name} is a credit note: it gives back more than it charges",
            field="invoice",
            value=invoice.name,
        )
    whole = queries.credited_by(tx, invoice.invoice_id)
    if whole is not None:
        raise Conflict(
            "invoice.credited_before",
            f"{invoice.name} was taken back by {whole}",
            field="invoice",
            value=invoice.name,
        )
