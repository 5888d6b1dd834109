"""Verify names what was changed behind its back in the books of money that came in: a superuser with all
triggers off, one row at a time."""

from __future__ import annotations

import psycopg
import pytest

from everycent.charging import audit as charging_audit
from everycent.flows.verify import verify
from everycent.invoicing import queries as invoicing
from everycent.kernel import ids
from everycent.payments import audit, operations, queries
from everycent.payments.payment import PREFIX
from tests.collecting import shop
from tests.collecting.test_money_back import ask, receive, worked
from tests.payments.fake import running_fake

REBUILT = "the journal rebuilds every table, byte for byte"
OPEN = "receivables are what is open of documents"
LEFT = "what we owe customers is what is left of their payments"
SAID = "payments say what is left of them"
PAYS = "payments pay what documents say is settled"
ASIDE = "what of a refund did not go was set aside for it"
STEPS = "what is open of a document goes from step to step"
OWN = "nobody's payment pays for somebody else"
BOOKED = "every charge that succeeded is booked once"
TWICE = "nothing was charged twice"
TRAIL = "every attempt has its trail"
BALANCED = "every entry balances in every currency"

PLANTED = [
    # what the superuser does                                                     the promises that fail
    ("delete from settlement where kind = 'payment'", {OPEN, PAYS}),
    ("update settlement set owed = owed + 1", {STEPS}),
    (("update payment_move set amount = amount + 1, left_after = left_after + 1,"
      " back_after = back_after - 1 where kind = 'refund_failed'"), {LEFT, SAID, ASIDE}),
    ("update payment_move set of_move = 2 where kind = 'refund_failed'", {ASIDE}),
    ("update payment set left_over = left_over - 1 where left_over > 0", {SAID}),
    (("update payment_move set amount = amount - 1, left_after = left_after + 1 where kind = 'applied'"
      " and document_id in (select invoice_id from invoice i join customer c using (customer_id)"
      " where c.key = 'c0000')"), {PAYS, LEFT, SAID}),
    (("update payment set customer_id = (select customer_id from customer where key = 'c0001')"
      " where external_id = 'transfer'"), {LEFT, OWN}),
    ("update payment set currency = 'USD' where external_id = 'transfer'", {LEFT, OWN}),
    ("update payment set amount = amount + 1 where attempt_id is not null", {BOOKED}),
    ("update payment_attempt set status = 'failed', failure = 'declined' where kind = 'charge'",
     {BOOKED}),
    ("delete from payment_attempt where kind = 'charge'", {BOOKED}),
    (("drop index payment_attempt_alive; drop index payment_attempt_step;"
      "insert into payment_attempt (tenant_id, attempt_id, kind, reference, invoice_id, step, open,"
      " customer_id, provider, amount, currency, tries, status, fence, worker_id, looks,"
      " is_contradicted, claimed_at, changed_at, told) select tenant_id, gen_random_uuid(), kind,"
      " 'att_again', invoice_id, step, open, customer_id, provider, amount, currency, tries, 'claimed',"
      " 1, worker_id, 0, false, claimed_at, changed_at, told from payment_attempt where kind = 'charge'"),
     {TWICE, TRAIL}),
    ("update ledger_posting set amount = amount + 1 where account_id = 12", {LEFT, BALANCED}),
]  # fmt: skip


@pytest.fixture
def paid(place, tmp_path):
    """A charge, a transfer that leaves something, a refund that went and one that did not."""
    shop.open_shop(place, 2)
    mine = receive(place, "c0000", shop.OWED + 500, "transfer", [])
    with place.database.snapshot(place.tenant_id) as tx:
        (owed,) = [
            row for row in invoicing.open_of_customer(tx, None)
            if row.customer_id == mine.payment.customer_id
        ]  # fmt: skip
    with place.database.transaction(place.tenant_id) as tx:
        operations.apply(
            tx, mine.payment.payment_id,
            [operations.Share(owed.invoice_id)], shop.writing(),
        )  # fmt: skip
    with running_fake(tmp_path) as fake:
        shop.collect(shop.desk_at(place, shop.provider_of(fake)))
        with place.database.snapshot(place.tenant_id) as tx:
            (charged,) = [
                ids.show(PREFIX, one.payment.payment_id)
                for one in queries.of_customer(tx, None)
                if one.payment.attempt_id
            ]
        ask(place, 1000, name=charged)
        worked(shop.desk_at(place, shop.provider_of(fake)))
        fake.fault("decline:stolen_card", times=9)
        ask(place, 700, name=charged)
        worked(shop.desk_at(place, shop.provider_of(fake)))
    return place


def failing(place) -> set[str]:
    with place.database.snapshot(place.tenant_id) as tx:
        checks = list(verify(tx, trusted_key=None, with_replay=True))
    return {check.promise for check in checks if check.violators}


def test_every_promise_about_payments_is_planted_against():
    planted = set().union(*(promises for _, promises in PLANTED))
    assert set(audit.CHECKS) | set(charging_audit.CHECKS) <= planted


@pytest.mark.not_recounted
@pytest.mark.parametrize(("statement", "promises"), PLANTED, ids=[s[:60] for s, _ in PLANTED])
def test_what_was_changed_is_named(paid, statement, promises):
    assert failing(paid) == set()
    with psycopg.connect(paid.conninfo) as admin:
        admin.execute("set session_replication_role = replica")
        admin.execute("set search_path = everycent")
        for part in statement.split(";"):
            done = admin.execute(part.encode())
        assert done.rowcount > 0
    assert failing(paid) == promises | {REBUILT}
