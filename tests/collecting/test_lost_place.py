"""A call that comes too late to be made gives its place at the provider back, also when the database is
away just then. (Found by tests/simulation.)"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import psycopg

from everycent.charging.attempt import Status
from everycent.flows.collect.desk import Pace
from everycent.kernel import points
from tests.collecting import shop
from tests.payments.fake import running_fake


def test_what_was_not_sent_is_written_down_when_the_database_is_back(place, tmp_path):
    shop.open_shop(place, 1)
    seen: list[str] = []

    def reach(name: str) -> None:
        seen.append(name)
        if name == "unsent.commit" and seen.count(name) == 1:
            raise psycopg.OperationalError("the database went away")

    with running_fake(tmp_path) as fake:
        desk = shop.desk_at(
            place, shop.provider_of(fake), pace=Pace(timedelta(seconds=1.5), timedelta(0))
        )
        points.on_reach(reach)
        try:
            asyncio.run(asyncio.wait_for(shop.collected(desk), 20))
        finally:
            points.on_reach(None)
        assert fake.captured() == []
    assert seen.count("unsent.commit") == 2
    assert {one.state.status for one in shop.attempts(place)} == {Status.FAILED}
