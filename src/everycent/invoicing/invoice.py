"""Invoice: the frozen document. Everything that was printed or calculated is in the event itself."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import msgspec

from everycent.credits.wallet import Draw
from everycent.customers.customer import Customer
from everycent.journal.types import EventType
from everycent.kernel.money import Rounding
from everycent.rating.charge import Charge


class LineRef(msgspec.Struct, frozen=True):
    """A line of an invoice that was issued."""

    invoice_id: UUID
    line_no: int


class InvoiceLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One charge for one period of one item of a subscription. `tax_percent` is None untaxed.

    A line that `corrects` another one holds the charge as it is right now; what was charged for it
    before (minor units) is taken off. `prepaid` is what credit paid of its net before taxes.
    """

    line_no: int
    subscription_id: UUID
    subscription: str
    item_no: int
    starts_at: datetime
    ends_at: datetime
    tax_percent: str | None
    charge: Charge
    charged_before: int = 0
    corrects: LineRef | None = None
    prepaid: int = 0

    @property
    def net(self) -> int:
        """What the line adds to the invoice, in minor units before discounts and taxes."""
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
    """What was issued. Amounts are minor units of `currency`, which has `places` decimals. `draws` are
    out of the customer's credit, before and after taxes; together they are `prepaid`."""

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
    draws: tuple[Draw, ...] = ()
    prepaid: int = 0

    @property
    def payable(self) -> int:
        """What is left to pay, in minor units."""
        return self.gross - self.prepaid


class CreditNote(msgspec.Struct, frozen=True):
    """Takes a whole invoice back; refers to it without doubt (Directive 2006/112/EC, article 219). What
    credit paid of it goes back to the grants it came from: `draws`, of negative amounts."""

    invoice_id: UUID
    series: str
    number: int
    name: str
    issued_on: date
    reason: str
    original: Invoice
    original_event_id: UUID
    draws: tuple[Draw, ...] = ()


ISSUED = EventType("invoice.issued", 1, Invoice)
CREDITED = EventType("invoice.credited", 1, CreditNote)

INVOICE_SERIES = "INV"
CREDIT_SERIES = "CN"


def name_of(series: str, number: int) -> str:
    """The number as printed: 'INV-000042'."""
    return f"{series}-{number:06d}"
