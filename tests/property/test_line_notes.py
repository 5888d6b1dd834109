"""Credit notes over parts of lines: in however many parts an invoice is given back, it is given back to the
cent, each tax by itself, at every rounding and with coupons, included taxes and home currencies."""

from __future__ import annotations

from collections import Counter
from datetime import date
from fractions import Fraction

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from everycent.catalog.policies import Policies
from everycent.coupons.application import Held
from everycent.customers.customer import Customer
from everycent.invoicing.assemble import DueCharge, draft, finished
from everycent.invoicing.home import at_home
from everycent.invoicing.invoice import HomePart, Invoice
from everycent.invoicing.line_note import Given, given_back
from everycent.invoicing.resettle import rest_of
from everycent.kernel import ids
from everycent.kernel.money import Rounding
from tests.property.test_settling import TAXES, drafts
from tests.unit.exchange.made import exchange
from tests.unit.invoicing.made import DUE_AT

Case = tuple[Customer, list[DueCharge], list[Held], Policies]


def issued(case: Case, *, home: bool) -> Invoice:
    customer, charges, coupons, policies = case
    made = draft(customer, DUE_AT, charges, TAXES, coupons, policies)
    invoice = finished(made, ids.derived("i"), 1, date(2026, 2, 1), 14, None)
    if not home:
        return invoice
    parts = (HomePart(exchange("EUR", "PLN", ("EUR/PLN", "4.2553"))),)
    return msgspec.structs.replace(invoice, home=at_home(invoice, parts, "PLN", Rounding.HALF_UP))


@st.composite
def in_parts(draw: st.DrawFn, invoice: Invoice) -> list[dict[int, int]]:
    """Notes that take everything off the lines above nothing, in some order and parts."""
    left = {line.line_no: line.amount for line in invoice.lines if line.amount > 0}
    notes: list[dict[int, int]] = []
    while left:
        if len(notes) == 6:
            notes.append(dict(left))
            break
        numbers = draw(st.lists(st.sampled_from(sorted(left)), unique=True, min_size=1))
        off = {number: draw(st.integers(1, left[number])) for number in numbers}
        notes.append(off)
        left = {n: rest for n, all_ in left.items() if (rest := all_ - off.get(n, 0))}
    return notes


def credited(invoice: Invoice, notes: list[dict[int, int]]) -> list[Given]:
    before: Counter[int] = Counter()
    found = []
    for off in notes:
        found.append(given_back(invoice, before, off))
        before.update(off)
    return found


@settings(max_examples=600, deadline=None)
@given(drafts(), st.booleans(), st.data())
def test_an_invoice_given_back_in_parts_is_given_back_to_the_cent(
    case: Case, home: bool, data: st.DataObject
) -> None:
    invoice = issued(case, home=home)
    notes = data.draw(in_parts(invoice))
    if not notes:
        return
    found = credited(invoice, notes)
    whole: Counter[int] = Counter()
    for off in notes:
        whole.update(off)
    (at_once,) = credited(invoice, [dict(whole)])
    for name in ("net", "tax", "gross", "discount"):
        assert sum(getattr(one, name) for one in found) == getattr(at_once, name)
    assert _taxes(found) == _taxes([at_once])
    if home:
        assert _homes(found) == _homes([at_once])
    if all(line.amount >= 0 for line in invoice.lines):
        assert (at_once.net, at_once.tax) == (invoice.net, invoice.tax)
        assert at_once.discount == invoice.discount
        told = {
            (tax.category, tax.percent, tax.is_included): (tax.base, tax.amount)
            for tax in invoice.taxes
            if tax.base or tax.amount
        }
        assert _taxes([at_once]) == told
        if home:
            assert invoice.home is not None
            assert at_once.home is not None
            sums = ("net", "tax", "gross", "rounding")
            assert [getattr(at_once.home, n) for n in sums] == [
                getattr(invoice.home, n) for n in sums
            ]


@settings(max_examples=600, deadline=None)
@given(drafts(), st.booleans(), st.data())
def test_every_note_adds_up_and_gives_nothing_back_twice(
    case: Case, home: bool, data: st.DataObject
) -> None:
    invoice = issued(case, home=home)
    keys = {line.line_no: line.tax_keys for line in invoice.lines}
    for one, off in zip(
        credited(invoice, notes := data.draw(in_parts(invoice))), notes, strict=True
    ):
        assert {number: told[0] for number, told in one.lines.items() if told[0]} == off
        assert one.net == sum(
            a - included - discount for a, included, discount in one.lines.values()
        )
        # a cent may move from a tax in prices to one on top, where an invoice's taxes are rounded together;
        # a note that then gave back less than nothing is refused (`invoice.nothing_to_credit`)
        assert one.gross >= -sum(tax.within for tax in one.taxes)
        assert all(0 <= one.lines[number][2] <= amount for number, amount in off.items())
        for tax in one.taxes:
            key = (tax.category, tax.percent, tax.is_included)
            on = [told for number, told in one.lines.items() if key in keys[number]]
            assert tax.base == sum(
                amount - included - discount for amount, included, discount in on
            )
            assert tax.amount % tax.step == 0
            assert abs(tax.amount - Fraction(tax.percent) * tax.base / 100) < tax.within
        if home:
            assert one.home is not None
            assert one.home.gross == one.home.net + one.home.tax + one.home.rounding
            assert one.home.tax == sum(tax.amount for tax in one.home.taxes)
            assert len(one.home.taxes) == len(one.taxes)


@settings(max_examples=300, deadline=None)
@given(drafts())
def test_with_nothing_given_back_the_invoice_is_left_as_it_was_settled(case: Case) -> None:
    invoice = issued(case, home=False)
    (left,) = rest_of(invoice, {})
    assert left.lines == {
        line.line_no: (line.amount, line.tax_included, line.discount) for line in invoice.lines
    }
    assert sorted(left.taxes.values(), key=repr) == sorted(invoice.taxes, key=repr)


def _taxes(found: list[Given]) -> dict[tuple[str, str, bool], tuple[int, int]]:
    sums: dict[tuple[str, str, bool], tuple[int, int]] = {}
    for one in found:
        for tax in one.taxes:
            key = (tax.category, tax.percent, tax.is_included)
            base, amount = sums.get(key, (0, 0))
            sums[key] = base + tax.base, amount + tax.amount
    return {key: both for key, both in sums.items() if any(both)}


def _homes(found: list[Given]) -> list[object]:
    homes = [one.home for one in found if one.home is not None]
    taxes: Counter[tuple[str, str, bool, str]] = Counter()
    for home in homes:
        for tax in home.taxes:
            taxes[tax.category, tax.percent, tax.is_included, "base"] += tax.base
            taxes[tax.category, tax.percent, tax.is_included, "amount"] += tax.amount
    sums = [sum(getattr(h, n) for h in homes) for n in ("net", "tax", "gross", "rounding")]
    return [sums, {key: amount for key, amount in taxes.items() if amount}]
