"""Look documents up. The document itself comes out of the journal, where it is frozen."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from everycent.consumption.register import Reading
from everycent.db.connection import Tx
from everycent.exchange.rate import Exchange
from everycent.invoicing import store
from everycent.invoicing.home import exchange_of
from everycent.invoicing.invoice import (
    CREDITED,
    ISSUED,
    Correction,
    CreditNote,
    HomePart,
    Invoice,
    InvoiceLine,
    name_of,
)
from everycent.invoicing.line_asked import LineLeft
from everycent.invoicing.line_note import LINES_CREDITED, LineNote
from everycent.invoicing.runs import Run
from everycent.invoicing.settlement import Open
from everycent.journal import queries as journal
from everycent.journal.types import decode
from everycent.kernel import ids
from everycent.kernel.errors import Conflict, NotFound, Refusal
from everycent.kernel.period import Period

_NAME = re.compile(r"([A-Z0-9][A-Z0-9/]*(?:-[A-Z0-9/]+)*)-([0-9]{1,18})")
_Parts = msgspec.json.Decoder(tuple[HomePart, ...])
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
    told = row.credits or row.reduces
    if told is not None:
        original = store.list_documents(tx, [told])[0]
        what = "takes back" if row.credits is not None else "takes back parts of"
        raise Conflict(
            "invoice.not_an_invoice",
            f"{name} is a credit note; it {what} {original.series}-{original.number:06d}",
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
    kind: str | None = None,
    state: str | None = None,
    today: date = date.max,
    first: date | None = None,
    last: date | None = None,
) -> list[Any]:
    """Documents in order of date, series and number; of a kind, of which something is `open`, `overdue` on
    a day or nothing open (`settled`), issued from a `first` day to a `last` one, both included."""
    return store.list_invoices(
        tx, customer_id, after, limit, kind=kind, state=state, today=today, first=first, last=last
    )


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
    of the invoice `name`, and by `step` corrections of which `line` on `invoice` is the last. `customer_id`
    got the invoice, `holder_id` has the contract. `contract_ends_at` is None for one that runs on."""

    customer_id: UUID
    holder_id: UUID
    time_zone: str
    contract_ends_at: datetime | None
    invoice: Invoice
    line: InvoiceLine
    corrects: Correction


def late_lines(
    tx: Tx, meters: Sequence[int], first: UUID, last: UUID, also: Sequence[UUID] = ()
) -> list[LateLine]:
    """The lines over late or corrected usage of some meters, as far as it was marked as late, in order of
    contract, item and time. Of items of which customers got an invoice whose ids lie between the two, both
    included, and of the contracts `also`: all lines, whoever got them, as each stands on the one before."""
    found = store.list_late_lines(tx, meters, first, last, also) if meters else []
    return _late_lines(tx, found)


def late_lines_live(
    tx: Tx, meters: Sequence[int], first: UUID, last: UUID, also: Sequence[UUID] = ()
) -> list[LateLine]:
    """The same with all that came since usage was marked, folded or not."""
    return _live(tx, meters, (first, last), also, None)


def late_lines_of(tx: Tx, meters: Sequence[int], subjects: Sequence[int]) -> list[LateLine]:
    """The same of usage of the subjects with these numbers, of everybody."""
    return _live(tx, meters, (store.LOWEST, store.HIGHEST), (), subjects)


def _live(
    tx: Tx,
    meters: Sequence[int],
    between: tuple[UUID, UUID],
    also: Sequence[UUID],
    subjects: Sequence[int] | None,
) -> list[LateLine]:
    if not meters:
        return []
    since = store.get_late_mark(tx, meters)
    rows = store.list_late_lines_live(tx, meters, between, also, subjects, since)
    return _late_lines(tx, rows)


def _late_lines(tx: Tx, rows: Sequence[Any]) -> list[LateLine]:
    events = store.list_issued_events(tx, sorted({row.event_id for row in rows}))
    issued_by = {e.event_id: decode(ISSUED, e.schema_version, e.payload) for e in events}
    known = names(tx, sorted({row.invoice_id for row in rows})) if rows else {}
    off = credited_of(tx, [(row.subscription_id, row.item_no, row.starts_at) for row in rows])
    found = []
    for row in rows:
        document_ = issued_by[row.event_id]
        corrects = Correction(
            known[row.invoice_id], row.invoice_id, row.line_no, row.step + 1, row.charged,
            row.charged_until, prepaid=row.prepaid,
            credited=off.get((row.subscription_id, row.item_no, row.starts_at), 0),
        )  # fmt: skip
        line = document_.lines[row.said_line - 1]
        found.append(
            LateLine(
                row.customer_id,
                row.holder_id,
                row.time_zone,
                row.contract_ends_at,
                document_,
                line,
                corrects,
            )
        )
    return found


