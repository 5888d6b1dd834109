"""Books that are thrown away: a database of its own for as long as somebody works in it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import psycopg
from psycopg.conninfo import make_conninfo

from everycent.app import wiring
from everycent.app.settings import Settings
from everycent.app.wiring import App
from everycent.db.connection import Database


class ThrownAway(NamedTuple):
    """The product on such a database. `slug` can name a tenant in it that nobody else has; `stays` says
    that the server lets nobody make databases, so that tenants are in the instance's own and stay."""

    app: App
    slug: str
    stays: bool


@contextmanager
def books(settings: Settings) -> Iterator[ThrownAway]:
    """A database with nothing in it, which is dropped afterwards, whatever happens inside.

    Making and dropping it takes a quarter of a second. Where the login may not make databases it is the
    instance's own database, and the tenants that are made in it stay.
    """
    url = wiring.conninfo(settings)
    name = f"everycent_example_{secrets.token_hex(6)}"
    made = True
    with psycopg.connect(url, autocommit=True) as admin:
        try:
            admin.execute(f"create database {name}".encode())
        except psycopg.errors.InsufficientPrivilege:
            made = False
    own = make_conninfo(url, dbname=name) if made else url
    try:
        wiring.made_ready(settings._replace(migrates=made or settings.migrates), own)
        database = Database(own, max_size=settings.pool)
        try:
            app = App(settings, database, wiring.utc_now, wiring.random_ids)
            yield ThrownAway(app, name.replace("_", "-"), not made)
        finally:
            database.close()
    finally:
        if made:
            with psycopg.connect(url, autocommit=True) as admin:
                admin.execute(f"drop database {name} with (force)".encode())
