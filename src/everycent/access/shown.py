"""Keys and members as data, the same on the command line and over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from everycent.access.members import MEMBER_ID, Member
from everycent.kernel import ids
from everycent.kernel.period import instant_text


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
