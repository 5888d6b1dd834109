"""Put messages in the queue, claim them, and write down what became of each try. Nothing is sent here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from everycent.db.connection import Tx
from everycent.journal import operations as journal
from everycent.journal.event import Draft
from everycent.kernel.errors import Conflict
from everycent.kernel.ids import IdSource
from everycent.kernel.period import instant_text
from everycent.messages import message as messages
from everycent.messages import projection, queries, store
from everycent.messages.message import Message, Outcome, Queued, State, Status, Tried, after
from everycent.messages.queries import Held


def draft_of(new: Message, *, at: datetime, actor: str, ids: IdSource) -> Draft:
    """The event of a new message, to be recorded with what it tells of."""
    event_id = ids(f"message.queued/{new.occasion}")
    stream = messages.stream(new.message_id)
    return Draft(event_id, stream, messages.QUEUED, at, actor, Queued(new, at))


def claim(
    tx: Tx, kinds: Sequence[str], *, at: datetime, lease: timedelta, limit: int
) -> list[Held]:
    """Messages of some kinds to deliver now, which nobody else gets until the lease is over."""
    found = store.claim(tx, kinds, at, lease, limit)
    return queries.by_ids(tx, found) if found else []


def record(
    tx: Tx, outcomes: Mapping[UUID, Outcome], *, at: datetime, actor: str, ids: IdSource
) -> list[State]:
    """Writes down what tries came to, and gives the claims back. Of a message that is through already
    nothing is written: it was delivered twice, which its receiver can tell. Returns where they stand."""
    drafts = []
    for message_id, state in store.lock_states(tx, sorted(outcomes)).items():
        if state.status is Status.WAITING:
            done = Tried(message_id, after(state, outcomes[message_id], at, message_id))
            drafts.append(_draft(done, at, actor, ids))
    if drafts:
        journal.record(tx, drafts, at, projection.any_of)
    store.release(tx, sorted(outcomes))
    return [draft.payload.state for draft in drafts]


def requeue(tx: Tx, name: str, *, at: datetime, actor: str, ids: IdSource) -> Held:
    """Tries a message anew that was given up, or at once one that waits. Raises NotFound `message.unknown`,
    Conflict `message.delivered`."""
    held = queries.by_name(tx, name)
    message_id = held.message.message_id
    state = store.lock_states(tx, [message_id])[message_id]
    if state.status is Status.DELIVERED:
        raise Conflict("message.delivered", f"{name} was delivered", field="message", value=name)
    done = Tried(message_id, State(Status.WAITING, 0, at, state.reason))
    draft = _draft(done, at, actor, ids)._replace(type=messages.REQUEUED)
    journal.record(tx, [draft], at, projection.any_of)
    return held._replace(state=done.state, changed_at=at)


def _draft(done: Tried, at: datetime, actor: str, ids: IdSource) -> Draft:
    key = f"message.tried/{done.message_id}/{done.state.tries}/{instant_text(at)}"
    return Draft(ids(key), messages.stream(done.message_id), messages.TRIED, at, actor, done)
