"""Refunds, disputes and what providers tell: money goes back at most once, and the books follow."""

from __future__ import annotations

import asyncio
import itertools
import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from everycent.flows.collect import listen, refund, work
from everycent.flows.collect.refund import Asked
from everycent.invoicing import queries as invoicing
from everycent.kernel import ids
from everycent.kernel.errors import Conflict, Forbidden, Refusal, Unavailable
from everycent.payments import operations as payments
from everycent.payments import payment as paid
from everycent.payments import queries
from everycent.payments.operations import Share
from everycent.payments.payment import Payment, Way
from tests.collecting import shop
from tests.collecting.crash import Job, Set, killed_at, points_of
from tests.payments.fake import mailbox, running_fake


def the_payment(place) -> str:
    with place.database.snapshot(place.tenant_id) as tx:
        (held,) = queries.of_customer(tx, None)
    return ids.show(paid.PREFIX, held.payment.payment_id)


def ask(place, amount, *, reopens=True, name=None):
    return refund.request(
        place.database, place.tenant_id,
        Asked(name or the_payment(place), amount, reopens, "as agreed"),
        at=shop.now(), actor="test", ids=shop.random_ids,
    )  # fmt: skip


def worked(desk) -> None:
    async def once() -> None:
        with work.alive(desk):
            await work.one_round(desk, shop.processes.is_gone, work.Stop())
        for provider in desk.providers.values():
            await provider.close()

    asyncio.run(once())


def refunded(fake) -> list[int]:
    return [one["amount"] for one in fake.ledger()["refunds"] if one["status"] == "refunded"]


def in_step(place, fake) -> None:
    """The books have what the provider has, and every proof holds."""
    ledger = fake.ledger()
    took = sum(c["amount"] - c["fee"] for c in ledger["charges"] if c["status"] == "captured")
    assert shop.balance(place, shop.CLEARING) == took - sum(refunded(fake))
    assert shop.violations(place) == []


def recover(place, where) -> None:
    """Starts workers until nothing is under way."""

    def is_quiet() -> bool:
        assert not killed_at(where, Job(None, rounds=1))
        return not shop.alive(place)

    shop.until(is_quiet)


def test_a_refund_goes_back_through_the_provider_and_opens_the_invoice_again(place, tmp_path):
    shop.open_shop(place, 1)
    with running_fake(tmp_path) as fake:
        shop.collect(shop.desk_at(place, shop.provider_of(fake)))
        done, stage = ask(place, 1000)
        assert (done.moves[-1].back_after, stage.state.status.value) == (1000, "claimed")
        worked(shop.desk_at(place, shop.provider_of(fake)))
        assert refunded(fake) == [1000]
        assert shop.open_amounts(place) == [1000]
        shop.collect(shop.desk_at(place, shop.provider_of(fake)))
        assert len(fake.captured()) == 1  # what was given back is not charged again by itself
        in_step(place, fake)


def test_without_reopening_only_what_is_left_goes_back(place, tmp_path):
    shop.open_shop(place, 1)
    with running_fake(tmp_path) as fake:
        shop.collect(shop.desk_at(place, shop.provider_of(fake)))
        with pytest.raises(Conflict) as refused:
            ask(place, 1, reopens=False)
        assert refused.value.code == "payment.refund_too_large"


def test_never_more_goes_back_than_came_in_however_many_ask_at_once(place, tmp_path):
    shop.open_shop(place, 1)
    with running_fake(tmp_path, mode="forgetful") as fake:
        shop.collect(shop.desk_at(place, shop.provider_of(fake, "forgetful")))
        name = the_payment(place)

        def one(_: int) -> int:
            try:
                done, _stage = ask(place, 1000, name=name)
            except Refusal:
                return 0
            return done.moves[-1].amount

        with ThreadPoolExecutor(8) as pool:
            given = sum(pool.map(one, range(12)))
        assert given == 3000
        for _ in range(2):
            worked(shop.desk_at(place, shop.provider_of(fake, "forgetful")))
        assert sum(refunded(fake)) == 3000
        in_step(place, fake)


