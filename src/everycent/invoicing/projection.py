"""Invoices and credit notes as rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from uuid import UUID

from everycent.consumption.usage import is_counter
from everycent.coupons.projection import USE as COUPON_USE
from everycent.credits import projection as credit_rows
from everycent.exchange.rate import Exchange
from everycent.invoicing import postings
from everycent.invoicing.assemble import DraftInvoice
from everycent.invoicing.invoice import (
    ISSUED,
    CreditNote,
    Home,
    Invoice,
    InvoiceLine,
    TaxAmount,
    kind_of,
)
from everycent.invoicing.line_note import LineNote
from everycent.invoicing.seals import limits_of
from everycent.invoicing.settlement import Settle, Settled, set_off_by
from everycent.journal.event import Event
from everycent.kernel.canonical import encode
from everycent.kernel.table import Rows, table
from everycent.ledger import projection as ledger
from everycent.subscriptions.projection import BILLED_PERIOD, PERIOD_CORRECTION

INVOICE = table(
    "invoice",
    "tenant_id int4, invoice_id uuid, kind text, series text, number int8, customer_id uuid,"
    " currency text, issued_on date, due_on date, at timestamptz, discount int8, net int8, tax int8,"
    " gross int8, prepaid int8, credits uuid, reduces uuid, event_id uuid",
    key="tenant_id, invoice_id",
)
LINE = table(
    "invoice_line",
    "tenant_id int4, invoice_id uuid, line_no int4, subscription_id uuid, item_no int2, product text,"
    " description text, starts_at timestamptz, ends_at timestamptz, quantity numeric, unit text,"
    " net int8, discount int8, tax_included int8, prepaid int8, tax_category text",
    key="tenant_id, invoice_id, line_no",
)
TAX = table(
    "invoice_tax",
    "tenant_id int4, invoice_id uuid, category text, percent numeric, is_included bool, base int8,"
    " amount int8, step int8, within int8",
    key="tenant_id, invoice_id, category, percent, is_included",
)
USAGE = table(
    "invoice_usage",
    "tenant_id int4, invoice_id uuid, line_no int4, part_no int2, subject_id int4, meter_id int4,"
    " starts_at timestamptz, ends_at timestamptz, ends_included bool, limits text, fold_id int8,"
    " records int8, total numeric, digest bytea",
    key="tenant_id, invoice_id, line_no, part_no",
)
HOME = table(
    "invoice_home",
    "tenant_id int4, invoice_id uuid, currency text, net int8, tax int8, rounding int8, gross int8,"
    " parts text",
    key="tenant_id, invoice_id",
)
HOME_TAX = table(
    "invoice_home_tax",
    "tenant_id int4, invoice_id uuid, category text, percent numeric, is_included bool, base int8,"
    " amount int8",
    key="tenant_id, invoice_id, category, percent, is_included",
)
RATE = table(
    "invoice_rate",
    "tenant_id int4, invoice_id uuid, line_no int4, quote_no int2, number int8, base text, quote text,"
    " day date, rate numeric",
    key="tenant_id, invoice_id, line_no, quote_no",
)
LINE_CREDIT = table(
    "line_credit",
    "tenant_id int4, invoice_id uuid, line_no int4, step int4, credited_before int8, credited_after int8,"
    " total int8, subscription_id uuid, item_no int2, starts_at timestamptz, note_id uuid",
    key="tenant_id, invoice_id, line_no, step",
)
SETTLEMENT = table(
    "settlement",
    "tenant_id int4, document_id uuid, step int4, kind text, amount int8, open_before int8,"
    " open_after int8, owed int8, payment_id uuid, move_no int4, other_id uuid, at timestamptz,"
    " event_id uuid",
    key="tenant_id, document_id, step",
)
SERIES = table(
    "number_series",
    "tenant_id int4, series text, last_number int8, last_issued_on date",
    key="tenant_id, series",
)


def issued(event: Event, rows: Rows, tenant_id: int) -> None:
    """A new invoice with its lines, taxes, uses of coupons, seals of usage, billed periods, and its ledger
    entry."""
    invoice: Invoice = event.payload
    add_details(rows, tenant_id, invoice.invoice_id, invoice)
    add_document(event, rows, tenant_id)


def add_details(
    rows: Rows,
    tenant_id: int,
    invoice_id: UUID,
    invoice: Invoice | DraftInvoice,
) -> None:
    """The rows of an invoice that do not depend on its number. They are written before it: the
    database checks that an invoice adds up, and takes no line afterwards."""
    lines, usage, taxes = (rows.of(target) for target in (LINE, USAGE, TAX))
    periods = rows.of(BILLED_PERIOD)
    for line in invoice.lines:
        lines.append(_line(tenant_id, invoice_id, line, 1))
        if line.corrects is None:
            periods.append(
                (tenant_id, line.subscription_id, line.item_no, line.starts_at, line.ends_at,
                 line.amount, line.prepaid, invoice_id, line.line_no)
            )  # fmt: skip
        else:
            before = line.corrects
            rows.of(PERIOD_CORRECTION).append(
                (tenant_id, line.subscription_id, line.item_no, line.starts_at, before.step,
                 before.ends_at, line.ends_at, before.charged, before.charged + line.amount,
                 before.prepaid, before.prepaid + line.prepaid, False, invoice_id, line.line_no)
            )  # fmt: skip
        quantity = line.charge.quantity
        if quantity is None:
            continue
        for number, part in enumerate(quantity.parts, start=1):
            series = part.series
            usage.append(
                (tenant_id, invoice_id, line.line_no, number, part.subject_id, part.meter_id,
                 part.starts_at, part.ends_at, is_counter(series), limits_of(series),
                 part.fold_id, part.records, Decimal(part.total), bytes.fromhex(part.digest))
            )  # fmt: skip
    for tax in invoice.taxes:
        taxes.append(_tax(tenant_id, invoice_id, tax, 1))
    _add_home(rows, tenant_id, invoice_id, invoice, 1)
    for found in invoice.discounts:
        rows.add(
            COUPON_USE, tenant_id, found.application_id, found.use_no, found.redemption_no,
            found.coupon.times, invoice_id, found.amount, found.rest,
        )  # fmt: skip


def _add_home(
    rows: Rows, tenant_id: int, invoice_id: UUID, invoice: Invoice | DraftInvoice, sign: int
) -> None:
    """The sums in the home currency, and every rate by which the document was made."""
    used: list[tuple[int, Exchange]] = [
        (line.line_no, line.charge.exchange)
        for line in invoice.lines
        if line.charge.exchange is not None
    ]
    if invoice.home is not None:
        used += _add_sums(rows, tenant_id, invoice_id, invoice.home, sign)
    _add_rates(rows, tenant_id, invoice_id, used)


def _add_sums(
    rows: Rows, tenant_id: int, invoice_id: UUID, home: Home, sign: int
) -> list[tuple[int, Exchange]]:
    """The sums in the home currency; returns the rates by which they were made."""
    parts = encode(home.parts).decode()
    rows.add(
        HOME, tenant_id, invoice_id, home.currency, sign * home.net, sign * home.tax,
        sign * home.rounding, sign * home.gross, parts,
    )  # fmt: skip
    for tax in home.taxes:
        rows.add(
            HOME_TAX, tenant_id, invoice_id, tax.category, Decimal(tax.percent), tax.is_included,
            sign * tax.base, sign * tax.amount,
        )  # fmt: skip
    return [(0, part.exchange) for part in home.parts]


def _add_rates(
    rows: Rows, tenant_id: int, invoice_id: UUID, used: Iterable[tuple[int, Exchange]]
) -> None:
    counts: Counter[int] = Counter()
    for line_no, exchange in used:
        for quote in exchange.quotes:
            counts[line_no] += 1
            rows.add(
                RATE, tenant_id, invoice_id, line_no, counts[line_no], quote.number, quote.base,
                quote.quote, quote.on, Decimal(quote.rate),
            )  # fmt: skip


def add_document(event: Event, rows: Rows, tenant_id: int) -> None:
    """The invoice itself, its ledger entry, and the counter of its series."""
    invoice: Invoice = event.payload
    rows.of(INVOICE).append(
        (tenant_id, invoice.invoice_id, kind_of(invoice.series), invoice.series, invoice.number,
         invoice.customer.customer_id, invoice.currency, invoice.issued_on, invoice.due_on, event.at,
         invoice.discount, invoice.net, invoice.tax, invoice.gross, invoice.prepaid, None, None,
         event.event_id)
    )  # fmt: skip
    credit_rows.add_draws(
        rows, tenant_id, invoice.draws, "invoice", invoice.invoice_id, event.event_id, event.at
    )
    entry = postings.of_invoice(invoice)
    ledger.add_entry(rows, tenant_id, event.event_id, event.at, event.recorded_at, entry)
    rows.put(SERIES, tenant_id, invoice.series, invoice.number, invoice.issued_on)


def add_document_or_credit(event: Event, rows: Rows, tenant_id: int) -> None:
    """The rows of an invoice whose details are written, or of what happened to credit before it."""
    rows.of(INVOICE)  # written before the draws, which refer to it
    if event.type == ISSUED.name:
        add_document(event, rows, tenant_id)
    else:
        credit_rows.project(event, rows, tenant_id)


def credited(event: Event, rows: Rows, tenant_id: int) -> None:
    """A credit note: the original's lines and taxes with the opposite sign, its entry reversed. Nothing
    is charged for the periods of the lines any more, and they stay billed."""
    note: CreditNote = event.payload
    original = note.original
    for line in original.lines:
        rows.of(LINE).append(_line(tenant_id, note.invoice_id, line, -1))
        rows.of(PERIOD_CORRECTION).append(
            (tenant_id, line.subscription_id, line.item_no, line.starts_at, 1, line.ends_at,
             line.starts_at, line.amount, 0, line.prepaid, 0, True, note.invoice_id, line.line_no)
        )  # fmt: skip
    for tax in original.taxes:
        rows.of(TAX).append(_tax(tenant_id, note.invoice_id, tax, -1))
    _add_home(rows, tenant_id, note.invoice_id, original, -1)
    rows.of(INVOICE).append(
        (tenant_id, note.invoice_id, "credit_note", note.series, note.number,
         original.customer.customer_id, original.currency, note.issued_on, note.issued_on, event.at,
         -original.discount, -original.net, -original.tax, -original.gross, -original.prepaid,
         original.invoice_id, None, event.event_id)
    )  # fmt: skip
    taken = rows.of(LINE_CREDIT)
    for line in original.lines:
        if line.amount > 0:
            taken.append(
                (tenant_id, original.invoice_id, line.line_no, 1, 0, line.amount, line.amount,
                 line.subscription_id, line.item_no, line.starts_at, note.invoice_id)
            )  # fmt: skip
    credit_rows.add_draws(
        rows, tenant_id, note.draws, "return", note.invoice_id, event.event_id, event.at
    )
    entry = postings.of_credit_note(note)
    ledger.add_entry(rows, tenant_id, event.event_id, event.at, event.recorded_at, entry)
    rows.put(SERIES, tenant_id, note.series, note.number, note.issued_on)
    if original.payable:
        add_settlements(rows, tenant_id, event, set_off_by(note))


def lines_credited(event: Event, rows: Rows, tenant_id: int) -> None:
    """A credit note over parts of lines: what it gives back with the opposite sign, what that takes off
    each line, its entry, and what it settles of the invoice. What is charged for the periods of the lines
    stays as it is."""
    note: LineNote = event.payload
    lines = rows.of(LINE)
    for line in note.lines:
        lines.append(
            (tenant_id, note.invoice_id, line.line_no, line.subscription_id, line.item_no, line.product,
             line.description, line.starts_at, line.ends_at, None, None, -line.net, -line.discount,
             -line.tax_included, 0, line.tax_category)
        )  # fmt: skip
    for tax in note.taxes:
        rows.of(TAX).append(_tax(tenant_id, note.invoice_id, tax, -1))
    if note.home is not None:
        used = _add_sums(rows, tenant_id, note.invoice_id, note.home, -1)
        _add_rates(rows, tenant_id, note.invoice_id, used)
    rows.of(INVOICE).append(
        (tenant_id, note.invoice_id, "credit_note", note.series, note.number,
         note.customer.customer_id, note.currency, note.issued_on, note.issued_on, event.at,
         -note.discount, -note.net, -note.tax, -note.gross, 0, None, note.credits_id, event.event_id)
    )  # fmt: skip
    for line in note.lines:
        if line.step:
            rows.add(
                LINE_CREDIT, tenant_id, note.credits_id, line.line_no, line.step, line.before,
                line.before + line.amount, line.of, line.subscription_id, line.item_no,
                line.starts_at, note.invoice_id,
            )  # fmt: skip
    entry = postings.of_line_note(note)
    ledger.add_entry(rows, tenant_id, event.event_id, event.at, event.recorded_at, entry)
    rows.put(SERIES, tenant_id, note.series, note.number, note.issued_on)
    add_settlements(rows, tenant_id, event, note.set_off)


def settled(event: Event, rows: Rows, tenant_id: int) -> None:
    """What is settled of documents without a payment, and its ledger entry."""
    done: Settled = event.payload
    add_settlements(rows, tenant_id, event, done.steps)
    entry = postings.of_settled(done)
    ledger.add_entry(rows, tenant_id, event.event_id, event.at, event.recorded_at, entry)


def add_settlements(
    rows: Rows,
    tenant_id: int,
    event: Event,
    steps: Iterable[Settle],
    payment_id: UUID | None = None,
) -> None:
    """The rows of steps that settle documents, out of a payment where one stands behind them."""
    target = rows.of(SETTLEMENT)
    for s in steps:
        target.append(
            (tenant_id, s.document_id, s.step, s.kind, s.amount, s.open_before, s.open_after, s.owed,
             payment_id, s.move_no, s.other_id, event.at, event.event_id)
        )  # fmt: skip


def _line(tenant_id: int, invoice_id: UUID, line: InvoiceLine, sign: int) -> tuple[object, ...]:
    charge = line.charge
    quantity = charge.quantity
    return (
        tenant_id, invoice_id, line.line_no, line.subscription_id, line.item_no,
        charge.product.key, charge.price.description, line.starts_at, line.ends_at,
        None if quantity is None else Decimal(quantity.value),
        None if quantity is None else quantity.unit, sign * line.net,
        sign * line.discount, sign * line.tax_included, sign * line.prepaid,
        charge.product.tax_category,
    )  # fmt: skip


def _tax(tenant_id: int, invoice_id: UUID, tax: TaxAmount, sign: int) -> tuple[object, ...]:
    percent = Decimal(tax.percent)
    return (
        tenant_id, invoice_id, tax.category, percent, tax.is_included, sign * tax.base,
        sign * tax.amount, tax.step, tax.within,
    )  # fmt: skip
