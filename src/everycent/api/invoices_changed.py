"""/v1/invoices: what is taken back of invoices by credit notes, and given up as uncollectable."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from everycent.api import money
from everycent.api.invoices import Invoice, LineNo, shown
from everycent.api.operation import Answer, Asked, changing
from everycent.api.parameters import past
from everycent.api.shapes import Amount, Body, Currency, Instant, Query, Reason, Shown, Zone
from everycent.api.writing import writing
from everycent.db.connection import Tx
from everycent.flows.credit_lines import credit_lines
from everycent.invoicing import operations, queries
from everycent.kernel.errors import Invalid

_WRITE = "invoices:write"
Part = Annotated[str, Meta(pattern=r"^[0-9]{1,15}(\.[0-9]{1,15})?$", examples=["4.00"])]


class LineOff(Body):
    """So much of a line: an amount as its price is told, or a percentage; else all that is left."""

    line: LineNo
    amount: Part | None = None
    percent: Part | None = None


class NewCreditNote(Body):
    """What is to be taken back: all of the invoice where neither `lines` nor `rest` are told."""

    reason: Reason
    lines: Annotated[list[LineOff], Meta(min_length=1, max_length=1000)] | None = None
    rest: Annotated[bool, Meta(description="All that is left of every line.")] = False
    at: Annotated[Instant | None, Meta(description="When it holds; now when left out.")] = None
    zone: Annotated[Zone, Meta(description="Whose date it carries.")] = "UTC"


class NewWriteOff(Body):
    """Why an invoice is given up, or is not any more."""

    reason: Reason
    at: Annotated[Instant | None, Meta(description="When it holds; now when left out.")] = None


class WrittenOff(Shown):
    """What was written off, or is open again."""

    invoice: str
    currency: Currency
    amount: Amount
    open: Amount


def create_credit_note(tx: Tx, asked: Asked[Query, NewCreditNote]) -> Answer:
    """Takes an invoice back with a credit note: in full, or so much of its lines. The periods that it
    billed stay billed."""
    wanted, number = asked.body, asked.path["invoice"]
    if wanted.lines is not None and wanted.rest:
        raise Invalid("invoice.line_and_rest", "rest is all that lines could name", field="lines")
    written = writing(asked, past(wanted.at, wanted.zone, asked.now, "at"))
    if wanted.lines is not None or wanted.rest:
        lines = [line_text(one) for one in wanted.lines or ()]
        made = credit_lines(
            tx, number, lines, reason=wanted.reason, time_zone=wanted.zone, writing=written
        ).name
    else:
        made = operations.credit(
            tx, number, reason=wanted.reason, time_zone=wanted.zone, **written
        ).name
    return Answer(shown(tx, made), 201, {"Location": f"/v1/invoices/{made}"})


def write_off_invoice(tx: Tx, asked: Asked[Query, NewWriteOff]) -> dict[str, Any]:
    """Gives up what is open of an invoice as uncollectable. It is a bad debt, for which nobody is charged
    any more; the invoice itself stays as it was issued."""
    found = queries.invoice(tx, asked.path["invoice"]).invoice
    at = past(asked.body.at, "UTC", asked.now, "at")
    wanted: dict[Any, int | None] = {found.invoice_id: None}
    done = operations.write_off(tx, wanted, asked.body.reason, writing(asked, at))
    return _written_off(tx, found, done[found.name])


def undo_write_off(tx: Tx, asked: Asked[Query, NewWriteOff]) -> dict[str, Any]:
    """Opens an invoice again by all that was written off of it."""
    found = queries.invoice(tx, asked.path["invoice"]).invoice
    at = past(asked.body.at, "UTC", asked.now, "at")
    amount = operations.undo_write_off(tx, found.invoice_id, asked.body.reason, writing(asked, at))
    return _written_off(tx, found, amount)


OPERATIONS = [
    changing(
        "POST",
        "/v1/invoices/{invoice}/credit-notes",
        _WRITE,
        create_credit_note,
        Invoice,
        NewCreditNote,
        status=201,
        is_planned=True,
    ),
    changing(
        "POST",
        "/v1/invoices/{invoice}/write-off",
        _WRITE,
        write_off_invoice,
        WrittenOff,
        NewWriteOff,
        is_planned=True,
    ),
    changing(
        "POST",
        "/v1/invoices/{invoice}/undo-write-off",
        _WRITE,
        undo_write_off,
        WrittenOff,
        NewWriteOff,
        is_planned=True,
    ),
]


def line_text(one: LineOff) -> str:
    """'2=4.00', '2=25%' or '2'. Raises Invalid `invoice.amount_and_percent`."""
    if one.amount is not None and one.percent is not None:
        raise Invalid(
            "invoice.amount_and_percent",
            f"of line {one.line} an amount is taken off or a percentage",
            field="lines",
        )
    if one.amount is not None:
        return f"{one.line}={one.amount}"
    return f"{one.line}" if one.percent is None else f"{one.line}={one.percent}%"


def _written_off(tx: Tx, found: Any, amount: int) -> dict[str, Any]:
    (document,) = queries.open_of(tx, [found.invoice_id])
    return {
        "invoice": found.name,
        "currency": found.currency,
        "amount": money.amount(amount, found.currency),
        "open": money.amount(document.left, found.currency),
    }
