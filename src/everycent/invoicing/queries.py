"""Look documents up. The document itself comes out of the journal, where it is frozen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from everycent.consumption.register import Reading
from everycent.db.connection import Tx
from everycent.invoicing import store
from everycent.invoicing.invoice import (
    CREDITED,
    ISSUED,
    Correction,
    CreditNote,
    Invoice,
    InvoiceLine,
    name_of,
)
from everycent.journal import queries as journal
from everycent.journal.types import decode
from everycent.kernel import ids
from everycent.kernel.errors import Conflict, NotFound, Refusal
from everycent.kernel.period import Period

_NAME = re.compile(r"([A-Z0-9][A-Z0-9/]*(?:-[A-Z0-9/]+)*)-([0-9]{1,18})")
FROM_THE_START = (date(1, 1, 1), "", 0)


class IssuedInvoice(NamedTuple):
    """An invoice and the event that issued it, which is also its ledger entry."""

    invoice: Invoice
    event_id: UUID
    stream: str
    version: int
    at: datetime
    recorded_at: datetime
    actor: str


def document(tx: Tx, name: str) -> Any:
    """The row of an invoice or credit note by number ('INV-000042') or id.

    Raises NotFound `invoice.unknown`.
    """
    match = _NAME.fullmatch(name)
    row = None
    if match:
        row = store.find_invoice(tx, match[1], int(match[2]), None)
    else:
        try:
            row = store.find_invoice(tx, "", 0, ids.parse(ids.INVOICE, name, "invoice"))
        except Refusal:
            row = None
    if row is None:
        raise NotFound(
            "invoice.unknown",
            f"there is no invoice {name!r}",
            field="invoice",
            value=name,
            hint="list them with `everycent invoice list`",
        )
    return row


def invoice(tx: Tx, name: str) -> IssuedInvoice:
    """An invoice as it was issued. Raises NotFound, and Conflict `invoice.not_an_invoice` for a
    credit note."""
    row = document(tx, name)
    if row.credits is not None:
        original = store.list_documents(tx, [row.credits])[0]
        raise Conflict(
            "invoice.not_an_invoice",
            f"{name} is a credit note; it takes back {original.series}-{original.number:06d}",
            field="invoice",
            value=name,
        )
    return issued(tx, row.event_id)


def issued(tx: Tx, event_id: UUID) -> IssuedInvoice:
    """The invoice that an event issued."""
    event = journal.event(tx, event_id)
    return IssuedInvoice(
        decode(ISSUED, event.schema_version, event.payload),
        event_id,
        event.stream,
        event.version,
        event.at,
        event.recorded_at,
        event.actor,
    )


def listed(
    tx: Tx,
    *,
    customer_id: UUID | None = None,
    after: tuple[date, str, int] = FROM_THE_START,
    limit: int = 100,
) -> list[Any]:
    """Documents in order of date, series and number."""
    return store.list_invoices(tx, customer_id, after, limit)


def documents(tx: Tx, invoice_ids: Sequence[UUID]) -> list[Any]:
    """Documents by id, in order of date."""
    return store.list_documents(tx, invoice_ids)


def names(tx: Tx, invoice_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The names of documents by id, such as INV-000042."""
    rows = store.list_documents(tx, invoice_ids)
    return {row.invoice_id: name_of(row.series, row.number) for row in rows}


def lines(
    tx: Tx, wanted: Sequence[tuple[UUID, int]]
) -> dict[tuple[UUID, int], tuple[str, InvoiceLine]]:
    """Lines that were issued, by invoice and number, with the name of their invoice."""
    rows = store.list_documents(tx, [invoice_id for invoice_id, _ in wanted])
    ids_of = {row.event_id: row.invoice_id for row in rows}
    issued_ = {
        ids_of[event.event_id]: decode(ISSUED, event.schema_version, event.payload)
        for event in store.list_issued_events(tx, sorted(ids_of))
    }
    return {
        (invoice_id, line_no): (issued_[invoice_id].name, issued_[invoice_id].lines[line_no - 1])
        for invoice_id, line_no in wanted
    }


def closing_readings(
    tx: Tx, items: Sequence[tuple[UUID, int]]
) -> dict[tuple[UUID, int, str], Reading]:
    """The readings on which the next bill of each item stands, as they were billed.

    Keyed by subscription, item and the input's name in the measure ('' for a plain meter).
    """
    wanted: dict[UUID, list[tuple[UUID, int, int]]] = {}
    for subscription_id, item_no, event_id, line_no in store.list_closing_lines(tx, items):
        wanted.setdefault(event_id, []).append((subscription_id, item_no, line_no))
    found = {}
    for event in store.list_issued_events(tx, sorted(wanted)):
        lines = decode(ISSUED, event.schema_version, event.payload).lines
        for subscription_id, item_no, line_no in wanted[event.event_id]:
            quantity = lines[line_no - 1].charge.quantity
            for part in quantity.parts if quantity is not None else ():
                if part.closing is not None:
                    found[subscription_id, item_no, part.input] = part.closing
    return found


