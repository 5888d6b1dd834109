"""What a document's lines are in Tryton, where each line has its taxes and their bases are summed up.

Lines are told before discounts. What discounts and credit take off the lines of a tax is one more line with
that tax, so that Tryton's bases are those that were printed. Where it can't be told which line is of which
tax, nothing is guessed: the document does not fit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from everycent.catalog.plan import AND
from everycent.erp.told import Document, Line

REDUCTION = "Discounts and credit"


class UnfitError(Exception):
    """Tryton can't have the document as it was printed; says why."""


class Chart(NamedTuple):
    """Ids in Tryton: the account for products that `accounts` does not name, the one for what discounts
    take off, and taxes by category and percentage ('vat 19'); None where Tryton has no tax for it."""

    revenue: int
    reductions: int
    accounts: Mapping[str, int]
    taxes: Mapping[str, int | None]


def lines_of(document: Document, chart: Chart) -> list[dict[str, Any]]:
    """The lines of the invoice in Tryton. Raises UnfitError."""
    taxes = _taxes(document, chart)
    groups: dict[str | None, list[Line]] = defaultdict(list)
    for line in document.lines:
        groups[line.tax].append(line)
    sums = {
        tax: sum((Decimal(line.net) for line in some), Decimal(0)) for tax, some in groups.items()
    }
    made = []
    for tax, rest in _rests(document, sums).items():
        some = groups.get(tax, [])
        if tax is not None and AND not in tax and len(taxes.get(tax, {})) > 1:
            made += _summed(document, chart, tax, some, taxes[tax])
            continue
        ids = [_only(percent, taxes) for percent in tax.split(AND)] if tax is not None else []
        for line in some:
            account = chart.accounts.get(line.product, chart.revenue)
            made.append(_line(account, line.text, Decimal(line.net), ids))
        if rest:
            made.append(_line(chart.reductions, REDUCTION, rest, ids))
    return [line | {"sequence": number} for number, line in enumerate(made, start=1)]


def _taxes(document: Document, chart: Chart) -> dict[str, dict[int | None, Decimal]]:
    """The bases by percentage, and of these by tax in Tryton."""
    found: dict[str, dict[int | None, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for tax in document.taxes:
        name = f"{tax.category} {tax.percent}"
        if name not in chart.taxes:
            raise UnfitError(f"erp.yaml does not say which tax {name!r} is in Tryton")
        found[tax.percent][chart.taxes[name]] += Decimal(tax.base)
    return found


def _rests(document: Document, sums: Mapping[str | None, Decimal]) -> dict[str | None, Decimal]:
    """By a line's taxes, in order, what has to be added so that the bases are those of the document."""
    net = Decimal(document.net)
    bases: dict[str, Decimal] = defaultdict(Decimal)
    for tax in document.taxes:
        bases[tax.percent] += Decimal(tax.base)
    if not any(tax is not None and AND in tax for tax in sums):
        targets: dict[str | None, Decimal] = {None: net - sum(bases.values(), Decimal(0))}
        targets.update(bases)
        names = [*sums, *(name for name in targets if name not in sums)]
        return {
            name: targets.get(name, Decimal(0)) - sums.get(name, Decimal(0))
            for name in names
            if name in sums or targets[name]
        }
    rests = dict.fromkeys(sums, Decimal(0))
    if len(sums) == 1:
        rests = {name: net - has for name, has in sums.items()}
    after = {name: has + rests[name] for name, has in sums.items()}
    for percent, base in bases.items():
        taxed = [has for name, has in after.items() if name and percent in name.split(AND)]
        if sum(taxed, Decimal(0)) != base:
            raise UnfitError("it can't be told which of its lines discounts or credit reduce")
    if sum(after.values(), Decimal(0)) != net:
        raise UnfitError("its lines do not come to its net")
    return rests


def _summed(
    document: Document,
    chart: Chart,
    percent: str,
    lines: Sequence[Line],
    bases: Mapping[int | None, Decimal],
) -> list[dict[str, Any]]:
    """Taxes of one percentage, whose lines nobody can tell apart: a line for each of the taxes."""
    accounts = {chart.accounts.get(line.product, chart.revenue) for line in lines}
    if len(accounts) > 1:
        raise UnfitError(f"lines of {percent} % have several taxes and several accounts")
    account = next(iter(accounts), chart.reductions)
    text = f"{document.number}, {percent} %"
    return [_line(account, text, base, [tax]) for tax, base in bases.items()]


def _only(percent: str, taxes: Mapping[str, Mapping[int | None, Decimal]]) -> int | None:
    found = taxes.get(percent, {})
    if len(found) != 1:
        raise UnfitError(f"it can't be told which tax a line of {percent} % has")
    return next(iter(found))


def _line(account: int, text: str, net: Decimal, taxes: Sequence[int | None]) -> dict[str, Any]:
    ids = sorted({tax for tax in taxes if tax is not None})
    return {
        "type": "line",
        "account": account,
        "description": text,
        "quantity": -1 if net < 0 else 1,
        "unit_price": abs(net),
        "taxes": [["add", ids]],
    }
