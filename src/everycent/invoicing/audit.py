"""Proofs about invoices, each naming its violators; nothing named is good."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from everycent.consumption import queries as consumption
from everycent.consumption.usage import NOTHING
from everycent.db.connection import Tx
from everycent.invoicing import store
from everycent.invoicing.home import at_home
from everycent.invoicing.invoice import CREDITED, ISSUED, Home, Invoice, name_of
from everycent.invoicing.line_note import LINES_CREDITED, LineNote, follows
from everycent.invoicing.reasons import Wanted
from everycent.invoicing.seals import sealed_pieces
from everycent.journal.types import decode
from everycent.kernel.period import Period

CHECKS = {
    "every invoice is the sum of its lines and taxes": "false_sums",
    "every tax stands on the lines of its category": "false_bases",
    "every tax is its percentage of the base": "false_taxes",
    "every invoice is booked in the ledger with its gross": "unbooked_invoices",
    "every discount is booked in the ledger and on an invoice": "unbooked_discounts",
    "every invoice entry has its document": "undocumented_entries",
    "every invoice has its event, and every event its invoice": "invoices_without_events",
    "numbers run from 1 without a gap": "number_gaps",
    "numbers follow the date": "number_order",
    "every rate by which a document was made is one that was told": "false_rates",
    "no period is billed twice and none left out": "broken_tiling",
    "every billed period has its line, and every line its period": "periods_without_lines",
    "no more is credited of a line, or of its period, than was charged": "false_line_credits",
}


def violations(tx: Tx, check: str) -> list[str]:
    """The violators of one of `CHECKS`, at most a hundred."""
    return store.list_violations(tx, CHECKS[check])


AT_HOME = "every sum in the home currency follows from its frozen rate"


def false_homes(tx: Tx) -> list[str]:
    """Documents whose sums in the home currency are not what their frozen rate gives."""
    found = []
    for invoice_id, takes_back, is_part, payload, version, *row, taxes in store.stream_homes(tx):
        if payload is None:
            found.append(str(invoice_id))
            continue
        if is_part:  # what its sums follow from is for `false_line_notes`
            part: LineNote = decode(LINES_CREDITED, version, payload)
            if part.home is None or _is_other_home(part.home, -1, row, taxes):
                found.append(part.name)
            continue
        note = decode(CREDITED, version, payload) if takes_back else None
        invoice: Invoice = decode(ISSUED, version, payload) if note is None else note.original
        home, sign = invoice.home, 1 if note is None else -1
        name = (invoice if note is None else note).name
        if home is None or home != at_home(invoice, home.parts, home.currency, home.mode):
            found.append(name)
            continue
        if _is_other_home(home, sign, row, taxes):
            found.append(name)
    return found


def _is_other_home(home: Home, sign: int, row: list[Any], taxes: list[str]) -> bool:
    """Whether the rows say something else than the document."""
    sums = (home.net, home.tax, home.rounding, home.gross)
    told = [
        f"{tax.category} {tax.percent} {str(tax.is_included).lower()} {sign * tax.base}"
        f" {sign * tax.amount}"
        for tax in home.taxes
    ]
    return row != [home.currency, *(sign * part for part in sums)] or sorted(taxes) != sorted(told)


LINE_NOTES = "every credit note over lines is what it leaves less of its invoice"


def false_line_notes(tx: Tx) -> list[str]:
    """Credit notes over parts of lines that do not follow from their invoice and the notes before them, or
    whose sums are not those of their event."""
    found = []
    invoice_id, before, notes = None, Counter[int](), 0
    for series, number, *sums, payload, version, original, its_version in store.stream_line_notes(
        tx
    ):
        name = name_of(series, number)
        if payload is None or original is None:
            found.append(name)
            continue
        note: LineNote = decode(LINES_CREDITED, version, payload)
        if note.credits_id != invoice_id:
            invoice_id, before, notes = note.credits_id, Counter(), 0
        notes += 1
        invoice: Invoice = decode(ISSUED, its_version, original)
        if (
            [-one for one in sums] != [note.net, note.tax, note.gross, note.discount]
            or note.note_no != notes
            or not follows(note, invoice, before)
        ):
            found.append(name)
        before.update({line.line_no: line.amount for line in note.lines})
    return found


def false_seals(tx: Tx) -> list[str]:
    """Lines whose count, sum or digest differs from the records they say they counted."""
    rows = []
    for only, start, end in store.list_seal_spans(tx):
        for (begins, ends, is_days), own, others in sealed_pieces(only, start, end):
            rows.append((only, start, end, begins, ends, is_days, own, others))
    store.recount_seals(tx, rows)
    found = store.list_violations(tx, "false_seals")
    for seal in store.list_counter_seals(tx):
        contents = [content.bytes for content in seal.contents]
        digest = consumption.digest_of(contents) if contents else NOTHING
        sealed = (seal.records, seal.total, bytes(seal.digest))
        if sealed != (len(contents), seal.sum, digest):
            found.append(f"{seal.name}: {seal.records} readings sealed, {len(contents)} found")
    return found


def usage_by_reason(
    tx: Tx, priced: Iterable[tuple[int, int]], written_off: Sequence[int]
) -> dict[str, int]:
    """How many records are billed, and how many are not for which reason; together: all of them.

    `priced` are the (subject, meter) numbers that subscriptions put a price on, `written_off` the
    meters whose late records are written off (`IntakePolicy.after_invoice`).
    """
    store.stage_priced(tx, sorted(set(priced)))
    store.stage_standing(tx)
    found = store.count_in_billed_time(tx, written_off)
    unpriced = store.count_unpriced(tx)
    in_parts = sum(unpriced.values())
    # Where another contract has billed the time of a credited one, its records are told as billed.
    of_credited = min(unpriced.get(True, 0), found.get("credited", 0))
    found |= {
        "part_not_priced": in_parts,
        "credited": found.get("credited", 0) - of_credited,
        "billed": found.get("billed", 0) - (in_parts - of_credited),
    }
    for reason, records in store.count_elsewhere(tx, written_off).items():
        found[reason] = found.get(reason, 0) + records
    return {reason: records for reason, records in sorted(found.items()) if records}


def reasons_by_batch(
    tx: Tx, span: Period, priced: Iterable[tuple[int, int]], written_off: Sequence[int]
) -> list[tuple[int, str, int]]:
    """How many records of a span each batch has for each reason: (batch, reason, records). The reasons
    are those of `usage_by_reason`, told one by one."""
    _stage_reasons(tx, span, priced)
    return store.count_by_batch(tx, span, written_off)


def with_reason(
    tx: Tx,
    spans: Sequence[Period],
    priced: Iterable[tuple[int, int]],
    written_off: Sequence[int],
    wanted: Wanted,
    after: tuple[datetime, UUID],
    limit: int,
) -> list[UUID]:
    """The keys of the wanted records of some spans, one span after the other until there are `limit`, in
    order of time and key, after one."""
    found: list[UUID] = []
    if spans:
        _stage_reasons(tx, Period(spans[0].start, spans[-1].end), priced)
    for span in spans:
        if len(found) < limit:
            left = limit - len(found)
            found += store.list_with_reason(tx, span, written_off, wanted, after, left)
    return found


def _stage_reasons(tx: Tx, span: Period, priced: Iterable[tuple[int, int]]) -> None:
    store.stage_priced(tx, sorted(set(priced)))
    store.stage_standing(tx)
    rows = []
    for only, start, end in store.list_limited_spans(tx, span):
        for (begins, ends, is_days), own, others in sealed_pieces(only, start, end):
            rows.append((only, start, end, begins, ends, is_days, own, others))
    store.stage_limited(tx, rows)
