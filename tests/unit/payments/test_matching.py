"""Matching: what an entry pays, how sure that is, and why."""

from datetime import date, timedelta
from uuid import UUID

import pytest

from everycent.payments.matching import Certainty, match
from everycent.payments.names import are_same
from everycent.payments.open_items import Allocation, Collection, OpenInvoice
from everycent.payments.statement import StatementEntry

DAY = date(2026, 3, 2)
IBAN = "HR1210010051863000160"
ACME, BO, CY = (UUID(int=n) for n in (1, 2, 3))
NAMES = {ACME: "Acme d.o.o.", BO: "Bo Lind", CY: "Lind, Bo"}
SURE, ASK, NOT = Certainty.CERTAIN, Certainty.PROPOSED, Certainty.UNMATCHED


def invoice(number, customer, amount, currency="EUR", due=0):
    return OpenInvoice(
        UUID(int=100 + number),
        f"INV-{number:06d}",
        customer,
        f"key-{customer.int}",
        NAMES[customer],
        amount,
        currency,
        DAY + timedelta(days=due),
    )


def entry(amount, text="", **told):
    given = {"is_credit": True, "currency": "EUR", **told}
    return StatementEntry(
        amount, booked_on=DAY, value_on=DAY, booking="B", reference="B", text=text, **given
    )


OPEN = [
    invoice(12, ACME, 11900, due=2),
    invoice(13, ACME, 2000, due=1),
    invoice(14, ACME, 5000, due=3),
    invoice(15, BO, 3000),
    invoice(16, BO, 4000, due=5),
    invoice(17, ACME, 700, "USD"),
    invoice(18, CY, 9000),
]
PAYERS = {IBAN: ACME}
SENT = [Collection("EC-1", BO, 3000, "EUR", (UUID(int=115),))]


def one(paid, invoices=OPEN, payers=PAYERS, collections=SENT):
    (found,) = match([paid], invoices, payers=payers, collections=collections)
    return found


def shares(found):
    return {share.invoice_id.int - 100: share.amount for share in found.allocations}


