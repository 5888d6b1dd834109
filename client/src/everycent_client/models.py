"""What the API takes and answers. Written by scripts/client.py out of the operations."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

Severity = Literal["critical", "warning"]


class Alarm(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Something that is or was wrong, and what became of it."""

    alarm: str
    state: Literal["acknowledged", "raised", "resolved"]
    severity: Severity
    kind: str
    subject: str
    message: str
    source: str
    raised_at: str
    acknowledged_at: str | None
    acknowledged_by: str | None
    resolved_at: str | None
    resolved_by: str | None
    reason: str


class Ended(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why an alarm is over."""

    reason: str


class Entry(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One change that was asked for, or something that was asked for and not allowed."""

    entry: str
    at: str
    actor: str
    address: str
    agent: str
    operation: str
    path: str
    status: int
    code: str
    request_id: str


class Health(msgspec.Struct, kw_only=True, omit_defaults=True):
    """It works."""

    status: str


class Key(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An API key without its text, which nobody keeps."""

    key_id: str
    name: str
    scopes: list[str]
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    used_at: str | None


class MadeKey(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A new key. Its text is shown here and never again: it is null when the request is
    repeated."""

    key_id: str
    name: str
    scopes: list[str]
    expires_at: str | None
    key: str | None


class NewKey(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A key that is wanted."""

    name: str
    scopes: list[str]
    expires_at: str | UnsetType | None = UNSET


class Plan(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The exact effect that a change would have now."""

    plan: str
    events: dict[str, int]
    documents: list[PlannedDocument]
    postings: list[PlannedPosting]


class PlannedDocument(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A document that would be issued."""

    kind: str
    customer: str
    currency: str
    gross: str
    prepaid: str


class PlannedPosting(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What would be posted to an account; debits are positive."""

    account: str
    customer: str
    currency: str
    amount: str


class RevokedKey(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A key that opens nothing any more; `is_new` where it did until now."""

    key_id: str
    is_new: bool
