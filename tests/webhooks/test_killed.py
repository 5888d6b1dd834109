"""Workers that are killed at any point of their way: what they had in hand is sent once more under its id,
and nothing is lost. The receiver is a process of its own; signatures are checked by it and by the reference
library of Standard Webhooks."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from everycent.app.wiring import random_ids
from everycent.db.connection import Database
from everycent.flows.post_webhooks import Desk, post_webhooks
from everycent.integrations.webhook_out import shown
from everycent.kernel import points
from everycent.webhooks import operations
from tests.conftest import Place
from tests.dunning import post
from tests.payments.fake import Fake
from tests.webhooks.hooks import HERE, SAFE, SECRET, Shop, running_receiver, sender

FORK = multiprocessing.get_context("fork")
POINTS = (
    "webhook.take", "webhook.taken", "webhook.claim", "webhook.claimed", "webhook.send",
    "wire.connect", "wire.connected", "wire.sending", "wire.sent", "wire.answered", "webhook.sent",
    "webhook.commit", "webhook.recorded",
)  # fmt: skip
LEASE = timedelta(milliseconds=300)


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Fake]:
    with running_receiver(tmp_path / "receiver", "--secret", shown(SECRET)) as fake:
        yield fake


@pytest.fixture
def shop(place: Place, receiver: Fake) -> Shop:
    made = Shop(place)
    made.add(url=f"{receiver.url}/hooks/crm")
    return made


def now() -> datetime:
    return datetime.now(UTC)


def work(conninfo: str, tenant_id: int, point: str | None, nth: int, at_once: int) -> None:
    """Sends what there is, and dies at a point when it comes to it for the nth time."""
    seen: Counter[str] = Counter()

    def reach(name: str) -> None:
        seen[name] += 1
        if name == point and seen[name] == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    points.on_reach(reach)
    desk = Desk(
        Database(conninfo), tenant_id, sender(), SAFE.unseal, now, random_ids, "test", lambda: 0,
        lease=LEASE, at_once=at_once,
    )  # fmt: skip
    post_webhooks(desk)
    os._exit(0)


def started(shop: Shop, point: str | None = None, nth: int = 1, at_once: int = 3) -> Any:
    told = (shop.place.conninfo, shop.place.tenant_id, point, nth, at_once)
    process = FORK.Process(target=work, args=told, daemon=True)
    process.start()
    return process


def ended(process: Any) -> int:
    process.join(60)
    assert process.exitcode is not None, "a worker hangs"
    found: int = process.exitcode
    return found


def finish(shop: Shop, wanted: int) -> None:
    """Workers follow until nothing waits."""
    for _ in range(60):
        assert ended(started(shop)) == 0
        standing = shop.standing()
        if standing.number == wanted and not standing.waiting:
            return
        signal.sigtimedwait([], 0.2)
    raise AssertionError(f"something waits for ever: {shop.standing()}")


@pytest.mark.parametrize("nth", [1, 3])
@pytest.mark.parametrize("point", POINTS)
def test_who_is_killed_loses_nothing_and_says_nothing_out_of_order(shop, receiver, point, nth):
    for number in range(6):
        shop.note(f"s{number % 3}", "x", "y")
    if point in ("webhook.take", "webhook.taken"):
        nth = 1  # all is read at once
    assert ended(started(shop, point, nth, at_once=1)) == -signal.SIGKILL
    finish(shop, 12)
    summary = receiver.call("GET", "/admin/summary")
    assert summary["different"] == 12
    assert summary["came"] <= 13
    assert (summary["false_signatures"], summary["out_of_order"], summary["gaps"]) == (0, [], {})
    assert shop.violations() == {}


def test_five_workers_of_whom_some_are_killed_tell_everything_in_order(shop, receiver):
    for number in range(60):
        shop.note(f"s{number % 11}")
    workers = [
        started(shop, point, nth)
        for point, nth in (
            ("webhook.claimed", 2), ("webhook.sent", 9), ("wire.sent", 5), ("webhook.commit", 7),
            (None, 1),
        )
    ]  # fmt: skip
    for worker in workers:
        ended(worker)
    finish(shop, 60)
    summary = receiver.call("GET", "/admin/summary")
    assert (summary["different"], summary["false_signatures"]) == (60, 0)
    assert (summary["out_of_order"], summary["gaps"]) == ([], {})
    assert shop.violations() == {}


def test_who_hangs_costs_the_others_nothing(shop, receiver):
    shop.add("slow", url=f"{receiver.url}/hooks/slow")
    receiver.call("POST", "/admin/behaviours", {"name": "slow", "hang": 60})
    for number in range(30):
        shop.note(f"s{number}")
    process = started(shop, at_once=8)
    try:
        for _ in range(600):  # one after the other they would take five minutes
            if receiver.call("GET", "/admin/summary?name=crm")["different"] == 30:
                break
            signal.sigtimedwait([], 0.1)
        assert receiver.call("GET", "/admin/summary?name=crm")["different"] == 30
        assert receiver.call("GET", "/admin/summary?name=slow")["came"] < 10
    finally:
        process.kill()
        process.join()


def test_the_reference_library_verifies_every_signature_while_secrets_are_exchanged(shop):
    begun, other = b"the one that begins in this test", b"the one that follows in this test"
    with post.hook() as hook:
        shop.change(
            operations.update, "crm", shop.sealing(begun), shop.writer, url=hook.url,
            allowed=HERE,
        )  # fmt: skip
        shop.at = now()
        shop.note("a")
        shop.post(sender())
        shop.change(operations.rotate, "crm", timedelta(days=1), shop.sealing(other), shop.writer)
        shop.note("a")
        shop.post(sender())
        (first, body), (second, body_after) = hook.got
    for headers, content, secret in (
        (first, body, begun), (second, body_after, begun), (second, body_after, other),
    ):  # fmt: skip
        told = Webhook(shown(secret)).verify(content, headers)
        assert told is None or told["type"] == "test.noted"
    for headers, content, secret in (
        (first, body, other), (first, body + b" ", begun),
        (first | {"webhook-id": "whd_x"}, body, begun),
        (first | {"webhook-timestamp": str(int(now().timestamp()) - 301)}, body, begun),
    ):  # fmt: skip
        with pytest.raises(WebhookVerificationError):
            Webhook(shown(secret)).verify(content, headers)
    assert (first["webhook-sequence"], second["webhook-sequence"]) == ("1", "2")
