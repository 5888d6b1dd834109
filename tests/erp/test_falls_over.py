"""Handing over, killed at every named point, and by many at once: the ERP has every document once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from everycent.app.wiring import random_ids, utc_now
from everycent.db.connection import Database
from everycent.flows.hand_over import Desk, hand_over
from everycent.integrations.erp_http import HttpErp
from everycent.kernel import points
from tests.conftest import Place
from tests.erp import books
from tests.erp.books import handed_over
from tests.erp.fake import running_erp
from tests.erp.test_over_http import adapter, in_step

FORK = multiprocessing.get_context("fork")
LEASE = timedelta(seconds=0.3)
POINTS = [
    "erp_batch.begin", "erp_batch.commit", "erp_batch.committed",
    "erp_take.begin", "erp_take.commit", "erp_take.committed",
    "erp_send.call", "wire.connect", "wire.connected", "wire.sending", "wire.sent", "wire.answered",
    "erp_send.called", "erp_hear.begin", "erp_hear.commit", "erp_hear.committed",
]  # fmt: skip
LAST = ["erp_ask.call", "erp_ask.called"]
"""Points to which a process comes when nothing is left to be sent."""


def work(place: Place, erp: HttpErp, watch: Callable[[str], None] | None) -> None:
    """Hands over in a process of its own, which `watch` may kill."""
    points.on_reach(watch)
    database = Database(place.conninfo)
    desk = Desk(
        database, place.tenant_id, "default", erp, books.FIRST, utc_now, random_ids, "test",
        lease=LEASE,
    )  # fmt: skip
    hand_over(desk)
    database.close()
    os._exit(0)


def killed_at(place: Place, erp: HttpErp, point: str) -> bool:
    """Hands over until it comes to the point; whether it died there."""

    def watch(reached: str) -> None:
        if reached == point:
            os.kill(os.getpid(), signal.SIGKILL)

    process = FORK.Process(target=work, args=(place, erp, watch))
    process.start()
    process.join(60)
    return process.exitcode == -signal.SIGKILL


@pytest.mark.parametrize("mode", ["now", "later"])
def test_whoever_dies_anywhere_leaves_nothing_lost_and_nothing_twice(place, tmp_path, mode):
    books.open_shop(place, 3 * len(POINTS))
    with running_erp(tmp_path, mode=mode, delay="0") as fake:
        erp = adapter(fake, batch=2)
        for point in (*POINTS, *reversed(POINTS), *LAST, *LAST):  # whoever recovers dies too
            assert killed_at(place, erp, point), point
            time.sleep(LEASE.total_seconds())
        handed_over(place, erp, rounds=(0, 10, 60))
        in_step(place, erp, fake)


def test_many_at_once_hand_every_document_over_once(place, tmp_path):
    books.open_shop(place, 60)
    with running_erp(tmp_path) as fake:
        erp = adapter(fake, batch=7)
        workers = [FORK.Process(target=work, args=(place, erp, None)) for _ in range(5)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(120)
        assert [worker.exitcode for worker in workers] == [0] * 5
        handed_over(place, erp, rounds=(0, 10, 60))
        assert fake.summary()["missing_batches"] == {}
        in_step(place, erp, fake)
