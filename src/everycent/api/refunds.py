"""Refunds: what goes back of a payment, by amount or by the lines of an invoice."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from everycent.api import money
from everycent.api.invoices import Invoice
from everycent.api.invoices import shown as invoice_shown
from everycent.api.invoices_changed import LineOff, line_text
from everycent.api.operation import Asked, changing
from everycent.api.payments import WRITE, Applied, applied_data
from everycent.api.shapes import Amount, Body, Name, Query, Reason, Zone
from everycent.api.writing import by
from everycent.db.connection import Tx
from everycent.flows.collect import refund, refund_lines
from everycent.kernel.errors import Invalid
from everycent.payments import queries
from everycent.payments.amounts import positive_minor
from everycent.payments.payment import Moved


class Refunded(Applied):
    """What goes back: with the attempt that sends it, null where it is paid out by hand; with the credit
    note, where it is a refund of lines."""

    refunded: Amount
    attempt: str | None
    note: Invoice | None


class RefundLines(Body):
    """So much of the lines of an invoice that the payment pays, with a credit note over it."""

    invoice: Name
    lines: Annotated[list[LineOff], Meta(min_length=1, max_length=500)]
    zone: Annotated[Zone, Meta(description="Whose date the credit note carries.")] = "UTC"


class NewRefund(Body):
    """What goes back: an amount, what lines come to, or all that is left."""

    reason: Reason
    amount: Amount | None = None
    reopen: Annotated[bool, Meta(description="Open invoices again where it is not enough.")] = False
    of_lines: RefundLines | None = None


def refund_payment(tx: Tx, asked: Asked[Query, NewRefund]) -> dict[str, Any]:
    """Gives a payment back: all that is left of it, an amount, or what lines come to. What a provider
    charged goes back through the provider, once; what came another way you pay out, and is booked here."""
    wanted, name = asked.body, asked.path["payment"]
    done_by = by(asked)
    if wanted.of_lines is not None:
        if wanted.amount is not None or wanted.reopen:
            raise Invalid(
                "payment.amount_or_lines",
                "what lines come to is the amount, and nothing more is opened",
                field="of_lines",
            )
        of = wanted.of_lines
        lines = refund_lines.Asked(
            name, of.invoice, tuple(map(line_text, of.lines)), wanted.reason, of.zone
        )
        done, note, stage = refund_lines.request_in(tx, lines, **done_by)
        return _refunded(tx, done, stage) | {"note": invoice_shown(tx, note.name)}
    minor = None
    if wanted.amount is not None:
        currency = queries.by_name(tx, name).payment.currency
        minor = positive_minor(wanted.amount, currency, "amount")
    done, stage = refund.request_in(
        tx, refund.Asked(name, minor, wanted.reopen, wanted.reason), **done_by
    )
    return _refunded(tx, done, stage) | {"note": None}


OPERATIONS = [
    changing(
        "POST",
        "/v1/payments/{payment}/refund",
        WRITE,
        refund_payment,
        Refunded,
        NewRefund,
        is_planned=True,
    ),
]


def _refunded(tx: Tx, done: Moved, stage: Any) -> dict[str, Any]:
    return applied_data(tx, done) | {
        "refunded": money.amount(done.moves[-1].amount, done.payment.currency),
        "attempt": None if stage is None else stage.attempt.reference,
    }
