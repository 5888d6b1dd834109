"""Messages and where they stand, as rows."""

from __future__ import annotations

from uuid import UUID

from everycent.journal.event import Event
from everycent.kernel.canonical import encode
from everycent.kernel.table import Rows, table
from everycent.messages.message import QUEUED, Queued, State, Status, Tried

MESSAGE = table(
    "message",
    "tenant_id int4, message_id uuid, kind text, occasion text, customer_id uuid, recipient text,"
    " subject text, told text, at timestamptz, event_id uuid",
    key="tenant_id, message_id",
)
STATE = table(
    "message_state",
    "tenant_id int4, message_id uuid, status text, tries int4, next_at timestamptz, reason text,"
    " is_broken bool, changed_at timestamptz",
    key="tenant_id, message_id",
)


def queued(event: Event, rows: Rows, tenant_id: int) -> None:
    """A message that is to be delivered."""
    new: Queued = event.payload
    m = new.message
    rows.add(
        MESSAGE, tenant_id, m.message_id, m.kind.value, m.occasion, m.customer_id, m.to, m.subject,
        encode(m).decode(), event.at, event.event_id,
    )  # fmt: skip
    _put(event, rows, tenant_id, m.message_id, State(Status.WAITING, 0, new.next_at))


def tried(event: Event, rows: Rows, tenant_id: int) -> None:
    """What became of a try, or that it is to be tried anew."""
    done: Tried = event.payload
    _put(event, rows, tenant_id, done.message_id, done.state)


def any_of(event: Event, rows: Rows, tenant_id: int) -> None:
    """The rows of any event of a message."""
    (queued if event.type == QUEUED.name else tried)(event, rows, tenant_id)


def _put(event: Event, rows: Rows, tenant_id: int, message_id: UUID, state: State) -> None:
    rows.put(
        STATE, tenant_id, message_id, state.status.value, state.tries, state.next_at, state.reason,
        state.is_broken, event.at,
    )  # fmt: skip
