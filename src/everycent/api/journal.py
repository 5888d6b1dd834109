"""/v1/journal: everything that ever happened, in an order that never changes, and what seals it.

Who keeps the cursor of an answer and asks again after it misses nothing and gets nothing twice: an event
shows up once no transaction that is still running could come before it.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from everycent.access.roles import may_see
from everycent.api.operation import Asked, Who, reading
from everycent.api.shapes import (
    Page,
    Paged,
    Query,
    Shown,
)
from everycent.customers import queries as customers
from everycent.customers.customer import stream as customer_stream
from everycent.db.connection import Tx
from everycent.journal import queries
from everycent.journal.shown import checkpoint_data, cursor_text, event_data, parse_cursor
from everycent.kernel import ids
from everycent.kernel.errors import Invalid

_MOST_TYPES = 20
_CUSTOMER = "customer"
_OF_CUSTOMERS = ("subscription", "invoice")


class JournalEvent(Shown):
    """Something that happened, as it was recorded."""

    event_id: str
    stream: Annotated[str, Meta(description="Of what, such as customer:cus_….")]
    version: Annotated[int, Meta(description="The how manieth of its stream, from 1 on.")]
    type: str
    at: Annotated[str, Meta(description="When it holds.")]
    recorded_at: str
    actor: str
    hash: Annotated[str, Meta(description="Over this event and the hash of the one before.")]
    payload: Annotated[
        dict[str, Any] | None,
        Meta(
            description="Null where it is of a key or a member and whoever asks lacks keys:read or"
            " members:read."
        ),
    ]


class JournalEvents(Shown):
    """A part of the journal."""

    items: list[JournalEvent]
    cursor: Annotated[
        str, Meta(description="Where to go on now or any time later, as the parameter `after`.")
    ]
    next: Annotated[
        str | None, Meta(description="The path of the page that follows; null while there is none.")
    ]


class Wanted(Paged):
    """Which events are wanted. `after` takes a cursor."""

    subject: Annotated[
        str | None,
        Meta(
            description="Only those of a stream, such as customer:cus_… or customer:acme; it has those of"
            " the contracts and invoices of the customer."
        ),
    ] = None
    type: Annotated[
        str | None,
        Meta(description="Only those of a type, such as invoice.issued; several with commas."),
    ] = None


class Checkpoint(Shown):
    """A seal on the journal up to a place: its digest is kept elsewhere, and shows that nothing before that
    place was changed since. `signature` is Ed25519 over `digest`, by the key `public_key`."""

    checkpoint_no: int
    recorded_at: str
    epoch: int
    xid: int
    seq: int
    streams: int
    events: int
    root: Annotated[str, Meta(description="Over the last event of every stream before it.")]
    previous: Annotated[str | None, Meta(description="The digest of the one before.")]
    digest: str
    public_key: str
    signature: str


def list_events(tx: Tx, asked: Asked[Wanted, None]) -> dict[str, Any]:
    """Events in the journal's order from a cursor on: all, those of a subject, or of some types. The answer
    has the cursor to go on from. By type a page may have fewer events than asked for, or none, and `next`
    all the same: no more than a hundred thousand are looked at for one."""
    wanted = asked.query
    types = None if wanted.type is None else wanted.type.split(",")[:_MOST_TYPES]
    stream = None if wanted.subject is None else _stream(tx, wanted.subject)
    rows, cursor, is_more = queries.found(
        tx, parse_cursor(wanted.after), of_stream=stream, types=types, limit=wanted.size
    )
    told = cursor_text(cursor)
    return {
        "items": [_seen(event_data(row), asked.who) for row in rows],
        "cursor": told,
        "next": asked.onward(told) if is_more else None,
    }


def get_event(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """One event."""
    event_id = ids.parse(ids.EVENT, asked.path["event"], "event")
    return _seen(event_data(queries.event(tx, event_id)), asked.who)


def _seen(event: dict[str, Any], who: Who) -> dict[str, Any]:
    return event if may_see(event["type"], who.scopes) else event | {"payload": None}


def list_checkpoints(tx: Tx, asked: Asked[Paged, None]) -> Page[dict[str, Any]]:
    """The checkpoints with what is needed to check them elsewhere, the oldest first. They are made on the
    server (`everycent journal checkpoint`), where the key is."""
    found = [checkpoint_data(row) for row in queries.checkpoints(tx)]
    return asked.part(found, lambda last: str(last["checkpoint_no"]))


def _stream(tx: Tx, subject: str) -> str:
    """The stream of a subject, which may be told by its key. Raises Invalid `journal.bad_subject`, NotFound
    `customer.unknown`."""
    kind, colon, name = subject.partition(":")
    if kind == _CUSTOMER and name and not name.startswith(f"{ids.CUSTOMER}_"):
        return customer_stream(customers.by_name(tx, name).customer_id)
    if not colon or not kind or not name or kind in _OF_CUSTOMERS:
        raise Invalid(
            "journal.bad_subject",
            f"{subject[:80]!r} is no subject of events",
            field="subject",
            value=subject,
            hint="say it as `stream` of an event does, such as customer:acme; events of contracts and"
            " invoices are among those of their customer",
        )
    return subject


OPERATIONS = [
    reading("/v1/journal/events", "journal:read", list_events, JournalEvents, Wanted),
    reading("/v1/journal/events/{event}", "journal:read", get_event, JournalEvent),
    reading("/v1/journal/checkpoints", "journal:read", list_checkpoints, Page[Checkpoint], Paged),
]
