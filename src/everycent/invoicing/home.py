"""A document in the seller's home currency: each amount converted exactly, and rounded once.

    tax at home   = round(Σ over the rates: the tax of their lines × rate), by category and percentage
    net at home   = round(Σ over the rates: the net of their lines × rate)
    gross at home = round(Σ over the rates: (net + tax of their lines) × rate)
    rounding      = gross at home − net at home − Σ tax at home

A document has one rate, and further ones where lines correct documents that had others. A tax is rounded
on the sum of its lines, whatever their rates: of each further rate it is the exact percentage of its lines,
and the first rate has the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Protocol
from uuid import UUID

from everycent.exchange.rate import Exchange, factor
from everycent.invoicing.invoice import Home, HomePart, HomeTax, InvoiceLine, TaxAmount
from everycent.kernel.currency import exponent
from everycent.kernel.money import Rounding, rounded


class Line(Protocol):
    """What is looked at of a line."""

    @property
    def line_no(self) -> int:
        """Its number."""

    @property
    def base(self) -> int:
        """What is owed of it without taxes."""

    @property
    def prepaid(self) -> int:
        """What credit paid of that before taxes."""

    @property
    def tax_keys(self) -> list[tuple[str, str, bool]]:
        """Its taxes as (category, percent, whether its price includes them)."""


class Document(Protocol):
    """What is looked at of a document: an invoice, a draft of one, or what is left of one."""

    @property
    def currency(self) -> str:
        """Its own currency."""

    @property
    def lines(self) -> Sequence[Line]:
        """Its lines."""

    @property
    def taxes(self) -> Sequence[TaxAmount]:
        """Its taxes."""


def parts_of(
    lines: Sequence[InvoiceLine], own: Exchange | None, before: Mapping[tuple[UUID, int], Exchange]
) -> tuple[HomePart, ...]:
    """The lines by rate: that of the document they correct (`before`, by its id and line), or the `own`."""
    by_rate: dict[Exchange, list[int]] = {} if own is None else {own: []}
    for line in lines:
        told = line.corrects
        exchange = None if told is None else before.get((told.invoice_id, told.line_no))
        if exchange is None:
            assert own is not None, "a line without a rate of its own has the document's"
            exchange = own
        by_rate.setdefault(exchange, []).append(line.line_no)
    found = {exchange: numbers for exchange, numbers in by_rate.items() if numbers}
    if len(found) == 1:
        return (HomePart(next(iter(found))),)
    return tuple(HomePart(exchange, tuple(numbers)) for exchange, numbers in found.items())


def exchange_of(parts: Sequence[HomePart], line_no: int) -> Exchange:
    """The rate of a line."""
    return next(part.exchange for part in parts if not part.lines or line_no in part.lines)


def at_home(document: Document, parts: tuple[HomePart, ...], currency: str, mode: Rounding) -> Home:
    """The document's sums in its home currency. Raises Invalid `money.too_large`."""
    scale = 10 ** exponent(document.currency)
    factors = [factor(part.exchange) / scale for part in parts]
    lines = [_lines_of(document, part) for part in parts]

    def converted(shares: Sequence[Fraction | int]) -> Fraction:
        return sum((f * share for f, share in zip(factors, shares, strict=True)), Fraction(0))

    def minor(exact: Fraction) -> int:
        return rounded(exact, currency, mode).minor

    exact = net = converted([sum(line.base for line in own) for own in lines])
    taxes = []
    for tax in document.taxes:
        bases = [_base(own, tax) for own in lines]
        amount = converted(_amounts(tax, bases))
        exact += amount
        taxes.append(
            HomeTax(
                tax.category, tax.percent, tax.is_included, minor(converted(bases)), minor(amount)
            )
        )
    told, total, gross = minor(net), sum(tax.amount for tax in taxes), minor(exact)
    return Home(
        currency, exponent(currency), mode, parts, tuple(taxes), told, total, gross,
        gross - told - total,
    )  # fmt: skip


def _lines_of(document: Document, part: HomePart) -> list[Line]:
    numbers = frozenset(part.lines)
    return [line for line in document.lines if not numbers or line.line_no in numbers]


def _base(lines: Sequence[Line], tax: TaxAmount) -> int:
    """What of the lines the tax is on."""
    key = (tax.category, tax.percent, tax.is_included)
    return sum(line.base - line.prepaid for line in lines if key in line.tax_keys)


def _amounts(tax: TaxAmount, bases: Sequence[int]) -> list[Fraction]:
    """The tax by rate, together the tax."""
    others = [Fraction(tax.percent) * base / 100 for base in bases[1:]]
    return [tax.amount - sum(others, Fraction(0)), *others]
