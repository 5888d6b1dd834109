"""Told: what the ERP is told of a document: its parties, sums, taxes and lines, as they were printed.

Amounts are texts of decimal digits with the currency's places. Those of a credit note are below nothing, so
that the sum over all documents is what was sold.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from decimal import Decimal
from enum import StrEnum

import msgspec

from everycent.customers.customer import Customer
from everycent.invoicing.invoice import CreditNote, Invoice, InvoiceLine, TaxAmount, kind_of
from everycent.invoicing.line_note import CreditedLine, LineNote
from everycent.kernel.canonical import encode


class Kind(StrEnum):
    """What a document is."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


class Party(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who owes; `key` is the customer's name in all systems."""

    key: str
    name: str
    address: str | None = None
    tax_id: str | None = None


class Tax(msgspec.Struct, frozen=True, omit_defaults=True):
    """A tax of one category and percentage."""

    category: str
    percent: str
    base: str
    amount: str
    reason: str | None = None


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line before discounts and taxes. `tax` is its percentage; of several taxes joined by `+`."""

    number: int
    product: str
    text: str
    net: str
    tax: str | None = None


class Document(msgspec.Struct, frozen=True, omit_defaults=True):
    """An invoice or credit note. `reference` names it for ever, over all tenants: the seller's name and the
    printed number. A credit note that takes back one invoice, or parts of it, names its number in
    `corrects`."""

    reference: str
    kind: Kind
    number: str
    issued_on: str
    due_on: str
    customer: Party
    currency: str
    net: str
    tax: str
    gross: str
    payable: str
    taxes: tuple[Tax, ...]
    lines: tuple[Line, ...]
    corrects: str | None = None


class Total(msgspec.Struct, frozen=True):
    """What documents in one currency come to."""

    currency: str
    documents: int
    net: str
    tax: str
    gross: str


def of_invoice(invoice: Invoice, seller: str) -> Document:
    """An invoice, or a credit note that came of corrections."""
    places = invoice.places
    return Document(
        reference=reference_of(seller, invoice.name),
        kind=Kind(kind_of(invoice.series)),
        number=invoice.name,
        issued_on=invoice.issued_on.isoformat(),
        due_on=invoice.due_on.isoformat(),
        customer=_party(invoice.customer),
        currency=invoice.currency,
        net=shown(invoice.net, places),
        tax=shown(invoice.tax, places),
        gross=shown(invoice.gross, places),
        payable=shown(invoice.payable, places),
        taxes=_taxes(invoice.taxes, places),
        lines=_lines(invoice.lines, places),
    )


def of_credit_note(note: CreditNote, seller: str) -> Document:
    """A credit note that takes a whole invoice back: the same below nothing."""
    of = note.original
    places = of.places
    return Document(
        reference=reference_of(seller, note.name),
        kind=Kind.CREDIT_NOTE,
        number=note.name,
        issued_on=note.issued_on.isoformat(),
        due_on=note.issued_on.isoformat(),
        customer=_party(of.customer),
        currency=of.currency,
        net=shown(-of.net, places),
        tax=shown(-of.tax, places),
        gross=shown(-of.gross, places),
        payable=shown(-of.payable, places),
        taxes=_taxes(of.taxes, places, -1),
        lines=_lines(of.lines, places, -1),
        corrects=of.name,
    )


def of_line_note(note: LineNote, seller: str) -> Document:
    """A credit note over parts of an invoice's lines."""
    places = note.places
    return Document(
        reference=reference_of(seller, note.name),
        kind=Kind.CREDIT_NOTE,
        number=note.name,
        issued_on=note.issued_on.isoformat(),
        due_on=note.issued_on.isoformat(),
        customer=_party(note.customer),
        currency=note.currency,
        net=shown(-note.net, places),
        tax=shown(-note.tax, places),
        gross=shown(-note.gross, places),
        payable=shown(-note.gross, places),
        taxes=_taxes(note.taxes, places, -1),
        lines=tuple(_credited(line, places) for line in note.lines),
        corrects=note.credits,
    )


def reference_of(seller: str, number: str) -> str:
    """What names a document in the ERP."""
    return f"{seller}/{number}"


def digest_of(document: Document) -> str:
    """SHA-256 over the document's canonical bytes, in hexadecimal digits."""
    return hashlib.sha256(encode(document)).hexdigest()


def digest_of_all(digests: Iterable[str]) -> str:
    """The control of several documents: SHA-256 over their digests, one after the other."""
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def totals_of(documents: Sequence[Document]) -> tuple[Total, ...]:
    """What documents come to, by currency."""
    found = []
    for currency in sorted({one.currency for one in documents}):
        some = [one for one in documents if one.currency == currency]
        net, tax, gross = (
            format(sum((Decimal(text) for text in texts), Decimal(0)), "f")
            for texts in zip(*((one.net, one.tax, one.gross) for one in some), strict=True)
        )
        found.append(Total(currency, len(some), net, tax, gross))
    return tuple(found)


def shown(minor: int, places: int) -> str:
    """Minor units as decimal digits: shown(-5, 2) is '-0.05'."""
    return format(Decimal(minor).scaleb(-places), "f")


def _party(customer: Customer) -> Party:
    return Party(customer.key, customer.name, customer.address, customer.tax_id)


def _taxes(taxes: Iterable[TaxAmount], places: int, sign: int = 1) -> tuple[Tax, ...]:
    return tuple(
        Tax(
            one.category, one.percent, shown(sign * one.base, places),
            shown(sign * one.amount, places), one.reason,
        )
        for one in taxes
    )  # fmt: skip


def _lines(lines: Iterable[InvoiceLine], places: int, sign: int = 1) -> tuple[Line, ...]:
    return tuple(
        Line(
            one.line_no, one.charge.product.key, one.charge.product.name,
            shown(sign * one.net, places), one.tax_percent,
        )
        for one in lines
    )  # fmt: skip


def _credited(line: CreditedLine, places: int) -> Line:
    net = shown(-line.net, places)
    return Line(line.line_no, line.product, line.description, net, line.tax_percent)
