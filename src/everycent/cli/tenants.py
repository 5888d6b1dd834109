"""everycent tenant: separate books in one database."""

from __future__ import annotations

import click

from everycent.app import settings, wiring
from everycent.cli.common import emit, json_option, rows_as_data, table
from everycent.kernel.period import instant_text
from everycent.tenants import operations, queries


@click.group()
def tenant() -> None:
    """Separate books in one database. Commands work on `default` unless --tenant says otherwise."""


@tenant.command()
@click.argument("slug")
@click.option("--name", help="What people call it.")
@json_option
def create(slug: str, name: str | None, as_json: bool) -> None:
    """Create the tenant SLUG (small letters, digits, dashes)."""
    with wiring.running(settings.from_environment()) as app:
        operations.create(app.database, slug, name or slug, app.clock())
    emit({"slug": slug}, as_json, lambda: click.echo(f"created tenant {slug}"))


@tenant.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List all tenants."""
    with wiring.running(settings.from_environment()) as app:
        rows = queries.listed(app.database)
    emit(
        rows_as_data(rows),
        as_json,
        lambda: table(
            ["tenant", "name", "created"],
            [[row.slug, row.name, instant_text(row.created_at)[:10]] for row in rows],
        ),
    )
