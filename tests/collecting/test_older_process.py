"""A process recovers what one left that was started after it. (Found by tests/simulation.)"""

from __future__ import annotations

import asyncio

from everycent.charging import operations as charging
from everycent.charging.attempt import Status
from everycent.charging.operations import Heard
from everycent.flows.collect import calls, recover, start
from everycent.flows.collect.desk import Desk, register
from everycent.flows.collect.sender import sending
from tests.collecting import shop
from tests.payments.fake import running_fake


async def begun(desk: Desk, *, is_heard: bool) -> None:
    """Charges, and leaves it at that."""
    register(desk)
    run = start.on_demand(desk, due_by=shop.now(), time_zone="UTC")
    with desk.step("claim") as tx:
        taken = charging.take(tx, run.run_id, 10)
        stages = charging.claim(tx, run.run_id, taken, desk.names, desk.writer)
    with desk.step("send") as tx:
        sent, _ = charging.begin_sending(tx, stages, 8, desk.pace.patience, desk.writer)
    provider = desk.providers["psp"]
    heard = [Heard(stage, *(await calls.send(provider, stage.attempt))) for stage in sent]
    if is_heard:
        with desk.step("hear") as tx:
            charging.hear(tx, heard, desk.terms_of, desk.writer)
    await provider.close()


async def asked(desk: Desk) -> None:
    """Asks about what is unknown."""
    async with sending(desk) as sender:
        await recover.ask(sender)
    await desk.providers["psp"].close()


def statuses(place) -> set[Status]:
    return {one.state.status for one in shop.attempts(place)}


def test_an_older_process_books_what_a_newer_one_heard(place, tmp_path):
    shop.open_shop(place, 2)
    with running_fake(tmp_path) as fake:
        older = shop.desk_at(place, shop.provider_of(fake))
        newer = shop.desk_at(place, shop.provider_of(fake))
        asyncio.run(begun(newer, is_heard=True))
        assert recover.book(older) == 2
    assert statuses(place) == {Status.SUCCEEDED}
    assert shop.open_amounts(place) == []


def test_an_older_process_takes_over_from_a_newer_one(place, tmp_path):
    shop.open_shop(place, 2)
    with running_fake(tmp_path) as fake:
        older = shop.desk_at(place, shop.provider_of(fake))
        newer = shop.desk_at(place, shop.provider_of(fake))
        asyncio.run(begun(newer, is_heard=False))
        recover.take_over(older, lambda worker, _: worker.worker_id == newer.worker.worker_id)
        assert statuses(place) == {Status.UNKNOWN}
        asyncio.run(asked(older))
        assert len(fake.captured()) == 2
    assert statuses(place) == {Status.SUCCEEDED}
