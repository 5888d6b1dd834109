"""AuditEntry: who did something, or tried to, from where, and how it ended."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

ENTRY = "aud"
"""The prefix of an entry's id."""


class AuditEntry(NamedTuple):
    """One request. `address` is where it came from, `code` that of the refusal or empty, and `operation`
    the name in the OpenAPI document."""

    entry_id: UUID
    at: datetime
    actor: str
    address: str
    agent: str
    operation: str
    path: str
    status: int
    code: str
    request_id: str
