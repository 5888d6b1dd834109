"""What operations about money have in common: amounts, days and instants, and who writes."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, TypedDict

from everycent.api.operation import Asked
from everycent.api.parameters import instant
from everycent.kernel.errors import Invalid
from everycent.kernel.ids import IdSource
from everycent.kernel.money import Money, plain
from everycent.kernel.period import instant_text


class Writing(TypedDict):
    """What everything that is written is written with."""

    at: datetime
    recorded_at: datetime
    actor: str
    ids: IdSource


def writing(asked: Asked[Any, Any], at: datetime | None = None) -> Writing:
    """Who asks writes it now; it holds from then on, or from another instant."""
    return {
        "at": at or asked.now,
        "recorded_at": asked.now,
        "actor": asked.who.actor,
        "ids": asked.app.ids,
    }


class By(TypedDict):
    """Who does it, and when."""

    at: datetime
    actor: str
    ids: IdSource


def by(asked: Asked[Any, Any]) -> By:
    """Who asks does it now."""
    return {"at": asked.now, "actor": asked.who.actor, "ids": asked.app.ids}


def amount(minor: int, currency: str) -> str:
    """Minor units as a decimal number."""
    return plain(Money(minor, currency))


def day(text: str, field: str) -> date:
    """A date. Raises Invalid `date.malformed`, `date.out_of_range`."""
    try:
        found = date.fromisoformat(text)
    except ValueError as error:
        raise Invalid(
            "date.malformed",
            f"{text[:40]!r} is not a date",
            field=field,
            value=text,
            hint="write it like 2026-03-01",
        ) from error
    instant(found.isoformat(), "UTC", field)
    return found


def day_or_none(text: str | None, field: str) -> date | None:
    """The same of what may be left out."""
    return None if text is None else day(text, field)


def at_or_now(text: str | None, zone: str, now: datetime, field: str) -> datetime:
    """An instant, or a local date, which stands for its first moment; now when none is told."""
    return now if text is None else instant(text, zone, field)


def past(text: str | None, zone: str, now: datetime, field: str) -> datetime:
    """The same of what has come already. Raises Invalid `date.in_the_future`."""
    at = at_or_now(text, zone, now, field)
    if at > now:
        raise Invalid(
            "date.in_the_future",
            f"{instant_text(at)} has not come yet",
            field=field,
            value=text,
            hint="correct the date",
        )
    return at


def instant_or_none(at: datetime | None) -> str | None:
    """An instant as it is told, where there is one."""
    return None if at is None else instant_text(at)
