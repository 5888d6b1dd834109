"""What compute and storage keep on disk: resources, events, and levels, in a SQLite file of their own.

A level holds from its instant until the next one of the same resource and item: a machine that runs (1)
or not (0), the bytes on a disk. What is answered stands on the disk before: kill -9 loses nothing of it.
"""

from __future__ import annotations

import fcntl
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from everycent.kernel.errors import Broken, Unavailable
from everycent.kernel.period import Period
from everycent.kernel.quantity import plain
from everycent.subservices.accounts import Event, Resource
from everycent.subservices.contract import quantity

_TABLES = """
create table if not exists resource (
  resource text primary key, customer text not null, kind text not null, name text not null,
  item text not null, since integer not null, until integer, check (until is null or until > since)
) strict;
create table if not exists event (
  event text primary key, at integer not null, resource text not null references resource,
  item text not null, quantity text not null
) strict;
create index if not exists event_at on event (at);
create table if not exists level (
  resource text not null references resource, item text not null, at integer not null, level text not null,
  primary key (resource, item, at)
) strict;
"""
_RESOURCES = "select resource, customer, kind, name, since, until, item from resource"
_EVENTS = "select event, at, resource, item, quantity from event"
_STRETCHES = """
select resource, at, level, min(coalesce(next, until), coalesce(until, next)) as ended from (
  select level.resource, at, level, until, lead(at) over (partition by level.resource order by at) as next
  from level join resource using (resource) where level.item = ?
) where level <> '0' and at < ? and (ended is null or ended > ?) order by resource, at
"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


class Level(NamedTuple):
    """How much there is of something from an instant on."""

    at: datetime
    resource: str
    item: str
    level: Decimal | int | str


class Stretch(NamedTuple):
    """A level from its beginning to its end."""

    resource: str
    item: str
    start: datetime
    end: datetime
    level: Decimal


class Book:
    """The file, open for one process; it can be read and written from several threads."""

    def __init__(self, path: Path) -> None:
        """Opens or makes it.

        Raises Unavailable `subservice.data_in_use` and Broken `subservice.data_damaged`.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self._held = path.with_suffix(".lock").open("a")
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._held.close()
            raise Unavailable(
                "subservice.data_in_use",
                f"another process works with {path}",
                field="data",
                hint="end it, or choose another folder with --data",
            ) from error
        self._lock = threading.RLock()
        try:
            self._sql = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            for setting in ("journal_mode = wal", "synchronous = full", "foreign_keys = on"):
                self._sql.execute(f"pragma {setting}")
            self._sql.executescript(_TABLES)
        except sqlite3.DatabaseError as error:
            self._held.close()
            raise Broken(
                "subservice.data_damaged", f"{path} can't be read: {error}", field="data"
            ) from error

    @contextmanager
    def writing(self) -> Iterator[None]:
        """What is written inside is on the disk afterwards, all of it or nothing."""
        with self._lock:
            if self._sql.in_transaction:  # a part of what somebody else began
                yield
                return
            self._sql.execute("begin immediate")
            try:
                yield
            except BaseException:
                self._sql.execute("rollback")
                raise
            self._sql.execute("commit")

    def keep(self, resources: Iterable[Resource], events: Iterable[Event]) -> tuple[int, int]:
        """Takes in what is not known yet; a resource may turn out to have been there earlier.

        Returns how many resources and events were new.
        """
        with self.writing():
            before = self.counts()
            self._sql.executemany(
                "insert into resource values (?, ?, ?, ?, ?, ?, ?)"
                " on conflict (resource) do update set since = min(since, excluded.since)",
                [
                    (r.resource, r.customer, r.kind, r.name, r.item or "", _ticks(r.since),
                     None if r.until is None else _ticks(r.until))
                    for r in resources
                ],
            )  # fmt: skip
            self._sql.executemany(
                "insert or ignore into event values (?, ?, ?, ?, ?)",
                [
                    (e.event, _ticks(e.at), e.resource, e.item, plain(quantity(e.quantity)))
                    for e in events
                ],
            )
            after = self.counts()
            return after["resources"] - before["resources"], after["events"] - before["events"]

    def end(self, resource: str, at: datetime) -> None:
        """A resource is not there any more."""
        with self.writing():
            self._sql.execute(
                "update resource set until = ? where resource = ?", (_ticks(at), resource)
            )

    def level(self, levels: Iterable[Level]) -> None:
        """Levels change; the last word about an instant counts."""
        with self.writing():
            self._sql.executemany(
                "insert or replace into level values (?, ?, ?, ?)",
                [(x.resource, x.item, _ticks(x.at), plain(quantity(x.level))) for x in levels],
            )

    def resources(self, period: Period) -> list[Resource]:
        """The resources that were there at any time of a period."""
        rows = self._rows(
            _RESOURCES + " where since < ? and (until is null or until > ?)",
            _ticks(period.end),
            _ticks(period.start),
        )
        return [_resource(*row) for row in rows]

    def resource(self, key: str) -> Resource | None:
        """The resource of this name."""
        found = self._rows(_RESOURCES + " where resource = ?", key)
        return _resource(*found[0]) if found else None

    def events(self, period: Period) -> list[Event]:
        """The events of a period, in order of time."""
        rows = self._rows(
            _EVENTS + " where at >= ? and at < ? order by at, event",
            _ticks(period.start),
            _ticks(period.end),
        )
        return [_event(*row) for row in rows]

    def event(self, key: str) -> Event | None:
        """The event of this name."""
        found = self._rows(_EVENTS + " where event = ?", key)
        return _event(*found[0]) if found else None

    def is_used_from(self, resource: str, at: datetime) -> bool:
        """Whether there are events or changes of level at an instant or later."""
        told = (resource, _ticks(at))
        return bool(
            self._rows("select 1 from event where resource = ? and at >= ? limit 1", *told)
            or self._rows("select 1 from level where resource = ? and at > ? limit 1", *told)
        )

    def stretches(self, item: str, period: Period) -> list[Stretch]:
        """The levels of an item within a period, cut where it begins and ends; levels of 0 are left out.

        A level ends with its resource.
        """
        rows = self._rows(
            _STRETCHES,
            item,
            _ticks(period.end),
            _ticks(period.start),
        )
        return [
            Stretch(
                resource,
                item,
                max(_at(at), period.start),
                period.end if ended is None else min(_at(ended), period.end),
                Decimal(level),
            )
            for resource, at, level, ended in rows
        ]

    def counts(self) -> dict[str, int]:
        """How many resources, events and changes of levels there are."""
        tables = {"resources": "resource", "events": "event", "levels": "level"}
        return {
            name: self._rows(f"select count(*) from {table}")[0][0]  # noqa: S608 - names of ours
            for name, table in tables.items()
        }

    def latest(self, limit: int) -> list[Event]:
        """The events that are latest in time."""
        rows = self._rows(_EVENTS + " order by at desc, event limit ?", limit)
        return [_event(*row) for row in rows]

    def latest_levels(self, limit: int) -> list[Level]:
        """The changes of levels that are latest in time."""
        rows = self._rows(
            "select at, resource, item, level from level order by at desc, resource limit ?", limit
        )
        return [
            Level(_at(at), resource, item, Decimal(level)) for at, resource, item, level in rows
        ]

    def latest_resources(self, limit: int) -> list[Resource]:
        """The resources that came last."""
        rows = self._rows(_RESOURCES + " order by since desc, resource limit ?", limit)
        return [_resource(*row) for row in rows]

    def close(self) -> None:
        """Closes the file."""
        self._sql.close()
        self._held.close()

    def _rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._sql.execute(statement, values).fetchall()


def _ticks(at: datetime) -> int:
    return (at - _EPOCH) // _TICK


def _at(ticks: int) -> datetime:
    return _EPOCH + ticks * _TICK


def _resource(
    key: str, customer: str, kind: str, name: str, since: int, until: int | None, item: str
) -> Resource:
    ended = None if until is None else _at(until)
    return Resource(key, customer, kind, name, _at(since), ended, item or None)


def _event(key: str, at: int, resource: str, item: str, amount: str) -> Event:
    return Event(key, _at(at), resource, item, Decimal(amount))
