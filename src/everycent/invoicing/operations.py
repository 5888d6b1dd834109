"""Issue invoices in bulk, take one back with a credit note, and share out a run's chunks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from everycent.credits import operations as wallets
from everycent.customers import operations as customers
from everycent.customers.customer import stream as customer_stream
from everycent.db.connection import Tx
from everycent.invoicing import projection, queries, settlement, store
from everycent.invoicing.assemble import DraftInvoice, finished
from everycent.invoicing.invoice import (
    CREDIT_SERIES,
    CREDITED,
    ISSUED,
    CreditNote,
    Invoice,
    check_credit_date,
    name_of,
)
from everycent.invoicing.runs import Chunk, Parked, Progress, Run, ranges
from everycent.invoicing.settlement import Open, Settle, Settled
from everycent.journal import operations as journal
from everycent.journal.event import Draft
from everycent.journal.types import EventType
from everycent.kernel import points
from everycent.kernel.calendar import local_date, start_of_day
from everycent.kernel.errors import Conflict, Invalid
from everycent.kernel.ids import IdSource
from everycent.kernel.period import instant_text
from everycent.kernel.table import Rows
from everycent.subscriptions.operations import Writing


class Prepared(NamedTuple):
    """A draft whose details are written, the id of its invoice, and that of the event that issues it."""

    draft: DraftInvoice
    invoice_id: UUID
    event_id: UUID


def prepare(tx: Tx, drafts: Sequence[DraftInvoice], ids: IdSource) -> list[Prepared]:
    """Writes everything of the drafts that does not depend on their numbers.

    The same transaction must give them to `issue` or roll back.
    """
    rows = Rows()
    prepared = []
    for draft in drafts:
        key = _natural_key(draft)
        one = Prepared(draft, ids(f"invoice/{key}"), ids(f"invoice.issued/{key}"))
        projection.add_details(rows, tx.tenant_id, one.invoice_id, draft)
        prepared.append(one)
    journal.write(tx, rows)
    return prepared


def issue(
    tx: Tx,
    prepared: Sequence[Prepared],
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

    They are dated the day of `at` in `time_zone`, or before it as the policy says, and numbered in the
    order of these dates; later where a lower number is dated later; and booked on that day. The counter is
    locked from here to the end of the transaction: this comes last.
    """
    if not prepared:
        return
    day = local_date(at, time_zone)
    prepared = _by_date(prepared, day)
    numbers = _numbers_of(tx, [one.draft for one in prepared], at, time_zone)
    points.reach("bill_chunk.numbered")
    drafts = []
    for draft, invoice_id, event_id in prepared:
        number, dated, booked_at = next(numbers[draft.series])
        if draft.dated not in (None, dated):
            raise _date_moved(draft, dated)
        drafts += wallets.of_settled(draft.settled, actor=actor, ids=ids)
        drafts.append(
            Draft(
                event_id,
                customer_stream(draft.customer.customer_id),
                ISSUED,
                booked_at,
                actor,
                finished(draft, invoice_id, number, dated, payment_days, run_id),
            )
        )
    journal.record(tx, drafts, recorded_at, projection.add_document_or_credit)


def _by_date(prepared: Sequence[Prepared], run_day: date) -> Sequence[Prepared]:
    """In the order of their dates, so that no more of them than must are dated later than they are to be.
    Those of one customer stay as they are."""
    if all(one.draft.policy_date is None for one in prepared):
        return prepared
    latest: dict[UUID, date] = {}
    days = []
    for one in prepared:
        owner = one.draft.customer.customer_id
        wanted = one.draft.date_of(run_day)
        latest[owner] = max(wanted, latest.get(owner, wanted))
        days.append(latest[owner])
    return [one for _, one in sorted(zip(days, prepared, strict=True), key=lambda pair: pair[0])]


def _date_moved(draft: DraftInvoice, dated: date) -> Conflict:
    return Conflict(
        "invoice.date_moved",
        f"another document of {dated} was issued meanwhile, and this one has the exchange rate of"
        f" {draft.dated}",
        field="issued_on",
        value=dated,
        hint="bill again",
    )