class BilledLine(NamedTuple):
    """A line that says what a billed period comes to; of whose contract it is, and who got the invoice."""

    customer_id: UUID
    payer_id: UUID
    currency: str
    line: InvoiceLine


def billed_customers(
    tx: Tx, span: Period, payers: Sequence[UUID] | None = None
) -> list[tuple[UUID, int]]:
    """Of whose contracts periods within a span were billed, to some customers (None: to anybody); in order
    of ids, and how many."""
    return store.list_billed_customers(tx, span, payers)


def billed_lines(tx: Tx, span: Period, customers: Sequence[UUID]) -> list[BilledLine]:
    """The lines of periods of some customers within a span, in order of customer, contract, item and
    time: each as it was corrected last, without those that were taken back."""
    rows = store.list_billed_lines(tx, span, customers)
    events = store.list_issued_events(tx, sorted({row.event_id for row in rows}))
    lines = {e.event_id: decode(ISSUED, e.schema_version, e.payload).lines for e in events}
    return [
        BilledLine(
            row.customer_id, row.payer_id, row.currency, lines[row.event_id][row.said_line - 1]
        )
        for row in rows
    ]


def home_exchanges(
    tx: Tx, lines: Iterable[tuple[UUID, int]], currency: str
) -> dict[tuple[UUID, int], Exchange]:
    """By invoice and number of a line the rate at which it was told in a home currency, where it was."""
    wanted = sorted(set(lines))
    rows = store.list_home_parts(tx, [invoice_id for invoice_id, _ in wanted], currency)
    parts = {invoice_id: _Parts.decode(text) for invoice_id, text in rows}
    return {
        (invoice_id, line_no): exchange_of(parts[invoice_id], line_no)
        for invoice_id, line_no in wanted
        if invoice_id in parts
    }


def last_dated(tx: Tx, series: str) -> date | None:
    """The date of the newest document of a series, before which no later number is dated; None: there is
    none yet."""
    return store.find_last_dated(tx, series)


def late_customers(tx: Tx, meters: Sequence[int]) -> list[UUID]:
    """Who has lines over late or corrected usage of some meters."""
    return store.list_late_customers(tx, meters) if meters else []


def billed_by(tx: Tx, run: Run, subscription_ids: Sequence[UUID]) -> set[tuple[UUID, int]]:
    """The items of some subscriptions of which a run has billed anything."""
    found = store.list_billed_since(tx, run.started_at, subscription_ids)
    events = store.list_issued_events(tx, sorted({event_id for *_, event_id in found}))
    runs_ = {e.event_id: decode(ISSUED, e.schema_version, e.payload).run_id for e in events}
    return {(one, item) for one, item, event_id in found if runs_[event_id] == run.run_id}


def runs(tx: Tx, limit: int = 20, *, before: UUID | None = None) -> list[Any]:
    """The newest billing runs with their sums, of those before one."""
    return store.list_runs(tx, limit, before=before)


def run_by_name(tx: Tx, name: str) -> Any:
    """A billing run with its sums, by its id as people see it. Raises NotFound `billing.run_unknown`,
    Invalid `id.malformed`."""
    rows = store.list_runs(tx, 1, run_id=ids.parse(ids.RUN, name, "run"))
    if not rows:
        raise NotFound(
            "billing.run_unknown", f"there is no billing run {name}", field="run", value=name,
            hint="list them with `everycent bill history`",
        )  # fmt: skip
    return rows[0]


def dated_after(tx: Tx, day: date) -> dict[str, date]:
    """Series that have a document of a later date than a day, with the latest: whatever is issued in them
    is dated no earlier."""
    return store.dated_after(tx, day)


def parked(tx: Tx, run_id: UUID, *, after: str = "", limit: int | None = None) -> list[Any]:
    """The customers that a run has parked, with the reason of each, by their keys from one on."""
    return store.list_parked(tx, run_id, after, limit)


