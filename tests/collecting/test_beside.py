"""What happens beside an attempt: payments, credit notes and stops while a request is on its way, or its
outcome is unknown. Each of these once led to a second charge, or to no charge at all."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import date, timedelta

import psycopg
import pytest

from everycent.charging import queries
from everycent.charging.attempt import Status
from everycent.flows.collect import decide, start, work
from everycent.invoicing import operations as invoices
from everycent.kernel import points
from everycent.methods import operations as methods
from everycent.methods import queries as known
from tests.collecting import shop
from tests.collecting.test_money_back import ask, receive, refunded, worked
from tests.payments.fake import running_fake

FAR = date(2100, 1, 1)


def credit_it(place):
    with place.database.transaction(place.tenant_id) as tx:
        invoices.credit(tx, "INV-000001", reason="wrong", time_zone="UTC", **shop.writing())


def pay_it(place):
    receive(place, "c0000", shop.OWED, "transfer", [("INV-000001", None)])


def take_the_method_away(place):
    with place.database.transaction(place.tenant_id) as tx:
        (one,) = known.of_customers(tx, [place_customer(place)])
        methods.remove(
            tx, one.method_id, reason="gone", at=shop.now(), actor="test", ids=shop.random_ids
        )


def place_customer(place):
    return shop.payers(place)[0][0]


@pytest.mark.parametrize("beside", [credit_it, pay_it, take_the_method_away])
def test_nothing_is_sent_again_for_what_is_no_longer_wanted(place, tmp_path, beside):
    shop.open_shop(place, 1)
    with running_fake(tmp_path) as fake:
        fake.fault("close_before_charge")
        desk = shop.desk_at(place, shop.provider_of(fake), policy=shop.PATIENT)
        shop.collect(desk)
        assert [one.state.status for one in shop.attempts(place)] == [Status.UNKNOWN]
        beside(place)
        for _ in range(3):
            worked(shop.desk_at(place, shop.provider_of(fake)))
        assert fake.captured() == []
        assert shop.violations(place) == []


class Hiccup:
    """The database breaks the transaction of a step off, once."""

    def __init__(self, name: str) -> None:
        self.name, self.is_over = name, False

    def __call__(self, reached: str) -> None:
        if reached == self.name and not self.is_over:
            self.is_over = True
            raise psycopg.OperationalError("the database went away")


def test_a_refund_whose_answer_could_not_be_written_down_goes_back_once(place, tmp_path):
    shop.open_shop(place, 2)
    with running_fake(tmp_path, mode="forgetful") as fake:
        shop.collect(shop.desk_at(place, shop.provider_of(fake, "forgetful")))
        with place.database.snapshot(place.tenant_id) as tx:
            first = shop.payment_names(tx)[0]
        ask(place, 1000, name=first)
        desk = shop.desk_at(place, shop.provider_of(fake, "forgetful"))

        async def worked_on() -> None:
            points.on_reach(Hiccup("hear.commit"))
            with work.alive(desk):
                run = start.on_demand(desk, due_by=shop.now(), time_zone="UTC")
                await work.on_run(desk, run.run_id, shop.processes.is_gone, work.Stop())
                await work.one_round(desk, shop.processes.is_gone, work.Stop())
            for provider in desk.providers.values():
                await provider.close()

        try:
            asyncio.run(asyncio.wait_for(worked_on(), 30))
        finally:
            points.on_reach(None)
        shop.until(lambda: worked(shop.desk_at(place, shop.provider_of(fake, "forgetful"))) is None
                   and not shop.alive(place))  # fmt: skip
        assert refunded(fake) == [1000]


@pytest.mark.parametrize("name", ["x" * 201, "ch_\x00", "ch_\ud800"])
def test_an_id_that_can_not_be_kept_stops_nobody_else(place, tmp_path, name):
    shop.open_shop(place, 3)
    with running_fake(tmp_path) as fake:
        provider = shop.provider_of(fake)
        asked = provider.send
        seen = []

        async def send(one):
            answer = await asked(one)
            seen.append(one)
            return answer._replace(provider_id=name) if len(seen) == 1 else answer

        provider.send = send
        shop.collect(shop.desk_at(place, provider))
        done = sorted(one.state.status for one in shop.attempts(place))
        assert done.count(Status.SUCCEEDED) >= 2
        for _ in range(2):
            worked(shop.desk_at(place, shop.provider_of(fake)))
        assert len(fake.captured()) == 3
        assert {one.state.status for one in shop.attempts(place)} == {Status.SUCCEEDED}
        assert shop.violations(place) == []


def test_what_a_person_took_off_an_invoice_is_neither_put_back_nor_charged(place, tmp_path):
    shop.open_shop(place, 1)
    with running_fake(tmp_path) as fake:
        shop.collect(shop.desk_at(place, shop.provider_of(fake)))
        with place.database.transaction(place.tenant_id) as tx:
            (held,) = shop.payments.of_customer(tx, None)
            shop.reopen.unapply(
                tx, held.payment.payment_id, None, "wrong invoice", at=shop.now(), actor="test",
                ids=shop.random_ids,
            )  # fmt: skip
        shop.collect(shop.desk_at(place, shop.provider_of(fake)))
        assert shop.open_amounts(place) == [shop.OWED]
        assert len(fake.captured()) == 1
        assert shop.violations(place) == []


def test_a_stop_outlives_the_attempt_that_was_under_way(place, tmp_path):
    shop.open_shop(place, 1)
    with running_fake(tmp_path) as fake:
        desk = shop.desk_at(place, shop.provider_of(fake))
        run = start.on_demand(desk, due_by=shop.now(), time_zone="UTC")
        decide.stop(
            place.database, place.tenant_id, "INV-000001", reason="asked", at=shop.now(),
            actor="test", ids=shop.random_ids,
        )  # fmt: skip

        async def on() -> None:
            with work.alive(desk):
                await work.on_run(desk, run.run_id, shop.processes.is_gone, work.Stop())
            await desk.providers["psp"].close()

        asyncio.run(on())
        assert fake.captured() == []
        shop.collect(shop.desk_at(place, shop.provider_of(fake)))
        assert fake.captured() == []


def test_what_comes_while_a_run_waits_pays_before_anything_is_charged(place, tmp_path):
    shop.open_shop(place, 2)
    with running_fake(tmp_path) as fake:
        desk = shop.desk_at(place, shop.provider_of(fake))
        run = start.on_demand(desk, due_by=shop.now(), time_zone="UTC")
        receive(place, "c0000", shop.OWED, "1", [])
        receive(place, "c0001", 700, "2", [])

        async def on() -> None:
            with work.alive(desk):
                await work.on_run(desk, run.run_id, shop.processes.is_gone, work.Stop())
            await desk.providers["psp"].close()

        asyncio.run(on())
        assert [one["amount"] for one in fake.captured()] == [shop.OWED - 700]
        assert shop.open_amounts(place) == []
        assert shop.violations(place) == []


def test_an_invoice_in_instalments_is_charged_as_each_falls_due(place, tmp_path):
    shop.open_shop(place, 1)
    today = shop.now().date()
    with running_fake(tmp_path) as fake:
        shop.agree(place, "INV-000001", [(today, 1000), (FAR, 2720)])
        for _ in range(2):
            shop.collect(shop.desk_at(place, shop.provider_of(fake)))
        assert [one["amount"] for one in fake.captured()] == [1000]
        assert shop.open_amounts(place) == [2720]
        shop.agree(place, "INV-000001", [(today - timedelta(days=1), 720), (today, 2000)])
        shop.collect(shop.desk_at(place, shop.provider_of(fake)))
        assert [one["amount"] for one in fake.captured()] == [1000, 2720]
        assert shop.open_amounts(place) == []
        assert shop.violations(place) == []


def test_the_next_instalment_may_fail_as_often_as_the_first(place, tmp_path):
    shop.open_shop(place, 1)
    today = shop.now().date()
    with running_fake(tmp_path) as fake:
        for parts in ([(today, 1000), (FAR, 2720)], [(today, 2000), (FAR, 720)]):
            shop.agree(place, "INV-000001", parts)
            fake.fault("decline:insufficient_funds", times=3)
            shop.collect(shop.desk_at(place, shop.provider_of(fake)), rounds=5)
    assert [one.attempt.tries for one in shop.attempts(place)] == [1, 2, 3, 4, 1, 2, 3, 4]
    assert shop.open_amounts(place) == [720]


class HeldAtBooking:
    """Somebody else has the answered attempt when it is to be booked, and lets go of it a moment later."""

    def __init__(self, conninfo: str) -> None:
        self.conninfo = conninfo
        self.holding: threading.Thread | None = None

    def __call__(self, reached: str) -> None:
        if reached == "book.begin" and self.holding is None:
            taken = threading.Event()
            self.holding = threading.Thread(target=self.hold, args=(taken,))
            self.holding.start()
            taken.wait()

    def hold(self, taken: threading.Event) -> None:
        with psycopg.connect(self.conninfo) as other:
            other.execute("select from everycent.payment_attempt for no key update")
            taken.set()
            time.sleep(0.5)


def test_a_run_is_over_when_all_it_charged_is_booked_whoever_had_it_in_hand(place, tmp_path):
    shop.open_shop(place, 1)
    held = HeldAtBooking(place.conninfo)
    with running_fake(tmp_path) as fake:
        points.on_reach(held)
        try:
            run = shop.collect(shop.desk_at(place, shop.provider_of(fake)))
        finally:
            points.on_reach(None)
        assert held.holding is not None
        held.holding.join()
        with place.database.snapshot(place.tenant_id) as tx:
            done = queries.progress(tx, run.run_id)
        assert (done.states, done.outcomes) == ({"done": 1}, {"succeeded": 1})