def _numbers_of(
    tx: Tx, prepared: Iterable[DraftInvoice], at: datetime, time_zone: str
) -> dict[str, Iterator[tuple[int, date, datetime]]]:
    """The numbers of the drafts by series, each with its date and the instant to book it at. The series
    are locked in one order, so that nobody waits for anybody in a circle."""
    day = local_date(at, time_zone)
    wanted: dict[str, list[date]] = {}
    for draft in prepared:
        wanted.setdefault(draft.series, []).append(draft.date_of(day))
    return {
        series: iter(_dated_numbers(tx, series, wanted[series], at, time_zone))
        for series in sorted(wanted)
    }


def _dated_numbers(
    tx: Tx, series: str, wanted: Sequence[date], at: datetime, time_zone: str
) -> list[tuple[int, date, datetime]]:
    """A number for each date, the date that goes with it, which is later where a lower number is dated
    later, and the instant to book at."""
    first, latest = min(wanted), max(wanted)
    dated = None if first == latest else store.reserve_numbers(tx, series, 0, first)[1]
    last, newest = store.reserve_numbers(tx, series, len(wanted), latest)
    dated, day = newest if dated is None else dated, local_date(at, time_zone)
    found = []
    for number, one in enumerate(wanted, start=last - len(wanted) + 1):
        dated = max(dated, one)
        found.append((number, dated, at if dated == day else start_of_day(dated, time_zone)))
    return found


