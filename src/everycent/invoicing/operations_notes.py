"""Issue credit notes over parts of an invoice's lines."""

from __future__ import annotations

from datetime import datetime

from everycent.customers.customer import stream as customer_stream
from everycent.db.connection import Tx
from everycent.invoicing import projection, settlement
from everycent.invoicing.invoice import CREDIT_SERIES, name_of
from everycent.invoicing.line_asked import LinesOff
from everycent.invoicing.line_note import LINES_CREDITED, LineNote
from everycent.invoicing.operations import numbers
from everycent.invoicing.queries import IssuedInvoice
from everycent.invoicing.settlement import Open
from everycent.journal import operations as journal
from everycent.journal.event import Draft
from everycent.kernel.ids import IdSource


def credit_lines(
    tx: Tx,
    found: IssuedInvoice,
    off: LinesOff,
    open_now: Open,
    *,
    reason: str,
    time_zone: str,
    at: datetime,
    recorded_at: datetime,
    actor: str,
    ids: IdSource,
) -> LineNote:
    """Issues a credit note over parts of an invoice's lines, and sets it off against what is open of that.
    The caller has locked the customer and the invoice."""
    invoice, given = found.invoice, off.given
    last, dated, at = numbers(tx, CREDIT_SERIES, 1, at, time_zone)
    key = f"{invoice.name}/{off.note_no}"
    note_id = ids(f"credit_note/{key}")
    amount = min(max(open_now.left, 0), given.gross)
    owed = Open(note_id, 0, -given.gross, -given.gross)
    note = LineNote(
        note_id, CREDIT_SERIES, last, name_of(CREDIT_SERIES, last), dated, reason, off.note_no,
        invoice.name, invoice.invoice_id, found.event_id, invoice.issued_on, invoice.customer,
        invoice.currency, invoice.places, off.before, off.lines, given.taxes, given.net, given.tax,
        given.gross, given.discount, given.home,
        settlement.set_off(open_now, owed, amount) if amount else (),
    )  # fmt: skip
    draft = Draft(
        ids(f"invoice.lines_credited/{key}"), customer_stream(invoice.customer.customer_id),
        LINES_CREDITED, at, actor, note, found.event_id,
    )  # fmt: skip
    journal.record(tx, [draft], recorded_at, projection.lines_credited)
    return note
