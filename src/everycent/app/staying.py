"""Staying up: what every process does that is to outlive its database, and one loop for those that work.

Such a process starts whether the database is there or not, waits for it, goes on when it is back, and ends
with SIGTERM or SIGINT after what it has begun. An error that nobody foresaw ends a round and not the
process: it is told, an alarm `work.broken` is raised, and the round is done again, later and later, until
it goes well.
"""

from __future__ import annotations

import logging
import secrets
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple

import psycopg

from everycent.alarms import operations as alarms
from everycent.alarms.alarm import Condition, Severity
from everycent.alarms.operations import Writer
from everycent.app import alarming
from everycent.app.away import AwayAlarm, Told
from everycent.app.presence import Presence
from everycent.app.settings import Settings
from everycent.app.wiring import App, random_ids, utc_now
from everycent.db.connection import AWAY, Database, first_line, is_away
from everycent.kernel.errors import Refusal
from everycent.tenants import operations as tenants

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_CHANCE = secrets.SystemRandom()

Say = Callable[[str], None]
"""Tells a person something, in a line."""
Round = Callable[[], float]
"""Does what there is to do now, and says how many seconds to rest."""


class Staying(NamedTuple):
    """The product in a process that stays up; `stop` is set when it is asked to end."""

    app: App
    presence: Presence
    stop: threading.Event
    say: Say


@contextmanager
def staying(settings: Settings, say: Say) -> Iterator[Staying]:
    """The product, whether its database is there or not, with an up-to-date schema whenever it is. Raises
    what is wrong with the settings."""
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # the presence tells it, and once
    database = Database(None)
    app = App(settings, database, utc_now, random_ids)
    told = Told(alarming.channels(settings), alarming.senders(settings))
    alarm = AwayAlarm(app, told, say)
    presence = Presence(settings, database, utc_now, on_away=alarm.away, on_there=alarm.there)
    presence.begin()
    alarm.begin()
    try:
        yield Staying(app, presence, threading.Event(), say)
    finally:
        presence.end()
        alarm.end()
        database.close()


def stop_on_signals(stop: threading.Event) -> list[int]:
    """Lets SIGTERM and SIGINT ask to stop; those that came stand in the list."""
    asked: list[int] = []

    def ask(number: int, _frame: object) -> None:
        asked.append(number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
    return asked


def stay_at_work(here: Staying, name: str, begin: Callable[[int], Round]) -> None:
    """Does rounds until it is asked to stop. `begin` is called once with the tenant's number, when the
    database is there; what it refuses ends the work."""
    made = _begun(here, begin)
    if made is None:
        return
    tenant_id, one_round = made
    failures, is_known_well = 0, False
    while here.presence.wait(here.stop):
        rest = 0.0
        try:
            rest = one_round()
            if not is_known_well:
                _reflect(here.app, tenant_id, name, ())
            failures, is_known_well = 0, True
        except AWAY as error:
            failures += 1
            if not here.app.database.is_away:  # else the presence tells it
                here.say(f"broken off, trying again: {first_line(error)}")
        except Exception as error:  # noqa: BLE001 - a fault of ours ends no process that others count on
            failures, is_known_well = failures + 1, False
            here.say(traceback.format_exc().rstrip())
            with suppress(psycopg.Error, Refusal):
                _reflect(here.app, tenant_id, name, (_broken(name, error),))
        if failures:
            pause = min(_FIRST_PAUSE * 2 ** min(failures - 1, 10), _LONGEST_PAUSE)
            rest = pause * _CHANCE.uniform(0.5, 1.5)
        here.stop.wait(rest)


def _broken(name: str, error: Exception) -> Condition:
    said = f"it is tried again: {type(error).__name__}: {first_line(error)}"[:1000]
    shown = "".join(char if char.isprintable() else "?" for char in said)
    return Condition("work.broken", name, Severity.CRITICAL, shown)


def _begun(here: Staying, begin: Callable[[int], Round]) -> tuple[int, Round] | None:
    """The tenant and what does a round; None when it was asked to stop before the database was there."""
    app = here.app
    while here.presence.wait(here.stop):
        try:
            tenant_id = tenants.named(app.database, app.settings.tenant, app.clock())
            return tenant_id, begin(tenant_id)
        except (psycopg.Error, Refusal) as error:
            if not is_away(error):
                raise
            here.stop.wait(_FIRST_PAUSE)
    return None


def _reflect(app: App, tenant_id: int, name: str, wrong: Sequence[Condition]) -> None:
    source = f"work {name}"
    writer = Writer(app.clock(), app.settings.actor, app.ids, alarming.channels(app.settings))
    with app.database.transaction(tenant_id) as tx:
        alarms.take_turn(tx, source)
        alarms.reflect(tx, source, wrong, writer)
