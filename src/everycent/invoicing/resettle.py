"""Settle an issued invoice again, out of nothing but what is frozen in it: to explain it, and to see what
it would say if its lines came to something else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from everycent.catalog.plan import AND
from everycent.catalog.policies import Policies
from everycent.customers.customer import untaxed_because
from everycent.invoicing import tax
from everycent.invoicing.assemble import DraftInvoice, line_order
from everycent.invoicing.discount import Grant
from everycent.invoicing.invoice import Invoice, InvoiceLine, TaxAmount, credit_back
from everycent.invoicing.settle import Priced, Settled, offs, rest, settle
from everycent.invoicing.tax import Rate

TaxKey = tuple[str, str, bool]
"""A tax of an invoice: its category, percentage, and whether prices include it."""


class Resettled(NamedTuple):
    """What comes out, and its net and taxes in minor units."""

    settled: Settled
    net: int
    tax: int


def resettled(
    invoice: Invoice | DraftInvoice, amounts: Mapping[int, int] | None = None
) -> Resettled:
    """The invoice settled by its own policies, coupons and rates. `amounts` (minor units, by number of the
    line) stand in place of what lines come to. What credit paid before taxes stays paid, unless they come
    to less: then its part is credit again."""
    told = amounts or {}
    lines = [_priced(invoice, line, told.get(line.line_no, line.amount)) for line in invoice.lines]
    grants = _grants(invoice, lines)
    policies = Policies(dict(invoice.policies))
    waived = untaxed_because(invoice.customer)
    settled = settle(lines, grants, policies, tax.rules_of(policies, invoice.currency, waived))
    net = sum(
        line.amount - included - off
        for line, (included, off) in zip(lines, settled.lines, strict=True)
    )
    return Resettled(settled, net, sum(amount.amount for amount in settled.taxes))


class Rest(NamedTuple):
    """What is left of an invoice of which parts of lines were given back: by number of the line its
    (amount as its price is told, tax in it, discount), its taxes by category, percentage and whether they
    are included, and what they are in minor units."""

    lines: dict[int, tuple[int, int, int]]
    taxes: dict[TaxKey, TaxAmount]


def rest_of(invoice: Invoice, *credited: Mapping[int, int]) -> list[Rest]:
    """What is left of an invoice, for each of several states in which so much of its lines was given back
    (minor units as prices are told, by number of the line). Of none of its lines may credit have paid
    before taxes."""
    lines = [_priced(invoice, line, line.amount) for line in invoice.lines]
    policies = Policies(dict(invoice.policies))
    taken = offs(lines, _grants(invoice, lines), policies)
    rules = tax.rules_of(policies, invoice.currency, untaxed_because(invoice.customer))
    found = []
    for state in credited:
        given = [state.get(line.line_no, 0) for line in invoice.lines]
        left = rest(lines, taken, given, rules)
        found.append(
            Rest(
                {
                    line.line_no: (line.amount - back, included, off)
                    for line, back, (included, off) in zip(
                        invoice.lines, given, left.lines, strict=True
                    )
                },
                {(one.category, one.percent, one.is_included): one for one in left.taxes},
            )
        )
    return found


def _grants(invoice: Invoice | DraftInvoice, lines: Sequence[Priced]) -> list[Grant]:
    return [
        Grant(
            found.coupon.percent,
            found.available or 0,
            frozenset(
                share.line_no - 1 for share in found.shares if lines[share.line_no - 1].amount > 0
            ),
        )
        for found in invoice.discounts
    ]


def _priced(invoice: Invoice | DraftInvoice, line: InvoiceLine, amount: int) -> Priced:
    return Priced(
        amount,
        _rates(invoice, line),
        line.charge.price.includes_tax,
        None if line.kept is None else Fraction(*line.kept),
        line_order(line.subscription, line.item_no, line.starts_at),
        line.prepaid - _credit_back(line, amount),
    )


def _credit_back(line: InvoiceLine, amount: int) -> int:
    """What would be credit again if the line were corrected to another amount."""
    charged, stood = (
        (0, 0) if line.corrects is None else (line.corrects.charged, line.corrects.prepaid)
    )
    return credit_back(charged + line.amount, stood + line.prepaid, amount - line.amount)


def _rates(invoice: Invoice | DraftInvoice, line: InvoiceLine) -> tuple[Rate, ...]:
    if line.tax_percent is None:
        return ()
    known = {(t.category, t.percent, t.is_included): t for t in invoice.taxes}
    categories = line.charge.product.tax_category.split(AND)
    shown = line.tax_percent.split(AND)
    percents = shown if line.waived_percent is None else line.waived_percent.split(AND)
    found = []
    for category, percent, told in zip(categories, percents, shown, strict=True):
        amount = known[category, told, line.charge.price.includes_tax]
        found.append(Rate(category, percent, amount.since, amount.rounding))
    return tuple(found)
