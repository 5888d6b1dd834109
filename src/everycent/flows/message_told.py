"""Messages as programs get them, on the command line and over HTTP."""

from __future__ import annotations

from typing import Any

from everycent.kernel.period import instant_text
from everycent.messages.queries import Held


def message_data(held: Held) -> dict[str, Any]:
    """A message, and what became of it."""
    one, state = held.message, held.state
    return {
        "message": one.name,
        "kind": one.kind.value,
        "customer": held.customer,
        "to": one.to,
        "subject": one.subject,
        "occasion": one.occasion,
        "state": state.status.value,
        "tries": state.tries,
        "next_at": None if state.next_at is None else instant_text(state.next_at),
        "reason": state.reason,
        "at": instant_text(held.at),
        "changed_at": instant_text(held.changed_at),
    }


def whole_data(held: Held) -> dict[str, Any]:
    """A message as it is sent, too."""
    one = held.message
    return message_data(held) | {"body": one.body, "html": one.html, "headers": one.headers}
