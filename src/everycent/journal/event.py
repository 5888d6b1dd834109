"""Event: an immutable fact with everything needed to understand it.

`at` is when it holds in business time, `recorded_at` when it was written. The payload freezes its
context: the price and not just its key, the address that was printed, the rate that applied.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from everycent.journal.types import EventType


class Draft(NamedTuple):
    """An event that has been decided and not yet recorded."""

    event_id: UUID
    stream: str
    type: EventType
    at: datetime
    actor: str
    payload: Any
    cause: UUID | None = None


class Event(NamedTuple):
    """A recorded event with its payload decoded to the newest schema version."""

    event_id: UUID
    stream: str
    version: int
    type: str
    at: datetime
    recorded_at: datetime
    actor: str
    cause: UUID | None
    payload: Any
    hash: bytes


class Cursor(NamedTuple):
    """A place in the order of all events of a tenant; readers keep it and go on from there."""

    epoch: int
    xid: int
    seq: int


START = Cursor(0, 0, 0)


def stream_of(kind: str, name: str) -> str:
    """The name of a stream, such as 'customer:cus_06f…'."""
    return f"{kind}:{name}"
