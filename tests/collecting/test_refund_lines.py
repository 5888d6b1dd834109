"""Refunds by line: money goes back with a credit note, and nothing more is open of the invoice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from everycent.flows.collect import refund_lines
from everycent.flows.credit_lines import credit_lines
from everycent.invoicing import queries as invoicing
from everycent.kernel.errors import Refusal
from everycent.payments import queries
from tests.collecting import shop
from tests.collecting.test_money_back import in_step, refunded, the_payment, worked
from tests.payments.fake import running_fake

PAID = 3720
"""31.00 and 20 % tax."""


def ask(place, *lines, name=None):
    asked = refund_lines.asked(name or the_payment(place), lines, "sorry")
    return refund_lines.request(
        place.database, place.tenant_id, asked, at=shop.now(), actor="test", ids=shop.random_ids
    )


def code(place, *lines, name=None):
    with pytest.raises(Refusal) as refusal:
        ask(place, *lines, name=name)
    return refusal.value.code


def test_what_a_line_comes_to_goes_back_through_the_provider_and_the_invoice_stays_paid(
    place, tmp_path
):
    shop.open_shop(place, 1)
    with running_fake(tmp_path) as fake:
        shop.collect(shop.desk_at(place, shop.provider_of(fake)))
        done, note, stage = ask(place, "INV-000001/1=10.00")
        assert (done.moves[-1].back_after, stage.attempt.amount, note.gross) == (1200, 1200, 1200)
        worked(shop.desk_at(place, shop.provider_of(fake)))
        assert refunded(fake) == [1200]
        assert shop.open_amounts(place) == []
        ask(place, "INV-000001/1")
        worked(shop.desk_at(place, shop.provider_of(fake)))
        assert sorted(refunded(fake)) == [1200, PAID - 1200]
        assert code(place, "INV-000001/1") == "invoice.nothing_left"
        shop.collect(shop.desk_at(place, shop.provider_of(fake)))
        assert len(fake.captured()) == 1
        in_step(place, fake)


def test_of_a_refund_that_can_not_be_made_nothing_is_left(place, tmp_path):
    shop.open_shop(place, 1)
    with running_fake(tmp_path) as fake:
        shop.collect(shop.desk_at(place, shop.provider_of(fake)))
        before = shop.state(place)
        assert code(place, "INV-000001/1=31.01") == "invoice.credit_too_large"
        assert code(place, "INV-000001/1=0.00") == "invoice.credit_too_large"
        assert code(place, "INV-000001/2") == "invoice.line_unknown"
        assert code(place, "INV-000009/1") == "invoice.unknown"
        assert code(place, "INV-000001") == "payment.bad_line"
        assert code(place, "INV-000001/1", "INV-000002/1") == "payment.bad_line"
        assert shop.state(place) == before


def test_no_more_goes_back_by_line_than_the_payment_pays_of_the_invoice(place, tmp_path):
    shop.open_shop(place, 2)
    with running_fake(tmp_path) as fake:
        shop.collect(shop.desk_at(place, shop.provider_of(fake)))
        with place.database.snapshot(place.tenant_id) as tx:
            one, other = shop.payment_names(tx)
            row = invoicing.document(tx, "INV-000001")
            is_first = queries.by_name(tx, one).payment.customer_id == row.customer_id
        own, strange = (one, other) if is_first else (other, one)
        assert code(place, "INV-000001/1=1.00", name=strange) == "payment.pays_less"
        with place.database.transaction(place.tenant_id) as tx:
            credit_lines(tx, "INV-000001", ["1=1.00"], reason="x", time_zone="UTC",
                         writing=shop.writing())  # fmt: skip
        assert ask(place, "INV-000001/1", name=own)[1].gross == PAID - 120
        assert shop.open_amounts(place) == [-120]
        assert shop.violations(place) == []


def test_refunds_by_line_at_once_give_back_no_more_than_the_line(place, tmp_path):
    shop.open_shop(place, 1)
    with running_fake(tmp_path) as fake:
        shop.collect(shop.desk_at(place, shop.provider_of(fake)))
        name = the_payment(place)

        def one(_: int) -> int:
            try:
                return ask(place, "INV-000001/1=10.00", name=name)[1].net
            except Refusal:
                return 0

        with ThreadPoolExecutor(6) as pool:
            assert sum(pool.map(one, range(8))) == 3000
        for _ in range(2):
            worked(shop.desk_at(place, shop.provider_of(fake)))
        assert sum(refunded(fake)) == 3600
        assert shop.open_amounts(place) == []
        in_step(place, fake)
