"""The chart of accounts is small and fixed, and its numbers stand in postings for ever."""

import pytest

from everycent.ledger import account
from everycent.ledger.account import BY_ID, CHART, Kind


@pytest.mark.parametrize("which", CHART, ids=lambda which: which.code)
def test_an_account_is_found_by_its_number(which):
    assert BY_ID[which.account_id] is which


def test_numbers_and_codes_stand_once():
    assert len({which.account_id for which in CHART}) == len(CHART)
    assert len({which.code for which in CHART}) == len(CHART)
    assert len(BY_ID) == len(CHART)


def test_every_account_of_the_module_is_in_the_chart():
    named = [value for value in vars(account).values() if isinstance(value, account.Account)]
    assert sorted(named) == sorted(CHART)


@pytest.mark.parametrize(
    ("number", "code", "kind"),
    [
        (1, "receivable", Kind.ASSET),
        (2, "cash", Kind.ASSET),
        (3, "clearing", Kind.ASSET),
        (4, "suspense", Kind.LIABILITY),
        (10, "deferred_revenue", Kind.LIABILITY),
        (11, "tax_payable", Kind.LIABILITY),
        (12, "customer_credit", Kind.LIABILITY),
        (15, "opening_balance", Kind.EQUITY),
        (20, "revenue", Kind.INCOME),
        (21, "discounts", Kind.INCOME),
        (22, "rounding", Kind.INCOME),
        (30, "bad_debt", Kind.EXPENSE),
        (31, "payment_fees", Kind.EXPENSE),
        (32, "exchange_result", Kind.EXPENSE),
    ],
)
def test_an_account_keeps_its_number_code_and_kind(number, code, kind):
    assert (BY_ID[number].code, BY_ID[number].kind) == (code, kind)
