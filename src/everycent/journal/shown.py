"""Events, cursors and checkpoints as programs get them, on the command line and over HTTP."""

from __future__ import annotations

from typing import Any

import msgspec

from everycent.journal.event import START, Cursor
from everycent.kernel import ids
from everycent.kernel.errors import Invalid
from everycent.kernel.period import instant_text

_PARTS = 3
_MOST_DIGITS = 18


def event_data(row: Any) -> dict[str, Any]:
    """An event as it was recorded."""
    return {
        "event_id": ids.show(ids.EVENT, row.event_id),
        "stream": row.stream,
        "version": row.version,
        "type": row.type,
        "at": instant_text(row.at),
        "recorded_at": instant_text(row.recorded_at),
        "actor": row.actor,
        "hash": bytes(row.hash).hex(),
        "payload": msgspec.json.decode(row.payload),
    }


def checkpoint_data(row: Any) -> dict[str, Any]:
    """A checkpoint with all that is needed to check it elsewhere."""
    told: dict[str, Any] = row._asdict()
    hexed = {
        name: bytes(value).hex()
        for name, value in told.items()
        if isinstance(value, bytes | memoryview)
    }
    return told | hexed | {"recorded_at": instant_text(row.recorded_at)}


def cursor_text(cursor: Cursor) -> str:
    """A cursor as it is told."""
    return ".".join(map(str, cursor))


def parse_cursor(text: str | None) -> Cursor:
    """The reverse; None is the beginning. Raises Invalid `journal.bad_cursor`."""
    if text is None:
        return START
    parts = text.split(".")
    if len(parts) != _PARTS or not all(
        part.isascii() and part.isdigit() and len(part) <= _MOST_DIGITS for part in parts
    ):
        raise Invalid(
            "journal.bad_cursor", f"{text[:40]!r} is not a cursor", field="after", value=text
        )
    cursor = Cursor(*map(int, parts))
    if cursor.epoch >= 2**31:
        raise Invalid(
            "journal.bad_cursor", f"{text[:40]!r} is no cursor of ours", field="after", value=text
        )
    return cursor
