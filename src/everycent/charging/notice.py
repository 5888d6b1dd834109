"""Notice: what a provider told of its own accord, written down before anything follows from it."""

from __future__ import annotations

import hashlib
from datetime import datetime
from uuid import UUID

import msgspec

from everycent.charging.attempt import Evidence
from everycent.journal.types import EventType


class Noted(msgspec.Struct, frozen=True, omit_defaults=True):
    """An event of `provider`, of `kind` (see NoticeKind), with what it says; of which attempt or payment,
    where it is one of ours. `effect` says what followed from it."""

    provider: str
    notice_id: str
    kind: str
    said: Evidence
    told_at: datetime
    attempt_id: UUID | None = None
    payment_id: UUID | None = None
    charge: str | None = None
    effect: str = ""


NOTED = EventType("payment_notice.noted", 1, Noted)


def stream(provider: str, notice_id: str) -> str:
    """The stream of one event of a provider, whatever characters its id has."""
    return f"payment_notice:{hashlib.sha256(f'{provider}/{notice_id}'.encode()).hexdigest()[:40]}"
