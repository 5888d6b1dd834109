"""Refund by line: money goes back, and the credit note says of which lines. Both are one transaction: the
note is set off against what the refund opens of the invoice, so that nothing more is open of it, and nobody
is charged for it again."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from everycent.charging.attempt import Stage
from everycent.db.connection import Database, Tx
from everycent.flows import credit_lines
from everycent.flows.collect import refund
from everycent.invoicing import operations as invoicing
from everycent.invoicing import operations_notes
from everycent.invoicing import queries as invoices
from everycent.invoicing.invoice import check_credit_date
from everycent.invoicing.line_note import LineNote
from everycent.kernel.errors import Invalid
from everycent.kernel.ids import IdSource
from everycent.payments import operations as payments
from everycent.payments import payment as paid
from everycent.payments import queries
from everycent.payments.payment import Moved, MoveKind


class Asked(NamedTuple):
    """A refund of so much of an invoice's lines ('2=4.00', '2=25%' or '2' each) out of a payment. The note
    has its date in `time_zone`."""

    payment: str
    invoice: str
    lines: tuple[str, ...]
    reason: str
    time_zone: str = "UTC"


def asked(payment: str, told: tuple[str, ...], reason: str, time_zone: str = "UTC") -> Asked:
    """The same out of 'INV-000001/2=4.00' and the like, all of one invoice. Raises Invalid
    `payment.bad_line`."""
    named = [text.partition("/") for text in told]
    if not all(line for _, _, line in named) or len({invoice for invoice, *_ in named}) != 1:
        raise Invalid(
            "payment.bad_line",
            "a refund by line is of lines of one invoice",
            field="line",
            value=list(told),
            hint="write INV-000001/2=4.00, INV-000001/2=25% or INV-000001/2",
        )
    return Asked(payment, named[0][0], tuple(line for _, _, line in named), reason, time_zone)


def request(
    database: Database, tenant_id: int, asked: Asked, *, at: datetime, actor: str, ids: IdSource
) -> tuple[Moved, LineNote, Stage | None]:
    """Asks for a refund of lines in a transaction of its own. Raises as `request_in`."""
    with database.transaction(tenant_id) as tx:
        return request_in(tx, asked, at=at, actor=actor, ids=ids)


def request_in(
    tx: Tx, asked: Asked, *, at: datetime, actor: str, ids: IdSource
) -> tuple[Moved, LineNote, Stage | None]:
    """Issues the note, sets the money aside that it gives back, and for what a provider charged writes down
    the attempt to give it back.

    Raises NotFound `payment.unknown`, Conflict `payment.pays_less`, `payment.refund_too_large`, and what
    `credit_lines` raises."""
    writing: payments.Writing = {"at": at, "recorded_at": at, "actor": actor, "ids": ids}
    held = queries.by_name(tx, asked.payment)
    invoice = invoices.invoice(tx, asked.invoice).invoice
    credit_lines.lock(tx, invoice)
    payments.lock(tx, held.payment.payment_id)
    found, off, _ = credit_lines.decide(tx, asked.invoice, asked.lines)
    check_credit_date(found.invoice, found.at, at)
    done = payments.take_back(
        tx, held.payment.payment_id, paid.REFUND_REQUESTED, MoveKind.REFUND, off.given.gross,
        writing, reason=asked.reason, only=invoice.invoice_id,
    )  # fmt: skip
    (open_now,) = invoicing.lock_open(tx, [invoice.invoice_id])
    note = operations_notes.credit_lines(
        tx, found, off, open_now, reason=asked.reason, time_zone=asked.time_zone, **writing
    )
    return done, note, refund.stage_of(tx, done, at=at, actor=actor, ids=ids)
