"""What credit pays of an invoice: before and after taxes, by line, never more than it comes to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from everycent.credits.grant import Scope
from everycent.credits.purse import Purse, Stake, Stakes, standing
from everycent.invoicing.assemble import DraftInvoice, DueCharge
from everycent.invoicing.invoice import Correction, credit_back
from everycent.invoicing.prepaid import prepaid
from everycent.kernel import ids
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


BACK = [
    # charged  credit for it  added  credit again
    (10000, 4000, -5000, 2000),
    (10000, 4000, -10000, 4000),
    (10000, 4000, -1, 0),
    (10000, 4000, -2, 1),  # 0.8
    (3, 1, -1, 0),
    (3, 1, -2, 1),
    (10000, 4000, 5000, 0),
    (10000, 4000, 0, 0),
    (10000, 0, -5000, 0),
    (2000, 5000, -1000, 2500),  # what had been below nothing was raised, and credit paid that
    (2000, 5000, -2500, 5000),
    (-1000, 2000, -500, 2000),
]


@pytest.mark.parametrize(("charged", "stood", "amount", "again"), BACK)
def test_the_part_of_a_line_that_is_given_back_is_that_part_of_its_credit(
    charged: int, stood: int, amount: int, again: int
) -> None:
    assert credit_back(charged, stood, amount) == again


def correction(of: DueCharge, now: int, charged: int, stood: int) -> DueCharge:
    """The charge in the place of one that came to `charged`, of which credit stood for `stood`."""
    before = Correction("INV-000001", ids.derived("i"), 1, 1, charged, DUE_AT, prepaid=stood)
    return of._replace(charge=replace(of.charge, net=now), corrects=before)


def staked(of: DueCharge, *stakes: tuple[str, int]) -> Stakes:
    found = [Stake(ids.derived(f"grant/{key}"), amount) for key, amount in stakes]
    return {(of.subscription_id, of.item_no, of.period.start): found}


RETURNED = [
    # other line, charged, stood, now, left     tax, gross, payable, series, draws by line
    (None, 10000, 4000, 5000, 0, -600, -5600, -3600, "CN", [((1, -2000),)]),
    (None, 10000, 10000, 0, 0, 0, -10000, 0, "CN", [((1, -10000),)]),
    # the 20.00 that come back pay the other line, off which the other 30.00 come
    ("100", 10000, 4000, 5000, 0, 1000, 6000, 6000, "INV", [((1, -2000),), ((2, 2000),)]),
    # no more than is left to pay: 30.00
    ("30", 10000, 4000, 5000, 9000, 0, -2000, 0, "CN", [((1, -2000),)]),
    ("60", 10000, 4000, 5000, 9000, 0, 1000, 0, "INV", [((1, -2000),), ((2, 3000),)]),
    # a line that leaves something to be taxed, as more credit comes back than it gives back: nothing
    # before taxes pays it
    (None, 2000, 5000, 0, 9000, 600, -1400, 3600, "INV", [((1, -5000),)]),
]


@pytest.mark.parametrize(
    ("other", "charged", "stood", "now", "there", "tax_", "gross", "payable", "series", "lines"),
    RETURNED,
)
def test_what_comes_back_is_not_taxed_and_pays_first(
    other, charged, stood, now, there, tax_, gross, payable, series, lines
):
    first = line("100")
    others = [] if other is None else [line(other)._replace(item_no=2)]
    held = Purse(wallet(before_tax=True), [lot("grant/w", 20000, there, effective_at=DUE_AT)])
    found, purses, unpaid = prepaid(
        drafted(correction(first, now, charged, stood), *others, taxes=VAT),
        [held],
        staked(first, ("w", stood)),
    )
    assert (found.tax, found.gross, found.payable, found.series) == (tax_, gross, payable, series)
    assert [draw.lines for draw in found.draws] == lines
    assert purses[0].left == there - found.prepaid
    assert sum(part.amount for part in unpaid) == max(0, payable)


def test_what_was_drawn_last_goes_back_first_and_stays_away_from_grants_that_are_not_there():
    first = line("100")
    held = [purse(100, key=key, before_tax=True) for key in "ab"]
    held = [one._replace(lots=[one.lots[0]._replace(left=0)]) for one in held]
    made = drafted(correction(first, 1000, 10000, 300), taxes=VAT)
    found, left, _ = prepaid(made, held, staked(first, ("a", 100), ("c", 100), ("b", 100)))
    assert [(draw.wallet, draw.amount, draw.draw_no) for draw in found.draws] == [
        ("b", -100, 1),
        ("a", -70, 1),
    ]
    assert [one.left for one in left] == [70, 100]


STANDING = [
    # draws and what was given back, in order            what stands
    ([("a", 3), ("b", 5)], [("a", 3), ("b", 5)]),
    ([("a", 3), ("b", 5), ("b", -2)], [("a", 3), ("b", 3)]),
    ([("a", 3), ("b", 5), ("b", -5), ("a", -1)], [("a", 2)]),
    ([("a", 3), ("b", 5), ("a", 4), ("a", -5), ("b", -5)], [("a", 2)]),
    ([("a", 3), ("b", 5), ("a", 4), ("a", -5)], [("a", 2), ("b", 5)]),
    ([("a", 3), ("a", -3), ("a", 2)], [("a", 2)]),
]


@pytest.mark.parametrize(("drawn", "stands"), STANDING)
def test_what_was_given_back_does_not_stand_any_more(drawn, stands):
    told = [Stake(ids.derived(key), amount) for key, amount in drawn]
    assert standing(told) == tuple(Stake(ids.derived(key), amount) for key, amount in stands)


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
