"""Members: people who may do something in a tenant, by their role.

A person is known by the issuer and the subject of a token of the identity provider. One who is invited by
e-mail becomes known with the first token that has this address as a verified one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from everycent.access.roles import ROLES
from everycent.journal.event import stream_of
from everycent.journal.types import EventType
from everycent.kernel import ids
from everycent.kernel.errors import Conflict, Forbidden, Invalid, NotFound

MEMBER_ID = "mem"
OWNER = "owner"
_EMAIL = re.compile(r"[!-?A-~]{1,64}@[!-?A-~]{1,189}")
_LONGEST_ISSUER, _LONGEST_SUBJECT = 500, 255


class Member(msgspec.Struct, frozen=True, omit_defaults=True):
    """A member: invited with an `email` only, known with `issuer` and `subject` since `bound_at`, and none
    any more from `removed_at` on."""

    member_id: UUID
    role: str
    email: str | None
    issuer: str | None
    subject: str | None
    added_at: datetime
    bound_at: datetime | None = None
    removed_at: datetime | None = None


class Person(NamedTuple):
    """Whom a token names. The `email` is one that the issuer has verified, or None."""

    issuer: str
    subject: str
    email: str | None
    expires_at: datetime


ADDED = EventType("member.added", 1, Member)
CHANGED = EventType("member.changed", 1, Member)
REMOVED = EventType("member.removed", 1, Member)


def stream(member_id: UUID) -> str:
    """The stream that holds the history of one member."""
    return stream_of("member", ids.show(MEMBER_ID, member_id))


def new(
    member_id: UUID,
    role: str,
    at: datetime,
    *,
    email: str | None,
    issuer: str | None,
    subject: str | None,
) -> Member:
    """Somebody who is to be a member: invited, or known already by a subject."""
    is_known = subject is not None
    return Member(
        member_id, role, email, issuer if is_known else None, subject, at, at if is_known else None
    )


def checked(told: Member) -> Member:
    """The member when it is sound, its address in small letters. Raises Invalid `member.bad_role`,
    `member.bad_email`, `member.bad_subject`."""
    check_role(told.role)
    if (told.email is None) == (told.subject is None):
        raise Invalid(
            "member.bad_subject",
            "a member is named by an e-mail address or by a subject, and not by both",
            field="subject",
            hint="invite people by e-mail; a subject is what the identity provider calls somebody",
        )
    if told.email is not None:
        return msgspec.structs.replace(told, email=email_of(told.email))
    issuer, subject = told.issuer or "", told.subject or ""
    if (
        not (1 <= len(subject) <= _LONGEST_SUBJECT and subject.isascii() and subject.isprintable())
        or not 1 <= len(issuer) <= _LONGEST_ISSUER
    ):
        raise Invalid(
            "member.bad_subject",
            f"a subject has 1 to {_LONGEST_SUBJECT} printable ASCII characters, and an issuer",
            field="subject",
            value=subject[:60],
            hint="the subject is `sub` of the person's tokens; the issuer is EVERYCENT_OIDC_ISSUER",
        )
    return told


def email_of(text: str) -> str:
    """An address as it is compared. Raises Invalid `member.bad_email`."""
    found = text.strip().lower()
    if not _EMAIL.fullmatch(found):
        raise Invalid(
            "member.bad_email", f"{text[:60]!r} is not an e-mail address", field="email", value=text
        )
    return found


def check_role(role: str) -> None:
    """Raises Invalid `member.bad_role`."""
    if role not in ROLES:
        raise Invalid(
            "member.bad_role",
            f"there is no role {role[:60]!r}",
            field="role",
            value=role,
            hint=f"roles are {', '.join(ROLES)}",
        )


def check_no_wider(roles: Sequence[str], scopes: frozenset[str]) -> None:
    """Raises Forbidden `member.wider` for a role that may do more than whoever gives or takes it."""
    for role in roles:
        beyond = sorted(ROLES.get(role, frozenset()) - scopes)
        if beyond:
            raise Forbidden(
                "member.wider",
                f"nobody gives or takes a role that may do more: {role} has {', '.join(beyond[:5])}",
                field="role",
                value=role,
                hint="ask an owner",
            )


def chosen(members: Sequence[Member], member_id: UUID) -> Member:
    """One of those who are members. Raises NotFound `member.unknown`."""
    found = next((one for one in members if one.member_id == member_id), None)
    if found is None:
        raise unknown(member_id)
    return found


def unknown(member_id: UUID) -> NotFound:
    """Nobody has this id, or not any more."""
    shown = ids.show(MEMBER_ID, member_id)
    return NotFound(
        "member.unknown",
        f"there is no member {shown}",
        field="member",
        value=shown,
        hint="list them with `everycent member list`",
    )


def check_new(members: Sequence[Member], new: Member) -> None:
    """Raises Conflict `member.exists`."""
    for one in members:
        is_same = one.subject is not None and (one.issuer, one.subject) == (new.issuer, new.subject)
        if is_same or (new.email is not None and one.email == new.email):
            raise Conflict(
                "member.exists",
                f"{new.email or new.subject} is a member already",
                field="email" if new.email else "subject",
                value=ids.show(MEMBER_ID, one.member_id),
                hint="change the role of the member that there is",
            )


def check_owner_left(members: Sequence[Member], changed: Member) -> None:
    """Raises Conflict `member.last_owner` where there was an owner who had come, and none would be left."""
    before = [one for one in members if _owns(one)]
    after = [one for one in before if one.member_id != changed.member_id]
    if before and not after and not _owns(changed):
        raise Conflict(
            "member.last_owner",
            "this is the last owner",
            field="member",
            value=ids.show(MEMBER_ID, changed.member_id),
            hint="make somebody else owner first, who has signed in once",
        )


def _owns(one: Member) -> bool:
    return one.role == OWNER and one.bound_at is not None and one.removed_at is None
