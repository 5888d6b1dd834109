"""Who writes what is asked for, and when: what the operations of the slices take."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict

from everycent.api.operation import Asked
from everycent.api.parameters import at_or_now
from everycent.kernel.ids import IdSource


class Writing(TypedDict):
    """What everything that is written is written with."""

    at: datetime
    recorded_at: datetime
    actor: str
    ids: IdSource


def writing_from(asked: Asked[Any, Any], at: str | None) -> Writing:
    """Who asks writes it now; it holds from an instant on that is told, or from now."""
    return writing(asked, at_or_now(at, "UTC", asked.now, "at"))


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
