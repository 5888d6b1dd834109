"""/v1/members: people and their roles. Nobody gives or takes a role that may do more than he may."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from everycent.access import members, queries, shown
from everycent.access import operations_members as joining
from everycent.access.members import MEMBER_ID
from everycent.access.operations_members import Giver
from everycent.api.operation import Asked, changing, reading
from everycent.api.shapes import Body, Page, Paged, Query, Shown
from everycent.db.connection import Tx
from everycent.kernel import ids
from everycent.kernel.errors import Invalid

Role = Literal["owner", "finance", "support", "developer", "read-only"]


class Member(Shown):
    """A person who may do something here, or who was invited to."""

    member: str
    role: str
    email: Annotated[str | None, Meta(description="Where the invitation went.")]
    issuer: str | None
    subject: Annotated[str | None, Meta(description="What the identity provider calls the person.")]
    added_at: str
    bound_at: Annotated[str | None, Meta(description="When the person came; null before.")]
    removed_at: str | None


class Wanted(Paged):
    """Which members are wanted."""

    state: Annotated[
        Literal["current", "all"], Meta(description="Only who is one, or also who was.")
    ] = "current"


class NewMember(Body):
    """Somebody who is invited by e-mail, or known by the subject of his tokens."""

    role: Role
    email: Annotated[str, Meta(max_length=254)] | None = None
    subject: Annotated[str, Meta(max_length=255)] | None = None
    issuer: (
        Annotated[
            str,
            Meta(max_length=500, description="That of the tokens; the server's own when left out."),
        ]
        | None
    ) = None


class NewRole(Body):
    """Another role."""

    role: Role


def list_members(tx: Tx, asked: Asked[Wanted, None]) -> Page[dict[str, Any]]:
    """Members, whoever was added first."""
    wanted = asked.query
    found = queries.members(
        tx, limit=wanted.size + 1, after=wanted.after, is_former=wanted.state == "all"
    )
    return asked.page([shown.member(one) for one in found], lambda last: str(last["member"]))


def get_member(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """One member, or one who was."""
    return shown.member(queries.member(tx, asked.path["member"]))


def add_member(tx: Tx, asked: Asked[Query, NewMember]) -> dict[str, Any]:
    """Makes somebody a member. One who is invited by e-mail is known from the first token on in which the
    identity provider says that it has verified this address."""
    body, oidc = asked.body, asked.app.settings.oidc
    issuer = body.issuer if body.issuer is not None or oidc is None else oidc.issuer
    if body.subject is not None and issuer is None:
        raise Invalid(
            "member.no_issuer",
            "no identity provider is set up here",
            field="issuer",
            hint="name the issuer, or set EVERYCENT_OIDC_ISSUER",
        )
    new = members.new(
        asked.app.ids(f"member/{body.email or body.subject}"), body.role, asked.now,
        email=body.email, issuer=issuer, subject=body.subject,
    )  # fmt: skip
    return shown.member(joining.add(tx, new, _giver(asked)))


def change_member(tx: Tx, asked: Asked[Query, NewRole]) -> dict[str, Any]:
    """Gives a member another role, within a second. There is always an owner left who has come."""
    member_id = ids.parse(MEMBER_ID, asked.path["member"], "member")
    return shown.member(joining.change_role(tx, member_id, asked.body.role, _giver(asked)))


def remove_member(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """Removes a member: within a second the person's tokens open nothing here. Twice is once. API keys that
    the person has made stay, and are revoked one by one."""
    member_id = ids.parse(MEMBER_ID, asked.path["member"], "member")
    return shown.member(joining.remove(tx, member_id, _giver(asked)))


OPERATIONS = [
    reading("/v1/members", "members:read", list_members, Page[Member], Wanted),
    changing("POST", "/v1/members", "members:write", add_member, Member, NewMember, status=201),
    reading("/v1/members/{member}", "members:read", get_member, Member),
    changing("POST", "/v1/members/{member}/role", "members:write", change_member, Member, NewRole),
    changing("POST", "/v1/members/{member}/remove", "members:write", remove_member, Member),
]


def _giver(asked: Asked[Any, Any]) -> Giver:
    return Giver(asked.who.actor, asked.who.scopes, asked.now, asked.app.ids)
