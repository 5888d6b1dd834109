"""Presence: whether the database is there, watched by a thread of every process that stays up.

It holds a connection of its own, on which it hears of the end of the server at once, and asks every now and
then whether somebody answers. When it is broken off everybody in the process is told so without waiting;
when it is there again, the schema is brought up to date (or waited for, with EVERYCENT_MIGRATE=off) and
connections are made anew.

The embedded server is started when the process starts, and when it has crashed; one that was stopped with
`everycent down` stays down until `everycent up`.
"""

from __future__ import annotations

import secrets
import select
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from typing import Any

import psycopg

from everycent.app import wiring
from everycent.app.settings import Settings
from everycent.db import embedded
from everycent.db.connection import Database, first_line
from everycent.kernel.clock import Clock
from everycent.kernel.errors import Unavailable

OnAway = Callable[[str, datetime], None]
"""Told why the database could not be reached, and when that was tried: at every try."""
OnThere = Callable[[], None]

_CONNECT_SECONDS = 5
_ASK_EVERY_SECONDS = 2.0
_ANSWER_SECONDS = 15.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 3.0
_FIRST_LOOK_SECONDS = 15.0
_CHANCE = secrets.SystemRandom()


class Presence:
    """Opens and shuts the database of this process as it comes and goes, from `begin` until `end`."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        clock: Clock,
        *,
        on_away: OnAway = lambda _why, _at: None,
        on_there: OnThere = lambda: None,
    ) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._on_away, self._on_there = on_away, on_there
        self._is_first = True
        self._over = threading.Event()
        self._looked = threading.Event()
        self.there = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="presence", daemon=True)

    def begin(self) -> None:
        """Looks for the first time, and goes on looking. Raises Invalid `settings.bad_database_url`."""
        if self._settings.database_url is not None:
            wiring.checked(self._settings.database_url)
        self._thread.start()
        self._looked.wait(_FIRST_LOOK_SECONDS)

    def end(self) -> None:
        """Looks no longer."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(_LONGEST_PAUSE)

    def wait(self, stop: threading.Event) -> bool:
        """Waits until the database is there; False when it was asked to stop before."""
        while not stop.is_set():
            if self.there.wait(_FIRST_PAUSE):
                return True
        return False

    def _watch(self) -> None:
        pause = _FIRST_PAUSE
        while not self._over.is_set():
            tried_at = self._clock()
            try:
                url, connection = self._reached()
            except Exception as error:  # noqa: BLE001 - whatever it is, the database can't be used
                self._shut(error)
                self._on_away(first_line(error), tried_at)
                self._looked.set()
                self._over.wait(pause * _CHANCE.uniform(0.5, 1.5))
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            pause = _FIRST_PAUSE
            self._is_first = False
            # Not `with connection`: that would commit, which a connection that hangs can't.
            with closing(connection):
                broken: BaseException
                try:
                    self._database.open(url)
                    self.there.set()
                    self._on_there()
                    self._looked.set()
                    broken = self._broken_off(connection)
                except Exception as error:  # noqa: BLE001 - nothing ends the watch
                    broken = error
                    self._looked.set()
            if not self._over.is_set():
                self._shut(broken)
                self._over.wait(_FIRST_PAUSE)

    def _shut(self, error: BaseException) -> None:
        self.there.clear()
        self._database.shut(first_line(error))

    def _reached(self) -> tuple[str, psycopg.Connection[Any]]:
        url = self._url()
        connection = psycopg.connect(url, autocommit=True, connect_timeout=_CONNECT_SECONDS)
        try:
            row = connection.execute("select pg_is_in_recovery()").fetchone()
            if row is None or row[0]:
                raise Unavailable("database.unavailable", "it is a standby, which takes no writes")
            wiring.made_ready(self._settings, url)
        except BaseException:
            connection.close()
            raise
        return url, connection

    def _url(self) -> str:
        home = self._settings.home
        is_ours = self._settings.database_url is None
        if is_ours and not self._is_first and not embedded.has_crashed(home):
            return embedded.locate(home).conninfo()
        return wiring.conninfo(self._settings)

    def _broken_off(self, connection: psycopg.Connection[Any]) -> BaseException:
        """Stays until the connection breaks, or the process ends; what broke it."""
        try:
            while not self._over.is_set():
                if not _is_ready(connection, _ASK_EVERY_SECONDS):
                    connection.pgconn.send_query(b"select 1")
                _hear(connection)
        except (psycopg.Error, OSError, ValueError) as error:
            return error
        return Unavailable("database.unavailable", "the program ends")


def _is_ready(connection: psycopg.Connection[Any], seconds: float) -> bool:
    return bool(select.select([connection.fileno()], [], [], seconds)[0])


def _hear(connection: psycopg.Connection[Any]) -> None:
    """Reads what the server says: the answer to what it was asked, or that it goes. Raises
    OperationalError when it goes, or says nothing for long."""
    until = time.monotonic() + _ANSWER_SECONDS
    server = connection.pgconn
    while True:
        left = until - time.monotonic()
        if left <= 0 or not _is_ready(connection, left):
            raise psycopg.OperationalError(f"no answer within {_ANSWER_SECONDS:.0f} seconds")
        server.consume_input()
        if not server.is_busy():
            break
    while (answer := server.get_result()) is not None:
        if answer.status == psycopg.pq.ExecStatus.FATAL_ERROR:
            raise psycopg.OperationalError(answer.error_message.decode("utf-8", "replace"))
