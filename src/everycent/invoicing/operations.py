"""Issue invoices in bulk, and take one back with a credit note."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from everycent.customers import operations as customers
from everycent.customers.customer import stream as customer_stream
from everycent.db.connection import Tx
from everycent.invoicing import projection, queries, store
from everycent.invoicing.assemble import DraftInvoice, issue
from everycent.invoicing.invoice import (
    CREDIT_SERIES,
    CREDITED,
    INVOICE_SERIES,
    ISSUED,
    CreditNote,
    Invoice,
    name_of,
)
from everycent.journal import operations as journal
from everycent.journal.event import Draft
from everycent.kernel.errors import Conflict
from everycent.kernel.ids import IdSource
from everycent.kernel.period import instant_text


def issue_all(
    tx: Tx,
    prepared: Sequence[DraftInvoice],
    *,
    issued_on: date,
    payment_days: int,
    at: datetime,
    recorded_at: datetime,
    actor: str,
    ids: IdSource,
    run_id: UUID | None,
) -> list[Invoice]:
    """Gives the drafts numbers in the order given and issues them: events, rows and entries.

    The counter is locked from here to the end of the transaction, so this comes last in it.
    """
    if not prepared:
        return []
    last, dated = store.reserve_numbers(tx, INVOICE_SERIES, len(prepared), issued_on)
    drafts = []
    for number, draft in enumerate(prepared, start=last - len(prepared) + 1):
        key = f"{draft.customer.key}/{instant_text(draft.due_at)}"
        invoice = issue(draft, ids(f"invoice/{key}"), number, dated, payment_days, run_id)
        drafts.append(
            Draft(
                ids(f"invoice.issued/{key}"),
                customer_stream(draft.customer.customer_id),
                ISSUED,
                at,
                actor,
                invoice,
            )
        )
    journal.record(tx, drafts, recorded_at, projection.issued)
    return [draft.payload for draft in drafts]


def credit(
    tx: Tx,
    name: str,
    *,
    reason: str,
    issued_on: date,
    at: datetime,
    recorded_at: datetime,
    actor: str,
    ids: IdSource,
) -> CreditNote:
    """Takes an invoice back in full with a credit note; its ledger entry is reversed.

    The periods it billed stay billed. Raises NotFound `invoice.unknown`, Conflict
    `invoice.credited_before`, `invoice.not_an_invoice`.
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
    last, dated = store.reserve_numbers(tx, CREDIT_SERIES, 1, issued_on)
    note = CreditNote(
        ids(f"credit_note/{found.invoice.name}"),
        CREDIT_SERIES,
        last,
        name_of(CREDIT_SERIES, last),
        dated,
        reason,
        found.invoice,
        found.event_id,
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
