"""Billing runs as programs get them, on the command line and over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from everycent.kernel import ids
from everycent.kernel.errors import Invalid
from everycent.kernel.period import instant_text


def run_data(row: Any) -> dict[str, Any]:
    """A run, and how far it is."""
    told: dict[str, Any] = row._asdict()
    return told | {
        "run_id": ids.show(ids.RUN, row.run_id),
        "as_of": instant_text(row.as_of),
        "started_at": instant_text(row.started_at),
        "finished_at": None if row.finished_at is None else instant_text(row.finished_at),
    }


def check_has_come(
    until: datetime, now: datetime, told: str | None, hint: str = "correct the date"
) -> None:
    """Refuses to bill what is still to be used. Raises Invalid `billing.in_the_future`."""
    if until > now:
        raise Invalid(
            "billing.in_the_future",
            f"{instant_text(until)} has not come yet: usage of that time is still to be reported",
            field="as_of",
            value=told,
            hint=hint,
        )
