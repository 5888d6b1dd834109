"""Message: something that is to be told to somebody outside, by mail or webhook, until it is delivered.

    waiting ──► delivered        somebody took it
       │  └───► waiting          nobody did: once more, later and later
       └──────► failed           given up, for good

It is delivered at least once. Its id stays the same however often it is sent, so that whoever gets it can
tell that it came twice.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

import msgspec

from everycent.journal.types import EventType
from everycent.kernel import ids

PREFIX = "msg"


class Kind(StrEnum):
    """How it is told."""

    MAIL = "mail"
    WEBHOOK = "webhook"


class Status(StrEnum):
    """Where it stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is told, as it was decided: it never changes. There is one for an `occasion`. `to` is a mail
    address or a URL; `html` is a mail's second form; `headers` go with it."""

    message_id: UUID
    kind: Kind
    occasion: str
    to: str
    subject: str
    body: str
    html: str = ""
    headers: dict[str, str] = {}
    customer_id: UUID | None = None

    @property
    def name(self) -> str:
        """Its id as people and receivers see it."""
        return ids.show(PREFIX, self.message_id)


class State(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a message stands after `tries` tries; `next_at` is when to try again at the earliest, `reason`
    why the last try did not succeed, or what the receiver said. `is_broken`: we failed ourselves."""

    status: Status
    tries: int = 0
    next_at: datetime | None = None
    reason: str = ""
    is_broken: bool = False


class Queued(msgspec.Struct, frozen=True):
    """A message that waits to be delivered from `next_at` on."""

    message: Message
    next_at: datetime


class Tried(msgspec.Struct, frozen=True):
    """What became of a try to deliver a message."""

    message_id: UUID
    state: State


QUEUED = EventType("message.queued", 1, Queued)
TRIED = EventType("message.tried", 1, Tried)
REQUEUED = EventType("message.requeued", 1, Tried)

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
_GAPS = (
    _MINUTE, 5 * _MINUTE, 30 * _MINUTE, 2 * _HOUR, 5 * _HOUR, 10 * _HOUR, 14 * _HOUR, 20 * _HOUR,
    24 * _HOUR,
)  # fmt: skip
"""How long after a try the next one follows; after the last one it is given up. They are about those that
Standard Webhooks 1.0.0 proposes."""
_LONGEST_REASON = 500


class Outcome(NamedTuple):
    """What a try came to. `is_final`: another one could not come to anything else; `is_broken`: we failed
    ourselves, in a way that nobody foresaw."""

    is_delivered: bool
    reason: str = ""
    is_final: bool = False
    is_broken: bool = False


def stream(message_id: UUID) -> str:
    """The stream of one message."""
    return f"message:{ids.show(PREFIX, message_id)}"


def after(state: State, outcome: Outcome, at: datetime, message_id: UUID) -> State:
    """Where a waiting message stands after a try. Gaps are up to a tenth longer, by the message's id: not
    everything that failed at once is tried again at once."""
    tries = state.tries + 1
    reason = outcome.reason[:_LONGEST_REASON]
    if outcome.is_delivered:
        return State(Status.DELIVERED, tries, None, reason)
    if outcome.is_final or tries > len(_GAPS):
        return State(Status.FAILED, tries, None, reason, outcome.is_broken)
    gap = _GAPS[tries - 1]
    next_at = at + gap + gap * (message_id.int % 100) / 1000
    return State(Status.WAITING, tries, next_at, reason, outcome.is_broken)
