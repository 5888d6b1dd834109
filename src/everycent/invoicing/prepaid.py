"""What a customer's credit pays of an invoice: line by line before taxes, or of the whole after them.

A line's part of the gross is its net after discounts with its share of the taxes. Shares are exact up to
whole minor units, and what is left of those goes to the largest remainders (see `money.apportion`).
Negative lines are taken off the others in the order of the lines: credit never pays more than the invoice
comes to.

What a line gives back that credit had paid before taxes (`InvoiceLine.prepaid` below nothing) is credit
again first, and may pay the other lines then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from msgspec.structs import replace

from everycent.credits.drawdown import Part
from everycent.credits.purse import (
    NO_STAKES,
    Back,
    Billed,
    Paid,
    Purse,
    Stakes,
    paid,
    returned,
    settled,
)
from everycent.invoicing.assemble import DraftInvoice
from everycent.invoicing.invoice import InvoiceLine, TaxAmount
from everycent.invoicing.resettle import resettled
from everycent.kernel.money import apportion


class Prepaid(NamedTuple):
    """An invoice with what credit pays of it, the purses as they are then, and what is left to pay by
    line."""

    draft: DraftInvoice
    purses: list[Purse]
    unpaid: list[Part]


def prepaid(draft: DraftInvoice, purses: Iterable[Purse], stakes: Stakes = NO_STAKES) -> Prepaid:
    """What credit gets back and pays of an invoice; it pays nothing of one that gives back more than it
    charges. `stakes` are behind the periods whose lines give back, and their grants are in the purses.

    Credit is drawn as of when the charges fell due, whenever the invoice is made: what expired before is
    gone, and what came in since does not pay.
    """
    held, happened = settled(purses, draft.due_at)
    held, back = returned(held, _backs(draft.lines, stakes))
    draft = draft._replace(settled=tuple(happened), draws=tuple(back))
    if draft.payable <= 0:
        return Prepaid(draft, held, [part._replace(amount=0) for part in _net_parts(draft.lines)])
    draft, before = _before_taxes(draft, held)
    parts = _gross_parts(draft)
    after = paid(before.purses, parts, draft.currency, draft.due_at, before_tax=False)
    draws = (*back, *before.draws, *after.draws)
    taken = draft._replace(draws=draws, prepaid=sum(draw.amount for draw in draws))
    unpaid = [
        part._replace(amount=part.amount - gone)
        for part, gone in zip(parts, after.parts, strict=True)
    ]
    return Prepaid(taken, after.purses, unpaid)


def given_back(draft: DraftInvoice) -> list[Billed]:
    """The billed periods of which its lines give back what credit had paid before taxes."""
    return [_period(line) for line in draft.lines if line.prepaid < 0]


def _backs(lines: Iterable[InvoiceLine], stakes: Stakes) -> Iterator[Back]:
    return (
        Back(line.line_no, -line.prepaid, stakes.get(_period(line), ()))
        for line in lines
        if line.prepaid < 0
    )


def _period(line: InvoiceLine) -> Billed:
    return line.subscription_id, line.item_no, line.starts_at


def _before_taxes(draft: DraftInvoice, held: Sequence[Purse]) -> tuple[DraftInvoice, Paid]:
    """The draft after what is paid before taxes.

    Where lines that give back have a higher tax than those that are paid, the gross falls below the net:
    what would be paid beyond it is left alone.
    """
    beyond = 0
    while True:
        parts = _net_parts(draft.lines, beyond)
        found = paid(held, parts, draft.currency, draft.due_at, before_tax=True)
        made = _with_lines(draft, found.parts)
        if made.payable >= 0:
            return made, found
        beyond -= made.payable


def _with_lines(draft: DraftInvoice, amounts: Sequence[int]) -> DraftInvoice:
    """The draft with what was paid of each line before taxes, and the taxes on what is left."""
    if not any(amounts):
        return draft
    lines = tuple(
        replace(line, prepaid=amount) if amount else line
        for line, amount in zip(draft.lines, amounts, strict=True)
    )
    changed = draft._replace(lines=lines, prepaid=draft.prepaid + sum(amounts))
    again = resettled(changed)
    return changed._replace(taxes=again.settled.taxes, tax=again.tax, gross=draft.net + again.tax)


def _net_parts(lines: Sequence[InvoiceLine], beyond: int = 0) -> list[Part]:
    """What is to be paid of each line before taxes, less `beyond` of the whole; nothing of one that gives
    back, though roundings or credit may leave something to be taxed of it."""
    amounts = [min(0, line.base - line.prepaid) if line.amount < 0 else line.base for line in lines]
    return _parts(lines, amounts, beyond)


def _gross_parts(draft: DraftInvoice) -> list[Part]:
    """What is left of each line after taxes; together what is left of the gross."""
    lefts = [line.base - line.prepaid for line in draft.lines]
    for amount in draft.taxes:
        for number, share in _shares(amount, draft.lines).items():
            lefts[number] += share
    return _parts(draft.lines, lefts)


def _shares(amount: TaxAmount, lines: Sequence[InvoiceLine]) -> dict[int, int]:
    """The share of each line in a tax, by the line's place; together the tax."""
    if not amount.amount:
        return {}
    key = (amount.category, amount.percent, amount.is_included)
    bases = {
        number: line.base - line.prepaid
        for number, line in enumerate(lines)
        if key in line.tax_keys
    }
    if not amount.base:  # only roundings are left of it
        return {next(iter(bases)): amount.amount}
    exact = [Fraction(amount.amount * base, amount.base) for base in bases.values()]
    return dict(zip(bases, apportion(amount.amount, exact), strict=True))


def _parts(lines: Sequence[InvoiceLine], amounts: Sequence[int], beyond: int = 0) -> list[Part]:
    """What is to be paid of each line, with negative ones, and `beyond`, taken off the others."""
    off = beyond - sum(amount for amount in amounts if amount < 0)
    parts = []
    for line, amount in zip(lines, amounts, strict=True):
        owed = max(0, amount)
        reduced = min(owed, off)
        off -= reduced
        parts.append(Part(owed - reduced, line.charge.product.key, line.charge.price.key))
    return parts
