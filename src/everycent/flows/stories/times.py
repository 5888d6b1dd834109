"""Times as a story writes them, and the refusal of what makes no sense."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from everycent.kernel import calendar
from everycent.kernel.calendar import Repeated, Skipped
from everycent.kernel.errors import Invalid
from everycent.kernel.period import parse_instant

FIELDS = "docs/stories.md lists every field"
"""What to do about something that is not known."""
_DATE_CHARACTERS = 10


def wrong(why: str, hint: str = FIELDS, *, field: str | None = None) -> Invalid:
    """The refusal of a value that makes no sense; `field` is its place below where it is found."""
    return Invalid("story.wrong_value", why, field=field, hint=hint)


def instant(text: Any, zone: str) -> datetime:
    """'2026-01-31' (its first moment), '2026-01-31 14:30' on the clock of the zone, or an instant with
    its offset. Raises Invalid."""
    if not isinstance(text, str):
        raise wrong("a time is written like 2026-01-31 or 2026-01-31 14:30")
    if len(text) == _DATE_CHARACTERS:
        return calendar.start_of_day(day(text), zone)
    try:
        wall = datetime.fromisoformat(text)
    except ValueError as error:
        raise wrong(
            f"{text[:40]!r} is not a time",
            "write 2026-01-31, 2026-01-31 14:30 or 2026-01-31T14:30Z",
        ) from error
    day(wall.date().isoformat())
    if wall.tzinfo is not None:
        return parse_instant(text, "at")
    try:
        return calendar.resolve_wall(wall, zone, Skipped.REFUSE, Repeated.REFUSE)
    except Invalid as refusal:
        refusal.hint, refusal.field = "add an offset such as +02:00 to the time", None
        raise


def day(text: str) -> date:
    """A date of the years 2000 to 2199. Raises Invalid `story.wrong_value`."""
    try:
        found = date.fromisoformat(text)
    except ValueError as error:
        raise wrong(f"{text[:40]!r} is not a date", "write it like 2026-01-31") from error
    if not 2000 <= found.year <= 2199:
        raise wrong(f"{found} is not between the years 2000 and 2199")
    return found
