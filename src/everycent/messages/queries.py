"""Look messages up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from everycent.db.connection import Tx
from everycent.kernel import ids
from everycent.kernel.errors import NotFound
from everycent.messages import message as messages
from everycent.messages import store
from everycent.messages.message import Message, State, Status

_decoder = msgspec.json.Decoder(Message)


class Held(NamedTuple):
    """A message, where it stands, when it was decided and when something happened to it last."""

    message: Message
    state: State
    at: datetime
    changed_at: datetime
    customer: str | None


def listed(
    tx: Tx, *, status: str | None = None, before: UUID | None = None, limit: int = 100
) -> list[Held]:
    """Messages, the newest first; those that stand somewhere, and of those before one."""
    return _held(tx, None, status, limit, before)


def by_ids(tx: Tx, message_ids: Sequence[UUID]) -> list[Held]:
    """Messages by their ids."""
    return _held(tx, message_ids, None, len(message_ids))


def by_name(tx: Tx, name: str) -> Held:
    """A message by its id as people see it. Raises NotFound `message.unknown`, Invalid `id.malformed`."""
    found = by_ids(tx, [ids.parse(messages.PREFIX, name, "message")])
    if not found:
        raise NotFound(
            "message.unknown", f"there is no message {name}", field="message", value=name,
            hint="list them with `everycent message list`",
        )  # fmt: skip
    return found[0]


def broken(tx: Tx, limit: int = 1000) -> list[tuple[str, str, str]]:
    """Messages at which we failed ourselves: the id as people see it, the occasion, and the reason."""
    return [
        (ids.show(messages.PREFIX, row.message_id), row.occasion, row.reason)
        for row in store.list_broken(tx, limit)
    ]


def waiting(tx: Tx, at: datetime) -> dict[str, int]:
    """How many messages whose time has come wait to be delivered, by kind."""
    return store.count_waiting(tx, at)


def _held(
    tx: Tx,
    wanted: Sequence[UUID] | None,
    status: str | None,
    limit: int,
    before: UUID | None = None,
) -> list[Held]:
    return [
        Held(
            _decoder.decode(row.told),
            State(Status(row.status), row.tries, row.next_at, row.reason, row.is_broken),
            row.at,
            row.changed_at,
            row.customer,
        )
        for row in store.list_messages(tx, ids=wanted, status=status, before=before, limit=limit)
    ]