class LateLine(NamedTuple):
    """A line over usage that has changed since, and what was charged for its period: by line `line_no`
    of the invoice `name`, and by `step` corrections of which `line` on `invoice` is the last.
    `contract_ends_at` is None for a contract that runs on."""

    customer_id: UUID
    time_zone: str
    contract_ends_at: datetime | None
    invoice: Invoice
    line: InvoiceLine
    corrects: Correction


def late_lines(tx: Tx, meters: Sequence[int], first: UUID, last: UUID) -> list[LateLine]:
    """The lines over late or corrected usage of some meters, of a range of customers, in order of
    customer, contract, item and time."""
    rows = store.list_late_lines(tx, meters, first, last) if meters else []
    events = store.list_issued_events(tx, sorted({row.event_id for row in rows}))
    issued_by = {e.event_id: decode(ISSUED, e.schema_version, e.payload) for e in events}
    known = names(tx, sorted({row.invoice_id for row in rows})) if rows else {}
    found = []
    for row in rows:
        document_ = issued_by[row.event_id]
        corrects = Correction(
            known[row.invoice_id], row.invoice_id, row.line_no, row.step + 1, row.charged,
            row.charged_until,
        )  # fmt: skip
        line = document_.lines[row.said_line - 1]
        found.append(
            LateLine(
                row.customer_id, row.time_zone, row.contract_ends_at, document_, line, corrects
            )
        )
    return found


class BilledLine(NamedTuple):
    """A line that says what a billed period comes to, and whose it is."""

    customer_id: UUID
    currency: str
    line: InvoiceLine


def billed_customers(
    tx: Tx, span: Period, customers: Sequence[UUID] | None = None
) -> list[tuple[UUID, int]]:
    """Who was billed for periods within a span (None: anybody), in order of ids, and for how many."""
    return store.list_billed_customers(tx, span, customers)


def billed_lines(tx: Tx, span: Period, customers: Sequence[UUID]) -> list[BilledLine]:
    """The lines of periods of some customers within a span, in order of customer, contract, item and
    time: each as it was corrected last, without those that were taken back."""
    rows = store.list_billed_lines(tx, span, customers)
    events = store.list_issued_events(tx, sorted({row.event_id for row in rows}))
    lines = {e.event_id: decode(ISSUED, e.schema_version, e.payload).lines for e in events}
    return [
        BilledLine(row.customer_id, row.currency, lines[row.event_id][row.said_line - 1])
        for row in rows
    ]


def last_dated(tx: Tx, series: str) -> date | None:
    """The date of the newest document of a series, before which no later number is dated; None: there is
    none yet."""
    return store.find_last_dated(tx, series)


def late_customers(tx: Tx, meters: Sequence[int]) -> list[UUID]:
    """Who has lines over late or corrected usage of some meters."""
    return store.list_late_customers(tx, meters) if meters else []


def runs(tx: Tx, limit: int = 20) -> list[Any]:
    """The newest billing runs with their sums."""
    return store.list_runs(tx, limit)


def parked(tx: Tx, run_id: UUID) -> list[Any]:
    """The customers that a run has parked, with the reason of each."""
    return store.list_parked(tx, run_id)


def credit_note(tx: Tx, name: str) -> CreditNote:
    """A credit note as it was issued. Raises NotFound `invoice.unknown`."""
    event = journal.event(tx, document(tx, name).event_id)
    note: CreditNote = decode(CREDITED, event.schema_version, event.payload)
    return note


def credited_by(tx: Tx, invoice_id: UUID) -> str | None:
    """The number of the credit note that took an invoice back, or None."""
    row = store.find_credit_of(tx, invoice_id)
    return None if row is None else name_of(row.series, row.number)


class CorrectedPart(NamedTuple):
    """A part of an issued line, and whether a corrected record lies in its time or only before it."""

    invoice: Invoice
    line_no: int
    part_no: int
    is_inside: bool


def corrected_parts(tx: Tx, batch_id: int) -> list[CorrectedPart]:
    """The parts of lines, in order of invoices that were not taken back, that a correcting batch of
    usage concerns: those whose time holds a record of it, and later ones of the same series whose
    quantity may stand on what was before them."""
    rows = store.list_corrected_lines(tx, batch_id)
    events = store.list_issued_events(tx, sorted({row.event_id for row in rows}))
    found: dict[UUID, Invoice] = {
        event.event_id: decode(ISSUED, event.schema_version, event.payload) for event in events
    }
    return [
        CorrectedPart(found[row.event_id], row.line_no, row.part_no, row.is_inside) for row in rows
    ]
