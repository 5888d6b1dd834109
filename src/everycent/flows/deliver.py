"""Deliver: sends the messages that wait, at least once each, and writes down what became of every try.

    claim (committed) ─► send, some side by side ─► write down (committed)

Nothing is sent inside a transaction. A process that dies between sending and writing down leaves a claim
that runs out; the message is then sent once more, under the same id.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from everycent.db.connection import Database
from everycent.kernel import points
from everycent.kernel.clock import Clock
from everycent.kernel.ids import IdSource
from everycent.messages import operations
from everycent.messages.message import Kind, Message, Outcome

Sender = Callable[[Message, datetime], Outcome]
"""Sends a message now, and says what came of it. It comes to an end within a minute."""

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
) -> Counter[str]:
    """Sends what waits of the kinds for which there is a sender. Returns how many messages came to what:
    `delivered`, `waiting` (for another try) or `failed`."""
    counts: Counter[str] = Counter()
    kinds = [kind.value for kind in senders]
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="deliver") as threads:
        while sum(counts.values()) < limit:
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
            with database.transaction(tenant_id) as tx:
                states = operations.record(tx, outcomes, at=clock(), actor=actor, ids=ids)
                points.reach("deliver.commit")
            points.reach("deliver.committed")
            counts.update(state.status.value for state in states)
    return counts


def _sent(sender: Sender, message: Message, at: datetime) -> Outcome:
    try:
        return sender(message, at)
    except Exception as error:  # noqa: BLE001 - one message must not keep the others
        return Outcome(is_delivered=False, reason=f"{type(error).__name__}: {error}")
