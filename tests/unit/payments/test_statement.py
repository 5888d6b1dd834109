"""Statements: amounts as files tell them, batches that become entries, references that stay, balances."""

from datetime import date

import pytest

from everycent.kernel.errors import Invalid
from everycent.payments.statement import (
    Booking,
    Party,
    Statement,
    StatementEntry,
    Told,
    Transaction,
    bank_reference,
    checked,
    entries_of,
    expanded,
    minor_units,
)

DAY = date(2026, 3, 2)
TEN = Booking(1000, "EUR", is_credit=True, booked_on=DAY, reference="B1")


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("12.50", "EUR", 1250),
        ("12.5", "EUR", 1250),
        ("12", "EUR", 1200),
        ("0", "EUR", 0),
        ("000012.50", "EUR", 1250),
        ("12.50000", "EUR", 1250),
        ("1200", "JPY", 1200),
        ("1200.00", "JPY", 1200),
        ("1.234", "KWD", 1234),
        ("9999999999999999.99", "EUR", 999_999_999_999_999_999),
    ],
)
def test_an_amount_is_read_exactly(text, currency, minor):
    assert minor_units(text, currency) == minor


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        *(
            (text, "EUR")
            for text in ("", "NaN", "INF", "1e5", "1E-2", "-1", "+1", "1,50", "1 000", "1_0", ".5")
        ),
        *((text, "EUR") for text in ("1.", "12.505", "0x10", "١٢", "1.000000", "９", "12.50\n")),
        ("1" * 19, "EUR"),
        ("999999999999999999", "EUR"),
        ("10000000000000000", "EUR"),
        ("100.50", "JPY"),
        ("1.2345", "KWD"),
    ],
)
def test_an_amount_that_is_none_is_refused(text, currency):
    with pytest.raises(Invalid) as refused:
        minor_units(text, currency)
    assert (refused.value.code, refused.value.field) == ("bank.amount", "amount")


def test_an_amount_in_no_currency_is_refused():
    with pytest.raises(Invalid, match="not a currency"):
        minor_units("1.00", "EURO")


def parts(*amounts, currency="EUR", is_credit=True):
    return [Transaction(amount, currency, is_credit) for amount in amounts]


def test_a_batch_becomes_entries_that_add_up_to_it():
    found = expanded(TEN, [*parts(400, 700), *parts(100, is_credit=False)], "B1")
    assert [(entry.reference, entry.amount, entry.is_credit) for entry in found] == [
        ("B1/1", 400, True),
        ("B1/2", 700, True),
        ("B1/3", 100, False),
    ]
    assert {entry.booking for entry in found} == {"B1"}


@pytest.mark.parametrize(
    ("transactions", "why"),
    [
        (parts(400, 700), "come to 11.00 EUR, and the booking to 10.00 EUR"),
        (parts(400, 599), "come to 9.99 EUR"),
        ([*parts(400), Transaction()], "others do not"),
        ([*parts(400), *parts(600, currency="USD")], "others do not"),
    ],
)
def test_a_batch_that_does_not_add_up_is_refused(transactions, why):
    with pytest.raises(Invalid, match=why) as refused:
        expanded(TEN, transactions, "B1")
    assert refused.value.code == "bank.batch"


def test_a_batch_without_amounts_stays_one_entry_with_all_its_texts():
    (found,) = expanded(
        TEN,
        [
            Transaction(text="INV 1", structured=("A",), debtor=Party("Ana")),
            Transaction(text="INV 2", structured=("B",), debtor=Party("Bo")),
        ],
        "B1",
    )
    assert (found.amount, found.text, found.structured) == (1000, "INV 1 INV 2", ("A", "B"))
    assert found.name is None


def test_one_transaction_has_what_moved_on_the_account_though_a_bank_kept_charges():
    (found,) = expanded(TEN, parts(1150), "B1")
    assert (found.amount, found.reference) == (1000, "B1")


@pytest.mark.parametrize(
    ("is_credit", "reason", "is_reversal", "name"),
    [
        (True, None, False, "debtor"),
        (False, None, False, "creditor"),
        (False, "AC04", False, "debtor"),
        (False, None, True, "debtor"),
        (True, "AC04", False, "creditor"),
    ],
)
def test_the_other_party_is_who_paid_or_was_paid_and_keeps_its_part_when_money_comes_back(
    is_credit, reason, is_reversal, name
):
    booking = TEN._replace(is_credit=is_credit, is_reversal=is_reversal)
    told = Transaction(debtor=Party("debtor"), creditor=Party("creditor"), reason=reason)
    assert expanded(booking, [told], "B1")[0].name == name