@pytest.mark.parametrize(
    ("paid", "certainty", "allocated", "unapplied", "why"),
    [
        # by name
        (entry(11900, "INV-000012"), SURE, {12: 11900}, 0, "names INV-000012"),
        (entry(11900, structured=("RF63INV000012",)), SURE, {12: 11900}, 0, "names INV-000012"),
        (entry(11900, "REF RF63 INV0 0001 2 MARCH"), SURE, {12: 11900}, 0, "names INV-000012"),
        (entry(11900, end_to_end_id="INV-000012"), SURE, {12: 11900}, 0, "names INV-000012"),
        (entry(11900, "inv000012"), SURE, {12: 11900}, 0, "names INV-000012"),
        (entry(13900, "INV-000012, INV-000013"), SURE, {12: 11900, 13: 2000}, 0, "names"),
        (entry(13900, "Invoice 12 and 13"), SURE, {12: 11900, 13: 2000}, 0, "names"),
        (entry(5000, "INV-000012 INV-000013"), SURE, {13: 2000, 12: 3000}, 0, "names"),
        (entry(12000, "INV-000012"), SURE, {12: 11900}, 100, "names"),
        (entry(100, "INV-000012"), SURE, {12: 100}, 0, "names"),
        (entry(7000, "INV-000013 INV-000014", iban="X"), SURE, {13: 2000, 14: 5000}, 0, "names"),
        # several customers
        (entry(14900, "INV-000012, INV-000015"), SURE, {15: 3000, 12: 11900}, 0, "names"),
        (
            entry(14000, "INV-000012, INV-000015"),
            ASK,
            {15: 3000, 12: 11000},
            0,
            "several customers",
        ),
        (
            entry(15000, "INV-000012, INV-000015"),
            ASK,
            {15: 3000, 12: 11900},
            100,
            "several customers",
        ),
        # short names need another sign
        (entry(11900, "INV 12"), SURE, {12: 11900}, 0, "names INV-000012"),
        (entry(500, "INV 12"), ASK, {12: 500}, 0, "in short"),
        (entry(500, "INV 12", iban=IBAN), SURE, {12: 500}, 0, "names INV-000012"),
        (entry(500, "INV 12", name="ACME D O O"), SURE, {12: 500}, 0, "names INV-000012"),
        (entry(3000, "INV 15", iban=IBAN), ASK, {15: 3000}, 0, "another customer's"),
        (entry(3000, "INV-000015", iban=IBAN), SURE, {15: 3000}, 0, "names INV-000015"),
        (entry(11900, "INV-000012, see invoice 13"), SURE, {12: 11900}, 0, "names INV-000012"),
        (entry(12000, "INV-000012, see invoice 13"), ASK, {13: 2000, 12: 10000}, 0, "in short"),
        # not open, or in another currency
        (entry(700, "INV-000017"), NOT, {}, 0, "INV-000017, where nothing is open"),
        (entry(700, "INV-000017", currency="USD"), SURE, {17: 700}, 0, "names INV-000017"),
        (entry(2000, "INV-000013, INV-000099"), SURE, {13: 2000}, 0, "and INV-000099"),
        (
            entry(2000, "INV-000099", iban=IBAN),
            ASK,
            {13: 2000},
            0,
            "INV-000099, where nothing is open",
        ),
        # by account
        (entry(2000, iban=IBAN), SURE, {13: 2000}, 0, "the amount is that of INV-000013"),
        (entry(18900, "thanks", iban=IBAN), SURE, {13: 2000, 12: 11900, 14: 5000}, 0, "amount"),
        (entry(2001, iban=IBAN), ASK, {13: 2000, 12: 1}, 0, "nor all together"),
        (entry(20000, iban=IBAN), ASK, {13: 2000, 12: 11900, 14: 5000}, 1100, "nor all together"),
        (entry(700, iban=IBAN, currency="CHF"), ASK, {}, 700, "nothing is open in CHF"),
        # by likeness
        (entry(2000, name="ACME"), ASK, {13: 2000}, 0, "name and amount are those of key-1"),
        (entry(3000, name="LIND BO"), ASK, {15: 3000}, 0, "those of key-2, INV-000015"),
        (entry(7000, name="bo lind"), ASK, {15: 3000, 16: 4000}, 0, "those of key-2"),
        (entry(9000, name="Bo Lind"), ASK, {18: 9000}, 0, "those of key-3"),
        (entry(2001, name="ACME"), NOT, {}, 0, "neither account nor name and amount"),
        (entry(2000, name="Acme Sons"), NOT, {}, 0, "neither account nor name and amount"),
        (entry(2000), NOT, {}, 0, "neither account nor name and amount"),
        # what pays nothing
        (entry(11900, "INV-000012", is_credit=False), NOT, {}, 0, "money went out"),
        (entry(11900, "INV-000012", is_reversal=True), NOT, {}, 0, "came back"),
        (entry(11900, "INV-000012", reason="AC04"), NOT, {}, 0, "came back"),
        (entry(0, "INV-000012"), NOT, {}, 0, "no money"),
        # collections
        (
            entry(3000, end_to_end_id="EC-1"),
            SURE,
            {15: 3000},
            0,
            "our direct debit EC-1 of 30.00 EUR",
        ),
        (entry(2900, end_to_end_id="EC-1"), ASK, {15: 2900}, 0, "the amounts differ"),
        (entry(3000, end_to_end_id="EC-1", currency="USD"), NOT, {}, 0, "but is in USD"),
        (entry(3000, end_to_end_id="EC-1", is_reversal=True), NOT, {}, 0, "came back"),
        (entry(3000, "INV-000015", end_to_end_id="EC-2"), SURE, {15: 3000}, 0, "names INV-000015"),
    ],
)
def test_an_entry_pays_what_it_says_and_no_more_is_taken_for_certain_than_is(
    paid, certainty, allocated, unapplied, why
):
    found = one(paid)
    assert (found.certainty, shares(found), found.unapplied) == (certainty, allocated, unapplied)
    assert why in found.reason


