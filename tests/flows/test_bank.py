"""Bank statements become payments: what is certain pays, all else waits, and nothing comes twice."""

from __future__ import annotations

from datetime import date

import pytest

from everycent.flows import bank
from everycent.invoicing import queries as invoicing
from everycent.kernel.errors import Conflict
from everycent.ledger.account import CASH, CUSTOMER_CREDIT, RECEIVABLE, SUSPENSE
from everycent.payments import operations as payments
from everycent.payments.operations import Share
from everycent.payments.references import creditor_reference
from everycent.payments.statement import Statement, StatementEntry
from tests.collecting import shop

DAY = date(2026, 2, 2)


def entry(amount: int, reference: str, text: str = "", *, structured=(), iban=None, credit=True):
    return StatementEntry(
        amount, "EUR", credit, DAY, DAY, reference, reference, structured=tuple(structured),
        text=text, name="Somebody", iban=iban,
    )  # fmt: skip


def taken(place, *entries):
    told = Statement(
        "camt.053.001.08", "HR1723600001101234565", "1", "EUR", None, None, DAY, DAY, entries
    )
    with place.database.transaction(place.tenant_id) as tx:
        return bank.take_in(tx, [told], **shop.writing())


def books(place) -> dict[str, int]:
    return {
        account.code: shop.balance(place, account)
        for account in (CASH, RECEIVABLE, CUSTOMER_CREDIT, SUSPENSE)
    }


def test_money_that_names_its_invoice_pays_it_and_what_is_over_is_the_customers_credit(place):
    shop.open_shop(place, 2)
    (one,) = taken(
        place, entry(shop.OWED + 100, "A1", structured=[creditor_reference("INV-000001")])
    )
    assert one.outcome == "certain"
    assert shop.open_amounts(place) == [shop.OWED]
    assert books(place) == {
        "cash": shop.OWED + 100, "receivable": shop.OWED, "customer_credit": -100, "suspense": 0,
    }  # fmt: skip
    assert shop.violations(place) == []


def test_the_same_line_is_booked_once_however_often_its_file_comes(place):
    shop.open_shop(place, 1)
    lines = [entry(1000, "A1", "INV-000001"), entry(700, "A2", "who knows")]
    assert [one.outcome for one in taken(place, *lines)] == ["certain", "unmatched"]
    assert [one.outcome for one in taken(place, *lines, *lines)] == ["known"] * 4
    assert books(place)["cash"] == 1700
    assert shop.violations(place) == []


def test_money_of_nobody_waits_in_suspense_until_it_is_assigned_and_its_account_is_remembered(
    place,
):
    keys = shop.open_shop(place, 1)
    iban = "DE89370400440532013000"
    (one,) = taken(place, entry(500, "A1", "thank you", iban=iban))
    assert books(place)["suspense"] == -500
    with place.database.transaction(place.tenant_id) as tx:
        owner = shop.customers.by_name(tx, keys[0])
        invoice = invoicing.invoice(tx, "INV-000001").invoice
        payment_id = one.payment.payment_id
        payments.assign(
            tx, payment_id, owner.customer_id, [Share(invoice.invoice_id, 200)], shop.writing()
        )
    assert books(place) == {
        "cash": 500, "receivable": shop.OWED - 200, "customer_credit": -300, "suspense": 0,
    }  # fmt: skip
    with pytest.raises(Conflict), place.database.transaction(place.tenant_id) as tx:
        payments.assign(tx, payment_id, owner.customer_id, [], shop.writing())
    (next_one,) = taken(place, entry(shop.OWED - 200, "A2", "again", iban=iban))
    assert next_one.outcome == "certain"
    assert shop.open_amounts(place) == []
    assert shop.violations(place) == []


def test_money_that_goes_out_books_nothing(place):
    shop.open_shop(place, 1)
    assert [one.outcome for one in taken(place, entry(900, "A1", "INV-000001", credit=False))] == [
        "outgoing"
    ]
    assert books(place)["cash"] == 0


def test_a_file_that_comes_again_with_more_lines_takes_nothing_away_from_the_new_ones(place):
    shop.open_shop(place, 1)
    first = entry(1000, "A1", "INV-000001")
    taken(place, first)
    old, new = taken(place, first, entry(shop.OWED - 1000, "A2", "INV-000001"))
    assert (old.outcome, new.outcome) == ("known", "certain")
    assert shop.open_amounts(place) == []
    assert books(place)["customer_credit"] == 0
    assert shop.violations(place) == []
