"""Line note: a credit note over parts of an invoice's lines, at the invoice's own rates and roundings.

    what it gives back = what was left of the invoice before it − what is left after it

Both sides come out of the function that settled the invoice (`resettle.rest_of`). So all notes together,
however many there are, give back to the cent what the invoice came to: its discounts, its taxes each by
itself, and the sums in the home currency.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from everycent.customers.customer import Customer
from everycent.invoicing.home import at_home
from everycent.invoicing.invoice import Home, HomeTax, Invoice, InvoiceLine, TaxAmount
from everycent.invoicing.resettle import Rest, TaxKey, rest_of
from everycent.invoicing.settlement import Settle
from everycent.journal.types import EventType


class CreditedLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """`amount` is taken off line `line_no` of the invoice, as its price is told: of the line's `of`, of
    which `before` had been taken off before, as step `step` of the line. Minor units, which are more the
    more is given back. `tax_included` and `discount` go back with it.

    One of no amount and no step holds a cent of the tax that prices include, which the rounding of the
    whole invoice has moved to this line.
    """

    line_no: int
    subscription_id: UUID
    subscription: str
    item_no: int
    starts_at: datetime
    ends_at: datetime
    product: str
    description: str
    tax_category: str
    tax_percent: str | None
    amount: int
    before: int
    of: int
    step: int
    discount: int = 0
    tax_included: int = 0

    @property
    def net(self) -> int:
        """What it gives back in minor units before discounts and taxes."""
        return self.amount - self.tax_included


class LineNote(msgspec.Struct, frozen=True, omit_defaults=True):
    """A credit note over parts of the lines of the invoice `credits`, which it refers to without doubt
    (Directive 2006/112/EC, article 219). Minor units, which are more the more is given back. It is note
    `note_no` of its kind on the invoice, and `before` is what those before it took off its lines: pairs of
    line and amount.

    `set_off` are the steps by which it settles what is open of the invoice; what is left of it is owed to
    the customer.
    """

    invoice_id: UUID
    series: str
    number: int
    name: str
    issued_on: date
    reason: str
    note_no: int
    credits: str
    credits_id: UUID
    credits_event_id: UUID
    credits_issued_on: date
    customer: Customer
    currency: str
    places: int
    before: tuple[tuple[int, int], ...]
    lines: tuple[CreditedLine, ...]
    taxes: tuple[TaxAmount, ...]
    net: int
    tax: int
    gross: int
    discount: int = 0
    home: Home | None = None
    set_off: tuple[Settle, ...] = ()


LINES_CREDITED = EventType("invoice.lines_credited", 1, LineNote)


class Given(NamedTuple):
    """What a note gives back, in minor units: by line (amount, tax in it, discount), the taxes, and the
    sums; in the home currency where the invoice is told in one."""

    lines: dict[int, tuple[int, int, int]]
    taxes: tuple[TaxAmount, ...]
    net: int
    tax: int
    discount: int
    home: Home | None

    @property
    def gross(self) -> int:
        """What the customer gets back."""
        return self.net + self.tax


def given_back(invoice: Invoice, before: Mapping[int, int], off: Mapping[int, int]) -> Given:
    """What it gives back to take `off` so much of some lines, after `before` was taken off: minor units as
    prices are told, by number of the line."""
    after = {number: before.get(number, 0) + off.get(number, 0) for number in {*before, *off}}
    was, left = rest_of(invoice, before, after)
    taxes = tuple(
        tax for key, one in was.taxes.items() if (tax := _less(one, left.taxes[key])) is not None
    )
    lines = _lines(invoice, was, left, off)
    discount = sum(discount for *_, discount in lines.values())
    net = sum(amount - included for amount, included, _ in lines.values()) - discount
    return Given(
        lines, taxes, net, sum(tax.amount for tax in taxes), discount, _home(invoice, was, left)
    )


def _less(was: TaxAmount, left: TaxAmount) -> TaxAmount | None:
    """The part of a tax that goes back; None for nothing. Two roundings are behind it."""
    base, amount = was.base - left.base, was.amount - left.amount
    if not base and not amount:
        return None
    return msgspec.structs.replace(was, base=base, amount=amount, within=was.within + left.within)


def _lines(
    invoice: Invoice, was: Rest, left: Rest, off: Mapping[int, int]
) -> dict[int, tuple[int, int, int]]:
    """What goes back by line. Taxes that prices include are rounded for all lines together, and then a cent
    may move between them: it goes with a line that is credited, where one has the same taxes."""
    found = {
        number: [one - other for one, other in zip(told, left.lines[number], strict=True)]
        for number, told in was.lines.items()
    }
    carriers: dict[Sequence[TaxKey], int] = {}
    for line in sorted(invoice.lines, key=lambda line: (-off.get(line.line_no, 0), line.line_no)):
        if line.line_no in off:
            carriers.setdefault(tuple(line.tax_keys), line.line_no)
    for line in invoice.lines:
        carrier = carriers.get(tuple(line.tax_keys))
        if line.line_no not in off and carrier is not None:
            found[carrier][1] += found[line.line_no][1]
            found[line.line_no][1] = 0
    return {
        number: (amount, included, discount)
        for number, (amount, included, discount) in found.items()
        if number in off or included
    }


def follows(note: LineNote, invoice: Invoice, before: Mapping[int, int]) -> bool:
    """Whether a note says what it gives back to take its amounts off the invoice, after what was taken off
    `before`."""
    off = {line.line_no: line.amount for line in note.lines if line.step}
    told = {number: amount for number, amount in before.items() if amount}
    given = given_back(invoice, told, off)
    lines = {line.line_no: (line.amount, line.tax_included, line.discount) for line in note.lines}
    by_number = {line.line_no: line for line in invoice.lines}
    return (
        note.before == tuple(sorted(told.items()))
        and (lines, note.taxes, note.home) == (given.lines, given.taxes, given.home)
        and (note.net, note.tax, note.gross) == (given.net, given.tax, given.gross)
        and note.discount == given.discount
        and (note.credits, note.currency) == (invoice.name, invoice.currency)
        and all(
            line
            == credited_line(by_number[line.line_no], lines[line.line_no], line.before, line.step)
            and line.before == told.get(line.line_no, 0)
            for line in note.lines
        )
    )


class _Left(NamedTuple):
    """A line of which a part is left, as far as the home currency looks at it."""

    line_no: int
    base: int
    prepaid: int
    tax_keys: list[TaxKey]


class _Document(NamedTuple):
    """What is left of an invoice, as far as the home currency looks at it."""

    currency: str
    lines: Sequence[_Left]
    taxes: Sequence[TaxAmount]


def _home(invoice: Invoice, was: Rest, left: Rest) -> Home | None:
    """The sums in the home currency, at the frozen rates of the invoice."""
    home = invoice.home
    if home is None:
        return None
    one, other = (
        at_home(_document(invoice, rest), home.parts, home.currency, home.mode)
        for rest in (was, left)
    )
    rests = {(tax.category, tax.percent, tax.is_included): tax for tax in other.taxes}
    taxes = []
    for tax in one.taxes:
        key = (tax.category, tax.percent, tax.is_included)
        if _less(was.taxes[key], left.taxes[key]) is not None:
            base, amount = tax.base - rests[key].base, tax.amount - rests[key].amount
            taxes.append(HomeTax(*key, base, amount))
    return msgspec.structs.replace(
        home, taxes=tuple(taxes), net=one.net - other.net, tax=one.tax - other.tax,
        gross=one.gross - other.gross, rounding=one.rounding - other.rounding,
    )  # fmt: skip


def _document(invoice: Invoice, rest: Rest) -> _Document:
    lines = []
    for line in invoice.lines:
        amount, included, discount = rest.lines[line.line_no]
        lines.append(_Left(line.line_no, amount - included - discount, 0, line.tax_keys))
    return _Document(invoice.currency, lines, list(rest.taxes.values()))


def credited_line(
    line: InvoiceLine, given: tuple[int, int, int], before: int, step: int
) -> CreditedLine:
    """A line of a note. `step` is that of what it takes off; 0 where that is nothing."""
    amount, included, discount = given
    return CreditedLine(
        line.line_no, line.subscription_id, line.subscription, line.item_no, line.starts_at,
        line.ends_at, line.charge.product.key, line.charge.price.description,
        line.charge.product.tax_category, line.tax_percent, amount, before, line.amount, step,
        discount, included,
    )  # fmt: skip
