"""What people ask for of a line: '2=4.00', '2=25%', or '2' for all that is left of it."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

from everycent.invoicing.invoice import Invoice
from everycent.invoicing.line_note import Wanted
from everycent.kernel.errors import Invalid
from everycent.kernel.money import Rounding, rounded_minor

_LINE = re.compile(
    r"(?P<no>[0-9]{1,9})(?:=(?P<amount>[0-9]{1,15}(?:\.[0-9]{1,15})?)(?P<percent>%)?)?"
)


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
        "invoice.bad_line", why, field="line", value=text, hint="write 2, 2=4.00 or 2=25%"
    )
