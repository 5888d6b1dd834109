"""Endpoints, events and tests as programs get them, on the command line and over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from everycent.kernel import ids
from everycent.webhooks.course import Answer
from everycent.webhooks.endpoint import Endpoint
from everycent.webhooks.posting import name_of
from everycent.webhooks.queries import Delivery, Standing


def endpoint(one: Endpoint) -> dict[str, Any]:
    """An endpoint; of its secrets no more than what tells them apart."""
    return {
        "endpoint": one.name,
        "key": one.key,
        "url": one.url,
        "types": list(one.types),
        "payload": one.with_payload,
        "state": state(one),
        "reason": one.reason,
        "secrets": [
            {"fingerprint": kept.fingerprint, "made_at": kept.made_at, "until": kept.until}
            for kept in one.signing
        ],
    }


def state(one: Endpoint) -> str:
    """enabled, or disabled and why."""
    return "enabled" if one.disabled is None else f"disabled ({one.disabled.value})"


def standing(found: Standing) -> dict[str, Any]:
    """An endpoint with how it goes."""
    rest = found._asdict()
    return endpoint(rest.pop("endpoint")) | rest


def event(endpoint_id: UUID, number: int, row: Any) -> dict[str, Any]:
    """An event as its receiver may look it up."""
    return {
        "number": number,
        "webhook_id": name_of(endpoint_id, row.event_id),
        "event": ids.show(ids.EVENT, row.event_id),
        "type": row.type,
        "stream": row.stream,
        "version": row.version,
        "at": row.at,
    }


def delivery(one: Delivery) -> dict[str, Any]:
    """A delivery, by the names that its event has elsewhere."""
    return {
        "number": one.number,
        "webhook_id": one.name,
        "event": ids.show(ids.EVENT, one.event_id),
        "type": one.type,
        "stream": one.stream,
        "state": one.status,
        "tries": one.tries,
        "next_at": one.next_at,
        "answered": one.answered,
        "reason": one.reason,
        "tried_at": one.tried_at,
    }


def test(key: str, name: str, answer: Answer) -> dict[str, Any]:
    """What came of a test that was sent under an id."""
    return {
        "endpoint": key, "webhook_id": name, "taken": answer.is_taken, "answered": answer.status,
        "reason": answer.reason,
    }  # fmt: skip


def replayed(key: str, count: int) -> dict[str, Any]:
    """How many events are sent again."""
    return {"endpoint": key, "events": count}
