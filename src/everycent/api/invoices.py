"""/v1/invoices: invoices and credit notes, where every cent of them comes from, and what is taken back."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from msgspec import Meta, field

from everycent.api.operation import Asked, reading
from everycent.api.parameters import day_or_none
from everycent.api.shapes import (
    Amount,
    Currency,
    Day,
    Page,
    Paged,
    Query,
    Shown,
)
from everycent.customers import queries as customers
from everycent.db.connection import Tx
from everycent.flows import explain as explaining
from everycent.invoicing import queries
from everycent.invoicing.invoice import name_of
from everycent.invoicing.shown import (
    Issued,
    credit_data,
    invoice_data,
    line_note_data,
    listed_data,
)
from everycent.journal import queries as journal

_READ, _WRITE = "invoices:read", "invoices:write"
Kind = Literal["invoice", "credit_note"]
LineNo = Annotated[int, Meta(ge=1, le=1_000_000)]


class ListedInvoice(Shown):
    """An invoice or a credit note in a list. What a credit note gives back is below nothing."""

    number: str
    kind: Kind
    customer: str
    issued_on: date
    due_on: Annotated[date | None, Meta(description="Null for a credit note.")]
    currency: Currency
    net: Annotated[Amount, Meta(description="After discounts, without taxes.")]
    tax: Amount
    gross: Amount
    prepaid: Annotated[Amount, Meta(description="What credit paid of it when it was issued.")]
    payable: Amount
    open: Annotated[Amount, Meta(description="What is open of it now.")]
    credited: Annotated[bool, Meta(description="Whether it was taken back in full.")]


class CorrectedLine(Shown):
    """The line that another one corrects or takes back."""

    invoice: str
    line: int


class InvoiceLine(Shown):
    """A line. Its amount is as its price is told, with taxes where the price includes them."""

    line: int
    product: str
    price: str | None
    description: str
    subscription: str
    starts_at: datetime
    ends_at: Annotated[datetime, Meta(description="The first instant that it is not for.")]
    quantity: str | None
    unit: str | None
    tax_percent: Annotated[str | None, Meta(description="Of several taxes joined, as '4+2.5'.")]
    amount: Amount
    tax_included: Amount
    discount: Amount
    prepaid: Amount
    net: Annotated[Amount, Meta(description="Without taxes, after discounts.")]
    corrects: CorrectedLine | None


class InvoiceTax(Shown):
    """A tax of all lines of one category and rate."""

    category: str
    percent: str
    is_included: bool
    base: Amount
    amount: Amount
    reason: str | None


class InvoiceDiscount(Shown):
    """What a coupon takes off."""

    coupon: str
    application: str
    amount: Amount


class CreditUsed(Shown):
    """What the customer's credit pays; below nothing what is credit again."""

    wallet: str
    basis: str
    amount: Amount


class HomeSums(Shown):
    """The sums in the seller's home currency."""

    currency: Currency
    net: Amount
    tax: Amount
    gross: Amount
    rounding: Amount


class LineNoteNamed(Shown):
    """A credit note over parts of lines."""

    number: str
    gross: Amount


class Document(Shown):
    """An invoice or a credit note, with its lines. A credit note has no due date."""

    kind: Kind
    customer: str
    name: str
    issued_on: date
    due_on: date | None
    currency: Currency
    net: Amount
    tax: Amount
    gross: Amount
    discount: Amount
    prepaid: Amount
    payable: Amount
    lines: list[InvoiceLine]
    taxes: list[InvoiceTax]
    discounts: list[InvoiceDiscount]
    credit: list[CreditUsed]
    home: HomeSums | None


class Invoice(Document):
    """An invoice or a credit note as it was issued, and what is open of it now."""

    number: str
    invoice_id: str
    open: Amount
    credits: Annotated[str | None, Meta(description="The invoice that it takes back.")]
    reason: Annotated[str | None, Meta(description="Why it takes it back.")]
    credited_by: Annotated[str | None, Meta(description="The note that takes it back in full.")]
    line_notes: Annotated[list[LineNoteNamed], Meta(description="Those that take parts back.")]
    run_id: str | None
    recorded_at: datetime
    actor: str


class Wanted(Paged):
    """Which documents are wanted. `from` and `to` are days of issue, both included."""

    customer: str | None = None
    kind: Kind | None = None
    state: Annotated[
        Literal["open", "overdue", "settled"] | None,
        Meta(description="Of which something is open, is open and due by now, or nothing is open."),
    ] = None
    from_: Day | None = field(default=None, name="from")
    to: Day | None = None


