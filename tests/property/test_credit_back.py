"""What credit paid before taxes comes back with what it paid, in any number of steps: in the end nothing is
left of the invoice, and the wallets are what they were."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from everycent.catalog.plan import Tax, TaxRate
from everycent.catalog.policies import BY_NAME, DEFAULTS, Policies
from everycent.credits.drawdown import Lot
from everycent.credits.grant import Scope
from everycent.credits.purse import Billed, Purse, Stake, standing
from everycent.flows.derivation_settled import check_sums
from everycent.invoicing.assemble import DraftInvoice, DueCharge, draft, finished
from everycent.invoicing.invoice import Correction
from everycent.invoicing.prepaid import given_back, prepaid
from everycent.kernel import ids
from everycent.kernel.money import Rounding
from tests.property import test_settling
from tests.property.test_settling import SINCE, charge
from tests.unit.credits.made import lot, wallet
from tests.unit.invoicing.made import ANA, DUE_AT

WHOLE = {
    key: Tax(key, (TaxRate(SINCE, percent),), Rounding.HALF_UP)
    for key, percent in (("whole", "100"), ("zero", "0"))
}
"""Taxes that need no rounding."""
INVOICE = ids.derived("first")


class Case(NamedTuple):
    """Charges, who pays them, and step by step what they come to: by line, as parts of the first."""

    charges: list[DueCharge]
    taxes: dict[str, Tax]
    policies: Policies
    purses: list[Purse]
    steps: list[dict[int, Fraction]]


@st.composite
def purses(draw: st.DrawFn, *, after_tax: bool) -> list[Purse]:
    """Up to three wallets of up to three grants each."""
    found = []
    for key in draw(st.lists(st.sampled_from("uvw"), unique=True, min_size=1)):
        lots: list[Lot] = [
            lot(f"{key}/{n}", draw(st.integers(1, 15_000)), effective_at=DUE_AT, number=n + 1)
            for n in range(draw(st.integers(1, 3)))
        ]
        scope = draw(st.sampled_from([Scope(), Scope(("p0", "p1"))]))
        before_tax = not (after_tax and draw(st.booleans()))
        found.append(Purse(wallet(key, before_tax=before_tax, scope=scope), lots))
    return found


@st.composite
def cases(draw: st.DrawFn, *, is_exact: bool) -> Case:
    if is_exact:
        taxes, categories, included, policies = WHOLE, ["whole", "zero", "none"], [False], DEFAULTS
    else:
        taxes, categories = test_settling.TAXES, ["a", "b", "a+c", "none"]
        included = [False, True]
        policies = Policies(
            {
                name: draw(st.sampled_from(sorted(option.values)))
                for name, option in BY_NAME.items()
                if name.startswith("tax.")
            }
        )
    charges = [
        charge(
            n, draw(st.integers(1, 20_000)), draw(st.sampled_from(categories)),
            draw(st.sampled_from(included)),
        )
        for n in range(draw(st.integers(1, 4)))
    ]  # fmt: skip
    numbers = st.integers(0, len(charges) - 1)
    parts = st.fractions(0, Fraction(3, 2), max_denominator=50)
    steps = draw(st.lists(st.dictionaries(numbers, parts, min_size=1), max_size=5))
    steps.append(dict.fromkeys(range(len(charges)), Fraction(0)))
    return Case(charges, taxes, policies, draw(purses(after_tax=not is_exact)), steps)


class Run(NamedTuple):
    """Every document, and the wallets in the end."""

    documents: list[DraftInvoice]
    purses: list[Purse]


def played(case: Case) -> Run:
    """The first invoice, and a document for each step that changes anything."""
    drawn: dict[Billed, list[Stake]] = {}
    charged: dict[int, int] = {}
    paid: dict[int, int] = {}
    documents: list[DraftInvoice] = []
    held = case.purses

    def issue(charges: list[DueCharge]) -> None:
        nonlocal held
        stakes = {period: standing(own) for period, own in drawn.items()}
        made = draft(ANA, DUE_AT, charges, case.taxes, (), case.policies)
        found, held, _ = prepaid(made, held, stakes)
        assert len(given_back(found)) == len(given_back(made))
        for one in found.draws:
            for line_no, amount in one.lines:
                line = found.lines[line_no - 1]
                period = (line.subscription_id, line.item_no, line.starts_at)
                drawn.setdefault(period, []).append(Stake(one.grant_id, amount))
        for line in found.lines:
            charged[line.item_no] = charged.get(line.item_no, 0) + line.amount
            paid[line.item_no] = paid.get(line.item_no, 0) + line.prepaid
        documents.append(found)

    issue(case.charges)
    for step, parts in enumerate(case.steps, start=1):
        changed = [
            due._replace(
                charge=replace(due.charge, net=int(due.charge.net * parts[due.item_no])),
                corrects=Correction(
                    "INV-000001", INVOICE, due.item_no + 1, step, charged[due.item_no], DUE_AT,
                    prepaid=paid[due.item_no],
                ),
            )
            for due in case.charges
            if due.item_no in parts
        ]  # fmt: skip
        issue(changed)
        for period, own in drawn.items():
            assert sum(stake.amount for stake in standing(own)) == paid[period[1]] >= 0
    return Run(documents, held)


def left(purses: list[Purse], *, before_tax: bool) -> dict[str, list[int]]:
    return {
        one.wallet.key: [lot.left for lot in one.lots]
        for one in purses
        if one.wallet.before_tax is before_tax
    }


@settings(max_examples=300, deadline=None)
@given(cases(is_exact=True))
def test_when_all_is_given_back_nothing_is_left_of_an_invoice_to_the_cent(case: Case) -> None:
    documents, purses = played(case)
    assert left(purses, before_tax=True) == left(case.purses, before_tax=True)
    for told in ("net", "tax", "gross", "prepaid", "payable"):
        assert sum(getattr(document, told) for document in documents) == 0, told


@settings(max_examples=300, deadline=None)
@given(cases(is_exact=False))
def test_credit_comes_back_whole_and_taxes_but_for_their_roundings(case: Case) -> None:
    documents, purses = played(case)
    assert left(purses, before_tax=True) == left(case.purses, before_tax=True)
    drift = sum(tax.within for document in documents for tax in document.taxes)
    lines = sum(len(document.lines) for document in documents)
    assert abs(sum(document.tax for document in documents)) <= drift + lines
    for document in documents:
        assert document.prepaid == sum(draw.amount for draw in document.draws)
        assert all(0 <= lot.left <= lot.grant.amount for one in purses for lot in one.lots)
        if any(draw.amount > 0 for draw in document.draws):
            assert document.payable >= 0
        for line in document.lines:
            told = sum(
                amount
                for draw in document.draws
                for line_no, amount in draw.lines
                if line_no == line.line_no
            )
            assert told == line.prepaid
        check_sums(finished(document, ids.derived("i"), 1, date(2026, 2, 1), 14, None))
