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
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple, TypeVar

import psycopg

from everycent.alarms import operations as alarms
from everycent.alarms.alarm import Condition
from everycent.app import alarming
from everycent.app.away import AwayAlarm
from everycent.app.presence import Presence
from everycent.app.pulse import Stop, beating
from everycent.app.settings import Settings
from everycent.app.traces import Traces
from everycent.app.wiring import App, random_ids, utc_now
from everycent.db.connection import AWAY, Database, first_line, is_away, is_lost
from everycent.flows import shapes
from everycent.flows.broken import condition, unforeseen
from everycent.kernel.errors import Refusal
from everycent.tenants import operations as tenants

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_T = TypeVar("_T")
_CHANCE = secrets.SystemRandom()

Say = Callable[[str], None]
"""Tells a person something, in a line."""
Round = Callable[[], float]
"""Does what there is to do now, and says how many seconds to rest."""


class Staying(NamedTuple):
    """The product in a process that stays up; `stop` is set when it is asked to end, and `asked` holds the
    signals that asked."""

    app: App
    presence: Presence
    stop: Stop
    asked: list[int]
    say: Say

    def can_wait(self) -> bool:
        """Waits a moment and until the database is there; False when it was asked to stop before."""
        return not self.stop.wait(_FIRST_PAUSE) and self.presence.wait(self.stop)


@contextmanager
def staying(settings: Settings, say: Say, *, works: str | None = None) -> Iterator[Staying]:
    """The product, whether its database is there or not, with an up-to-date schema whenever it is. SIGTERM
    and SIGINT ask to stop from here on. One that `works` and serves nothing has a pulse of that name.
    Raises what is wrong with the settings."""
    shapes.prepare_all()
    stop = Stop()
    asked = _stop_on_signals(stop)
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # the presence tells it, and once
    database = Database(None, max_size=settings.pool)
    app = App(settings, database, utc_now, random_ids)
    alarm = AwayAlarm(app, alarming.told(settings), say)
    traces = Traces(app)

    def on_there() -> None:
        alarm.there()
        try:
            traces.tell()
        except (psycopg.Error, Refusal, OSError) as error:
            say(f"what others left is told later: {first_line(error)}")

    presence = Presence(settings, database, utc_now, on_away=alarm.away, on_there=on_there)
    traces.begin()
    pulse = ExitStack()
    try:
        if works is not None:
            pulse.enter_context(beating(settings.home, works, stop))
        presence.begin()
        alarm.begin()
        yield Staying(app, presence, stop, asked, say)
    finally:
        presence.end()
        alarm.end()
        database.close()
        traces.end()
        pulse.close()


def _stop_on_signals(stop: threading.Event) -> list[int]:
    asked: list[int] = []

    def ask(number: int, _frame: object) -> None:
        asked.append(number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
    return asked


def counted(counts: Counter[str]) -> str:
    """What was counted, in words: '2 batches, 18 registered'."""
    return ", ".join(f"{number:,} {what}" for what, number in counts.items() if number)


def teller(say: Say, name: str, counts: Counter[str]) -> Callable[[], None]:
    """Says in a line what was counted since it was called the last time, where that is something."""
    told = Counter(counts)

    def tell() -> None:
        if fresh := Counter(counts) - told:
            told.update(fresh)
            say(f"{name}: {counted(fresh)}")

    return tell


class Health:
    """How a process's work goes, by its name: whether there is an alarm `work.broken` about it."""

    def __init__(self, app: App, tenant_id: int, name: str, say: Say) -> None:
        self._app, self._tenant_id, self._name, self._say = app, tenant_id, name, say
        self._is_known_well = False  # a process before this one may have left an alarm

    def well(self) -> None:
        """It went well."""
        if not self._is_known_well:
            self._reflect(())
            self._is_known_well = True

    def broken(self, error: BaseException) -> None:
        """It failed in a way that nobody foresaw."""
        self._is_known_well = False
        is_told = isinstance(error, Refusal)
        self._say(str(error) if is_told else "".join(traceback.format_exception(error)).rstrip())
        with suppress(psycopg.Error, Refusal):
            self._reflect((condition(self._name, unforeseen(error)),))

    def broken_off(self, error: BaseException) -> None:
        """The database broke it off, or somebody else was first."""
        if not is_lost(error):  # else the presence tells it
            self._say(f"broken off, trying again: {first_line(error)}")

    def _reflect(self, wrong: Sequence[Condition]) -> None:
        app, source = self._app, f"work {self._name}"
        with app.database.transaction(self._tenant_id) as tx:
            alarms.take_turn(tx, source)
            alarms.reflect(tx, source, wrong, alarming.writer(app))


def stay_at_work(here: Staying, name: str, begin: Callable[[int], Round]) -> None:
    """Does rounds until it is asked to stop. `begin` is called once with the tenant's number, when the
    database is there; what it refuses ends the work."""
    with here.stop.watched():
        _stay(here, name, begin)


def _stay(here: Staying, name: str, begin: Callable[[int], Round]) -> None:
    made = when_there(here, lambda tenant_id: (tenant_id, begin(tenant_id)))
    if made is None:
        return
    tenant_id, one_round = made
    health = Health(here.app, tenant_id, name, here.say)
    failures = 0
    while here.presence.wait(here.stop):
        rest = 0.0
        try:
            rest = one_round()
            health.well()
            failures = 0
        except AWAY as error:
            failures += 1
            health.broken_off(error)
        except Exception as error:  # noqa: BLE001 - a fault of ours ends no process that others count on
            failures += 1
            health.broken(error)
        if failures:
            pause = min(_FIRST_PAUSE * 2 ** min(failures - 1, 10), _LONGEST_PAUSE)
            rest = pause * _CHANCE.uniform(0.5, 1.5)
        here.stop.wait(rest)


def when_there(here: Staying, begin: Callable[[int], _T]) -> _T | None:
    """What begins with the tenant's number, as soon as the database is there; None when it was asked to
    stop before. Raises what `begin` refuses."""
    app = here.app
    while here.presence.wait(here.stop):
        try:
            return begin(tenants.named(app.database, app.settings.tenant, app.clock()))
        except (psycopg.Error, Refusal) as error:
            if not is_away(error):
                raise
            here.stop.wait(_FIRST_PAUSE)
    return None
