"""Reading the whole journal, to build anew what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from everycent.db.connection import Tx
from everycent.journal import store
from everycent.journal.event import Event
from everycent.journal.types import EventType, decode
from everycent.kernel.errors import Broken
from everycent.kernel.table import Rows


class Projector(NamedTuple):
    """An event type and the pure function that turns its events into rows."""

    type: EventType
    project: Callable[[Event, Rows, int], None]


def read_all(tx: Tx, known: Mapping[str, Projector]) -> Iterator[Event]:
    """Every event of the tenant in the journal's order, payloads in their newest shape.

    Raises Broken `journal.type_unknown` for an event that no projector knows.
    """
    for row in store.stream_all(tx, by_stream=False):
        event_id, stream, version, name, schema, at, recorded_at, actor, cause, payload, head = row
        projector = known.get(name)
        if projector is None:
            raise Broken(
                "journal.type_unknown",
                f"the journal holds events of type {name}, which this program does not know",
                hint="run a newer everycent",
            )
        decoded = decode(projector.type, schema, payload)
        yield Event(event_id, stream, version, name, at, recorded_at, actor, cause, decoded, head)
