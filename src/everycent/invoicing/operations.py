"""Issue invoices in bulk, take one back with a credit note, and share out a run's chunks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from itertools import repeat
from uuid import UUID

from everycent.credits import operations as wallets
from everycent.customers import operations as customers
from everycent.customers.customer import stream as customer_stream
from everycent.db.connection import Tx
from everycent.invoicing import projection, queries, store
from everycent.invoicing.assemble import DraftInvoice, finished
from everycent.invoicing.invoice import (
    CREDIT_SERIES,
    CREDITED,
    ISSUED,
    CreditNote,
    Invoice,
    name_of,
)
from everycent.invoicing.runs import Chunk, Parked, Progress, Run, ranges
from everycent.journal import operations as journal
from everycent.journal.event import Draft
from everycent.kernel.calendar import local_date, start_of_day
from everycent.kernel.errors import Conflict
from everycent.kernel.ids import IdSource
from everycent.kernel.period import instant_text
from everycent.kernel.table import Rows


def prepare(tx: Tx, prepared: Sequence[DraftInvoice], ids: IdSource) -> list[UUID]:
    """Writes everything of the drafts that does not depend on their numbers; returns their ids.

    The same transaction must give them to `issue` or roll back.
    """
    rows = Rows()
    invoice_ids = []
    for draft in prepared:
        invoice_id = ids(f"invoice/{_natural_key(draft)}")
        projection.add_details(rows, tx.tenant_id, invoice_id, draft)
        invoice_ids.append(invoice_id)
    journal.write(tx, rows)
    return invoice_ids


def issue(
    tx: Tx,
    prepared: Sequence[DraftInvoice],
    invoice_ids: Sequence[UUID],
    *,
    time_zone: str,
    payment_days: int,
    at: datetime,
    recorded_at: datetime,
    actor: str,
    ids: IdSource,
    run_id: UUID | None,
) -> None:
    """Gives prepared drafts numbers in the order given and issues them: events, documents, entries.

    They are dated the day of `at` in `time_zone`, or later where a lower number is dated later, and
    booked on that day. The counter is locked from here to the end of the transaction: this comes last.
    """
    if not prepared:
        return
    numbers = _numbers_of(tx, prepared, at, time_zone)
    drafts = []
    for draft, invoice_id in zip(prepared, invoice_ids, strict=True):
        number, dated, booked_at = next(numbers[draft.series])
        drafts += wallets.of_settled(draft.settled, actor=actor, ids=ids)
        drafts.append(
            Draft(
                ids(f"invoice.issued/{_natural_key(draft)}"),
                customer_stream(draft.customer.customer_id),
                ISSUED,
                booked_at,
                actor,
                finished(draft, invoice_id, number, dated, payment_days, run_id),
            )
        )
    journal.record(tx, drafts, recorded_at, projection.add_document_or_credit)


def _numbers_of(
    tx: Tx, prepared: Sequence[DraftInvoice], at: datetime, time_zone: str
) -> dict[str, Iterator[tuple[int, date, datetime]]]:
    """The numbers of the drafts by series, each with its date and the instant to book it at. The series
    are locked in one order, so that nobody waits for anybody in a circle."""
    found: dict[str, Iterator[tuple[int, date, datetime]]] = {}
    for series, count in sorted(Counter(draft.series for draft in prepared).items()):
        last, dated, booked_at = _numbers(tx, series, count, at, time_zone)
        found[series] = zip(
            range(last - count + 1, last + 1), repeat(dated), repeat(booked_at), strict=False
        )
    return found


def _numbers(
    tx: Tx, series: str, count: int, at: datetime, time_zone: str
) -> tuple[int, date, datetime]:
    """The last of `count` new numbers, the date that goes with them and the instant to book them at."""
    wanted = local_date(at, time_zone)
    last, dated = store.reserve_numbers(tx, series, count, wanted)
    return last, dated, at if dated == wanted else start_of_day(dated, time_zone)


def _natural_key(draft: DraftInvoice) -> str:
    """What the draft is, as no other one is: its customer, instant, and first line."""
    line = draft.lines[0]
    step = 0 if line.corrects is None else line.corrects.step
    which = f"{line.subscription}/{line.item_no}/{instant_text(line.starts_at)}/{step}"
    return f"{draft.customer.key}/{instant_text(draft.due_at)}/{which}"


def credit(
    tx: Tx,
    name: str,
    *,
    reason: str,
    time_zone: str,
    at: datetime,
    recorded_at: datetime,
    actor: str,
    ids: IdSource,
) -> CreditNote:
    """Takes an invoice back in full with a credit note; its ledger entry is reversed.

    The periods it billed stay billed; what credit paid of it is credit again. Raises NotFound
    `invoice.unknown`, Conflict `invoice.credited_before`, `invoice.not_an_invoice`,
    `invoice.credit_before_issue`, `invoice.corrected`.
    """
    found = queries.invoice(tx, name)
    customers.lock(tx, [found.invoice.customer.customer_id])
    before = store.find_credit_of(tx, found.invoice.invoice_id)
    if before is not None:
        raise Conflict(
            "invoice.credited_before",
            f"{found.invoice.name} was taken back by {name_of(before.series, before.number)}",
            field="invoice",
            value=name,
        )
    _check_corrections(tx, found.invoice)
    if at < found.at:
        raise Conflict(
            "invoice.credit_before_issue",
            f"{found.invoice.name} was issued on {found.invoice.issued_on}, after the credit note's date",
            field="at",
            value=instant_text(at),
        )
    last, dated, at = _numbers(tx, CREDIT_SERIES, 1, at, time_zone)
    note = CreditNote(
        ids(f"credit_note/{found.invoice.name}"),
        CREDIT_SERIES,
        last,
        name_of(CREDIT_SERIES, last),
        dated,
        reason,
        found.invoice,
        found.event_id,
        wallets.given_back(tx, found.invoice.draws),
    )
    draft = Draft(
        ids(f"invoice.credited/{found.invoice.name}"),
        customer_stream(found.invoice.customer.customer_id),
        CREDITED,
        at,
        actor,
        note,
        found.event_id,
    )
    journal.record(tx, [draft], recorded_at, projection.credited)
    return note


def _check_corrections(tx: Tx, invoice: Invoice) -> None:
    """What was corrected since, or corrects others, is not taken back as a whole: too much or too little
    would be given back."""
    row = store.find_correction_of(tx, invoice.invoice_id)
    other = None if row is None else name_of(row.series, row.number)
    said = "a line of it was corrected"
    if other is None:
        other = next((line.corrects.invoice for line in invoice.lines if line.corrects), None)
        said = "a line of it is a correction"
    if other is not None:
        raise Conflict(
            "invoice.corrected",
            f"{invoice.name} can't be taken back as a whole: {said}, see {other}",
            field="invoice",
            value=invoice.name,
            hint="change the contract instead: what was charged too much is given back by the next run",
        )


def mark_late(tx: Tx, meters: Sequence[int], *, is_live: bool = False) -> None:
    """Looks for usage of some meters that came, or was taken back, after its time was billed; from where
    it was looked for last, or from the first record where a meter is new. `is_live` finds what no fold
    has counted yet too: only for a transaction that is undone."""
    if not meters:
        return
    since, known = store.get_late_mark(tx)
    store.mark_late(tx, sorted(meters), since if set(meters) <= known else 0, is_live=is_live)


def open_run(tx: Tx, wanted: Run) -> tuple[Run, bool]:
    """The tenant's open run, and whether it is the new one: there is at most one open at a time."""
    while True:
        is_new = store.insert_run(tx, wanted)
        row = store.find_open_run(tx)
        if row is not None:  # None: the run that stood in the way has just been finished
            break
    return Run(*(getattr(row, part) for part in Run._fields)), is_new


