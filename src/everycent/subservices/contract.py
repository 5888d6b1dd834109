"""The words of the contract `everycent-accounting/1`: instants, quantities, rows, refusals."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from everycent.kernel.quantity import plain

SCHEMA = "everycent-accounting/1"
Record = dict[str, Any]

CALLS = ("resources", "report", "events", "usage", "chart")
"""The five calls."""
ROWS = {"resources": "resources", "report": "lines", "events": "events"}
"""Calls that answer in pages, and the field that their rows stand in."""
STEPS = ("hour", "day", "month")
"""The steps of a chart, in UTC."""
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)
_QUANTITY = re.compile(r"\d{1,20}(\.\d{1,18})?", re.ASCII)


class Wrong(Exception):  # noqa: N818 - an answer, not a mistake of ours
    """A request that is refused: the status and the code of the contract, and why in words."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body: Record = {"schema": SCHEMA, "error": {"code": code, "message": message}}


def bad(message: str) -> Wrong:
    """A request that makes no sense."""
    return Wrong(400, "bad_request", message)


def instant(text: str, field: str) -> datetime:
    """An instant as it is written in a request. Raises Wrong."""
    try:
        if _INSTANT.fullmatch(text):
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    raise bad(f"{field} is no instant such as 2026-01-01T00:00:00Z")


def shown(at: datetime) -> str:
    """An instant as the contract writes it."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def quantity(value: Decimal | int | str) -> Decimal:
    """A quantity that the contract can tell. Raises ValueError for any other, and for what is not exact."""
    if type(value) not in (Decimal, int, str):
        kind = type(value).__name__
        exact = f"'{value}'" if kind == "float" else "'2.5'"
        raise ValueError(
            f"{value!r} is a {kind}: tell a text such as {exact}, a Decimal or an int, which are exact"
        )
    try:
        found = Decimal(value)
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or not _QUANTITY.fullmatch(plain(found)):
        raise ValueError(
            f"{value} is no quantity: 0 or more, 20 digits before and 18 after the point"
        )
    return found


def floor(at: datetime, step: str) -> datetime:
    """When the hour, day or month (UTC) of an instant began."""
    hour = at.replace(minute=0, second=0, microsecond=0)
    if step == "hour":
        return hour
    return hour.replace(hour=0) if step == "day" else hour.replace(hour=0, day=1)


def following(start: datetime, step: str) -> datetime:
    """When the next hour, day or month begins after one that begins at `start`."""
    if step == "month":
        return floor(start + timedelta(days=31), "month")
    return start + (timedelta(hours=1) if step == "hour" else timedelta(days=1))


def encoded(body: Any) -> bytes:
    """JSON as it is sent: no spaces, UTF-8, nothing escaped that need not be."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def digest(rows: Iterable[Record]) -> str:
    """SHA-256 in hex over the rows, each followed by a line feed."""
    found = hashlib.sha256()
    for row in rows:
        found.update(encoded(row) + b"\n")
    return found.hexdigest()
