"""What questions about usage answer, in the shapes that several of them share."""

from __future__ import annotations

import base64
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from everycent.api.shapes import Shown
from everycent.kernel.errors import Invalid


class UnseenUsage(Shown):
    """Something that was asked for and of which no usage was ever recorded: a typo, or still to come."""

    field: str
    value: str
    message: str
    near: Annotated[list[str], Meta(description="Known names that look like it.")]


class WhyNot(Shown):
    """Why something can't be worked out: a stable code, a sentence, and what to do."""

    code: str
    message: str
    field: str | None = None
    value: str | None = None
    hint: str | None = None


class ArchivedPart(Shown):
    """A file of the archive that holds records of a month."""

    month: str
    file: str
    location: str
    records: int
    archived_at: str


def cursor_of(*parts: str) -> str:
    """Some texts as one that can stand in an address."""
    return base64.urlsafe_b64encode(msgspec.json.encode(parts)).decode().rstrip("=")


def parts_of(cursor: str, count: int) -> list[str]:
    """The texts again. Raises Invalid `page.bad_cursor`."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        found: Any = msgspec.json.decode(raw, type=list[str])
    except (ValueError, msgspec.DecodeError) as error:
        raise _bad(cursor) from error
    if len(found) != count or any("\x00" in part for part in found):
        raise _bad(cursor)
    told: list[str] = found
    return told


def _bad(cursor: str) -> Invalid:
    return Invalid(
        "page.bad_cursor",
        f"{cursor[:60]!r} is not a cursor",
        field="after",
        value=cursor,
        hint="pass on what the page before ended with",
    )


def with_dimensions(told: dict[str, Any]) -> dict[str, Any]:
    """A record with its dimensions by name; they are stored as a text of JSON."""
    text = told["dimensions"]
    return told | {"dimensions": None if text is None else msgspec.json.decode(text)}
