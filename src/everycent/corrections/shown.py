"""Corrections and records as a program gets them, on the command line and over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from everycent.kernel.errors import Invalid
from everycent.kernel.period import instant_text
from everycent.metering.record import UsageRecord


def as_data(row: Any) -> dict[str, Any]:
    """A correction."""
    told: dict[str, Any] = row._asdict()
    return told | {
        "correction_id": str(row.correction_id),
        "undoes": None if row.undoes is None else str(row.undoes),
        "undone_by": None if row.undone_by is None else str(row.undone_by),
        "recorded_at": instant_text(row.recorded_at),
    }


def record_data(record: UsageRecord) -> dict[str, Any]:
    """What a record says."""
    return record._asdict() | {"at": instant_text(record.at)}


def touched_data(what: str, record: UsageRecord) -> dict[str, Any]:
    """A record that a correction took back, put back or added."""
    return {"what": what, **record_data(record)}


def correction_id(text: str) -> UUID:
    """The id of a correction. Raises Invalid `correction.bad_id`."""
    try:
        return UUID(text)
    except ValueError as error:
        raise Invalid(
            "correction.bad_id",
            f"{text[:60]!r} is not the id of a correction",
            field="correction",
            value=text,
            hint="`everycent usage corrections` lists them with their ids",
        ) from error