def credit_note(tx: Tx, name: str) -> CreditNote:
    """A credit note as it was issued. Raises NotFound `invoice.unknown`."""
    event = journal.event(tx, document(tx, name).event_id)
    note: CreditNote = decode(CREDITED, event.schema_version, event.payload)
    return note


def line_note(tx: Tx, name: str) -> LineNote:
    """A credit note over parts of lines as it was issued. Raises NotFound `invoice.unknown`."""
    return issued_line_note(tx, name).note


class IssuedNote(NamedTuple):
    """A credit note over parts of lines and the event that issued it, which is also its ledger entry."""

    note: LineNote
    event_id: UUID
    stream: str
    version: int
    recorded_at: datetime
    actor: str


def issued_line_note(tx: Tx, name: str) -> IssuedNote:
    """The same with who issued it. Raises NotFound `invoice.unknown`."""
    return _issued_note(tx, document(tx, name).event_id)


def issued_line_notes(tx: Tx, invoice_id: UUID) -> list[IssuedNote]:
    """The credit notes over parts of an invoice's lines, in order."""
    return [_issued_note(tx, row.event_id) for row in store.list_line_notes(tx, invoice_id)]


def _issued_note(tx: Tx, event_id: UUID) -> IssuedNote:
    event = journal.event(tx, event_id)
    note = decode(LINES_CREDITED, event.schema_version, event.payload)
    return IssuedNote(note, event_id, event.stream, event.version, event.recorded_at, event.actor)


def line_notes(tx: Tx, invoice_id: UUID) -> list[Any]:
    """The credit notes over parts of an invoice's lines, in order, with what each gives back (`gross`)."""
    return store.list_line_notes(tx, invoice_id)


def lines_left(tx: Tx, invoice: Invoice) -> list[LineLeft]:
    """What credit notes and corrections have left of the lines of an invoice, line by line."""
    rows = store.list_lines_left(tx, invoice.invoice_id)
    said = names(tx, sorted({row.said_invoice for row in rows}))
    return [
        LineLeft(
            line, row.step, row.credited, row.of_period, f"{said[row.said_invoice]}/{row.said_line}"
        )
        for line, row in zip(invoice.lines, rows, strict=True)
    ]


def credited_of(
    tx: Tx, periods: Sequence[tuple[UUID, int, datetime]]
) -> dict[tuple[UUID, int, datetime], int]:
    """What credit notes took off the lines of billed periods (contract, item, start), in minor units as
    prices are told, where they did."""
    wanted = list(dict.fromkeys(periods))
    return {wanted[n - 1]: amount for n, amount in store.list_credited_periods(tx, wanted)}


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


class Made(NamedTuple):
    """An invoice, the event that issued it, and as of which instant it was made."""

    invoice: Invoice
    event_id: UUID
    as_of: datetime


def issued_by(tx: Tx, event_ids: Sequence[UUID]) -> list[Made]:
    """The invoices that some events issued, in the order of the events."""
    found: dict[UUID, Invoice] = {
        event.event_id: decode(ISSUED, event.schema_version, event.payload)
        for event in store.list_issued_events(tx, event_ids)
    }
    as_of = store.made_as_of(tx, event_ids, [found[one].run_id for one in event_ids])
    return [Made(found[one], one, as_of[one]) for one in event_ids]


def open_of(tx: Tx, invoice_ids: Sequence[UUID]) -> list[Open]:
    """What is open of documents, by id."""
    return [Open(*row) for row in store.list_open(tx, invoice_ids)]


def open_documents(tx: Tx, invoice_ids: Sequence[UUID]) -> list[Any]:
    """Documents of the given ids, with what is open of each."""
    return store.list_open_documents(tx, ids=list(invoice_ids))


def written_off(tx: Tx, invoice_ids: Sequence[UUID]) -> dict[UUID, int]:
    """What is written off of documents in minor units, for those of which anything is."""
    return store.sum_written_off(tx, invoice_ids)


def open_of_customer(tx: Tx, customer_id: UUID | None) -> list[Any]:
    """Documents of a customer, or of everybody, of which something is open; those due first."""
    return store.list_open_documents(tx, customer_id=customer_id, only_open=True)


def documents_by(tx: Tx, event_ids: Sequence[UUID]) -> list[Any]:
    """The documents that events issued: kind, customer_id, currency, gross, prepaid."""
    return store.documents_by_events(tx, event_ids)
