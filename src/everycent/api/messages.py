"""/v1/messages: the mails and webhooks that were decided, and what became of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from everycent.api.operation import Asked, changing, reading
from everycent.api.shapes import Page, Paged, Query, Shown
from everycent.db.connection import Tx
from everycent.flows.message_told import message_data, whole_data
from everycent.messages import operations, queries
from everycent.messages.message import Status


class Message(Shown):
    """Something that is told somebody outside, until it is delivered."""

    message: str
    kind: Literal["mail", "webhook"]
    customer: str | None
    to: Annotated[str, Meta(description="A mail address or a URL.")]
    subject: str
    occasion: Annotated[str, Meta(description="Why; there is one message for an occasion.")]
    state: Literal["waiting", "delivered", "failed"]
    tries: int
    next_at: str | None
    reason: Annotated[str, Meta(description="Why the last try came to nothing, or what was said.")]
    at: str
    changed_at: str


class WholeMessage(Message):
    """A message as it is sent."""

    body: str
    html: str
    headers: dict[str, str]


class Wanted(Paged):
    """Which messages are wanted."""

    state: Status | None = None


def list_messages(tx: Tx, asked: Asked[Wanted, None]) -> Page[dict[str, Any]]:
    """Mails and webhooks, the newest first, with what became of them."""
    wanted = asked.query
    before = None if wanted.after is None else queries.by_name(tx, wanted.after).message.message_id
    found = queries.listed(tx, status=wanted.state, before=before, limit=wanted.size + 1)
    return asked.page([message_data(one) for one in found], lambda last: str(last["message"]))


def get_message(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """One message as it is sent."""
    return whole_data(queries.by_name(tx, asked.path["message"]))


def retry_message(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """Sends a message anew that was given up, or now one that waits. What was delivered is not sent again:
    it is refused with `message.delivered`."""
    held = operations.requeue(
        tx, asked.path["message"], at=asked.now, actor=asked.who.actor, ids=asked.app.ids
    )
    return message_data(held)


OPERATIONS = [
    reading("/v1/messages", "dunning:read", list_messages, Page[Message], Wanted),
    reading("/v1/messages/{message}", "dunning:read", get_message, WholeMessage),
    changing("POST", "/v1/messages/{message}/retry", "dunning:write", retry_message, Message),
]
