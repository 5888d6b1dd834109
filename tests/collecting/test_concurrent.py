"""Many workers, many schedulers, paused processes: every invoice is charged at most once."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from everycent.charging.attempt import FINAL, Status
from everycent.flows.collect import start
from tests.collecting import crash, shop
from tests.collecting.crash import FORK, Job, Set, killed_at, several
from tests.payments.fake import running_fake

TOKENS = (
    "tok_ok", "tok_ok", "tok_ok", "tok_ok", "tok_insufficient_funds", "tok_stolen_card",
    "tok_close_after_charge", "tok_error_500_after", "tok_close_before_charge",
)  # fmt: skip


def quiet(where: Set, place, seconds: float = 60) -> None:
    """Starts workers until nothing is under way."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert not killed_at(where, Job(None, rounds=1))
        if all(one.state.status in FINAL for one in shop.attempts(place)):
            return
        time.sleep(0.2)
    left = Counter(str(one.state.status) for one in shop.attempts(place))
    raise AssertionError(f"still under way: {left}")


def check(place, fake) -> None:
    """The provider has no second charge, and the books are equal to it."""
    summary = fake.summary()
    assert summary["charged_more_than_once"] == {}
    by_payer = Counter(one["payer"] for one in fake.captured())
    assert set(by_payer.values()) <= {1}
    fees = sum(one["fee"] for one in fake.captured())
    captured = summary["currencies"]["EUR"]["captured"]
    assert shop.balance(place, shop.CLEARING) == captured - fees
    assert shop.balance(place, shop.RECEIVABLE) == sum(shop.open_amounts(place))
    assert shop.violations(place) == []


@pytest.mark.parametrize(
    "invoices", [120, pytest.param(2000, marks=pytest.mark.soak)], ids=lambda n: f"{n} invoices"
)
@pytest.mark.parametrize("mode", ["idempotent", "forgetful"])
def test_eight_workers_and_three_schedulers_charge_every_invoice_once(
    place, tmp_path, mode, invoices
):
    keys = shop.open_shop(place, invoices, token=None)
    dice = random.Random(20261121)
    shop.give_methods(place, {key: dice.choice(TOKENS) for key in keys})
    with running_fake(tmp_path, mode=mode) as fake:
        fake.fault("decline:do_not_honor", times=None, chance=0.05, seed=7)
        fake.fault("rate_limit", times=None, chance=0.03, seed=8)
        fake.fault("error_502", times=None, chance=0.03, seed=9)
        where = Set(place.conninfo, place.tenant_id, fake.url, mode, True, concurrency=4)
        moment = shop.now()
        with ThreadPoolExecutor(3) as pool:
            opened = list(
                pool.map(
                    lambda _: start.on_schedule(
                        shop.desk_at(place, shop.provider_of(fake)), moment, "UTC"
                    ),
                    range(3),
                )
            )
        assert sorted(is_new for _, is_new in opened) == [False, False, True]
        assert len({run.run_id for run, _ in opened}) == 1
        workers = several(where, [Job(None)] * 8)
        for one in workers:
            one.join(240)
            assert one.exitcode == 0
        fake.clear()
        quiet(where, place)
        assert fake.summary()["most_open_calls"] <= 4
        check(place, fake)
        charged = {one["payer"] for one in fake.captured()}
        sure = {key for key, token in shop.tokens(place).items() if token == "tok_ok"}
        given_up = {
            one.attempt.payer
            for one in shop.attempts(place, ["failed"])
            if one.state.is_stopped and one.attempt.tries >= 4
        }
        assert sure <= charged | given_up  # by chance a call fails as often as is allowed


@pytest.mark.parametrize("point", ["send.committed", "call.begin", "wire.sent", "call.end"])
@pytest.mark.parametrize("mode", ["idempotent", "forgetful"])
def test_a_process_that_is_stopped_past_its_lease_charges_nothing_twice_when_it_wakes(
    place, tmp_path, mode, point
):
    shop.open_shop(place, 1)
    with running_fake(tmp_path, mode=mode) as fake:
        where = Set(
            place.conninfo, place.tenant_id, fake.url, mode, True, lease=0.6, latest_commit=0.5
        )
        invoices = tuple(shop.open_invoices(place))
        sleeper = FORK.Process(target=crash.work_and_stop, args=(where, Job(invoices, point)))
        sleeper.start()
        assert sleeper.pid is not None
        crash.wait_until_stopped(sleeper.pid)
        time.sleep(0.8)  # longer than its lease
        quiet(where, place)
        with suppress(ProcessLookupError):
            os.kill(sleeper.pid, signal.SIGCONT)
        sleeper.join(20)
        assert sleeper.exitcode == -signal.SIGKILL  # it was made sure that it is gone
        quiet(where, place)
        assert len(fake.captured()) == 1
        check(place, fake)


@pytest.mark.parametrize("mode", ["idempotent", "forgetful"])
def test_a_stopped_process_that_can_not_be_ended_writes_nothing_over_those_who_took_over(
    place, tmp_path, mode
):
    """As on another machine: it wakes up after its attempts were taken over, and its late answer counts as
    evidence and not as a second payment."""
    shop.open_shop(place, 1)
    with running_fake(tmp_path, mode=mode) as fake:
        where = Set(
            place.conninfo, place.tenant_id, fake.url, mode, True, lease=0.6, latest_commit=0.5
        )
        job = Job(tuple(shop.open_invoices(place)), "call.end")
        elsewhere = where._replace(host="another")
        sleeper = FORK.Process(target=crash.work_and_stop, args=(elsewhere, job))
        sleeper.start()
        assert sleeper.pid is not None
        crash.wait_until_stopped(sleeper.pid)
        time.sleep(0.8)
        assert not killed_at(where, Job(None, rounds=1))
        (before,) = shop.attempts(place)
        os.kill(sleeper.pid, signal.SIGCONT)
        sleeper.join(20)
        quiet(where, place)
        assert len(fake.captured()) == 1
        assert before.state.status in (Status.UNKNOWN, Status.SUCCEEDED)
        check(place, fake)


def test_a_process_that_is_asked_to_stop_finishes_what_it_began_and_leaves_nothing_unknown(
    place, tmp_path
):
    shop.open_shop(place, 60)
    with running_fake(tmp_path, options=("--latency", "50")) as fake:
        where = Set(place.conninfo, place.tenant_id, fake.url, "idempotent", True, concurrency=4)
        invoices = tuple(shop.open_invoices(place))
        worker = FORK.Process(target=crash.work_until_asked, args=(where, Job(invoices)))
        worker.start()
        assert worker.pid is not None
        while not fake.charges():
            time.sleep(0.02)
        os.kill(worker.pid, signal.SIGTERM)
        worker.join(30)
        assert worker.exitcode == 0
        done = Counter(str(one.state.status) for one in shop.attempts(place))
        assert done["succeeded"] == len(fake.captured()) < 60
        assert set(done) <= {"succeeded", "cancelled"}
        quiet(where, place)
        assert len(fake.captured()) == 60
        check(place, fake)