def plan_run(tx: Tx, run: Run, customer_ids: Sequence[UUID], chunk_size: int) -> Run:
    """Cuts the customers (in order) into chunks; returns the run with their number."""
    chunks = ranges(customer_ids, chunk_size)
    store.insert_plan(tx, run.run_id, len(customer_ids), chunks)
    return run._replace(chunks=len(chunks))


def claim_chunk(tx: Tx, run_id: UUID) -> Chunk | None:
    """The first chunk that is open and nobody's, locked to the end of the transaction."""
    row = store.claim_chunk(tx, run_id)
    return None if row is None else Chunk(*row)


def wait_for_chunk(tx: Tx, run_id: UUID, chunk_no: int) -> bool:
    """Waits until the chunk's worker has committed or died; whether the chunk is done."""
    return store.wait_for_chunk(tx, run_id, chunk_no)


def first_open_chunk(tx: Tx, run_id: UUID) -> int | None:
    """The first chunk that is not done, whoever works on it."""
    return store.first_open_chunk(tx, run_id)


def finish_chunk(
    tx: Tx, run_id: UUID, chunk: Chunk, invoices: int, lines: int, parked: Sequence[Parked]
) -> None:
    """Marks the chunk as done and remembers who was parked."""
    for customer_id, refusal in parked:
        store.insert_parked(tx, run_id, customer_id, refusal.code, refusal.message)
    store.finish_chunk(tx, run_id, chunk.chunk_no, invoices, lines, len(parked))


def finish_run(tx: Tx, run_id: UUID, at: datetime) -> None:
    """Closes the run."""
    store.finish_run(tx, run_id, at)


def progress(tx: Tx, run_id: UUID) -> Progress:
    """How far the run is."""
    row = store.get_progress(tx, run_id)
    return Progress(row.chunks, row.done, row.invoices, row.lines, row.parked)
