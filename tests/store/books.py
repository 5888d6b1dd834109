"""What the tests of the journal and of the ledger write: notes, and entries of any kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import psycopg

from everycent.db import embedded
from everycent.db.connection import Database, Tx
from everycent.journal import operations as journal
from everycent.journal.event import Draft, Event
from everycent.journal.types import EventType
from everycent.kernel import ids
from everycent.kernel.table import Rows
from everycent.ledger import projection
from everycent.ledger.entry import Entry
from everycent.tenants import operations as tenants
from tests.conftest import NOW, Place, differences


class Noted(msgspec.Struct):
    """The payload of a note."""

    text: str


NOTED = EventType("test.noted", 1, Noted)


class Booking(NamedTuple):
    """An entry to be booked; `name` makes its event's id."""

    name: str
    entry: Entry | None
    at: datetime = NOW


def draft(name: str, stream: str = "note:a", at: datetime = NOW, actor: str = "test") -> Draft:
    """An event whose id and text come from `name`."""
    return Draft(ids.derived(name), stream, NOTED, at, actor, Noted(name))


def note(tx: Tx, *names: str, stream: str = "note:a", recorded_at: datetime = NOW) -> list[Event]:
    """Records notes in one stream."""
    return journal.record(tx, [draft(name, stream) for name in names], recorded_at)


def book(tx: Tx, bookings: Sequence[Booking], recorded_at: datetime = NOW) -> list[Event]:
    """Records one event per booking, each in a stream of its own, with its entry."""
    entries = {ids.derived(booking.name): booking.entry for booking in bookings}

    def project(event: Event, rows: Rows, tenant_id: int) -> None:
        entry = entries[event.event_id]
        projection.add_entry(rows, tenant_id, event.event_id, event.at, event.recorded_at, entry)

    drafts = [
        draft(booking.name, f"note:{ids.derived(booking.name).hex}", booking.at)
        for booking in bookings
    ]
    return journal.record(tx, drafts, recorded_at, project)


@contextmanager
def fresh(server: embedded.Instance, name: str, *, is_made_up: bool = False) -> Iterator[Place]:
    """A database for a whole module: for tests that leave it as they found it. Its invoices are counted
    again, unless they are made up."""
    with psycopg.connect(server.conninfo("postgres"), autocommit=True) as admin:
        admin.execute(f"drop database if exists {name} with (force)")
        admin.execute(f"create database {name} template everycent")
        admin.execute(f"grant temporary on database {name} to everycent_app")
    conninfo = server.conninfo(name)
    database = Database(conninfo)
    try:
        yield Place(
            database, tenants.create(database, "default", "Default", NOW), conninfo, conninfo
        )
        told = [] if is_made_up else differences(conninfo)
        assert not told, f"the second engine counts otherwise: {told}"
    finally:
        database.close()
        with psycopg.connect(server.conninfo("postgres"), autocommit=True) as admin:
            admin.execute(f"drop database if exists {name} with (force)")


@contextmanager
def owner(place: Place) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """A transaction of the role that owns the tables, seeing the place's tenant."""
    with psycopg.connect(place.conninfo, options="-c search_path=everycent") as connection:
        connection.execute("set role everycent_owner")
        connection.execute(
            "select set_config('everycent.tenant', %s, true)", [str(place.tenant_id)]
        )
        yield connection


@contextmanager
def intruder(place: Place) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """A transaction of a superuser for whom no trigger fires: who can change anything."""
    with psycopg.connect(place.conninfo, options="-c search_path=everycent") as connection:
        connection.execute("set session_replication_role = replica")
        yield connection


def refused(place: Place, attack: Callable[[Tx], object]) -> psycopg.errors.Diagnostic:
    """What the database says to an attack made in a transaction of the application."""
    try:
        with place.database.transaction(place.tenant_id) as tx:
            attack(tx)
    except psycopg.Error as error:
        return error.diag
    raise AssertionError("the attack succeeded")
