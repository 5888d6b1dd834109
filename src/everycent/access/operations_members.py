"""Make people members, give them other roles, and remove them."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from everycent.access import members, projection, store
from everycent.access.members import Member
from everycent.db.connection import Tx
from everycent.journal import operations as journal
from everycent.journal.event import Draft
from everycent.journal.types import EventType
from everycent.kernel import ids as id_forms
from everycent.kernel.ids import IdSource


class Giver(NamedTuple):
    """Who gives roles, with the scopes that are his to give, and when it is written down."""

    actor: str
    scopes: frozenset[str]
    at: datetime
    ids: IdSource


def add(tx: Tx, new: Member, giver: Giver) -> Member:
    """Makes somebody a member. Raises Invalid as `members.checked`, Forbidden `member.wider`, Conflict
    `member.exists`."""
    new = members.checked(new)
    members.check_no_wider([new.role], giver.scopes)
    members.check_new(store.lock_members(tx), new)
    draft = _draft(members.ADDED, new, giver, f"member.added/{new.member_id}")
    journal.record(tx, [draft], giver.at, projection.member_added)
    return new


def change_role(tx: Tx, member_id: UUID, role: str, giver: Giver) -> Member:
    """Gives a member another role. Raises Invalid `member.bad_role`, NotFound `member.unknown`, Forbidden
    `member.wider`, Conflict `member.last_owner`."""
    members.check_role(role)
    known = store.lock_members(tx)
    before = members.chosen(known, member_id)
    members.check_no_wider([before.role, role], giver.scopes)
    if before.role == role:
        return before
    after = msgspec.structs.replace(before, role=role)
    members.check_owner_left(known, after)
    _record(tx, members.CHANGED, after, giver)
    return after


def remove(tx: Tx, member_id: UUID, giver: Giver) -> Member:
    """Ends a membership: within a second it opens nothing any more. Twice is once.

    Raises NotFound `member.unknown`, Forbidden `member.wider`, Conflict `member.last_owner`.
    """
    known = store.lock_members(tx)
    if all(one.member_id != member_id for one in known):
        former = store.find_member(tx, member_id)
        if former is None:
            raise members.unknown(member_id)
        return former
    before = members.chosen(known, member_id)
    members.check_no_wider([before.role], giver.scopes)
    after = msgspec.structs.replace(before, removed_at=max(giver.at, before.bound_at or giver.at))
    members.check_owner_left(known, after)
    _record(tx, members.REMOVED, after, giver)
    return after


def bind(
    tx: Tx, member_id: UUID, issuer: str, subject: str, at: datetime, ids: IdSource
) -> Member | None:
    """Whoever was invited came: from here on the person is known. None when somebody else was faster, or
    the person is a member already."""
    known = store.lock_members(tx)
    before = next((one for one in known if one.member_id == member_id), None)
    is_there = any((one.issuer, one.subject) == (issuer, subject) for one in known)
    if before is None or before.subject is not None or is_there:
        return None
    after = msgspec.structs.replace(
        before, issuer=issuer, subject=subject, bound_at=max(at, before.added_at)
    )
    shown = id_forms.show(members.MEMBER_ID, member_id)
    _record(tx, members.CHANGED, after, Giver(shown, frozenset(), at, ids))
    return after


def _record(tx: Tx, type_: EventType, after: Member, giver: Giver) -> None:
    name = f"{type_.name}/{after.member_id}/{after.role}/{after.subject}/{giver.at.isoformat()}"
    journal.record(tx, [_draft(type_, after, giver, name)], giver.at, projection.member_changed)


def _draft(type_: EventType, payload: Member, giver: Giver, name: str) -> Draft:
    return Draft(
        giver.ids(name), members.stream(payload.member_id), type_, giver.at, giver.actor, payload
    )