@pytest.mark.parametrize("mode", ["idempotent", "forgetful"])
def test_a_refund_that_is_killed_at_any_point_goes_back_once(place, tmp_path, mode):
    shop.open_shop(place, 60)
    with running_fake(tmp_path, mode=mode) as fake:
        where = Set(
            place.conninfo, place.tenant_id, fake.url, mode, True, deadline=0.3, latest_commit=0.6
        )
        shop.collect(shop.desk_at(place, shop.provider_of(fake, mode)))
        with place.database.snapshot(place.tenant_id) as tx:
            names = iter(
                [
                    ids.show(paid.PREFIX, held.payment.payment_id)
                    for held in queries.of_customer(tx, None)
                ]
            )
        ask(place, shop.OWED, name=next(names))
        of_it = ("refund_retry", "refund_send", "call", "hear", "book")
        found = [
            one for one in points_of(where, Job(None, rounds=1)) if one.partition(".")[0] in of_it
        ]
        points = list(dict.fromkeys([*found, "wire.sending", "wire.sent", "wire.answered"]))
        assert len(points) >= 17
        for count, point in enumerate(points, start=2):
            ask(place, shop.OWED, name=next(names))
            assert killed_at(where, Job(None, point, rounds=1)), point
            recover(place, where)
            assert refunded(fake) == [shop.OWED] * count, point
        in_step(place, fake)


def test_a_refund_that_the_provider_declines_is_the_customers_credit_again(place, tmp_path):
    shop.open_shop(place, 1)
    with running_fake(tmp_path) as fake:
        shop.collect(shop.desk_at(place, shop.provider_of(fake)))
        fake.call("POST", f"/admin/charges/{fake.captured()[0]['id']}/refund")  # all of it, there
        ask(place, 500)
        worked(shop.desk_at(place, shop.provider_of(fake)))
        with place.database.snapshot(place.tenant_id) as tx:
            (held,) = queries.of_customer(tx, None)
        assert (held.standing.left, held.standing.back) == (500, 0)
        assert shop.violations(place) == []


def heard(place, fake, box, desk, order=None) -> list[str]:
    """Takes in every webhook of the box, in the order told."""
    provider = desk.providers["psp"]
    effects = []
    for headers, body in order or box.taken:
        try:
            effects += listen.hear(desk, provider, headers, body)
        except Unavailable as early:
            effects.append(early.code)
    return effects


def test_a_dispute_takes_the_money_off_its_invoice_and_a_won_one_puts_it_back(place, tmp_path):
    shop.open_shop(place, 1)
    with mailbox() as box, running_fake(tmp_path, webhook=box.url) as fake:
        shop.collect(shop.desk_at(place, shop.provider_of(fake)))
        charge = fake.captured()[0]
        balances = [shop.open_amounts(place)]
        for action in ("dispute", "win"):
            fake.call("POST", f"/admin/charges/{charge['id']}/{action}")
            word = {"dispute": b"dispute.created", "win": b"dispute.won"}[action]
            box.wait_for(lambda _, body, word=word: word in body)
            heard(place, fake, box, shop.desk_at(place, shop.provider_of(fake)))
            balances.append(shop.open_amounts(place))
        assert balances == [[], [shop.OWED], []]
        in_step(place, fake)


def test_every_order_and_repetition_of_a_providers_events_ends_in_the_same_state(place, tmp_path):
    shop.open_shop(place, 24)
    with mailbox() as box, running_fake(tmp_path, webhook=box.url) as fake:
        shop.collect(shop.desk_at(place, shop.provider_of(fake)))
        dice = random.Random(5)
        desk = shop.desk_at(place, shop.provider_of(fake))
        for charge, shape in zip(fake.captured(), itertools.permutations(range(3)), strict=False):
            fake.call("POST", f"/admin/charges/{charge['id']}/dispute")
            fake.call("POST", f"/admin/charges/{charge['id']}/win")
            told = box.about(charge["reference"], 3)
            events = [told[n] for n in shape]
            events += dice.choices(events, k=4)
            while "payment.notice_too_early" in heard(place, fake, box, desk, events):
                events = events[1:] + events[:1]
        assert shop.open_amounts(place) == []
        in_step(place, fake)


