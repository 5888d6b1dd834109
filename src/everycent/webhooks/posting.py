"""Posting: what is sent, byte for byte, and under which headers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from everycent.kernel import ids
from everycent.kernel.period import instant_text
from everycent.webhooks.course import Answer
from everycent.webhooks.endpoint import DELIVERY_PREFIX, PREFIX, TEST

LARGEST = 20_000
"""Bytes that a webhook has at most: an event whose payload makes it longer is sent without."""


class Told(NamedTuple):
    """An event as it is told: number `number` of its endpoint. `payload` is its JSON, where it is sent."""

    number: int
    event_id: UUID
    stream: str
    version: int
    type: str
    at: datetime
    recorded_at: datetime
    payload: str | None = None


class Posting(NamedTuple):
    """A webhook to be sent to `url`, signed by the `secrets`. `number` None: it is outside the sequence."""

    name: str
    number: int | None
    url: str
    body: bytes
    secrets: tuple[bytes, ...]


Post = Callable[[Posting, datetime], Answer]
"""Sends a webhook now and says what came of it, in time. It raises nothing for what others do."""
Seal = Callable[[bytes, str], bytes]
"""Makes bytes unreadable for whoever has no key; they can be read again in the same place only."""
Unseal = Callable[[bytes, str], bytes]
"""Makes them readable. Raises Broken `secret.unreadable`."""


def place_of(tenant_id: int, endpoint_id: UUID) -> str:
    """The place of an endpoint's secrets: what was sealed for another one can't be read here."""
    return f"webhook_secret|{tenant_id}|{ids.show(PREFIX, endpoint_id)}"


def name_of(endpoint_id: UUID, event_id: UUID) -> str:
    """The id of a webhook: the same however often the event is sent to the endpoint."""
    return ids.show(DELIVERY_PREFIX, ids.derived(f"webhook/{endpoint_id}/{event_id}"))


def body_of(told: Told) -> bytes:
    """What is sent of an event."""
    thin = _body(told, None)
    if told.payload is None:
        return thin
    whole = _body(told, msgspec.Raw(told.payload.encode()))
    return whole if len(whole) <= LARGEST else thin


def trial_body(endpoint: str, at: datetime) -> bytes:
    """What is sent to try an endpoint."""
    return _encoded({"type": TEST, "timestamp": instant_text(at), "data": {"endpoint": endpoint}})


def _body(told: Told, payload: msgspec.Raw | None) -> bytes:
    kind, _, subject = told.stream.partition(":")
    data: dict[str, Any] = {
        "id": ids.show(ids.EVENT, told.event_id),
        "subject": {"kind": kind, "id": subject},
        "version": told.version,
        "at": instant_text(told.at),
    }
    if payload is not None:
        data["payload"] = payload
    return _encoded(
        {
            "type": told.type,
            "timestamp": instant_text(told.recorded_at),
            "sequence": told.number,
            "data": data,
        }
    )


def _encoded(content: dict[str, Any]) -> bytes:
    return msgspec.json.encode(content)
