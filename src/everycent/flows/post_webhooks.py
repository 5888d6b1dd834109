"""Post webhooks: reads the journal on for every endpoint, and sends what they want, at least once each.

    take in (committed) ─► claim (committed) ─► send, many side by side ─► write down (committed)

Nothing is sent inside a transaction. A process that dies anywhere leaves the journal, how far an endpoint
has read it, and claims that run out: what was in its hand is sent once more, under the same id.

Each delivery is written down as soon as its answer is there, and the next one is claimed then: whoever
hangs costs no other endpoint a moment, as long as fewer hang at once than can be sent at once, and who
failed last gets one at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from everycent.alarms import operations as alarms
from everycent.alarms.alarm import Condition, Severity
from everycent.alarms.operations import Channel
from everycent.alarms.operations import Writer as AlarmWriter
from everycent.db.connection import AWAY, Database, Tx
from everycent.flows.broken import unforeseen
from everycent.kernel import points
from everycent.kernel.clock import Clock
from everycent.kernel.ids import IdSource
from everycent.webhooks import operations_posting as posting
from everycent.webhooks import queries
from everycent.webhooks.course import Answer
from everycent.webhooks.operations import Writer
from everycent.webhooks.operations_posting import WINDOW, Claimed
from everycent.webhooks.posting import (
    Post,
    Posting,
    Unseal,
    body_of,
    name_of,
    place_of,
    trial_body,
)

SOURCE = "webhooks"
_LEASE = timedelta(seconds=60)
_AT_ONCE = 32
_OF_ONE = 4
_LOOK = timedelta(seconds=1)
"""How often the journal is read on while much is to be sent."""


class Desk(NamedTuple):
    """Everything that sending needs. `chance` gives one of `course.CHANCES` numbers; `at_once` are sent
    side by side, `of_one` endpoint; `can_wait` for the database, to write down what was sent."""

    database: Database
    tenant_id: int
    post: Post
    unseal: Unseal
    clock: Clock
    ids: IdSource
    actor: str
    chance: Callable[[], int]
    channels: tuple[Channel, ...] = ()
    lease: timedelta = _LEASE
    at_once: int = _AT_ONCE
    of_one: int = _OF_ONE
    window: int = WINDOW
    can_wait: Callable[[], bool] = lambda: False


def post_webhooks(
    desk: Desk, *, limit: int = 100_000, is_stopped: Callable[[], bool] = lambda: False
) -> Counter[str]:
    """Sends what is there to be sent now, up to `limit`. Returns how many came to what: `delivered`,
    `waiting` (for another try), `failed` (given up), or `elsewhere` (somebody else took it up
    meanwhile)."""
    counts: Counter[str] = Counter()
    under_way: set[Future[str]] = set()
    begun = 0
    looked_at: datetime | None = None
    with ThreadPoolExecutor(desk.at_once, thread_name_prefix="webhook") as threads:
        while True:
            found: list[Claimed] = []
            room = min(desk.at_once - len(under_way), limit - begun)
            if room > 0 and not is_stopped():
                at = desk.clock()
                if looked_at is None or at - looked_at >= _LOOK:
                    take_in(desk, is_stopped)
                    looked_at = at
                found = _claimed(desk, room)
                if not found and take_in(desk, is_stopped):
                    found = _claimed(desk, room)
                begun += len(found)
                under_way |= {threads.submit(_dealt_with, desk, one) for one in found}
            if not under_way:
                break
            done, under_way = wait(under_way, _LOOK.seconds, FIRST_COMPLETED)
            counts.update(future.result() for future in done)
    reflect(desk)
    return counts


def take_in(desk: Desk, is_stopped: Callable[[], bool] = lambda: False) -> bool:
    """Reads the journal on for every endpoint, as far as it goes or as much may be on its way. Returns
    whether anything was read."""
    is_news = False
    with desk.database.snapshot(desk.tenant_id) as tx:
        endpoints = queries.to_read(tx)
    for endpoint_id in endpoints:
        while not is_stopped() and _read_on(desk, endpoint_id):
            is_news = True
    return is_news


def _read_on(desk: Desk, endpoint_id: UUID) -> int:
    with desk.database.transaction(desk.tenant_id) as tx:
        read = posting.take_in(tx, endpoint_id, desk.clock(), window=desk.window)
        points.reach("webhook.take")
    points.reach("webhook.taken")
    return read


def _claimed(desk: Desk, limit: int) -> list[Claimed]:
    with desk.database.transaction(desk.tenant_id) as tx:
        found = posting.claim(
            tx, at=desk.clock(), lease=desk.lease, at_once=desk.of_one, limit=limit
        )
        points.reach("webhook.claim")
    points.reach("webhook.claimed")
    return found


def _dealt_with(desk: Desk, one: Claimed) -> str:
    answer = _sent(desk, one)
    points.reach("webhook.sent")
    while True:
        try:
            with desk.database.transaction(desk.tenant_id) as tx:
                writer = Writer(desk.clock(), desk.actor, desk.ids)
                came_to = posting.record(tx, one, answer, desk.chance(), writer)
                points.reach("webhook.commit")
            break
        except AWAY:
            if not desk.can_wait():
                raise
    points.reach("webhook.recorded")
    return came_to


def _sent(desk: Desk, one: Claimed) -> Answer:
    endpoint = one.endpoint
    try:
        place = place_of(desk.tenant_id, endpoint.endpoint_id)
        secrets = tuple(desk.unseal(sealed, place) for sealed in one.sealed)
        name = name_of(endpoint.endpoint_id, one.told.event_id)
        letter = Posting(name, one.told.number, endpoint.url, body_of(one.told), secrets)
        points.reach("webhook.send")
        return desk.post(letter, desk.clock())
    except Exception as error:  # noqa: BLE001 - one delivery must not keep the others
        return Answer(None, unforeseen(error))


def send_test(desk: Desk, key: str) -> tuple[str, Answer]:
    """Sends `webhook.test` to an endpoint now, whether it is enabled or not, and says under which id and
    what came of it. It is outside the sequence and is not tried again. Raises NotFound `webhook.unknown`,
    Broken `secret.unreadable`."""
    at = desk.clock()
    with desk.database.snapshot(desk.tenant_id) as tx:
        endpoint, sealed = posting.to_test(tx, key, at)
    place = place_of(desk.tenant_id, endpoint.endpoint_id)
    secrets = tuple(desk.unseal(one, place) for one in sealed)
    name = name_of(endpoint.endpoint_id, desk.ids(f"webhook.test/{key}"))
    letter = Posting(name, None, endpoint.url, trial_body(endpoint.name, at), secrets)
    return name, desk.post(letter, at)


def reflect(desk: Desk) -> None:
    """Raises and resolves alarms about endpoints."""
    with desk.database.transaction(desk.tenant_id) as tx:
        reflect_in(tx, AlarmWriter(desk.clock(), desk.actor, desk.ids, desk.channels))


def reflect_in(tx: Tx, writer: AlarmWriter) -> None:
    """The same in a transaction that is open already."""
    alarms.take_turn(tx, SOURCE)
    alarms.reflect(tx, SOURCE, conditions(tx), writer)


def conditions(tx: Tx) -> list[Condition]:
    """What is wrong: endpoints that were disabled by us, until something comes through; events that were
    given up, until they are sent again."""
    found = []
    for one in queries.listed(tx):
        key = one.endpoint.key
        if one.is_troubled:
            why = one.endpoint.reason or "nothing came through since it was enabled"
            message = f"it was disabled, and is told nothing: {why}"
            if one.endpoint.disabled is None:
                message = f"it was disabled and enabled again: {why}"
            found.append(Condition("webhook.disabled", key, Severity.CRITICAL, message))
        if one.failed:
            message = (
                "events were given up; see `everycent webhook deliveries`, and send them again"
            )
            found.append(Condition("webhook.given_up", key, Severity.WARNING, message))
    return found