def numbers(
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
    `invoice.credit_before_issue`, `invoice.corrected`, `invoice.lines_credited`,
    `invoice.partly_settled`.
    """
    found = queries.invoice(tx, name)
    customers.lock(tx, [found.invoice.customer.customer_id])
    (open_now,) = lock_open(tx, [found.invoice.invoice_id])
    before = store.find_credit_of(tx, found.invoice.invoice_id)
    if before is not None:
        raise Conflict(
            "invoice.credited_before",
            f"{found.invoice.name} was taken back by {name_of(before.series, before.number)}",
            field="invoice",
            value=name,
        )
    _check_corrections(tx, found.invoice)
    _check_line_notes(tx, found.invoice)
    if open_now.left != open_now.owed:
        raise Conflict(
            "invoice.partly_settled",
            f"something of {found.invoice.name} is paid, set off or written off",
            field="invoice",
            value=name,
            hint="take that back first: `everycent payment unapply`",
        )
    check_credit_date(found.invoice, found.at, at)
    last, dated, at = numbers(tx, CREDIT_SERIES, 1, at, time_zone)
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
        open_now.step + 1,
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


def lock_open(tx: Tx, invoice_ids: Iterable[UUID]) -> list[Open]:
    """What is open of documents, of which nobody else settles anything until the transaction ends; in the
    order of their ids."""
    wanted = sorted(set(invoice_ids))
    store.lock_documents(tx, wanted)
    return queries.open_of(tx, wanted)


def set_off(
    tx: Tx,
    invoice_id: UUID,
    note_id: UUID,
    amount: int,
    *,
    at: datetime,
    recorded_at: datetime,
    actor: str,
    ids: IdSource,
) -> Settled:
    """Sets so much of an invoice off against a credit note of the same customer; both are nearer to
    nothing. Raises Conflict `invoice.no_set_off` where one of them has not so much open, or they are of two
    customers or currencies."""
    opens = {one.document_id: one for one in lock_open(tx, [invoice_id, note_id])}
    rows = {row.invoice_id: row for row in queries.open_documents(tx, [invoice_id, note_id])}
    if len(opens) < 2 or not 0 < amount <= min(opens[invoice_id].left, -opens[note_id].left):
        raise Conflict(
            "invoice.no_set_off", f"{amount} minor units are not open of both", field="amount"
        )
    row, note = rows[invoice_id], rows[note_id]
    if (row.customer_id, row.currency) != (note.customer_id, note.currency):
        raise Conflict("invoice.no_set_off", "the documents are of two customers or currencies")
    steps = settlement.set_off(opens[invoice_id], opens[note_id], amount)
    name, other = name_of(row.series, row.number), name_of(note.series, note.number)
    done = Settled(row.customer_id, row.currency, name, steps, f"set off against {other}")
    draft = Draft(
        ids(f"invoice.set_off/{name}/{steps[0].step}"), settlement.stream(invoice_id),
        settlement.SET_OFF, at, actor, done,
    )  # fmt: skip
    journal.record(tx, [draft], recorded_at, projection.settled)
    return done


def write_off(
    tx: Tx, wanted: Mapping[UUID, int | None], reason: str, writing: Writing
) -> dict[str, int]:
    """Gives invoices up as uncollectable: all that is open of each, or so many minor units. It is a bad
    debt, taxes included, and nobody is charged for it any more. Returns what was written off by name.

    Raises Conflict `invoice.nothing_open`, Invalid `invoice.write_off_too_large`."""
    opens = {one.document_id: one for one in lock_open(tx, wanted)}
    steps = []
    for row in queries.open_documents(tx, list(wanted)):
        found, told = opens[row.invoice_id], wanted[row.invoice_id]
        name = name_of(row.series, row.number)
        if found.left <= 0:
            raise Conflict(
                "invoice.nothing_open", f"nothing is open of {name}", field="invoice", value=name
            )
        amount = found.left if told is None else told
        if not 0 < amount <= found.left:
            raise Invalid(
                "invoice.write_off_too_large",
                f"{amount} minor units are not above nothing and within the {found.left} open of {name}",
                field="amount",
                value=amount,
            )
        steps.append((row, settlement.settle(found, amount, settlement.WRITE_OFF)[0]))
    return _written(tx, settlement.WRITTEN_OFF, steps, reason, writing)


def undo_write_off(tx: Tx, invoice_id: UUID, reason: str, writing: Writing) -> int:
    """Opens an invoice again by all that was written off of it; returns that. Raises Conflict
    `invoice.not_written_off`."""
    (found,) = lock_open(tx, [invoice_id])
    (row,) = queries.open_documents(tx, [invoice_id])
    amount = queries.written_off(tx, [invoice_id]).get(invoice_id, 0)
    if not amount:
        name = name_of(row.series, row.number)
        raise Conflict(
            "invoice.not_written_off",
            f"nothing of {name} is written off",
            field="invoice",
            value=name,
        )
    step, _ = settlement.settle(found, -amount, settlement.WRITE_OFF)
    _written(tx, settlement.WRITE_OFF_UNDONE, [(row, step)], reason, writing)
    return amount


def _written(
    tx: Tx, kind: EventType, steps: Sequence[tuple[Any, Settle]], reason: str, writing: Writing
) -> dict[str, int]:
    drafts, done = [], {}
    for row, step in steps:
        name = name_of(row.series, row.number)
        drafts.append(
            Draft(
                writing["ids"](f"{kind.name}/{name}/{step.step}"), settlement.stream(row.invoice_id),
                kind, writing["at"], writing["actor"],
                Settled(row.customer_id, row.currency, name, (step,), reason),
            )
        )  # fmt: skip
        done[name] = step.amount
    if drafts:
        journal.record(tx, drafts, writing["recorded_at"], projection.settled)
    return done


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


def _check_line_notes(tx: Tx, invoice: Invoice) -> None:
    """Of what parts were credited, only the rest can be: the whole would give those back twice."""
    notes = store.list_line_notes(tx, invoice.invoice_id)
    if notes:
        raise Conflict(
            "invoice.lines_credited",
            f"parts of {invoice.name} were credited by {name_of(notes[0].series, notes[0].number)}",
            field="invoice",
            value=invoice.name,
            hint=f"credit what is left: `everycent invoice credit {invoice.name} --rest`",
        )


def mark_late(tx: Tx, meters: Sequence[int]) -> None:
    """Looks for usage of some meters that came, or was taken back, after its time was billed; from where
    it was looked for last, or from the first record where a meter is new. One at a time: what was billed
    is asked for after the last one who holds it has written that."""
    hold_late(tx)
    mark_late_held(tx, meters)


def hold_late(tx: Tx) -> None:
    """Nobody else looks for late usage until the transaction ends: who bills in one transaction has usage
    of one instant, and what is folded meanwhile is late for what nobody sees yet."""
    store.hold_late(tx)


def mark_late_held(tx: Tx, meters: Sequence[int]) -> None:
    """`mark_late` for whoever holds it already, in this transaction or in another."""
    if meters:
        store.mark_late(tx, sorted(meters), store.get_late_mark(tx, meters))


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
