"""What people ask for of lines ('2=4.00', '2=25%', or '2' for all that is left), and whether it can be."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple
from uuid import UUID

from everycent.invoicing.invoice import Invoice, InvoiceLine
from everycent.invoicing.line_note import CreditedLine, Given, credited_line, given_back
from everycent.kernel.errors import Conflict, Invalid, NotFound
from everycent.kernel.money import Money, Rounding, plain, rounded_minor

_LINE = re.compile(
    r"(?P<no>[0-9]{1,9})(?:=(?P<amount>[0-9]{1,15}(?:\.[0-9]{1,15})?)(?P<percent>%)?)?"
)


class LineLeft(NamedTuple):
    """A line of an invoice, what credit notes took off it in `step` steps (`credited`), and how much of
    what is charged for its period neither they nor corrections gave back (`of_period`). `said` is the
    line that says what is charged for the period now."""

    line: InvoiceLine
    step: int
    credited: int
    of_period: int
    said: str

    @property
    def left(self) -> int:
        """What may still be taken off it, as its price is told."""
        return max(0, min(self.line.amount - self.credited, self.of_period))


class Wanted(NamedTuple):
    """What is to be taken off a line in minor units, as its price is told; None: all that is left."""

    line_no: int
    amount: int | None = None


class LinesOff(NamedTuple):
    """A note that was decided: the how many-th of its invoice it is, what those before it took off the
    lines, its own lines, and what it gives back."""

    note_no: int
    before: tuple[tuple[int, int], ...]
    lines: tuple[CreditedLine, ...]
    given: Given


def asked(invoice: Invoice, text: str) -> Wanted:
    """The line, and how much of it as its price is told; a percentage is of what it was charged with,
    rounded half up. Raises Invalid `invoice.bad_line`."""
    match = _LINE.fullmatch(text)
    if match is None:
        raise _bad(f"{text[:60]!r} is no line with an amount", text)
    number, amount = int(match["no"]), match["amount"]
    if amount is None:
        return Wanted(number)
    if match["percent"] is None:
        minor = Decimal(amount).scaleb(invoice.places)
        if minor != minor.to_integral_value():
            raise _bad(f"{invoice.currency} has {invoice.places} decimals", text)
        return Wanted(number, int(minor))
    part = Fraction(amount) / 100
    if not 0 < part <= 1:
        raise _bad(f"{amount} is no percentage above 0 and up to 100", text)
    charged = sum(line.amount for line in invoice.lines if line.line_no == number)
    return Wanted(number, rounded_minor(charged * part, Rounding.HALF_UP))


def _bad(why: str, text: str) -> Invalid:
    return Invalid(
        "invoice.bad_line",
        why,
        field="line",
        value=text,
        hint="name a line, and how much of it: an amount in its currency or up to 100 percent; as a text"
        " that is 2, 2=4.00 or 2=25%",
    )


def taken_off(
    invoice: Invoice, left: Sequence[LineLeft], wanted: Sequence[Wanted], *, notes: int, gross: int
) -> LinesOff:
    """The note that takes off what is wanted, or all that is left where nothing is told. `notes` came
    before it, which gave back `gross`.

    Raises NotFound `invoice.line_unknown`, Invalid `invoice.line_twice`, `invoice.credit_too_large`,
    Conflict `invoice.line_not_creditable`, `invoice.nothing_left`, `invoice.prepaid_before_taxes`,
    `invoice.paid_by_credit`, `invoice.nothing_to_credit`.
    """
    _check_prepaid(invoice)
    by_number = {one.line.line_no: one for one in left}
    off = _off(invoice, by_number, wanted or _rest(invoice, left))
    before = {one.line.line_no: one.credited for one in left if one.credited}
    given = given_back(invoice, before, off)
    if given.gross <= 0:
        raise Conflict(
            "invoice.nothing_to_credit",
            f"the customer would get nothing back of {invoice.name}: after discounts and roundings"
            " nothing was charged for that",
            field="line",
            value=sorted(off),
        )
    if invoice.draws and gross + given.gross > invoice.payable:
        raise Conflict(
            "invoice.paid_by_credit",
            f"of {invoice.name} only {_told(invoice.payable, invoice)} were to be paid in money, and with"
            f" this {_told(gross + given.gross, invoice)} would be given back; credit paid the rest",
            field="line",
            value=sorted(off),
            hint="credit less, credit the whole invoice, or give credit with `everycent wallet grant`",
        )
    lines = []
    for number, told in sorted(given.lines.items()):
        one = by_number[number]
        step = one.step + 1 if number in off else 0
        lines.append(credited_line(one.line, told, one.credited, step))
    return LinesOff(notes + 1, tuple(sorted(before.items())), tuple(lines), given)


def _check_prepaid(invoice: Invoice) -> None:
    for line in invoice.lines:
        if line.prepaid:
            raise Conflict(
                "invoice.prepaid_before_taxes",
                f"credit paid of line {line.line_no} of {invoice.name} before taxes: what of it would go"
                " back where depends on all lines together",
                field="invoice",
                value=invoice.name,
                hint="credit the whole invoice, or give credit with `everycent wallet grant`",
            )


def _rest(invoice: Invoice, left: Sequence[LineLeft]) -> list[Wanted]:
    found = []
    of_period = {_period(one.line): one.of_period for one in left}
    for one in left:
        amount = min(one.left, of_period[_period(one.line)])
        if amount > 0:
            found.append(Wanted(one.line.line_no, amount))
            of_period[_period(one.line)] -= amount
    if not found:
        raise _nothing_left(invoice, "nothing of its lines is left")
    return found


def _off(
    invoice: Invoice, left: Mapping[int, LineLeft], wanted: Sequence[Wanted]
) -> dict[int, int]:
    off: dict[int, int] = {}
    of_period = {_period(one.line): one.of_period for one in left.values()}
    for number, told in wanted:
        one = left.get(number)
        if one is None:
            raise NotFound(
                "invoice.line_unknown",
                f"{invoice.name} has no line {number}",
                field="line",
                value=number,
                hint=f"it has lines 1 to {len(invoice.lines)}",
            )
        if number in off:
            raise Invalid(
                "invoice.line_twice", f"line {number} is told twice", field="line", value=number
            )
        if one.line.amount <= 0:
            raise Conflict(
                "invoice.line_not_creditable",
                f"line {number} of {invoice.name} charges nothing that could be given back",
                field="line",
                value=number,
            )
        most = min(one.left, of_period[_period(one.line)])
        if most <= 0:
            raise _nothing_left(invoice, _why_nothing(one))
        amount = most if told is None else told
        if not 0 < amount <= most:
            raise Invalid(
                "invoice.credit_too_large",
                f"{_told(amount, invoice)} is not above nothing and within the {_told(most, invoice)} that"
                f" are left of line {number} of {invoice.name}",
                field="line",
                value=_told(amount, invoice),
                hint=f"write {number} for all that is left; what is charged for its period is said by"
                f" {one.said}",
            )
        off[number] = amount
        of_period[_period(one.line)] -= amount
    return off


def _told(minor: int, invoice: Invoice) -> str:
    return f"{plain(Money(minor, invoice.currency))} {invoice.currency}"


def _period(line: InvoiceLine) -> tuple[UUID, int, datetime]:
    return line.subscription_id, line.item_no, line.starts_at


def _why_nothing(one: LineLeft) -> str:
    if one.credited >= one.line.amount:
        return f"all of line {one.line.line_no} was credited"
    return f"the rest of line {one.line.line_no} was given back by {one.said}"


def _nothing_left(invoice: Invoice, why: str) -> Conflict:
    return Conflict(
        "invoice.nothing_left",
        f"there is nothing to credit of {invoice.name}: {why}",
        field="line",
        value=invoice.name,
    )
