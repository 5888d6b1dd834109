"""everycent member: people who may do something over HTTP, and their roles."""

from __future__ import annotations

from uuid import UUID

import click

from everycent.access import members, queries, shown
from everycent.access import operations_members as joining
from everycent.access.members import MEMBER_ID, Member
from everycent.access.operations_members import Giver
from everycent.access.roles import ROLES, SCOPES
from everycent.app.wiring import App
from everycent.cli.common import emit, json_option, opened, table
from everycent.kernel import ids
from everycent.kernel.errors import Invalid

_MOST = 10_000


@click.group()
def member() -> None:
    """People by their role. They sign in at the identity provider: docs/access.md."""


@member.command()
@click.argument("role", type=click.Choice(list(ROLES)))
@click.option(
    "--email", help="Whom to invite: known by the first token with this verified address."
)
@click.option("--subject", help="Who it is: what the identity provider says as `sub`.")
@click.option("--issuer", help="Of which provider; EVERYCENT_OIDC_ISSUER when left out.")
@json_option
def add(
    role: str, email: str | None, subject: str | None, issuer: str | None, as_json: bool
) -> None:
    """Make somebody a member with ROLE."""
    with opened() as (app, tenant_id):
        issuer = issuer or (app.settings.oidc and app.settings.oidc.issuer)
        if subject is not None and issuer is None:
            raise Invalid(
                "member.no_issuer",
                "no identity provider is set up here",
                field="issuer",
                hint="name it with --issuer, or set EVERYCENT_OIDC_ISSUER",
            )
        member_id = app.ids(f"member/{email or subject}")
        new = members.new(member_id, role, app.clock(), email=email, issuer=issuer, subject=subject)
        with app.database.transaction(tenant_id) as tx:
            done = joining.add(tx, new, _giver(app))
    _told(done, "added", as_json)


@member.command("list")
@click.option("--all", "is_former", is_flag=True, help="Those who were members too.")
@json_option
def list_(is_former: bool, as_json: bool) -> None:
    """List members."""
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        rows = queries.members(tx, limit=_MOST, is_former=is_former)
    data = [shown.member(one) for one in rows]
    names = ["member", "role", "email", "subject", "added", "came", "removed"]
    emit(
        data,
        as_json,
        lambda: table(
            names,
            [
                [
                    row["member"], row["role"], row["email"] or "", row["subject"] or "",
                    *((row[at] or "")[:10] for at in ("added_at", "bound_at", "removed_at")),
                ]
                for row in data
            ],
        ),
    )  # fmt: skip


@member.command("role")
@click.argument("named", metavar="MEMBER")
@click.argument("role", type=click.Choice(list(ROLES)))
@json_option
def change(named: str, role: str, as_json: bool) -> None:
    """Give MEMBER another ROLE. There is always an owner left who has come."""
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        done = joining.change_role(tx, _id(named), role, _giver(app))
    _told(done, "is", as_json)


@member.command()
@click.argument("named", metavar="MEMBER")
@json_option
def remove(named: str, as_json: bool) -> None:
    """Remove MEMBER: within a second the person may do nothing here. API keys that it made stay."""
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        done = joining.remove(tx, _id(named), _giver(app))
    _told(done, "removed", as_json)


def _id(named: str) -> UUID:
    return ids.parse(MEMBER_ID, named, "member")


def _giver(app: App) -> Giver:
    return Giver(app.settings.actor, frozenset(SCOPES), app.clock(), app.ids)


def _told(done: Member, what: str, as_json: bool) -> None:
    data = shown.member(done)
    name = done.email or done.subject
    emit(data, as_json, lambda: click.echo(f"{what} {data['member']}: {name}, {done.role}"))