def references(*bookings, seen=None, account="A"):
    seen = {} if seen is None else seen
    return [entry.reference for entry in entries_of(account, bookings, seen)]


def test_a_reference_is_the_bank_s_or_derived_and_the_same_in_every_import():
    bare = Told(TEN._replace(reference=None))
    told_by_its_part = Told(TEN._replace(reference=None), (Transaction(reference="T1"),))
    assert references(Told(TEN)) == ["B1 2026-03-02 +10.00 EUR"]
    assert references(told_by_its_part) == ["T1 2026-03-02 +10.00 EUR"]
    assert [bank_reference(one) for one in references(Told(TEN), told_by_its_part, bare)] == [
        "B1", "T1", None,
    ]  # fmt: skip
    assert references(bare) == references(bare)
    assert references(bare)[0].startswith("derived-")


@pytest.mark.parametrize(
    ("changed", "is_same"),
    [
        ({"amount": 1001}, False),
        ({"currency": "USD"}, False),
        ({"is_credit": False}, False),
        ({"booked_on": date(2026, 3, 3)}, False),
        ({"value_on": DAY, "text": "in other words", "own_reference": "7"}, True),
    ],
)
def test_of_one_reference_what_differs_in_money_or_day_is_another_entry(changed, is_same):
    other = Told(TEN._replace(**changed))
    assert (references(other) == references(Told(TEN))) is is_same
    names = references(Told(TEN), other, Told(TEN))
    assert names == [*references(Told(TEN)), f"{names[0]}#2", f"{names[0]}#3"] if is_same else [
        names[0], *references(other), f"{names[0]}#2",
    ]  # fmt: skip


@pytest.mark.parametrize("reference", ["R" * 101, "R\u200b1"])
def test_a_reference_that_is_too_long_or_has_signs_that_nobody_sees_gets_a_short_name(reference):
    (found,) = references(Told(TEN._replace(reference=reference)))
    assert len(found) == len("2026-03-02 +10.00 EUR") + 33
    assert found.isprintable()


@pytest.mark.parametrize(
    "other",
    [
        Told(TEN._replace(reference=None, amount=1001)),
        Told(TEN._replace(reference=None, currency="USD")),
        Told(TEN._replace(reference=None, is_credit=False)),
        Told(TEN._replace(reference=None, booked_on=date(2026, 3, 3))),
        Told(TEN._replace(reference=None, value_on=DAY)),
        Told(TEN._replace(reference=None, own_reference="1")),
        Told(TEN._replace(reference=None, text="a")),
        Told(TEN._replace(reference=None, is_reversal=True)),
        Told(TEN._replace(reference=None), (Transaction(end_to_end_id="E"),)),
        Told(TEN._replace(reference=None), (Transaction(text="E"),)),
    ],
)
def test_a_derived_reference_tells_apart_whatever_differs(other):
    assert references(other) != references(Told(TEN._replace(reference=None)))


def test_equal_bookings_stay_two_also_on_two_pages():
    bare, seen = Told(TEN._replace(reference=None)), {}
    first, second = references(bare, bare, seen=seen)
    assert second == f"{first}#2"
    assert references(bare, seen=seen) == [f"{first}#3"]
    assert references(bare, seen=seen, account="B") != [f"{first}#4"]


def statement(opening, closing, *amounts):
    entries = tuple(
        StatementEntry(abs(amount), "EUR", amount > 0, DAY, None, str(n), str(n))
        for n, amount in enumerate(amounts)
    )
    return Statement("camt", "A", "S", "EUR", opening, closing, None, None, entries)


@pytest.mark.parametrize(
    ("opening", "closing", "amounts", "right"),
    [
        (0, 0, (), True),
        (100, 150, (80, -30), True),
        (-100, -150, (-50,), True),
        (100, 151, (80, -30), False),
        (100, 100, (1,), False),
        (None, 150, (80,), True),
        (100, None, (80,), True),
    ],
)
def test_balances_agree_with_the_entries_where_both_are_told(opening, closing, amounts, right):
    told = statement(opening, closing, *amounts)
    if right:
        assert checked(told) is told
    else:
        with pytest.raises(Invalid, match="closing balance") as refused:
            checked(told)
        assert refused.value.code == "bank.balance"


def test_an_entry_in_another_currency_than_the_account_s_is_refused():
    with pytest.raises(Invalid, match="an entry in EUR is on an account in CHF"):
        checked(statement(0, 100, 100)._replace(currency="CHF"))
