"""What a story expects of a billing run, and how it differs from what came out. Pure.

Invoices that came out are told in the very fields in which they are expected, so that what came out can
be copied into a story. Only what is written is compared: a field that is left out may be anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from everycent.catalog.document_refusals import Strict
from everycent.flows.stories.times import day, wrong
from everycent.invoicing.invoice import Invoice, InvoiceLine
from everycent.kernel import calendar
from everycent.kernel.money import Money, plain
from everycent.kernel.quantity import parse_decimal

NOTHING = "–"
"""Stands where one side has nothing."""


class ExpectedLine(Strict):
    """A line of an invoice; the fields are those that `line_told` tells."""

    what: str | None = None
    price: str | None = None
    subscription: str | None = None
    period: str | None = None
    quantity: str | None = None
    tax_percent: str | None = None
    amount: str | None = None


class ExpectedInvoice(Strict):
    """An invoice, or with `parked` the code with which a customer could not be billed."""

    customer: str
    number: str | None = None
    issued_on: str | None = None
    due_on: str | None = None
    lines: list[ExpectedLine] | None = None
    net: str | None = None
    tax: str | None = None
    total: str | None = None
    prepaid: str | None = None
    currency: str | None = None
    home_net: str | None = None
    home_tax: str | None = None
    home_total: str | None = None
    parked: str | None = None


class Difference(NamedTuple):
    """Something that was expected otherwise than it came out; `where` says of what."""

    where: str
    field: str
    expected: str
    came_out: str


_NAMING = ("what", "price", "subscription", "period")
"""By these an expected line finds its own among those that came out."""
_LINE = (*_NAMING, "quantity", "tax_percent", "amount")
_HEAD = ("number", "issued_on", "due_on", "currency")
_SUMS = ("net", "tax", "total", "prepaid", "home_net", "home_tax", "home_total")
_NUMBERS = {"tax_percent", "amount", *_SUMS}


def checked(expected: Sequence[ExpectedInvoice]) -> None:
    """Refuses what no invoice could say: amounts that are no numbers, periods that are none."""
    for number, invoice in enumerate(expected):
        place = f"expect[{number}]"
        for field in _SUMS:
            check_amount(getattr(invoice, field), f"{place}.{field}")
        for line_no, line in enumerate(invoice.lines or ()):
            spot = f"{place}.lines[{line_no}]"
            for field in ("tax_percent", "amount"):
                check_amount(getattr(line, field), f"{spot}.{field}")
            if line.quantity is not None:
                check_amount(line.quantity.partition(" ")[0], f"{spot}.quantity")
            if line.period is not None:
                line.period = _period(line.period, f"{spot}.period")


def check_amount(text: str | None, place: str) -> None:
    """Refuses an amount that is no number. Raises Invalid."""
    if text is not None:
        parse_decimal(text, place)


def _period(text: str, place: str) -> str:
    first, to, last = text.partition(" to ")
    begins, ends = day(first.strip()), day(last.strip() if to else first.strip())
    if ends < begins:
        raise wrong(f"the period {text!r} ends before it begins", field=place)
    return period_text(begins, ends)


def period_text(first: date, last: date) -> str:
    """A period as invoices print it: its first and its last day."""
    return str(first) if first == last else f"{first} to {last}"


def invoice_told(found: Invoice) -> dict[str, Any]:
    """An invoice in the fields in which a story expects it; of the home currency where it has one."""
    told = {
        "customer": found.customer.key,
        "number": found.name,
        "issued_on": str(found.issued_on),
        "due_on": str(found.due_on),
        "lines": [line_told(line, found) for line in found.lines],
        "net": plain(Money(found.net, found.currency)),
        "tax": plain(Money(found.tax, found.currency)),
        "total": plain(Money(found.gross, found.currency)),
        "prepaid": plain(Money(found.prepaid, found.currency)),
        "currency": found.currency,
    }
    if found.home is not None:
        code = found.home.currency
        sums = {"net": found.home.net, "tax": found.home.tax, "total": found.home.gross}
        told |= {f"home_{name}": plain(Money(minor, code)) for name, minor in sums.items()}
    return told


def line_told(line: InvoiceLine, of: Invoice) -> dict[str, str]:
    """A line in the fields in which a story expects it; what it does not have is left out."""
    charge = line.charge
    quantity = None
    if charge.quantity is not None:
        quantity = f"{charge.quantity.value} {charge.quantity.unit}"
    told = {
        "what": charge.price.description,
        "price": charge.price.key,
        "subscription": line.subscription,
        "period": _of_instants(line.starts_at, line.ends_at, of.customer.time_zone),
        "quantity": quantity,
        "tax_percent": line.tax_percent,
        "amount": plain(Money(line.net, of.currency)),
    }
    return {field: text for field, text in told.items() if text is not None}


def _of_instants(starts_at: datetime, ends_at: datetime, zone: str) -> str:
    """The last day is that of the last moment: a period may end at any hour."""
    moment = timedelta(microseconds=1)
    return period_text(
        calendar.local_date(starts_at, zone), calendar.local_date(ends_at - moment, zone)
    )


def differences(
    expected: Sequence[ExpectedInvoice],
    came_out: Sequence[Mapping[str, Any]],
    parked: Mapping[str, str],
) -> list[Difference]:
    """How the invoices of a run and the customers that it parked (with their codes) differ from what is
    expected. Invoices of one customer are compared in their order."""
    left = list(came_out)
    found: list[Difference] = []
    for wanted in expected:
        if wanted.parked is not None:
            was = parked.get(wanted.customer, NOTHING)
            found += _field(wanted.customer, "parked", wanted.parked, was)
            continue
        own = next((one for one in left if one["customer"] == wanted.customer), None)
        if own is None:
            found.append(Difference(wanted.customer, "invoice", wanted.total or "one", NOTHING))
            continue
        left.remove(own)
        found += _invoice(wanted, own)
    found += [
        Difference(one["customer"], "invoice", NOTHING, f"{one['number']}: {one['total']}")
        for one in left
    ]
    told = {wanted.customer for wanted in expected if wanted.parked is not None}
    return found + unforeseen({who: code for who, code in parked.items() if who not in told})


def unforeseen(parked: Mapping[str, str]) -> list[Difference]:
    """Customers who could not be billed, of which a story said nothing."""
    return [Difference(who, "parked", NOTHING, code) for who, code in parked.items()]


def _invoice(wanted: ExpectedInvoice, own: Mapping[str, Any]) -> Iterator[Difference]:
    name = f"{own['customer']} {own['number']}"
    for field in _HEAD:
        yield from _field(name, field, getattr(wanted, field), own.get(field, NOTHING))
    if wanted.lines is not None:
        yield from _lines(name, wanted.lines, own["lines"])
    for field in _SUMS:
        yield from _field(name, field, getattr(wanted, field), own.get(field, NOTHING))


def _lines(
    name: str, wanted: Sequence[ExpectedLine], own: Sequence[Mapping[str, str]]
) -> Iterator[Difference]:
    """Each expected line with the one that has its names; those that are left, in their order."""
    left = list(enumerate(own, start=1))
    pairs: list[tuple[int, Mapping[str, str]] | None] = []
    for line in wanted:
        named = next((one for one in left if _has_names(line, one[1])), None)
        if named is not None:
            left.remove(named)
        pairs.append(named)
    for line, named in zip(wanted, pairs, strict=True):
        pair = named or (left.pop(0) if left else None)
        if pair is None:
            yield Difference(f"{name} a line more", "line", _line_text(_written(line)), NOTHING)
            continue
        number, found = pair
        where = f"{name} line {number}"
        for field in _LINE:
            yield from _field(where, field, getattr(line, field), found.get(field, NOTHING))
    for number, found in left:
        yield Difference(f"{name} line {number}", "line", NOTHING, _line_text(found))


def _has_names(line: ExpectedLine, found: Mapping[str, str]) -> bool:
    return all(getattr(line, field) in (None, found[field]) for field in _NAMING)


def _written(line: ExpectedLine) -> dict[str, str]:
    fields = {field: getattr(line, field) for field in _LINE}
    return {field: text for field, text in fields.items() if text is not None}


def _line_text(line: Mapping[str, str]) -> str:
    shown = [line[field] for field in ("what", "period", "quantity", "amount") if field in line]
    return ", ".join(shown) or "any"


def _field(where: str, field: str, expected: str | None, came_out: str) -> list[Difference]:
    """Nothing where the field is not expected or as expected; numbers are compared as numbers."""
    if expected is None or _same(field, expected, came_out):
        return []
    return [Difference(where, field, expected, came_out)]


def _same(field: str, expected: str, came_out: str) -> bool:
    if expected == came_out:
        return True
    if NOTHING in (expected, came_out):
        return False
    if field in _NUMBERS:
        return Decimal(expected) == Decimal(came_out)
    if field == "quantity":
        number, _, unit = expected.partition(" ")
        got, _, its_unit = came_out.partition(" ")
        return Decimal(number) == Decimal(got) and unit in ("", its_unit)
    return False


def amounts(
    where: str, expected: Mapping[str, str], came_out: Mapping[str, str]
) -> list[Difference]:
    """How numbers by name differ; what did not come out at all is zero."""
    return [
        Difference(where, name, text, came_out.get(name, "0"))
        for name, text in expected.items()
        if Decimal(text) != Decimal(came_out.get(name, "0"))
    ]
