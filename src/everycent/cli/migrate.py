"""everycent migrate: the schema, brought up to date by a job that runs before everything else."""

from __future__ import annotations

import time

import click
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from everycent.app import settings, wiring
from everycent.cli.common import complain, counted, emit, json_option
from everycent.db import embedded
from everycent.db import migrate as migrations
from everycent.db.connection import first_line, is_lost

_CONNECT_SECONDS = 5
_PAUSE_SECONDS = 1


@click.command()
@click.option(
    "--wait",
    default=0,
    show_default=True,
    type=click.IntRange(0, 3600),
    help="For how many seconds the database is waited for.",
)
@json_option
def migrate(wait: int, as_json: bool) -> None:
    """Bring the schema up to date and end. Starts no database: it is for a job that runs before the
    processes of a new version (docs/deployment.md). Any number may run at once, and doing it again does
    nothing."""
    found = settings.from_environment()
    if found.database_url is not None:
        url = wiring.checked(found.database_url)
    else:
        url = embedded.locate(found.home).conninfo()
    if "connect_timeout" not in conninfo_to_dict(url):
        url = make_conninfo(url, connect_timeout=_CONNECT_SECONDS)
    applied = _applied(url, wait)
    emit(
        {"migrations": applied},
        as_json,
        lambda: click.echo(
            f"applied {counted(len(applied), 'migration')}" if applied else "it is up to date"
        ),
    )


def _applied(url: str, wait: int) -> list[str]:
    until = time.monotonic() + wait
    is_told = False
    while True:
        try:
            return migrations.migrate(url)
        except psycopg.OperationalError as error:
            if not is_lost(error) or time.monotonic() >= until:
                raise
            if not is_told:
                complain(f"waiting for the database: {first_line(error)}")
            is_told = True
            time.sleep(_PAUSE_SECONDS)
