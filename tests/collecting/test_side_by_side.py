"""What one process does side by side: no provider, no answer and no step that goes wrong holds up the rest.
Each of these once did."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from datetime import timedelta

import psycopg
import pytest

from everycent.charging import operations_writing as writing
from everycent.charging.attempt import Status
from everycent.db.connection import AWAY
from everycent.flows.collect import desk as desks
from everycent.flows.collect import recover, start, work
from everycent.kernel import points
from everycent.methods import operations as methods
from everycent.methods import queries as known
from everycent.methods.operations import New
from everycent.payments.provider import Answer, Outcome
from tests.collecting import shop
from tests.collecting.test_beside import FAR
from tests.collecting.test_money_back import ask, receive, refunded
from tests.payments.fake import running_fake


async def ran(desk, stop: work.Stop, seconds: float = 120) -> None:
    """Charges what is due with this desk, for so long at most."""
    with work.alive(desk):
        run = start.on_demand(desk, due_by=shop.now(), time_zone="UTC")
        on = work.on_run(desk, run.run_id, shop.processes.is_gone, stop)
        await asyncio.wait_for(on, seconds)
    for provider in desk.providers.values():
        await provider.close()


def worked_once(desk, on_clash=lambda _: None) -> Counter[str]:
    """Does what can be done now."""
    counts: Counter[str] = Counter()

    async def once() -> None:
        with work.alive(desk):
            await work.on_schedule(
                desk, shop.processes.is_gone, work.Stop(), counts, is_once=True, on_clash=on_clash
            )
        for provider in desk.providers.values():
            await provider.close()

    asyncio.run(once())
    return +counts


def pay_through(place, key: str, provider: str) -> None:
    """The customer pays by another provider from here on."""
    with place.database.transaction(place.tenant_id) as tx:
        customer = shop.customers.by_keys(tx, [key])[key].customer_id
        (old,) = known.of_customers(tx, [customer])
        writing = {"at": shop.now(), "actor": "test", "ids": shop.random_ids}
        methods.remove(tx, old.method_id, reason="another one", **writing)
        methods.add(tx, [New(customer, provider, key, "tok_ok")], **writing)


def test_a_provider_that_is_down_keeps_neither_charges_nor_refunds_at_another_one_waiting(
    place, tmp_path
):
    keys = shop.open_shop(place, 40)
    for key in keys[-3:]:  # those come last
        pay_through(place, key, "zzz")
    (tmp_path / "down").mkdir()
    (tmp_path / "sound").mkdir()
    with running_fake(tmp_path / "down") as down, running_fake(tmp_path / "sound") as sound:
        down.fault("error_503_not_processed", times=None)
        psp, zzz = shop.provider_of(down, concurrency=2), shop.provider_of(sound)
        zzz.name = "zzz"
        desk = shop.desk_at(place, psp, shop.PATIENT)._replace(providers={"psp": psp, "zzz": zzz})
        stop = work.Stop()

        async def watched() -> None:
            running = asyncio.create_task(ran(desk, stop, 300))
            try:
                await asyncio.to_thread(
                    shop.until, lambda: len(shop.attempts(place, ["succeeded"])) == 3, 60
                )
                assert not running.done()
                with place.database.snapshot(place.tenant_id) as tx:
                    name = shop.payment_names(tx)[0]
                await asyncio.to_thread(ask, place, 1000, name=name)
                await asyncio.to_thread(shop.until, lambda: refunded(sound) == [1000], 60)
            finally:
                stop.ask()
                await running

        asyncio.run(watched())
        assert down.captured() == []
        assert shop.alive(place) == []  # nothing stays in the hands of a process
        assert shop.violations(place) == []


def test_a_process_that_is_asked_to_stop_begins_no_more_look_ups(place, tmp_path):
    shop.open_shop(place, 30)
    with running_fake(tmp_path, mode="forgetful", looks_up=False) as fake:
        fake.fault("close_after_charge", times=None)
        shop.collect(shop.desk_at(place, shop.provider_of(fake, "forgetful", looks_up=False)))
        with psycopg.connect(place.admin_conninfo) as owner:  # somebody can be asked from here on
            owner.execute("update everycent.payment_attempt set look_at = claimed_at")
        provider = shop.provider_of(fake, "forgetful", concurrency=4)
        looked, stop = [], work.Stop()

        async def look_up(_):
            looked.append(time.monotonic())
            if len(looked) == 4:
                stop.ask()
            await asyncio.sleep(0.5)
            return Answer(Outcome.UNKNOWN, shop.Failure.TIMED_OUT)

        provider.look_up = look_up
        asyncio.run(ran(shop.desk_at(place, provider), stop))
        assert len(looked) == 4


def test_what_was_answered_while_the_database_may_only_be_read_is_booked_afterwards(
    place, tmp_path
):
    shop.open_shop(place, 4)
    name = psycopg.conninfo.conninfo_to_dict(place.conninfo)["dbname"]

    def may_only_be_read(switch: str) -> None:
        options = "-c default_transaction_read_only=off"
        with psycopg.connect(place.admin_conninfo, autocommit=True, options=options) as owner:
            owner.execute(f"alter database {name} set default_transaction_read_only = {switch}")
            owner.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = %s and pid <> pg_backend_pid()",
                (name,),
            )

    with running_fake(tmp_path, mode="forgetful") as fake:
        provider = shop.provider_of(fake, "forgetful", looks_up=False)
        asked, seen = provider.send, []

        async def send(one):
            answer = await asked(one)
            seen.append(one)
            if len(seen) == 1:
                await asyncio.to_thread(may_only_be_read, "on")
                threading.Timer(1.5, may_only_be_read, ("off",)).start()
            await asyncio.sleep(0.2)
            return answer

        provider.send = send
        asyncio.run(ran(shop.desk_at(place, provider), work.Stop()))
        assert len(fake.captured()) == 4
        assert [one.state.status for one in shop.attempts(place)] == [Status.SUCCEEDED] * 4


class Once:
    """The database refuses a step for good, or breaks it off: each of these once."""

    def __init__(self, **steps: Exception) -> None:
        self.steps = {name.replace("__", "."): error for name, error in steps.items()}

    def __call__(self, reached: str) -> None:
        if reached in self.steps:
            raise self.steps.pop(reached)


def test_an_answer_that_can_not_be_written_gives_its_place_back(place, tmp_path):
    shop.open_shop(place, 3)
    with running_fake(tmp_path) as fake:
        points.on_reach(Once(hear__begin=psycopg.errors.CheckViolation("no")))
        try:
            asyncio.run(
                ran(shop.desk_at(place, shop.provider_of(fake, concurrency=1)), work.Stop())
            )
            shop.collect(shop.desk_at(place, shop.provider_of(fake)))
        finally:
            points.on_reach(None)
        assert len(fake.captured()) == 3
        assert [one.state.status for one in shop.attempts(place)] == [Status.SUCCEEDED] * 3


@pytest.mark.parametrize("step", ["send", "refund_send"])
def test_what_provably_never_left_is_not_unknown(place, tmp_path, step):
    shop.open_shop(place, 2)
    gone = psycopg.OperationalError("the database went away")
    with running_fake(tmp_path, mode="forgetful") as fake:
        if step == "refund_send":
            shop.collect(shop.desk_at(place, shop.provider_of(fake, "forgetful", looks_up=False)))
            with place.database.snapshot(place.tenant_id) as tx:
                name = shop.payment_names(tx)[0]
            ask(place, 1000, name=name)
        points.on_reach(Once(**{f"{step}__committed": gone}))
        try:
            for _ in range(2):
                shop.collect(
                    shop.desk_at(place, shop.provider_of(fake, "forgetful", looks_up=False)),
                    rounds=3,
                )
        finally:
            points.on_reach(None)
        assert len(fake.captured()) == 2
        assert refunded(fake) == ([1000] if step == "refund_send" else [])
        statuses = {one.state.status for one in shop.attempts(place)}
        assert statuses == {Status.SUCCEEDED, Status.FAILED}


STEPS = ["terms", "settle_own", "look_around", "book_late", "refund_retry", "refund_send", "due"]


@pytest.mark.parametrize("at", ["begin", "commit"])
@pytest.mark.parametrize("step", STEPS)
def test_what_is_to_be_done_once_is_done_though_a_step_of_it_is_broken_off(
    place, tmp_path, step, at
):
    shop.open_shop(place, 1)
    with running_fake(tmp_path) as fake:
        shop.collect(shop.desk_at(place, shop.provider_of(fake)))
        ask(place, 1000)
        deadlock = psycopg.errors.DeadlockDetected("deadlock detected")
        broken_off = Once(**{f"{step}__{at}": deadlock})
        points.on_reach(broken_off)
        try:
            counts = worked_once(shop.desk_at(place, shop.provider_of(fake)))
        finally:
            points.on_reach(None)
        assert broken_off.steps == {}
        assert (counts, refunded(fake)) == ({"refund succeeded": 1}, [1000])


def test_what_a_webhook_books_first_counts_all_the_same(place, tmp_path):
    shop.open_shop(place, 1)
    with running_fake(tmp_path) as fake:
        shop.collect(shop.desk_at(place, shop.provider_of(fake)))
        ask(place, 1000)
        other = shop.desk_at(place, shop.provider_of(fake))

        def first(reached: str) -> None:
            if reached == "book.begin":
                assert recover.book(other) == 1

        points.on_reach(first)
        try:
            counts = worked_once(shop.desk_at(place, shop.provider_of(fake)))
        finally:
            points.on_reach(None)
        assert (counts, refunded(fake)) == ({"refund succeeded": 1}, [1000])


def test_what_is_to_be_done_once_is_given_up_when_the_database_stays_away(
    place, tmp_path, monkeypatch
):
    shop.open_shop(place, 1)
    monkeypatch.setattr(work, "_TRIES", 3)

    def away(reached: str) -> None:
        if reached == "terms.begin":
            raise psycopg.OperationalError("the database went away")

    told: list[Exception] = []
    with running_fake(tmp_path) as fake:
        points.on_reach(away)
        try:
            with pytest.raises(psycopg.OperationalError):
                worked_once(shop.desk_at(place, shop.provider_of(fake)), told.append)
        finally:
            points.on_reach(None)
    assert len(told) == 2


def test_a_retry_of_what_was_paid_meanwhile_opens_no_run(place, tmp_path):
    shop.open_shop(place, 1, token="tok_insufficient_funds")
    with running_fake(tmp_path) as fake:
        shop.agree(place, "INV-000001", [(shop.now().date(), 1000), (FAR, 2720)])
        desk = shop.desk_at(place, shop.provider_of(fake))
        shop.collect(desk)
        receive(place, "c0000", 1000, "transfer", [("INV-000001", None)])
        assert start.of_retries(desk) is None
        later = desk._replace(clock=lambda: shop.now() + timedelta(days=365 * 75))
        assert start.of_retries(later) is not None


def test_an_invoice_for_which_no_method_is_left_needs_somebody(place, tmp_path):
    shop.open_shop(place, 1, token="tok_stolen_card")
    with running_fake(tmp_path) as fake:
        shop.collect(shop.desk_at(place, shop.provider_of(fake)))
        with place.database.snapshot(place.tenant_id) as tx:
            (one,) = shop.charging.stopped(tx)
        assert (one.invoice, one.left) == ("INV-000001", shop.OWED)
        assert one.reason == "no payment method is left that could be charged"


def test_a_process_that_is_stopped_in_a_step_keeps_nobody_waiting(place, tmp_path, monkeypatch):
    monkeypatch.setattr(desks, "_IDLE_SECONDS", 1)
    shop.open_shop(place, 1)
    with running_fake(tmp_path) as fake:
        desk = shop.desk_at(place, shop.provider_of(fake))

        def stopped() -> None:
            with desk.step("stopped") as tx:
                writing.places(tx, "psp", 8)  # everybody who has something to send needs this lock
                shop.collect(shop.desk_at(place, shop.provider_of(fake)))
                tx.value("select 1")

        with pytest.raises(AWAY):
            stopped()
        assert len(fake.captured()) == 1
