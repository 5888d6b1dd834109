"""everycent key: API keys, with which programs call the HTTP interface."""

from __future__ import annotations

import click

from everycent.access import operations, queries, shown
from everycent.access.keys import KEY_ID, ApiKey
from everycent.access.roles import OPERATORS, SCOPES
from everycent.app.wiring import random_key
from everycent.cli.common import emit, instant, json_option, opened, table
from everycent.kernel import ids

_USUAL = ("usage:write",)


@click.group()
def key() -> None:
    """API keys. Each opens one tenant, for the uses that its scopes name."""


@key.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    show_default="usage:write",
    help=f"What it may do; can be given again. Scopes are {', '.join(SCOPES)}; and for whoever makes"
    f" tenants {', '.join(OPERATORS)}.",
)
@click.option("--all-scopes", is_flag=True, help="It may do all that can be done with its tenant.")
@click.option(
    "--expires-at", metavar="INSTANT", help="When it opens nothing any more; never when left out."
)
@click.option(
    "--network",
    "networks",
    multiple=True,
    metavar="CIDR",
    help="From where it opens, such as 192.0.2.0/24; can be given again. From everywhere when left out.",
)
@json_option
def create(
    name: str,
    scopes: tuple[str, ...],
    all_scopes: bool,
    expires_at: str | None,
    networks: tuple[str, ...],
    as_json: bool,
) -> None:
    """Create a key called NAME. It is shown now and never again: only its digest is kept."""
    scopes = tuple(dict.fromkeys((*SCOPES, *scopes))) if all_scopes else scopes or _USUAL
    text, digest = random_key()
    with opened() as (app, tenant_id):
        now = app.clock()
        until = None if expires_at is None else instant(expires_at, "UTC", now, "expires_at")
        new = ApiKey(app.ids(f"api_key/{name}"), name, digest, scopes, now, None, until, networks)
        with app.database.transaction(tenant_id) as tx:
            operations.create_key(
                tx, new, at=now, recorded_at=now, actor=app.settings.actor, ids=app.ids
            )
    told = shown.made_key(new, text)

    def render() -> None:
        what = "all scopes of its tenant" if all_scopes else ", ".join(scopes)
        click.echo(f"created {told['key_id']} for {what}; keep the key, it is not shown again:")
        click.echo(text)

    emit(told, as_json, render)


@key.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the keys, the revoked ones too."""
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        rows = queries.api_keys(tx)
    data = [shown.key(row) for row in rows]
    emit(
        data,
        as_json,
        lambda: table(
            ["key", "name", "~scopes", "created", "last used", "ends", "revoked", "~networks"],
            [
                [
                    row["key_id"],
                    row["name"],
                    " ".join(row["scopes"]),
                    row["created_at"][:10],
                    row["used_at"][:16] if row["used_at"] else "",
                    row["expires_at"][:16] if row["expires_at"] else "",
                    row["revoked_at"][:10] if row["revoked_at"] else "",
                    " ".join(row["networks"]),
                ]
                for row in data
            ],
        ),
    )


@key.command()
@click.argument("key_id")
@json_option
def revoke(key_id: str, as_json: bool) -> None:
    """Revoke the key KEY_ID: within a second it opens nothing any more."""
    wanted = ids.parse(KEY_ID, key_id, "key")
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        now = app.clock()
        is_new = operations.revoke_key(
            tx, wanted, at=now, recorded_at=now, actor=app.settings.actor, ids=app.ids
        )
    emit(
        shown.revoked_key(wanted, is_new=is_new),
        as_json,
        lambda: click.echo(f"{'revoked' if is_new else 'was revoked before:'} {key_id}"),
    )
