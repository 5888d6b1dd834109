"""An entry balances in every currency or can't be built; its reversal undoes it leg by leg."""

import pytest

from everycent.kernel import ids
from everycent.kernel.errors import Broken
from everycent.ledger.account import CASH, RECEIVABLE, REVENUE, TAX_PAYABLE
from everycent.ledger.entry import Entry, Posting, balanced, credit, debit, reversal

ANA = ids.derived("ana")
INVOICE = ids.derived("invoice")
ENTRY = ids.derived("entry")


@pytest.mark.parametrize(
    ("side", "amount", "booked"),
    [(debit, 100, 100), (debit, -100, -100), (credit, 100, -100), (credit, -100, 100)],
)
def test_a_debit_is_positive_and_a_credit_negative(side, amount, booked):
    assert side(RECEIVABLE, amount, "EUR", ANA) == Posting(RECEIVABLE, booked, "EUR", ANA)


def test_an_entry_keeps_its_legs_in_order_with_paper_and_original():
    legs = (debit(RECEIVABLE, 119, "EUR", ANA), credit(REVENUE, 119, "EUR"))
    assert balanced("invoice", iter(legs), INVOICE, ENTRY) == Entry("invoice", legs, INVOICE, ENTRY)


def test_a_leg_of_zero_is_left_out():
    entry = balanced(
        "invoice",
        [
            debit(RECEIVABLE, 100, "EUR", ANA),
            credit(REVENUE, 100, "EUR"),
            credit(TAX_PAYABLE, 0, "EUR"),
        ],
    )
    assert [leg.account for leg in entry.postings] == [RECEIVABLE, REVENUE]


def test_a_reversal_negates_every_leg_and_names_its_original():
    original = balanced(
        "invoice",
        [
            debit(RECEIVABLE, 119, "EUR", ANA),
            credit(REVENUE, 100, "EUR"),
            credit(TAX_PAYABLE, 19, "EUR"),
        ],
        INVOICE,
    )
    note = ids.derived("note")
    assert reversal("credit_note", original, ENTRY, note) == Entry(
        "credit_note",
        (
            Posting(RECEIVABLE, -119, "EUR", ANA),
            Posting(REVENUE, 100, "EUR"),
            Posting(TAX_PAYABLE, 19, "EUR"),
        ),
        note,
        ENTRY,
    )


@pytest.mark.parametrize("legs", [[], [(CASH, 0, "EUR")], [(CASH, 0, "EUR"), (REVENUE, 0, "JPY")]])
def test_nothing_to_book_is_no_entry(legs):
    assert balanced("invoice", [Posting(*leg) for leg in legs]) is None


@pytest.mark.parametrize(
    ("legs", "balances"),
    [
        ([(CASH, 100, "EUR"), (REVENUE, -100, "EUR")], True),
        ([(CASH, -100, "EUR"), (REVENUE, 100, "EUR")], True),
        ([(CASH, 100, "EUR"), (CASH, -100, "EUR")], True),
        ([(CASH, 10**17, "EUR"), (REVENUE, -(10**17), "EUR")], True),
        ([(CASH, 3, "EUR"), (REVENUE, -1, "EUR"), (TAX_PAYABLE, -2, "EUR")], True),
        ([(CASH, 1, "EUR"), (REVENUE, -1, "EUR"), (CASH, 5, "JPY"), (REVENUE, -5, "JPY")], True),
        ([(CASH, 100, "EUR")], False),
        ([(CASH, 100, "EUR"), (REVENUE, 100, "EUR")], False),
        ([(CASH, 100, "EUR"), (REVENUE, -99, "EUR")], False),
        ([(CASH, 100, "EUR"), (REVENUE, -100, "USD")], False),
        ([(CASH, 100, "EUR"), (REVENUE, -100, "EUR"), (CASH, 1, "JPY")], False),
        ([(CASH, 10**17 + 1, "EUR"), (REVENUE, -(10**17), "EUR")], False),
    ],
)
def test_an_entry_is_built_only_when_it_balances_in_every_currency(legs, balances):
    postings = [Posting(*leg) for leg in legs]
    if balances:
        assert balanced("invoice", postings).postings == tuple(postings)
        return
    with pytest.raises(Broken) as refused:
        balanced("invoice", postings)
    assert refused.value.code == "ledger.unbalanced"
    assert "invoice" in refused.value.message