@pytest.mark.parametrize(
    ("amount", "told", "certainty", "charge"),
    [
        (3000, {"reason": "AM04"}, SURE, 0),
        (3300, {"reason": "AM04"}, SURE, 300),
        (3000, {"is_reversal": True}, SURE, 0),
        (2900, {"reason": "AM04"}, ASK, 0),
        (3000, {}, ASK, 0),
    ],
)
def test_a_collection_that_went_back_is_a_return_and_never_a_payment(
    amount, told, certainty, charge
):
    found = one(entry(amount, end_to_end_id="EC-1", is_credit=False, **told))
    assert (found.is_return, found.collection, found.customer_id) == (True, "EC-1", BO)
    assert (found.certainty, found.charge, found.allocations) == (certainty, charge, ())


def test_a_second_return_of_one_collection_needs_a_person():
    back = entry(3000, end_to_end_id="EC-1", is_credit=False, reason="AM04")
    first, second = match([back, back], OPEN, collections=SENT)
    assert (first.certainty, second.certainty, second.is_return) == (SURE, ASK, True)
    assert "has returned it already" in second.reason


def test_two_invoices_of_one_amount_are_paid_oldest_first_from_a_known_account():
    same = [invoice(21, ACME, 500, due=9), invoice(22, ACME, 500, due=1), invoice(23, ACME, 800)]
    assert shares(one(entry(500, iban=IBAN), same)) == {22: 500}


def test_customers_of_one_name_who_owe_the_same_are_nobody():
    same = [invoice(21, BO, 500), invoice(22, CY, 500)]
    found = one(entry(500, name="Bo Lind"), same)
    assert (found.certainty, found.allocations) == (NOT, ())
    assert "several customers of the name" in found.reason


def test_what_one_entry_paid_for_certain_is_not_open_for_the_next():
    paid = [entry(1500, "INV-000013"), entry(1500, "INV-000013"), entry(1500, "INV-000013")]
    first, second, third = match(paid, OPEN, payers=PAYERS)
    assert (shares(first), shares(second), second.unapplied) == ({13: 1500}, {13: 500}, 1000)
    assert (third.certainty, third.allocations) == (NOT, ())


def test_a_proposal_leaves_the_invoice_open():
    first, second = match([entry(500, "INV 12"), entry(11900, "INV-000012")], OPEN)
    assert (first.certainty, shares(second)) == (ASK, {12: 11900})


def test_a_second_payment_of_one_collection_needs_a_person():
    paid = entry(3000, end_to_end_id="EC-1")
    first, second = match([paid, paid], OPEN, collections=SENT)
    assert (first.certainty, second.certainty, second.unapplied) == (SURE, ASK, 3000)
    assert "has paid it already" in second.reason


def test_an_invoice_whose_name_is_of_another_form_is_found_by_amount():
    odd = invoice(12, ACME, 500)._replace(name="Opening balance")
    assert one(entry(500, iban=IBAN), [odd]).allocations == (Allocation(odd.invoice_id, 500),)


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("Acme d.o.o.", "ACME DOO", True),
        ("Müller & Söhne GmbH", "MULLER SOHNE", True),
        ("Ana Horvat", "HORVAT ANA", True),
        ("Đuro Šarić", "duro saric", True),
        ("Acme", "Acme Sons", False),
        ("", "", False),
        ("GmbH", "GmbH", True),
        ("GmbH", "AG", False),
    ],
)
def test_names_are_compared_without_accents_order_and_legal_forms(left, right, same):
    assert are_same(left, right) is same