def test_a_webhook_that_is_not_the_providers_changes_nothing(place, tmp_path):
    shop.open_shop(place, 1)
    with mailbox() as box, running_fake(tmp_path, webhook=box.url) as fake:
        shop.collect(shop.desk_at(place, shop.provider_of(fake)))
        fake.settings(webhook={"sign_wrongly": True})
        fake.call("POST", f"/admin/charges/{fake.captured()[0]['id']}/dispute")
        ((headers, body),) = box.wait_for(lambda _, body: b"dispute.created" in body)
        desk = shop.desk_at(place, shop.provider_of(fake))
        with pytest.raises(Forbidden) as refused:
            listen.hear(desk, desk.providers["psp"], headers, body)
        assert refused.value.code == "payment.bad_signature"
        assert shop.open_amounts(place) == []


def receive(place, key, amount, external, invoices, currency="EUR"):
    with place.database.transaction(place.tenant_id) as tx:
        owner = shop.customers.by_name(tx, key)
        shares = [
            Share(invoicing.invoice(tx, name).invoice.invoice_id, part) for name, part in invoices
        ]
        told = Payment(
            shop.random_ids(""), owner.customer_id, currency, amount, Way.TRANSFER, "bank", external,
            shop.now().date(),
        )  # fmt: skip
        return payments.receive(tx, told, shares, shop.writing())


def test_one_payment_pays_many_invoices_and_many_payments_pay_one(place):
    shop.open_shop(place, 1)
    receive(place, "c0000", 1000, "1", [("INV-000001", None)])
    receive(place, "c0000", 1500, "2", [("INV-000001", 500)])
    assert shop.open_amounts(place) == [shop.OWED - 1500]
    assert shop.balance(place, shop.CUSTOMER_CREDIT) == -1000
    receive(place, "c0000", 9999, "3", [("INV-000001", None)])
    assert shop.open_amounts(place) == []
    assert shop.balance(place, shop.RECEIVABLE) == 0
    assert shop.violations(place) == []


def owner_of(place, name: str) -> str:
    with place.database.snapshot(place.tenant_id) as tx:
        return invoicing.invoice(tx, name).invoice.customer.key


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"amount": 0}, "payment.bad_amount"),
        ({"amount": -5}, "payment.bad_amount"),
        ({"currency": "USD"}, "payment.other_currency"),
        ({"is_other": True}, "payment.of_another_customer"),
        ({"invoices": [("INV-000001", shop.OWED + 1)]}, "payment.too_much_for_invoice"),
        ({"invoices": [("INV-000001", 0)]}, "payment.too_much_for_invoice"),
        ({"invoices": [("INV-000001", -1)]}, "payment.too_much_for_invoice"),
        ({"invoices": [("INV-000009", None)]}, "invoice.unknown"),
        ({"external": "known"}, "payment.booked_before"),
    ],
    ids=str,
)
def test_a_payment_that_makes_no_sense_is_refused_and_nothing_is_written(place, change, code):
    shop.open_shop(place, 2)
    mine, other = owner_of(place, "INV-000001"), owner_of(place, "INV-000002")
    receive(place, other, 1, "known", [])
    before = shop.state(place)
    told = {
        "key": other if "is_other" in change else mine, "amount": 5000, "external": "1",
        "invoices": [("INV-000001", None)], "currency": "EUR",
    } | change  # fmt: skip
    with pytest.raises(Refusal) as refused:
        receive(place, told["key"], told["amount"], told["external"], told["invoices"],
                told["currency"])  # fmt: skip
    assert refused.value.code == code
    assert shop.state(place) == before


def test_what_we_hold_of_a_customer_pays_before_anything_is_charged(place, tmp_path):
    shop.open_shop(place, 2)
    receive(place, "c0000", shop.OWED, "1", [])
    receive(place, "c0001", 700, "2", [])
    with running_fake(tmp_path) as fake:
        shop.collect(shop.desk_at(place, shop.provider_of(fake)))
        assert [one["amount"] for one in fake.captured()] == [shop.OWED - 700]
        in_step(place, fake)
    assert shop.open_amounts(place) == []
