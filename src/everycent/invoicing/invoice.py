"""Invoice: the frozen document. Everything that was printed or calculated is in the event itself."""

from __future__ import annotations

from datetime import date, datetime
from fractions import Fraction
from uuid import UUID

import msgspec

from everycent.catalog.coupon import Coupon
from everycent.catalog.plan import AND
from everycent.credits.wallet import Draw
from everycent.customers.customer import Customer
from everycent.exchange.rate import Exchange
from everycent.journal.types import EventType
from everycent.kernel.errors import Conflict
from everycent.kernel.money import Rounding, rounded_minor
from everycent.kernel.period import instant_text
from everycent.rating.charge import Charge


class Correction(msgspec.Struct, frozen=True):
    """What a line takes the place of: line `line_no` of invoice `invoice`, with which the period was
    billed, and what was `charged` for it (minor units) up to `ends_at` when this was said. `step` counts
    the corrections of a line from 1. `given_back` is what the plan's rule gives back, where that is
    not the difference between what was charged and what is right now. `prepaid` is what credit stood for
    of the charge then, paid before taxes. `credited` is what credit notes took off lines of the period
    before: no more is given back than the rest."""

    invoice: str
    invoice_id: UUID
    line_no: int
    step: int
    charged: int
    ends_at: datetime
    given_back: int | None = None
    prepaid: int = 0
    credited: int = 0


class InvoiceLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One charge for one period of one item of a subscription. `tax_percent` is None untaxed, and of
    several taxes joined as the product's `tax_category` is ('4+2.5').

    The price's amount contains `tax_included` where it includes taxes; `discount` is what coupons take off
    its net. Both are minor units. `waived_percent` is what a price includes of a customer who is not taxed.
    A line that corrects another one is reached by no coupon: `kept` is the part, as [part, whole], that was
    taken off the other one.

    A line that `corrects` another one holds the charge as it is right; what was charged for the period
    before is taken off. `prepaid` is what credit paid of its net after discounts, before taxes; below
    nothing what is credit again (`credit_back`).
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
    discount: int = 0
    tax_included: int = 0
    waived_percent: str | None = None
    kept: tuple[int, int] | None = None
    prepaid: int = 0

    @property
    def amount(self) -> int:
        """What the price comes to, in minor units before discounts; with taxes where it includes them; less
        what was charged for the period before."""
        return amount_of(self.charge, self.corrects)

    @property
    def net(self) -> int:
        """What the line adds to the invoice, in minor units before discounts and taxes."""
        return self.amount - self.tax_included

    @property
    def base(self) -> int:
        """What is owed without taxes: the net after discounts. What credit left of it is taxed."""
        return self.net - self.discount

    @property
    def tax_keys(self) -> list[tuple[str, str, bool]]:
        """Its taxes as (category, percent, whether its price includes them)."""
        if self.tax_percent is None:
            return []
        categories = self.charge.product.tax_category.split(AND)
        is_included = self.charge.price.includes_tax
        return [
            (category, percent, is_included)
            for category, percent in zip(categories, self.tax_percent.split(AND), strict=True)
        ]

    @property
    def part_off(self) -> Fraction | None:
        """The part that discounts took off the line; None for nothing. It goes for what corrects it too."""
        if self.kept is not None:
            return Fraction(*self.kept)
        return Fraction(self.discount, self.net) if self.discount and self.net else None


class TaxAmount(msgspec.Struct, frozen=True, omit_defaults=True):
    """`amount` is `percent` of `base`, the sum of the lines with this category and rate after discounts and
    what credit paid before taxes: rounded once (EN 16931, BR-CO-17), unless the invoice's policies say
    otherwise. Minor units.

    `since` is when the rate came into force. `is_included` tells lines apart whose prices include the tax.
    The amount is a multiple of `step`, and less than `within` from the exact percentage. `reason` says why
    the customer is not taxed.
    """

    category: str
    percent: str
    since: date
    rounding: Rounding
    base: int
    amount: int
    is_included: bool = False
    step: int = 1
    within: int = 1
    reason: str | None = None


class Share(msgspec.Struct, frozen=True):
    """What a coupon took off a line: minor units, exact, as a whole number or a fraction ('11500/17')."""

    line_no: int
    amount: str


