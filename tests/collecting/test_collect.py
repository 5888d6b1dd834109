"""Collecting with the fake provider, whose own ledger is the judge."""

from __future__ import annotations

from everycent.ledger.account import CLEARING, RECEIVABLE
from tests.collecting import shop
from tests.payments.fake import running_fake


def test_every_due_invoice_is_charged_once_and_booked(place, tmp_path):
    shop.open_shop(place, 30)
    with running_fake(tmp_path) as fake:
        shop.collect(shop.desk_at(place, shop.provider_of(fake)))
        charges = fake.captured()
    assert sorted(charge["amount"] for charge in charges) == [shop.OWED] * 30
    assert shop.open_amounts(place) == []
    assert shop.balance(place, RECEIVABLE) == 0
    assert shop.balance(place, CLEARING) == 30 * shop.OWED - sum(c["fee"] for c in charges)
    assert shop.violations(place) == []