class Explained(Shown):
    """A step of an explanation: what it is, the value it gives, and what that comes from."""

    kind: Annotated[str, Meta(description="Stable, such as invoice, line, price, quantity.")]
    what: str
    value: str = ""
    detail: str = ""
    facts: dict[str, str] = field(default_factory=dict)
    children: list[Explained] = field(default_factory=list)


class WhatToExplain(Query):
    """What of an invoice is to be explained."""

    line: Annotated[LineNo | None, Meta(description="This line alone.")] = None
    records: Annotated[
        int, Meta(ge=0, le=1000, description="How many usage records are shown of each series.")
    ] = explaining.FIRST_RECORDS


class RecordsWanted(Paged, kw_only=True):
    """Of which line, and which series of its formula."""

    line: LineNo
    part: Annotated[LineNo, Meta(description="Which series of a formula.")] = 1


class CountedRecord(Shown):
    """A usage record that a line counted; `local` is its time on the customer's clock."""

    record_id: str
    source: str
    at: str
    local: str
    value: str
    dimensions: dict[str, str]


def list_invoices(tx: Tx, asked: Asked[Wanted, None]) -> Page[dict[str, Any]]:
    """Invoices and credit notes, in order of date and number."""
    wanted = asked.query
    after = queries.FROM_THE_START
    if wanted.after is not None:
        row = queries.document(tx, wanted.after)
        after = (row.issued_on, row.series, row.number)
    owner = None if wanted.customer is None else customers.by_name(tx, wanted.customer).customer_id
    rows = queries.listed(
        tx, customer_id=owner, after=after, limit=wanted.size + 1, kind=wanted.kind,
        state=wanted.state, today=asked.now.date(),
        first=day_or_none(wanted.from_, "from"), last=day_or_none(wanted.to, "to"),
    )  # fmt: skip
    left = {one.document_id: one.left for one in queries.open_of(tx, [r.invoice_id for r in rows])}
    told = [listed_data(row, left[row.invoice_id]) for row in rows]
    return asked.page(told, lambda last: str(last["number"]))


def get_invoice(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """One invoice or credit note, by number or id."""
    return shown(tx, asked.path["invoice"])


def explain_invoice(tx: Tx, asked: Asked[WhatToExplain, None]) -> Any:
    """Where every cent of an invoice comes from. From the amount through rounding, price and quantity to
    usage records, and on to the ledger entry and the event; every calculation is done again on the way."""
    wanted = asked.query
    return explaining.explain(tx, asked.path["invoice"], wanted.line, first_records=wanted.records)


def list_counted_records(tx: Tx, asked: Asked[RecordsWanted, None]) -> Page[dict[str, Any]]:
    """The usage records that a line counted, in order of time."""
    wanted = asked.query
    found = explaining.records(
        tx, asked.path["invoice"], wanted.line, wanted.part, after=wanted.after, limit=wanted.size
    )
    told = {"line": wanted.line, "part": wanted.part, "size": wanted.size, "after": found.after}
    return Page(
        items=[one._asdict() | {"dimensions": json.loads(one.dimensions)} for one in found.records],
        next=None if found.after is None else f"{asked.address}?{urlencode(told)}",
    )


OPERATIONS = [
    reading("/v1/invoices", _READ, list_invoices, Page[ListedInvoice], Wanted),
    reading("/v1/invoices/{invoice}", _READ, get_invoice, Invoice),
    reading("/v1/invoices/{invoice}/explanation", _READ, explain_invoice, Explained, WhatToExplain),
    reading(
        "/v1/invoices/{invoice}/records",
        _READ,
        list_counted_records,
        Page[CountedRecord],
        RecordsWanted,
    ),
]


def shown(tx: Tx, name: str) -> dict[str, Any]:
    """A document with what is open of it. Raises NotFound `invoice.unknown`."""
    row = queries.document(tx, name)
    event = journal.event(tx, row.event_id)
    (document,) = queries.open_of(tx, [row.invoice_id])
    notes = [
        (name_of(note.series, note.number), note.gross)
        for note in queries.line_notes(tx, row.invoice_id)
    ]
    issued = Issued(
        document.left,
        queries.credited_by(tx, row.invoice_id),
        notes,
        event.recorded_at,
        event.actor,
    )
    if row.credits is not None:
        return credit_data(queries.credit_note(tx, name), issued)
    if row.reduces is not None:
        return line_note_data(queries.line_note(tx, name), issued)
    return invoice_data(queries.invoice(tx, name).invoice, issued)
