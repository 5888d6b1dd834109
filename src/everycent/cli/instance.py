"""everycent up, down, status: the local instance."""

from __future__ import annotations

import click

from everycent.app import settings, wiring
from everycent.cli.common import counted, emit, json_option
from everycent.db import embedded
from everycent.db.migrate import pending


@click.command()
@json_option
def up(as_json: bool) -> None:
    """Start the embedded database and bring the schema up to date. Doing it again does nothing."""
    found = settings.from_environment()
    url = wiring.conninfo(found)
    applied = wiring.made_ready(found, url)

    def render() -> None:
        where = "the server of EVERYCENT_DATABASE_URL" if found.database_url else str(found.home)
        click.echo(f"up: {where}")
        if applied:
            click.echo(f"applied {counted(len(applied), 'migration')}")

    emit({"home": str(found.home), "migrations": applied}, as_json, render)


@click.command()
@json_option
def down(as_json: bool) -> None:
    """Stop the embedded database. Everything committed stays."""
    found = settings.from_environment()
    was_running = False if found.database_url else embedded.down(found.home)
    emit(
        {"stopped": was_running},
        as_json,
        lambda: click.echo("stopped" if was_running else "it was not running"),
    )


@click.command()
@json_option
def status(as_json: bool) -> None:
    """Say what runs where. Starts nothing."""
    found = settings.from_environment()
    if found.database_url:
        missing = pending(found.database_url)
        emit(
            {"server": "EVERYCENT_DATABASE_URL", "pending_migrations": missing},
            as_json,
            lambda: click.echo(
                f"uses the server of EVERYCENT_DATABASE_URL; {counted(len(missing), 'migration')} to apply"
            ),
        )
        return
    state = embedded.status(found.home)

    def render() -> None:
        click.echo(f"PostgreSQL {state.version} {'is running' if state.running else 'is stopped'}")
        click.echo(f"  home  {found.home}")
        click.echo(f"  data  {state.data} ({state.size_bytes / 1e6:,.0f} MB)")
        if state.running:
            click.echo(f"  pid   {state.pid}")

    emit(
        {
            "running": state.running,
            "version": state.version,
            "home": str(found.home),
            "data": str(state.data),
            "size_bytes": state.size_bytes,
            "pid": state.pid,
        },
        as_json,
        render,
    )
