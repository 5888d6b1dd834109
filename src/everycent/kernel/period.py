"""Periods: half-open spans `[start, end)` of UTC instants."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from everycent.kernel.errors import Invalid


class Period(NamedTuple):
    """From `start` up to but not including `end`, both aware datetimes in UTC."""

    start: datetime
    end: datetime

    def contains(self, at: datetime) -> bool:
        """Whether the instant `at` lies in the period; the end does not."""
        return self.start <= at < self.end

    def overlap(self, other: Period) -> Period | None:
        """The common part of both, or None when they only touch or lie apart."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Period(start, end) if start < end else None


def period(start: datetime, end: datetime) -> Period:
    """A checked period. Raises Invalid `period.empty` or `period.naive`."""
    if start.tzinfo is None or end.tzinfo is None:
        raise Invalid("period.naive", "a period needs instants with a time zone")
    if end <= start:
        raise Invalid(
            "period.empty",
            f"a period must end after it starts ({start.isoformat()} to {end.isoformat()})",
            field="end",
            value=end.isoformat(),
        )
    return Period(start.astimezone(UTC), end.astimezone(UTC))


def instant_text(at: datetime) -> str:
    """A UTC instant as RFC 3339 text with Z, and microseconds only where there are any."""
    text = at.astimezone(UTC).isoformat()
    return text.replace("+00:00", "Z")


def parse_instant(text: str, field: str) -> datetime:
    """An RFC 3339 instant with an explicit offset. Raises Invalid `time.malformed` or `time.naive`."""
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Invalid(
            "time.malformed",
            f"{text[:40]!r} is not a date and time",
            field=field,
            value=text,
            hint="write it like 2026-03-01T00:00:00Z",
        ) from error
    raise Invalid(
        "time.naive",
        f"{text} says no time zone",
        field=field,
        value=text,
        hint="add Z or an offset such as +01:00",
    )