class Discount(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a coupon took off an invoice, as prices are told (with taxes where they include them): `amount`
    of the `base` that the coupons before it had left of its lines. Minor units.

    `available` is what a fixed coupon could take, and `rest` what of it goes to the next invoice. It is use
    `use_no` of the application `name`, and counts as redemption `redemption_no` of the coupon.
    """

    application_id: UUID
    name: str
    coupon: Coupon
    version: int
    use_no: int
    redemption_no: int
    base: str
    amount: int
    shares: tuple[Share, ...]
    available: int | None = None
    rest: int = 0


class HomePart(msgspec.Struct, frozen=True, omit_defaults=True):
    """Lines with the rate at which they are told in the home currency: those of these numbers, or all."""

    exchange: Exchange
    lines: tuple[int, ...] = ()


class HomeTax(msgspec.Struct, frozen=True):
    """A tax in the home currency: that of the same category, percentage, and whether it is included."""

    category: str
    percent: str
    is_included: bool
    base: int
    amount: int


class Home(msgspec.Struct, frozen=True, omit_defaults=True):
    """The document in the seller's home currency (Directive 2006/112/EC, article 230). Minor units of
    `currency`, which has `places` decimals; each is rounded once, by `mode`, from the document's amount.

    A line that corrects another document keeps the rate of that one, so there may be several parts. `tax`
    is the sum of the taxes; `rounding` is what net and tax miss the gross by.
    """

    currency: str
    places: int
    mode: Rounding
    parts: tuple[HomePart, ...]
    taxes: tuple[HomeTax, ...]
    net: int
    tax: int
    gross: int
    rounding: int = 0


class Invoice(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was issued. Amounts are minor units of `currency`, which has `places` decimals. Where its
    corrections give back more than its charges come to, it is a credit note, in a series of its own.

    `net` is after discounts, which are `discount` together (net of taxes). `policies` are those that it
    was made by. `draws` are out of the customer's credit, before and after taxes; negative ones give back
    what credit had paid of lines that are corrected. Together they are `prepaid`.
    `home` tells it in the seller's currency, where that is another one and it is asked for.
    `policy_date` is the date that the policy invoice.date gives it, None: the day of the run. `issued_on`
    is later where its series had come to a later date, and earlier where that day had not come yet where
    the seller is.
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
    discounts: tuple[Discount, ...] = ()
    discount: int = 0
    policies: dict[str, str] = {}
    draws: tuple[Draw, ...] = ()
    prepaid: int = 0
    home: Home | None = None
    policy_date: date | None = None

    @property
    def payable(self) -> int:
        """What is left to pay, in minor units."""
        return self.gross - self.prepaid


class CreditNote(msgspec.Struct, frozen=True):
    """Takes a whole invoice back; refers to it without doubt (Directive 2006/112/EC, article 219). What
    credit paid of it goes back to the grants it came from: `draws`, of negative amounts. What was to be
    paid is settled by it, as step `step` of the invoice."""

    invoice_id: UUID
    series: str
    number: int
    name: str
    issued_on: date
    reason: str
    original: Invoice
    original_event_id: UUID
    draws: tuple[Draw, ...] = ()
    step: int = 1


ISSUED = EventType("invoice.issued", 1, Invoice)
CREDITED = EventType("invoice.credited", 1, CreditNote)

INVOICE_SERIES = "INV"
CREDIT_SERIES = "CN"


def amount_of(charge: Charge, corrects: Correction | None) -> int:
    """What a line adds to its invoice as prices are told, in minor units before discounts."""
    if corrects is None:
        return charge.net
    back = corrects.given_back
    if back is None:
        back = corrects.charged - charge.net
    return -min(back, max(0, corrects.charged - corrects.credited)) if corrects.credited else -back


def credit_back(charged: int, prepaid: int, amount: int) -> int:
    """What is credit again where a line adds `amount` to what was `charged` for its period, of which
    credit stands for `prepaid`: nothing unless it gives back, its part of what credit paid (prepaid ×
    given back ÷ charged, rounded half up), and all of that when nothing stays charged. Minor units.
    """
    if amount >= 0 or not prepaid:
        return 0
    if charged + amount <= 0:
        return prepaid
    return rounded_minor(Fraction(prepaid * -amount, charged), Rounding.HALF_UP)


def check_credit_date(invoice: Invoice, issued_at: datetime, at: datetime) -> None:
    """Refuses a credit note from before its invoice. Raises Conflict `invoice.credit_before_issue`."""
    if at < issued_at:
        raise Conflict(
            "invoice.credit_before_issue",
            f"{invoice.name} was issued on {invoice.issued_on}, after the credit note's date",
            field="at",
            value=instant_text(at),
        )


def kind_of(series: str) -> str:
    """Which kind of document a series numbers, and its ledger entries are: invoice or credit_note."""
    return "credit_note" if series == CREDIT_SERIES else "invoice"


def name_of(series: str, number: int) -> str:
    """The number as printed: 'INV-000042'."""
    return f"{series}-{number:06d}"
