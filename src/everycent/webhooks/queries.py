"""Look endpoints and deliveries up, and read on in what an endpoint is told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from everycent.db.connection import Tx
from everycent.journal import queries as events
from everycent.journal.event import Cursor
from everycent.kernel import ids
from everycent.kernel.errors import NotFound
from everycent.webhooks import store
from everycent.webhooks.endpoint import DELIVERY_PREFIX, Endpoint
from everycent.webhooks.numbering import numbered, place_of
from everycent.webhooks.posting import name_of

_PAGE = 2_000
_NO_NUMBER = 2**62
_FAR = 1_000


class Standing(NamedTuple):
    """An endpoint and how it goes: `number` events were numbered for it, of which so many are `waiting` and
    `failed`; `failures` in a row since `failing_since`."""

    endpoint: Endpoint
    number: int
    waiting: int
    failed: int
    failures: int
    failing_since: datetime | None
    rests_until: datetime | None
    succeeded_at: datetime | None
    is_troubled: bool


class Delivery(NamedTuple):
    """An event on its way, failed, or through: its id as the receiver sees it, and its last answer."""

    name: str
    number: int
    event_id: UUID
    stream: str
    type: str
    status: str
    tries: int
    next_at: datetime | None
    answered: int | None
    reason: str
    tried_at: datetime | None


def listed(tx: Tx, *, after: str = "", limit: int | None = None) -> list[Standing]:
    """Endpoints by key: all of them, or up to `limit` behind a key."""
    return [_standing(*found) for found in store.list_endpoints(tx, after=after, limit=limit)]


def by_key(tx: Tx, key: str) -> Standing:
    """An endpoint. Raises NotFound `webhook.unknown`."""
    found = store.list_endpoints(tx, key)
    if not found:
        raise NotFound(
            "webhook.unknown", f"there is no endpoint {key[:60]}", field="key", value=key,
            hint="list them with `everycent webhook list`",
        )  # fmt: skip
    return _standing(*found[0])


def to_read(tx: Tx) -> list[UUID]:
    """Endpoints that are enabled and have not read all of the journal, or not for long."""
    found = store.list_enabled(tx)
    fence = events.fence(tx)
    return [
        endpoint_id
        for endpoint_id, cursor in found
        if is_far_behind(cursor, fence) or events.headings(tx, cursor, 1)
    ]


def is_far_behind(cursor: Cursor, fence: Cursor) -> bool:
    """Whether many transactions, of other tenants maybe, were ended since: who has nothing to read is moved
    on then, lest everybody else's events are looked through over and over."""
    return cursor.epoch < fence.epoch or fence.xid - cursor.xid > _FAR


def deliveries(
    tx: Tx, key: str, *, status: str | None = None, before: int | None = None, limit: int = 100
) -> list[Delivery]:
    """What is on its way to an endpoint, what was given up, and the last that came through, the newest
    first; those numbered below `before`. Raises NotFound `webhook.unknown`."""
    endpoint_id = by_key(tx, key).endpoint.endpoint_id
    rows = store.list_deliveries(
        tx, endpoint_id, status, _NO_NUMBER if before is None else before, limit
    )
    return [
        Delivery(
            name_of(endpoint_id, row.event_id), row.number, row.event_id, row.stream, row.type,
            row.status, row.tries, row.next_at, row.answered, row.reason, row.tried_at,
        )
        for row in rows
    ]  # fmt: skip


def told(tx: Tx, key: str, *, after: int = 0, limit: int = 100) -> list[tuple[int, Any]]:
    """The events that an endpoint was told, or will be told next, numbered from `after` + 1 on, as rows of
    the journal without payloads: whoever missed some reads them here. Raises NotFound `webhook.unknown`."""
    return numbered_events(tx, by_key(tx, key).endpoint.endpoint_id, after + 1, limit)


def number_of(tx: Tx, key: str, name: str) -> int:
    """The number of one delivery that is kept, by its id. Raises NotFound `webhook.unknown`,
    `webhook.delivery_unknown`, Invalid `id.malformed`."""
    ids.parse(DELIVERY_PREFIX, name, "delivery")
    for one in deliveries(tx, key, limit=_NO_NUMBER):
        if one.name == name:
            return one.number
    raise NotFound(
        "webhook.delivery_unknown", f"{name} is not on its way to {key}, nor was it lately",
        field="delivery", value=name, hint="send it again by its number: `everycent webhook events`",
    )  # fmt: skip


def numbered_events(tx: Tx, endpoint_id: UUID, first: int, limit: int) -> list[tuple[int, Any]]:
    """The events of an endpoint from a number on, counted from the last mark before it."""
    found = every_numbered(tx, endpoint_id, first)
    return list(islice((pair for pair in found if pair[0] >= first), limit))


def every_numbered(tx: Tx, endpoint_id: UUID, first: int = 1) -> Iterator[tuple[int, Any]]:
    """The events that an endpoint has read and wants, with their numbers, from a number on or a little
    before it."""
    marks = store.list_marks(tx, endpoint_id, first)
    end = store.get_cursor(tx, endpoint_id)
    return numbered(marks, _headings(tx, marks[0].cursor, end))


def _headings(tx: Tx, cursor: Cursor, end: Cursor) -> Iterator[Any]:
    """What an endpoint has read of the journal after a place."""
    while rows := events.headings(tx, cursor, _PAGE):
        for row in rows:
            cursor = place_of(row)
            if cursor > end:
                return
            yield row


def _standing(endpoint: Endpoint, row: Any) -> Standing:
    return Standing(
        endpoint, row.number, row.waiting, row.failed, row.failures, row.failing_since,
        row.rests_until, row.succeeded_at, row.is_troubled,
    )  # fmt: skip
