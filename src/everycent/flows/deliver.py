"""Deliver: sends the messages that wait, at least once each, and writes down what became of every try.

    claim (committed) ─► send, some side by side ─► write down (committed)

Nothing is sent inside a transaction. A process that dies between sending and writing down leaves a claim
that runs out; the message is then sent once more, under the same id.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from everycent.alarms import operations as alarms
from everycent.alarms.alarm import Condition
from everycent.alarms.operations import Channel, Writer
from everycent.db.connection import AWAY, Database
from everycent.flows.broken import condition, unforeseen
from everycent.kernel import points
from everycent.kernel.clock import Clock
from everycent.kernel.ids import IdSource
from everycent.messages import operations, queries
from everycent.messages.message import Kind, Message, Outcome, State

Sender = Callable[[Message, datetime], Outcome]
"""Sends a message now, and says what came of it. It comes to an end within a minute."""
Write = Callable[[Mapping[UUID, Outcome]], list[State]]

SOURCE = "messages"
_AT_ONCE = 8
_BATCH = 32
_LEASE = timedelta(minutes=10)


def deliver(
    database: Database,
    tenant_id: int,
    senders: Mapping[Kind, Sender],
    *,
    clock: Clock,
    ids: IdSource,
    actor: str,
    limit: int = 100_000,
    lease: timedelta = _LEASE,
    channels: tuple[Channel, ...] = (),
    is_stopped: Callable[[], bool] = lambda: False,
    can_wait: Callable[[], bool] = lambda: False,
) -> Counter[str]:
    """Sends what waits of the kinds for which there is a sender. Returns how many messages came to what:
    `delivered`, `waiting` (for another try) or `failed`. Messages at which we failed ourselves are tried
    again like any other, hold up none, and have an alarm, which is told by the `channels`. Where it
    `can_wait` for the database, what was sent is written down when it is back."""
    counts: Counter[str] = Counter()
    kinds = [kind.value for kind in senders]
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="deliver") as threads:
        while sum(counts.values()) < limit and not is_stopped():
            most = min(_BATCH, limit - sum(counts.values()))
            points.reach("deliver.claim")
            with database.transaction(tenant_id) as tx:
                held = operations.claim(tx, kinds, at=clock(), lease=lease, limit=most)
            if not held:
                break
            points.reach("deliver.claimed")
            messages = [one.message for one in held]
            found = threads.map(lambda one: _sent(senders[one.kind], one, clock()), messages)
            outcomes = {one.message_id: said for one, said in zip(messages, found, strict=True)}
            points.reach("deliver.sent")
            write = partial(
                _surely, partial(_write, database, tenant_id, clock, actor, ids), can_wait
            )
            try:
                states = write(outcomes)
            except AWAY:
                raise
            except Exception:  # noqa: BLE001 - the others' are written down
                states = [state for one in outcomes.items() for state in _written(write, *one)]
            counts.update(state.status.value for state in states)
    with database.transaction(tenant_id) as tx:
        alarms.take_turn(tx, SOURCE)
        writer = Writer(clock(), actor, ids, channels)
        alarms.reflect(tx, SOURCE, _conditions(queries.broken(tx)), writer)
    return counts


def _write(
    database: Database,
    tenant_id: int,
    clock: Clock,
    actor: str,
    ids: IdSource,
    outcomes: Mapping[UUID, Outcome],
) -> list[State]:
    with database.transaction(tenant_id) as tx:
        states = operations.record(tx, outcomes, at=clock(), actor=actor, ids=ids)
        points.reach("deliver.commit")
    points.reach("deliver.committed")
    return states


def _surely(
    write: Write, can_wait: Callable[[], bool], outcomes: Mapping[UUID, Outcome]
) -> list[State]:
    """Writes again what the database broke off; of what is through already nothing is written twice."""
    while True:
        try:
            return write(outcomes)
        except AWAY:
            if not can_wait():
                raise


def _written(write: Write, message_id: UUID, outcome: Outcome) -> list[State]:
    """Writes down what one message came to, or that this can't be written down."""
    try:
        return write({message_id: outcome})
    except AWAY:
        raise
    except Exception as error:  # noqa: BLE001 - the others' are written down
        why = unforeseen(error)
        return write({message_id: outcome._replace(reason=why, is_broken=not outcome.is_delivered)})


def _conditions(broken: Sequence[tuple[str, str, str]]) -> list[Condition]:
    """What is wrong, by message. Those that tell of alarms share one: it may be told by one of them."""
    return [
        condition("alarms" if occasion.startswith("alarm.") else name, why)
        for name, occasion, why in broken
    ]


def _sent(sender: Sender, message: Message, at: datetime) -> Outcome:
    try:
        return sender(message, at)
    except Exception as error:  # noqa: BLE001 - one message must not keep the others
        return Outcome(is_delivered=False, reason=unforeseen(error), is_broken=True)
