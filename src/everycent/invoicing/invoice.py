"""Invoice: the frozen document. Everything that was printed or calculated is in the event itself."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import msgspec

from everycent.customers.customer import Customer
from everycent.journal.types import EventType
from everycent.kernel.money import Rounding
from everycent.rating.charge import Charge


class Correction(msgspec.Struct, frozen=True):
    """What a line takes the place of: line `line_no` of invoice `invoice`, with which the period was
    billed, and what was `charged` for it (minor units) up to `ends_at` when this was said. `step` counts
    the corrections of a line from 1. `given_back` is what the plan's rule gives back, where that is
    not the difference between what was charged and what is right now."""

    invoice: str
    invoice_id: UUID
    line_no: int
    step: int
    charged: int
    ends_at: datetime
    given_back: int | None = None


class InvoiceLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One charge for one period of one item of a subscription. `tax_percent` is None untaxed.

    A line that `corrects` another one holds the charge as it is right; what was charged for the period
    before is taken off.
    """

    line_no: int
    subscription_id: UUID
    subscription: str
    item_no: int
    starts_at: datetime
    ends_at: datetime
    tax_percent: str | None
    charge: Charge
    corrects: Correction | None = None

    @property
    def charged_before(self) -> int:
        """What was charged for the period before, in minor units."""
        return 0 if self.corrects is None else self.corrects.charged

    @property
    def net(self) -> int:
        """What the line adds to the invoice, in minor units before discounts and taxes."""
        if self.corrects is not None and self.corrects.given_back is not None:
            return -self.corrects.given_back
        return self.charge.net - self.charged_before


class TaxAmount(msgspec.Struct, frozen=True):
    """`amount` is `percent` of `base`, the sum of the lines with this category and rate, rounded once
    (EN 16931, BR-CO-17). Minor units. `since` is when the rate came into force."""

    category: str
    percent: str
    since: date
    rounding: Rounding
    base: int
    amount: int


class Invoice(msgspec.Struct, frozen=True):
    """What was issued. Amounts are minor units of `currency`, which has `places` decimals. Where its
    corrections give back more than its charges come to, it is a credit note, in a series of its own.
    """

    invoice_id: UUID
    series: str
    number: int
    name: str
    customer: Customer
    currency: str
    places: int
    issued_on: date
    due_on: date
    lines: tuple[InvoiceLine, ...]
    taxes: tuple[TaxAmount, ...]
    net: int
    tax: int
    gross: int
    run_id: UUID | None = None


class CreditNote(msgspec.Struct, frozen=True):
    """Takes a whole invoice back; refers to it without doubt (Directive 2006/112/EC, article 219)."""

    invoice_id: UUID
    series: str
    number: int
    name: str
    issued_on: date
    reason: str
    original: Invoice
    original_event_id: UUID


ISSUED = EventType("invoice.issued", 1, Invoice)
CREDITED = EventType("invoice.credited", 1, CreditNote)

INVOICE_SERIES = "INV"
CREDIT_SERIES = "CN"


def kind_of(series: str) -> str:
    """Which kind of document a series numbers, and its ledger entries are: invoice or credit_note."""
    return "credit_note" if series == CREDIT_SERIES else "invoice"


def name_of(series: str, number: int) -> str:
    """The number as printed: 'INV-000042'."""
    return f"{series}-{number:06d}"
