"""Time for processes that work beside others: that of the database they share, whatever their machine's
clock says. When a sender gave up and when somebody asked about it are compared across machines."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta

import psycopg

from everycent.app.wiring import utc_now
from everycent.db.connection import Database
from everycent.kernel.clock import Clock
from everycent.kernel.errors import Broken, Unavailable
from everycent.kernel.period import instant_text

_EVERY = 60.0
"""Seconds after which the database is asked again."""
_TOLERANCE = timedelta(minutes=5)
_SLOWEST = 1.0
"""Seconds that an answer may take to be taken for exact."""


def of_database(database: Database, tenant_id: int) -> Clock:
    """A clock that is set by the database's, now and then, and goes on by itself in between, through a
    suspended machine too. Where the database can't be asked at first, the machine's own is all there is."""
    lock = threading.Lock()
    known: list[tuple[float, datetime]] = []

    def read() -> datetime:
        with lock:
            if not known or _since_boot() - known[0][0] > _EVERY:
                found = _asked(database, tenant_id)
                if found is not None:
                    known[:] = [found]
            if not known:
                return utc_now()
            asked_at, then = known[0]
            return then + timedelta(seconds=_since_boot() - asked_at)

    return read


def agreed(database: Database, tenant_id: int, own: Clock = utc_now) -> Clock:
    """The database's time for work that must not be done early: bills and reports. It is asked each time.

    Reading it raises Unavailable where the database is away, and Broken `clock.differs` where this
    machine's clock says otherwise, or where the time has jumped while it ran: one of the two is wrong, and
    nobody but a person knows which.
    """
    first: list[tuple[float, datetime]] = []

    def read() -> datetime:
        with database.snapshot(tenant_id) as tx:
            told: datetime = tx.value("select clock_timestamp()")
        since_boot = _since_boot()
        if not first:
            first.append((since_boot, told))
        begun, then = first[0]
        expected = then + timedelta(seconds=since_boot - begun)
        for whose, other in (
            ("this machine's", own()),
            ("as it went on until now, it is", expected),
        ):
            if abs(told - other) > _TOLERANCE:
                raise Broken(
                    "clock.differs",
                    f"the database's clock says {instant_text(told)[:19]}; {whose}"
                    f" {instant_text(other)[:19]}",
                    hint="set the clocks right; where the database's jumped to the right time, start anew",
                )
        return told

    return read


def _asked(database: Database, tenant_id: int) -> tuple[float, datetime] | None:
    """When the database was asked, in seconds since the boot, and what it said; None when it did not, or
    took too long."""
    try:
        with database.snapshot(tenant_id) as tx:
            begun = _since_boot()
            told: datetime = tx.value("select clock_timestamp()")
            ended = _since_boot()
    except (psycopg.OperationalError, Unavailable):
        return None
    return ((begun + ended) / 2, told) if ended - begun < _SLOWEST else None


def _since_boot() -> float:
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
