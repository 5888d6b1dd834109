"""Invoices and credit notes as programs get them. What a credit note gives back is below nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from everycent.invoicing.invoice import (
    CreditNote,
    Home,
    Invoice,
    InvoiceLine,
    TaxAmount,
    kind_of,
    name_of,
)
from everycent.invoicing.line_note import CreditedLine, LineNote
from everycent.kernel import ids
from everycent.kernel.money import Money, plain
from everycent.kernel.period import instant_text


class Issued(NamedTuple):
    """What is known of a document beyond what was printed: what is open of it (minor units), which notes
    took it back in full or in parts (each with what it gives back), and who recorded it when."""

    left: int
    credited_by: str | None
    line_notes: Sequence[tuple[str, int]]
    recorded_at: datetime
    actor: str


def listed_data(row: Any, left: int) -> dict[str, Any]:
    """A row of the list of documents."""
    currency = row.currency
    return {
        "number": name_of(row.series, row.number),
        "kind": row.kind,
        "customer": row.customer,
        "issued_on": row.issued_on,
        "due_on": row.due_on if row.kind == "invoice" else None,
        "currency": currency,
        "net": plain(Money(row.net, currency)),
        "tax": plain(Money(row.tax, currency)),
        "gross": plain(Money(row.gross, currency)),
        "prepaid": plain(Money(row.prepaid, currency)),
        "payable": plain(Money(row.gross - row.prepaid, currency)),
        "open": plain(Money(left, currency)),
        "credited": row.credited,
    }


def invoice_data(found: Invoice, issued: Issued) -> dict[str, Any]:
    """An invoice as it was issued."""
    told = _document(found, found.series, issued_on=found.issued_on, due_on=found.due_on)
    return told | _numbered(
        found.name, found.invoice_id, issued, found.currency, run_id=found.run_id
    )


def preview_data(found: Invoice) -> dict[str, Any]:
    """A document as it would be issued: as `invoice_data`, without what numbering adds."""
    return _document(found, found.series, issued_on=found.issued_on, due_on=found.due_on)


def credit_data(note: CreditNote, issued: Issued) -> dict[str, Any]:
    """A credit note over a whole invoice."""
    original = note.original
    told = _document(
        original,
        note.series,
        sign=-1,
        credits_=original.name,
        issued_on=note.issued_on,
        due_on=None,
    )
    currency = original.currency
    numbered = _numbered(
        note.name, note.invoice_id, issued, currency, credits_=original.name, reason=note.reason
    )
    return told | numbered | {
        "credit": [
            {
                "wallet": draw.wallet,
                "basis": draw.basis.value,
                "amount": plain(Money(draw.amount, currency)),
            }
            for draw in note.draws
        ]
    }  # fmt: skip


def line_note_data(note: LineNote, issued: Issued) -> dict[str, Any]:
    """A credit note over parts of the lines of an invoice."""
    currency = note.currency
    told = {
        "kind": "credit_note",
        "customer": note.customer.key,
        "name": note.customer.name,
        "issued_on": note.issued_on,
        "due_on": None,
        "currency": currency,
        "net": plain(Money(-note.net, currency)),
        "tax": plain(Money(-note.tax, currency)),
        "gross": plain(Money(-note.gross, currency)),
        "discount": plain(Money(-note.discount, currency)),
        "prepaid": plain(Money(0, currency)),
        "payable": plain(Money(-note.gross, currency)),
        "lines": [_credited_line(line, note) for line in note.lines],
        "taxes": _taxes(note.taxes, currency, -1),
        "discounts": [],
        "credit": [],
        "home": _home(note.home, -1),
    }
    return told | _numbered(
        note.name, note.invoice_id, issued, currency, credits_=note.credits, reason=note.reason
    )


def _document(
    found: Invoice,
    series: str,
    *,
    issued_on: Any,
    due_on: Any,
    sign: int = 1,
    credits_: str | None = None,
) -> dict[str, Any]:
    currency = found.currency

    def told(minor: int) -> str:
        return plain(Money(sign * minor, currency))

    return {
        "kind": kind_of(series),
        "customer": found.customer.key,
        "name": found.customer.name,
        "issued_on": issued_on,
        "due_on": due_on if kind_of(series) == "invoice" else None,
        "currency": currency,
        "net": told(found.net),
        "tax": told(found.tax),
        "gross": told(found.gross),
        "discount": told(found.discount),
        "prepaid": told(found.prepaid),
        "payable": told(found.payable),
        "lines": [_line(line, currency, sign, credits_) for line in found.lines],
        "taxes": _taxes(found.taxes, currency, sign),
        "discounts": [
            {"coupon": one.coupon.name, "application": one.name, "amount": told(one.amount)}
            for one in found.discounts
        ],
        "credit": [
            {"wallet": draw.wallet, "basis": draw.basis.value, "amount": told(draw.amount)}
            for draw in found.draws
        ],
        "home": _home(found.home, sign),
    }


def _numbered(
    name: str,
    invoice_id: UUID,
    issued: Issued,
    currency: str,
    *,
    credits_: str | None = None,
    reason: str | None = None,
    run_id: UUID | None = None,
) -> dict[str, Any]:
    """What a document has once it is issued."""
    return {
        "number": name,
        "invoice_id": ids.show(ids.INVOICE, invoice_id),
        "credits": credits_,
        "reason": reason,
        "run_id": None if run_id is None else ids.show(ids.RUN, run_id),
        "open": plain(Money(issued.left, currency)),
        "credited_by": issued.credited_by,
        "line_notes": [
            {"number": name, "gross": plain(Money(-gross, currency))}
            for name, gross in issued.line_notes
        ],
        "recorded_at": instant_text(issued.recorded_at),
        "actor": issued.actor,
    }


def _line(line: InvoiceLine, currency: str, sign: int, credits_: str | None) -> dict[str, Any]:
    def told(minor: int) -> str:
        return plain(Money(sign * minor, currency))

    charge, corrects = line.charge, None
    if credits_ is not None:
        corrects = {"invoice": credits_, "line": line.line_no}
    elif line.corrects is not None:
        corrects = {"invoice": line.corrects.invoice, "line": line.corrects.line_no}
    quantity = charge.quantity
    return {
        "line": line.line_no,
        "product": charge.product.key,
        "price": charge.price.key,
        "description": charge.price.description,
        "subscription": line.subscription,
        "starts_at": instant_text(line.starts_at),
        "ends_at": instant_text(line.ends_at),
        "quantity": None if quantity is None else quantity.value,
        "unit": None if quantity is None else quantity.unit,
        "tax_percent": line.tax_percent,
        "amount": told(line.amount),
        "tax_included": told(line.tax_included),
        "discount": told(line.discount),
        "prepaid": told(line.prepaid),
        "net": told(line.base),
        "corrects": corrects,
    }


def _credited_line(line: CreditedLine, note: LineNote) -> dict[str, Any]:
    def told(minor: int) -> str:
        return plain(Money(-minor, note.currency))

    return {
        "line": line.line_no,
        "product": line.product,
        "price": None,
        "description": line.description,
        "subscription": line.subscription,
        "starts_at": instant_text(line.starts_at),
        "ends_at": instant_text(line.ends_at),
        "quantity": None,
        "unit": None,
        "tax_percent": line.tax_percent,
        "amount": told(line.amount),
        "tax_included": told(line.tax_included),
        "discount": told(line.discount),
        "prepaid": told(0),
        "net": told(line.net - line.discount),
        "corrects": {"invoice": note.credits, "line": line.line_no},
    }


def _taxes(taxes: Iterable[TaxAmount], currency: str, sign: int) -> list[dict[str, Any]]:
    return [
        {
            "category": tax.category,
            "percent": tax.percent,
            "is_included": tax.is_included,
            "base": plain(Money(sign * tax.base, currency)),
            "amount": plain(Money(sign * tax.amount, currency)),
            "reason": tax.reason,
        }
        for tax in taxes
    ]


def _home(home: Home | None, sign: int) -> dict[str, Any] | None:
    if home is None:
        return None

    def told(minor: int) -> str:
        return plain(Money(sign * minor, home.currency))

    return {
        "currency": home.currency,
        "net": told(home.net),
        "tax": told(home.tax),
        "gross": told(home.gross),
        "rounding": told(home.rounding),
    }
