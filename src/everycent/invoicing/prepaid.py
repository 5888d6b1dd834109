"""What a customer's credit pays of an invoice: line by line before taxes, or of the whole after them.

A line's part of the gross is its net with its share of the taxes. Shares are exact up to whole minor units,
and what is left of those goes to the largest remainders (see `money.split`). Negative lines are taken off
the others in the order of the lines: credit never pays more than the invoice comes to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import NamedTuple

from msgspec.structs import replace

from everycent.credits.drawdown import Part
from everycent.credits.purse import Purse, paid, settled
from everycent.invoicing import tax
from everycent.invoicing.assemble import DraftInvoice
from everycent.invoicing.invoice import InvoiceLine, TaxAmount


class Prepaid(NamedTuple):
    """An invoice with what credit pays of it, the purses as they are then, and what is left to pay by
    line."""

    draft: DraftInvoice
    purses: list[Purse]
    unpaid: list[Part]


def prepaid(draft: DraftInvoice, purses: Iterable[Purse]) -> Prepaid:
    """What credit pays of an invoice.

    Credit is drawn as of when the charges fell due, whenever the invoice is made: what expired before is
    gone, and what came in since does not pay.
    """
    held, happened = settled(purses, draft.due_at)
    before = paid(held, _net_parts(draft.lines), draft.currency, draft.due_at, before_tax=True)
    draft = _with_lines(draft, before.parts)
    parts = _gross_parts(draft)
    after = paid(before.purses, parts, draft.currency, draft.due_at, before_tax=False)
    draws = (*before.draws, *after.draws)
    taken = draft._replace(
        draws=draws, prepaid=sum(draw.amount for draw in draws), settled=tuple(happened)
    )
    unpaid = [
        part._replace(amount=part.amount - gone)
        for part, gone in zip(parts, after.parts, strict=True)
    ]
    return Prepaid(taken, after.purses, unpaid)


def _with_lines(draft: DraftInvoice, amounts: Sequence[int]) -> DraftInvoice:
    """The draft with what was paid of each line before taxes, and the taxes on what is left."""
    if not any(amounts):
        return draft
    lines = tuple(
        replace(line, prepaid=amount) if amount else line
        for line, amount in zip(draft.lines, amounts, strict=True)
    )
    off: dict[tuple[str, str | None], int] = {}
    for line in lines:
        of = (line.charge.product.tax_category, line.tax_percent)
        off[of] = off.get(of, 0) + line.prepaid
    taxes = tax.reduced(draft.taxes, off, draft.currency)
    owed = sum(amount.amount for amount in taxes)
    return draft._replace(lines=lines, taxes=taxes, tax=owed, gross=draft.net + owed)


def _net_parts(lines: Iterable[InvoiceLine]) -> list[Part]:
    return _parts(lines, [line.net for line in lines])


def _gross_parts(draft: DraftInvoice) -> list[Part]:
    """What is left of each line after taxes; together what is left of the gross."""
    lefts = [line.net - line.prepaid for line in draft.lines]
    for amount in draft.taxes:
        for number, share in _shares(amount, draft.lines).items():
            lefts[number] += share
    return _parts(draft.lines, lefts)


def _shares(amount: TaxAmount, lines: Sequence[InvoiceLine]) -> dict[int, int]:
    """The share of each line in a tax, by the line's place; together the tax."""
    nets = {
        number: line.net - line.prepaid
        for number, line in enumerate(lines)
        if (line.charge.product.tax_category, line.tax_percent) == (amount.category, amount.percent)
    }
    if not amount.amount:
        return {}
    exact = {n: Fraction(amount.amount * net, amount.base) for n, net in nets.items()}
    shares = {n: share.__floor__() for n, share in exact.items()}
    by_remainder = sorted(shares, key=lambda n: (shares[n] - exact[n], n))
    for number in by_remainder[: amount.amount - sum(shares.values())]:
        shares[number] += 1
    return shares


def _parts(lines: Iterable[InvoiceLine], amounts: Sequence[int]) -> list[Part]:
    """What is to be paid of each line, with negative ones taken off the others."""
    off = -sum(amount for amount in amounts if amount < 0)
    parts = []
    for line, amount in zip(lines, amounts, strict=True):
        owed = max(0, amount)
        reduced = min(owed, off)
        off -= reduced
        parts.append(Part(owed - reduced, line.charge.product.key, line.charge.price.key))
    return parts
