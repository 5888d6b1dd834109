"""Keys and members as data, the same on the command line and over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from everycent.access.keys import KEY_ID, ApiKey
from everycent.access.members import MEMBER_ID, Member
from everycent.kernel import ids
from everycent.kernel.period import instant_text


def key(row: Any) -> dict[str, Any]:
    """An API key, given by its row, without its text, which nobody keeps."""
    return {
        "key_id": ids.show(KEY_ID, row.key_id),
        "name": row.name,
        "scopes": row.scopes,
        "created_at": instant_text(row.created_at),
        "expires_at": _or_none(row.expires_at),
        "networks": row.networks,
        "revoked_at": _or_none(row.revoked_at),
        "used_at": _or_none(row.used_at),
    }


def made_key(new: ApiKey, text: str | None) -> dict[str, Any]:
    """A new API key, with its text where that is shown."""
    return {
        "key_id": ids.show(KEY_ID, new.key_id),
        "name": new.name,
        "scopes": list(new.scopes),
        "expires_at": _or_none(new.expires_at),
        "networks": list(new.networks),
        "key": text,
    }


def revoked_key(key_id: UUID, *, is_new: bool) -> dict[str, Any]:
    """An API key that opens nothing any more; `is_new` where it did until now."""
    return {"key_id": ids.show(KEY_ID, key_id), "is_new": is_new}


def member(one: Member) -> dict[str, Any]:
    """A member."""
    return {
        "member": ids.show(MEMBER_ID, one.member_id),
        "role": one.role,
        "email": one.email,
        "issuer": one.issuer,
        "subject": one.subject,
        "added_at": instant_text(one.added_at),
        "bound_at": _or_none(one.bound_at),
        "removed_at": _or_none(one.removed_at),
    }


def _or_none(at: datetime | None) -> str | None:
    return None if at is None else instant_text(at)
