"""Invoice and billing-run rows in and out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from everycent.db import bulk, statements
from everycent.db.connection import Tx
from everycent.invoicing.reasons import Wanted
from everycent.invoicing.runs import Run
from everycent.kernel.period import Period
from everycent.kernel.table import table
from everycent.metering.record import EARLIEST, LATEST

SQL = statements.beside(__file__)

CHUNK = table(
    "billing_chunk",
    "tenant_id int4, run_id uuid, chunk_no int4, first_customer uuid, last_customer uuid",
    key="tenant_id, run_id, chunk_no",
)
SEAL = table(
    "seal",
    "limits text, period_start timestamptz, period_end timestamptz, span_start timestamptz,"
    " span_end timestamptz, is_days bool, own text[], others text[]",
    key="limits",
)
ALWAYS = Period(EARLIEST, LATEST)
LOWEST, HIGHEST = UUID(int=0), UUID(int=(1 << 128) - 1)
PRICED = table("priced", "subject_id int4, meter_id int4", key="subject_id, meter_id")


def reserve_numbers(tx: Tx, series: str, count: int, issued_on: date) -> tuple[int, date]:
    """Takes `count` numbers; returns the last one and the date that documents may carry."""
    row = tx.row(
        SQL["reserve_numbers"],
        {"tenant_id": tx.tenant_id, "series": series, "count": count, "issued_on": issued_on},
    )
    assert row is not None
    return row.last_number, row.last_issued_on


def list_closing_lines(
    tx: Tx, items: Sequence[tuple[UUID, int]]
) -> list[tuple[UUID, int, UUID, int]]:
    """For each item that was billed before: (subscription, item, the invoice's event, line)."""
    params = {
        "tenant_id": tx.tenant_id,
        "subscriptions": [subscription_id for subscription_id, _ in items],
        "items": [item_no for _, item_no in items],
    }
    return [(r[0], r[1], r[2], r[3]) for r in tx.tuples(SQL["closing_lines"], params)]


def get_late_mark(tx: Tx, meters: Sequence[int]) -> int:
    """Up to which fold late usage of all of some meters was looked for; 0: of one it was not yet."""
    row = tx.row(SQL["late_mark"], {"tenant_id": tx.tenant_id})
    fold_id: int = row.fold_id if row is not None and set(meters) <= set(row.meters) else 0
    return fold_id


def hold_late(tx: Tx) -> None:
    """Nobody else looks for late usage until the transaction ends."""
    tx.run(SQL["hold_late"], {"tenant_id": tx.tenant_id})


def mark_late(tx: Tx, meters: Sequence[int], since: int) -> None:
    """Looks through what was folded since, where anything was billed yet; not while a run is open."""
    row = tx.row(SQL["billed_to"], {"tenant_id": tx.tenant_id})
    assert row is not None
    if row.fold_id is None or row.is_billing:
        return
    params = {
        "tenant_id": tx.tenant_id,
        "meters": list(meters),
        "since": since,
        "upto": row.fold_id,
    }
    if row.billed is not None and row.fold_id > since:
        tx.run(SQL["mark_late"], params | {"billed": row.billed})
    tx.run(SQL["put_late_mark"], {k: params[k] for k in ("tenant_id", "meters", "upto")})


def list_billed_customers(
    tx: Tx, span: Period, payers: Sequence[UUID] | None
) -> list[tuple[UUID, int]]:
    """(customer, number of periods in the span that were billed), in order of ids."""
    params = {"tenant_id": tx.tenant_id, "start": span.start, "end": span.end}
    told = params | {"payers": None if payers is None else list(payers)}
    return [(row[0], row[1]) for row in tx.tuples(SQL["billed_customers"], told)]


def list_billed_lines(tx: Tx, span: Period, customers: Sequence[UUID]) -> list[Any]:
    """One row per billed period in the span, with the line that says what it comes to."""
    params = {"tenant_id": tx.tenant_id, "start": span.start, "end": span.end}
    return tx.rows(SQL["billed_lines"], params | {"customers": list(customers)})


def list_billed_since(
    tx: Tx, since: datetime, subscription_ids: Sequence[UUID]
) -> list[tuple[UUID, int, UUID]]:
    """(subscription, item, event) of what was billed of some subscriptions since an instant."""
    params = {"tenant_id": tx.tenant_id, "since": since, "ids": list(subscription_ids)}
    return [(row[0], row[1], row[2]) for row in tx.tuples(SQL["billed_since"], params)]


def find_last_dated(tx: Tx, series: str) -> date | None:
    """The date of the newest document of a series, or None."""
    found: date | None = tx.value(SQL["last_dated"], {"tenant_id": tx.tenant_id, "series": series})
    return found


def list_home_parts(tx: Tx, invoice_ids: Sequence[UUID], currency: str) -> list[tuple[UUID, str]]:
    """The rates of documents that have one in a home currency, as text."""
    params = {"tenant_id": tx.tenant_id, "ids": list(invoice_ids), "currency": currency}
    return [(row[0], row[1]) for row in tx.tuples(SQL["home_parts"], params)]


def stream_homes(tx: Tx) -> Iterator[Any]:
    """Every document in a home currency, with its rows and its event; one by one."""
    return tx.stream(SQL["homes"], {"tenant_id": tx.tenant_id}, batch=500)


def stream_line_notes(tx: Tx) -> Iterator[Any]:
    """Every credit note over parts of lines, with its event and that of its invoice; one by one."""
    return tx.stream(SQL["line_note_events"], {"tenant_id": tx.tenant_id}, batch=100)


def list_late_customers(tx: Tx, meters: Sequence[int]) -> list[UUID]:
    """The customers of `list_late_lines`."""
    statement = f"select distinct customer_id from ({SQL['late_lines']}) l"  # noqa: S608
    params = _late(tx, meters, LOWEST, HIGHEST)
    return [customer_id for (customer_id,) in tx.tuples(statement, params)]


def list_late_lines(
    tx: Tx, meters: Sequence[int], first: UUID, last: UUID, also: Sequence[UUID]
) -> list[Any]:
    """One row per period to rate again, of items of which a range of customers got an invoice, or of the
    contracts `also`; as far as usage was marked as late."""
    return tx.rows(SQL["late_lines"], _late(tx, meters, first, last) | {"also": list(also)})


def list_late_lines_live(
    tx: Tx,
    meters: Sequence[int],
    between: tuple[UUID, UUID],
    also: Sequence[UUID],
    subjects: Sequence[int] | None,
    since: int,
) -> list[Any]:
    """The same with all that came since, folded or not; where subjects are told, only of those."""
    newest = tx.value(SQL["newest_fold"], {"tenant_id": tx.tenant_id})
    told = {
        "is_live": True, "since": since, "upto": newest or 0, "also": list(also),
        "subjects": None if subjects is None else list(subjects),
    }  # fmt: skip
    return tx.rows(SQL["late_lines"], _late(tx, meters, *between) | told)


def _late(tx: Tx, meters: Sequence[int], first: UUID, last: UUID) -> dict[str, Any]:
    return {
        "tenant_id": tx.tenant_id, "meters": list(meters), "first": first, "last": last,
        "is_live": False, "since": 0, "upto": 0, "subjects": None, "also": [],
    }  # fmt: skip


def find_invoice(tx: Tx, series: str, number: int, invoice_id: UUID | None) -> Any | None:
    """A document's row by series and number, or by id."""
    return tx.row(
        SQL["find_invoice"],
        {"tenant_id": tx.tenant_id, "series": series, "number": number, "invoice_id": invoice_id},
    )


def list_invoices(
    tx: Tx,
    customer_id: UUID | None,
    after: tuple[date, str, int],
    limit: int,
    *,
    kind: str | None,
    state: str | None,
    today: date,
    first: date | None,
    last: date | None,
) -> list[Any]:
    """Documents in order of date and number."""
    return tx.rows(
        SQL["list_invoices"],
        {
            "tenant_id": tx.tenant_id,
            "customer_id": customer_id,
            "after_on": after[0],
            "after_series": after[1],
            "after_number": after[2],
            "limit": limit,
            "kind": kind,
            "state": state,
            "today": today,
            "first": first,
            "last": last,
        },
    )


def list_documents(tx: Tx, invoice_ids: Sequence[UUID]) -> list[Any]:
    """Documents by id, in order of date."""
    return tx.rows(SQL["list_documents"], {"tenant_id": tx.tenant_id, "ids": list(invoice_ids)})


def find_credit_of(tx: Tx, invoice_id: UUID) -> Any | None:
    """The credit note of an invoice, or None."""
    return tx.row(SQL["credit_of"], {"tenant_id": tx.tenant_id, "invoice_id": invoice_id})


def list_line_notes(tx: Tx, invoice_id: UUID) -> list[Any]:
    """The credit notes over parts of an invoice's lines, in order."""
    return tx.rows(SQL["line_notes_of"], {"tenant_id": tx.tenant_id, "invoice_id": invoice_id})


def list_lines_left(tx: Tx, invoice_id: UUID) -> list[Any]:
    """The lines of an invoice with what credit notes and corrections have left of each."""
    return tx.rows(SQL["lines_left"], {"tenant_id": tx.tenant_id, "invoice_id": invoice_id})


def list_credited_periods(
    tx: Tx, periods: Sequence[tuple[UUID, int, datetime]]
) -> list[tuple[int, int]]:
    """(place from 1 on, amount) of the periods of whose lines credit notes took something off."""
    subscriptions, items, starts = zip(*periods, strict=True) if periods else ((), (), ())
    params = {
        "tenant_id": tx.tenant_id, "subscriptions": list(subscriptions), "items": list(items),
        "starts": list(starts),
    }  # fmt: skip
    return [(row[0], row[1]) for row in tx.tuples(SQL["credited_periods"], params)]


def find_correction_of(tx: Tx, invoice_id: UUID) -> Any | None:
    """A document with a correction of one of the invoice's lines, or None."""
    return tx.row(SQL["correction_of"], {"tenant_id": tx.tenant_id, "invoice_id": invoice_id})


def insert_run(tx: Tx, run: Run) -> bool:
    """Opens a run; False when one is open already."""
    params = {"tenant_id": tx.tenant_id, **run._asdict()}
    for told in ("tax_versions", "policies"):
        params[told] = msgspec.json.encode(params[told]).decode()
    return tx.run(SQL["insert_run"], params) == 1


def find_open_run(tx: Tx) -> Any | None:
    """The run that is not finished, or None."""
    return tx.row(SQL["open_run"], {"tenant_id": tx.tenant_id})


def insert_plan(tx: Tx, run_id: UUID, customers: int, ranges: Sequence[tuple[UUID, UUID]]) -> None:
    """The chunks of a run."""
    rows = [
        (tx.tenant_id, run_id, number, first, last)
        for number, (first, last) in enumerate(ranges, start=1)
    ]
    bulk.insert(tx, CHUNK, rows)
    tx.run(
        SQL["plan_run"],
        {
            "tenant_id": tx.tenant_id,
            "run_id": run_id,
            "customers": customers,
            "chunks": len(ranges),
        },
    )


def _of_run(tx: Tx, run_id: UUID, **more: Any) -> dict[str, Any]:
    return {"tenant_id": tx.tenant_id, "run_id": run_id, **more}


def claim_chunk(tx: Tx, run_id: UUID) -> Any | None:
    """Locks the first chunk that is open and nobody's; None when there is none."""
    return tx.row(SQL["claim_chunk"], _of_run(tx, run_id))


def wait_for_chunk(tx: Tx, run_id: UUID, chunk_no: int) -> bool:
    """Waits for the chunk's worker to commit or die; whether the chunk is done."""
    return bool(tx.value(SQL["wait_for_chunk"], _of_run(tx, run_id, chunk_no=chunk_no)))


def first_open_chunk(tx: Tx, run_id: UUID) -> int | None:
    """The first chunk that is not done, locked by somebody or not."""
    chunk: int | None = tx.value(SQL["first_open_chunk"], _of_run(tx, run_id))
    return chunk


def dated_after(tx: Tx, day: date) -> dict[str, date]:
    """Series that have a document of a later date than a day, with the latest."""
    rows = tx.rows(SQL["dated_after"], {"tenant_id": tx.tenant_id, "day": day})
    return {row.series: row.last_issued_on for row in rows}


def finish_chunk(
    tx: Tx, run_id: UUID, chunk_no: int, invoices: int, lines: int, parked: int
) -> None:
    """Marks a chunk as done."""
    tx.run(
        SQL["finish_chunk"],
        _of_run(tx, run_id, chunk_no=chunk_no, invoices=invoices, lines=lines, parked=parked),
    )


def finish_run(tx: Tx, run_id: UUID, finished_at: datetime) -> None:
    """Closes a run; does nothing when it is closed."""
    tx.run(SQL["finish_run"], _of_run(tx, run_id, finished_at=finished_at))


def insert_parked(tx: Tx, run_id: UUID, customer_id: UUID, code: str, message: str) -> None:
    """Remembers why a customer was not billed by a run."""
    tx.run(
        SQL["insert_parked"],
        _of_run(tx, run_id, customer_id=customer_id, code=code, message=message),
    )


def get_progress(tx: Tx, run_id: UUID) -> Any:
    """How far a run is."""
    return tx.row(SQL["run_progress"], _of_run(tx, run_id))


def list_parked(tx: Tx, run_id: UUID, after: str, limit: int | None) -> list[Any]:
    """The customers that a run has parked, by key, of those after one."""
    return tx.rows(SQL["run_parked"], _of_run(tx, run_id, after=after, limit=limit))


def list_runs(
    tx: Tx, limit: int, *, before: UUID | None = None, run_id: UUID | None = None
) -> list[Any]:
    """The newest runs, of those before one; or one."""
    params = {"tenant_id": tx.tenant_id, "limit": limit, "before": before, "run_id": run_id}
    return tx.rows(SQL["list_runs"], params)


def list_violations(tx: Tx, check: str) -> list[str]:
    """What a checking statement finds; empty is good."""
    return [text for (text,) in tx.tuples(SQL[check], {"tenant_id": tx.tenant_id}, binary=False)]


def list_seal_spans(tx: Tx) -> list[tuple[str | None, datetime, datetime]]:
    """The different limits and periods that lines have counted."""
    return [(r[0], r[1], r[2]) for r in tx.tuples(SQL["seal_spans"], {"tenant_id": tx.tenant_id})]


def recount_seals(tx: Tx, rows: Sequence[tuple[Any, ...]]) -> None:
    """Counts again what lines have sealed, given the pieces of their limits and periods."""
    bulk.stage(tx, SEAL, rows)
    tx.run("analyze stage_seal")
    tx.run(SQL["stage_sealed"])
    tx.run(SQL["fill_sealed"], {"tenant_id": tx.tenant_id})
    tx.run("analyze stage_sealed")
    tx.run(SQL["stage_counted"])
    tx.run(SQL["fill_counted"], {"tenant_id": tx.tenant_id})
    tx.run("analyze stage_counted")


def stage_priced(tx: Tx, rows: Sequence[tuple[int, int]]) -> None:
    """Puts what subscriptions price where `usage_elsewhere` finds it."""
    bulk.stage(tx, PRICED, rows)
    tx.run("analyze stage_priced")


def list_counter_seals(tx: Tx) -> list[Any]:
    """Seals over register readings with the readings that belong to them."""
    return tx.rows(SQL["counter_seals"], {"tenant_id": tx.tenant_id})


def stage_standing(tx: Tx) -> None:
    """Puts what became of records with reversals where the counting statements find it."""
    tx.run(SQL["stage_standing"])
    tx.run("truncate stage_standing")
    tx.run(SQL["fill_standing"], {"tenant_id": tx.tenant_id})
    tx.run("analyze stage_standing")


def count_in_billed_time(tx: Tx, written_off: Sequence[int]) -> dict[str, int]:
    """Records in periods that lines have counted, by reason."""
    return _counted(tx, SQL["usage_in_billed_time"], written_off=list(written_off))


def count_unpriced(tx: Tx) -> dict[bool, int]:
    """Records in bands and segments of billed periods that no line asked for, by whether the invoices of
    the period were taken back."""
    return dict(tx.tuples(SQL["unpriced_parts"], {"tenant_id": tx.tenant_id}))


def count_elsewhere(tx: Tx, written_off: Sequence[int]) -> dict[str, int]:
    """Records outside all billed time, by reason."""
    return _counted(tx, SQL["usage_elsewhere"], written_off=list(written_off))


def _counted(tx: Tx, reasoned: str, **more: Any) -> dict[str, int]:
    statement = f"select reason, count(*)::bigint from ({reasoned}) r group by 1 order by 1"  # noqa: S608
    return dict(tx.tuples(statement, _of_span(tx, ALWAYS, **more)))


_IN_TIME, _ELSEWHERE = SQL["usage_in_billed_time"], SQL["usage_elsewhere"]
_UNPRICED = SQL["unpriced_records"]
_REASONED = (  # every record of a span with its one reason
    "select r.key, r.at, r.batch_id, r.subject_id, r.meter_id, coalesce(x.reason, r.reason) as reason"  # noqa: S608
    f" from (({_IN_TIME}) union all ({_ELSEWHERE})) r left join ({_UNPRICED}) x on x.key = r.key"
)


def stage_limited(tx: Tx, rows: Sequence[tuple[Any, ...]]) -> None:
    """Puts the pieces of parts that lines have counted where `unpriced_records` finds them."""
    bulk.stage(tx, SEAL, rows)
    tx.run("analyze stage_seal")


def list_limited_spans(tx: Tx, span: Period) -> list[tuple[str, datetime, datetime]]:
    """The different limits and periods of bands and segments that lines have counted, around a span."""
    return [(r[0], r[1], r[2]) for r in tx.tuples(SQL["limited_spans"], _of_span(tx, span))]


def count_by_batch(tx: Tx, span: Period, written_off: Sequence[int]) -> list[tuple[int, str, int]]:
    """How many records of a span each batch has for each reason: (batch, reason, records)."""
    statement = f"select batch_id, reason, count(*)::bigint from ({_REASONED}) r group by 1, 2"  # noqa: S608
    rows = tx.tuples(statement, _of_span(tx, span, written_off=list(written_off)))
    return [(row[0], row[1], row[2]) for row in rows]


def list_with_reason(
    tx: Tx,
    span: Period,
    written_off: Sequence[int],
    wanted: Wanted,
    after: tuple[datetime, UUID],
    limit: int,
) -> list[UUID]:
    """The keys of the wanted records of a span, in order of time and key, after one."""
    statement = (
        f"select key from ({_REASONED}) r"  # noqa: S608
        " where reason = %(reason)s and (at, key) > (%(after_at)s, %(after_key)s)"
        " and (%(subject_id)s::int4 is null or subject_id = %(subject_id)s)"
        " and (%(meter_id)s::int4 is null or meter_id = %(meter_id)s)"
        " order by at, key limit %(limit)s"
    )
    params = _of_span(
        tx, span, written_off=list(written_off), after_at=after[0], after_key=after[1], limit=limit,
        **wanted._asdict(),
    )  # fmt: skip
    return [key for (key,) in tx.tuples(statement, params)]


def _of_span(tx: Tx, span: Period, **more: Any) -> dict[str, Any]:
    return {"tenant_id": tx.tenant_id, "first_at": span.start, "last_at": span.end, **more}


def list_corrected_lines(tx: Tx, batch_id: int) -> list[Any]:
    """The parts of lines that a correcting batch may concern."""
    return tx.rows(SQL["corrected_lines"], {"tenant_id": tx.tenant_id, "batch_id": batch_id})


def made_as_of(
    tx: Tx, event_ids: Sequence[UUID], run_ids: Sequence[UUID | None]
) -> dict[UUID, datetime]:
    """As of which instants invoices were made, by the event that issued each, given with its run."""
    params = {"tenant_id": tx.tenant_id, "event_ids": list(event_ids), "run_ids": list(run_ids)}
    return dict(tx.tuples(SQL["made_as_of"], params))


def list_issued_events(tx: Tx, event_ids: Sequence[UUID]) -> list[Any]:
    """Events that issued invoices, by id."""
    return tx.rows(SQL["issued_events"], {"tenant_id": tx.tenant_id, "event_ids": list(event_ids)})


def lock_documents(tx: Tx, ids: Sequence[UUID]) -> None:
    """Waits for whoever settles one of the documents, and keeps others waiting."""
    tx.tuples(SQL["lock_documents"], {"tenant_id": tx.tenant_id, "ids": list(ids)})


def list_open(tx: Tx, ids: Sequence[UUID]) -> list[Any]:
    """What is open of documents, as (id, step, owed, open), by id."""
    return tx.tuples(SQL["open_of"], {"tenant_id": tx.tenant_id, "ids": list(ids)})


def sum_written_off(tx: Tx, invoice_ids: Sequence[UUID]) -> dict[UUID, int]:
    """What is written off of documents and was not taken back."""
    params = {"tenant_id": tx.tenant_id, "ids": list(invoice_ids)}
    return dict(tx.tuples(SQL["written_off"], params))


def list_open_documents(
    tx: Tx,
    *,
    ids: Sequence[UUID] | None = None,
    customer_id: UUID | None = None,
    only_open: bool = False,
    limit: int = 100_000,
) -> list[Any]:
    """Documents with what is open of each, those due first."""
    params = {
        "tenant_id": tx.tenant_id, "ids": None if ids is None else list(ids),
        "customer_id": customer_id, "only_open": only_open, "limit": limit,
    }  # fmt: skip
    return tx.rows(SQL["open_documents"], params)


def documents_by_events(tx: Tx, ids: Sequence[UUID]) -> list[Any]:
    """The documents that events issued."""
    return tx.rows(SQL["documents_by_events"], {"tenant_id": tx.tenant_id, "ids": list(ids)})
