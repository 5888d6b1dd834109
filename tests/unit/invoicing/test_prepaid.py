"""What credit pays of an invoice: before and after taxes, by line, never more than it comes to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from everycent.credits.grant import Scope
from everycent.credits.purse import Purse
from everycent.invoicing.assemble import DraftInvoice, DueCharge
from everycent.invoicing.prepaid import prepaid
from tests.unit.credits.made import lot, wallet
from tests.unit.invoicing.made import DUE_AT, drafted, due, tax

VAT = {"vat": tax("vat", ("2015-01-01", "20")), "low": tax("low", ("2015-01-01", "7"))}


def line(amount: str, product: str = "p", category: str = "vat") -> DueCharge:
    """A flat charge for a product."""
    made = due(amount, category)
    of = replace(made.charge.product, key=product)
    return made._replace(charge=replace(made.charge, product=of))


def purse(amount: int, *, before_tax: bool = False, product: str | None = None, key: str = "w"):
    scope = Scope() if product is None else Scope((product,))
    held = lot(f"grant/{key}", amount, effective_at=DUE_AT)
    return Purse(wallet(key, before_tax=before_tax, scope=scope), [held])


PAID = [
    # lines                                    credit  before tax?  of      gross  prepaid  by line before
    ([line("100")], 4000, False, None, 12000, 4000, [0]),
    ([line("100")], 4000, True, None, 11200, 4000, [4000]),
    ([line("100")], 99999, False, None, 12000, 12000, [0]),
    ([line("100")], 99999, True, None, 10000, 10000, [10000]),
    ([line("100", "a"), line("50", "b")], 99999, False, "b", 18000, 6000, [0, 0]),
    ([line("100", "a"), line("50", "b")], 99999, True, "b", 17000, 5000, [0, 5000]),
    ([line("100", "a"), line("-30", "b")], 99999, False, None, 8400, 8400, [0, 0]),
    ([line("100", "a"), line("-30", "b")], 99999, False, "b", 8400, 0, [0, 0]),
    ([line("-30", "a"), line("100", "b")], 99999, True, None, 7000, 7000, [0, 7000]),
    ([line("-30")], 99999, False, None, -3600, 0, [0]),
    ([line("0")], 99999, False, None, 0, 0, [0]),
    ([line("100"), line("100", category="low")], 20000, True, None, 20000, 20000, [10000, 10000]),
    ([line("100"), line("100", category="low")], 15000, True, None, 20350, 15000, [10000, 5000]),
    ([line("100", category="none"), line("-50")], 99999, True, None, 4000, 4000, [4000, 0]),
    ([line("100", category="low"), line("-90")], 99999, True, None, -100, 0, [0, 0]),
]


@pytest.mark.parametrize(
    ("lines", "credit", "before_tax", "product", "gross", "paid", "by_line"), PAID
)
def test_credit_pays_lines_or_the_whole(lines, credit, before_tax, product, gross, paid, by_line):
    found, purses, unpaid = prepaid(
        drafted(*lines, taxes=VAT), [purse(credit, before_tax=before_tax, product=product)]
    )
    assert (found.gross, found.prepaid) == (gross, paid)
    assert [one.prepaid for one in found.lines] == by_line
    assert purses[0].left == credit - paid
    assert sum(part.amount for part in unpaid) == max(0, gross) - paid


def test_a_wallet_before_taxes_pays_before_one_after_them():
    purses = [purse(6000, key="a"), purse(4000, key="b", before_tax=True)]
    found, _, _ = prepaid(drafted(line("100"), taxes=VAT), purses)
    assert [(d.wallet, d.amount) for d in found.draws] == [("b", 4000), ("a", 6000)]
    assert (found.tax, found.gross - found.prepaid) == (1200, 1200)


def test_a_wallet_in_another_currency_pays_nothing():
    held = purse(6000)
    held = held._replace(wallet=replace(held.wallet, currency="USD"))
    found, left, _ = prepaid(drafted(line("100"), taxes=VAT), [held])
    assert (found.prepaid, left) == (0, [held])


CENTS = st.integers(-5000, 9000).map(lambda cents: f"{cents / 100:.2f}")


@st.composite
def drafts(draw) -> DraftInvoice:
    """Invoices of a few lines, some of them negative."""
    lines = [
        line(draw(CENTS), draw(st.sampled_from("ab")), draw(st.sampled_from(["vat", "low"])))
        for _ in range(draw(st.integers(1, 6)))
    ]
    return drafted(*lines, taxes=VAT)


@given(drafts(), st.integers(1, 30000), st.integers(1, 30000), st.booleans())
def test_nothing_is_lost_between_lines_taxes_and_credit(draft, first, second, before_tax):
    purses = [purse(first, key="a", product="a", before_tax=before_tax), purse(second, key="b")]
    found, left, unpaid = prepaid(draft, purses)
    assert found.net == draft.net
    assert found.gross == found.net + found.tax
    assert 0 <= found.prepaid <= max(0, found.gross)
    assert sum(one.left for one in left) == first + second - found.prepaid
    assert sum(part.amount for part in unpaid) == max(0, found.gross) - found.prepaid
    for one in found.lines:
        assert 0 <= one.prepaid <= max(0, one.net)
    for amount in found.taxes:
        of = [one for one in found.lines if one.charge.product.tax_category == amount.category]
        assert amount.base == sum(one.net - one.prepaid for one in of)
