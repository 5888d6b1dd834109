"""Measurement: what makes an ongoing service atomic. A recurring tick looks at an interval of time and
writes usage records for it: time that flowed, a level that held, or what another system counted.

A definition is immutable; a change is a new version, which holds for the intervals not yet covered.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec

from everycent.journal.types import EventType
from everycent.measurements.schedule import Schedule, parse_every


class TimeUnit(StrEnum):
    """What time is counted in. DAYS are local days: one with 23 or 25 hours is one. INTERVALS count each
    interval of the measurement as one."""

    SECONDS = "seconds"
    MINUTES = "minutes"
    HOURS = "hours"
    DAYS = "days"
    INTERVALS = "intervals"


class Time(msgspec.Struct, frozen=True, tag="time", omit_defaults=True):
    """The flow of time itself, for named `subjects` or for those of the subscriptions to `of_plan`, as
    long as they run."""

    unit: TimeUnit
    subjects: tuple[str, ...] = ()
    of_plan: str | None = None


class Sample(msgspec.Struct, frozen=True, tag="sample", omit_defaults=True):
    """A level carried on: the last value of `meter` before the interval's end, times the time."""

    meter: str
    unit: TimeUnit
    subjects: tuple[str, ...] = ()
    of_plan: str | None = None
    history: bool = True


class Header(msgspec.Struct, frozen=True, omit_defaults=True):
    """A header of a request: a plain `value`, or `prefix` and the value of the environment variable
    `env`, which is read when it is needed and stored nowhere."""

    value: str | None = None
    env: str | None = None
    prefix: str = ""


class Http(msgspec.Struct, frozen=True, tag="http", omit_defaults=True):
    """A GET of `url` with {start} and {end} filled in. `records` is the dotted path of the array in the
    JSON answer, None when the answer is the array."""

    url: str
    headers: dict[str, Header] = {}
    records: str | None = None
    timeout_seconds: int = 30
    max_bytes: int = 10_000_000
    max_rows: int = 100_000
    history: bool = True


class Sql(msgspec.Struct, frozen=True, tag="sql", omit_defaults=True):
    """A SELECT with %(start)s and %(end)s on the PostgreSQL whose connection string stands in the
    environment variable `connection_env`."""

    query: str
    connection_env: str
    timeout_seconds: int = 60
    max_rows: int = 100_000
    history: bool = True


Kind = Time | Sample | Http | Sql

ATTEMPTS = 3
"""How often a source is asked before an interval is left for later."""
_SPARE_SECONDS = 30


class Measurement(msgspec.Struct, frozen=True, omit_defaults=True):
    """Every `every` on the clock of `time_zone` from `starts_at` on, records of the raw meter `meter`
    are written for the interval that has ended, `delay_seconds` after its end."""

    key: str
    meter: str
    every: str
    time_zone: str
    starts_at: datetime
    source: str
    kind: Kind
    ends_at: datetime | None = None
    delay_seconds: int = 0
    dimensions: dict[str, str] = {}

    @property
    def schedule(self) -> Schedule:
        """When its intervals begin, end and are due."""
        return Schedule(
            parse_every(self.every),
            self.time_zone,
            self.starts_at,
            self.ends_at,
            timedelta(seconds=self.delay_seconds),
        )

    @property
    def lease(self) -> timedelta:
        """How long whoever asks the source has it alone: every attempt in full, and some time to spare.
        Nothing for what asks nobody."""
        kind = self.kind
        seconds = (
            kind.timeout_seconds * ATTEMPTS + _SPARE_SECONDS if isinstance(kind, Http | Sql) else 0
        )
        return timedelta(seconds=seconds)

    @property
    def has_memory(self) -> bool:
        """Whether an interval can still be measured after the one that follows it has ended."""
        return isinstance(self.kind, Time) or self.kind.history


class Defined(msgspec.Struct, frozen=True):
    """A new version of a measurement, with all of its content."""

    key: str
    version: int
    starts_at: datetime
    is_paused: bool
    content: msgspec.Raw


class Switched(msgspec.Struct, frozen=True, omit_defaults=True):
    """A measurement is halted or goes on; it catches up when it does."""

    key: str
    version: int
    starts_at: datetime
    is_paused: bool
    reason: str = ""


class Taken(msgspec.Struct, frozen=True, omit_defaults=True):
    """An interval was measured. `records` are stored with the sum `total`. For `conflicts` of them an
    attempt that broke off had stored other content, which stands and is what the sum counts;
    `conflicting` names some of their subjects."""

    key: str
    version: int
    starts_at: datetime
    ends_at: datetime
    records: int
    total: str
    conflicts: int = 0
    conflicting: tuple[str, ...] = ()


class Missed(msgspec.Struct, frozen=True):
    """An interval that nobody can measure any more, and why. Nothing was recorded for it."""

    key: str
    version: int
    starts_at: datetime
    ends_at: datetime
    reason: str


DEFINED = EventType("measurement.defined", 1, Defined)
PAUSED = EventType("measurement.paused", 1, Switched)
RESUMED = EventType("measurement.resumed", 1, Switched)
TAKEN = EventType("measurement.taken", 1, Taken)
MISSED = EventType("measurement.missed", 1, Missed)


class Failure(msgspec.Struct, frozen=True):
    """Why the interval that begins at `starts_at` is not measured yet: the last refusal, since when it
    fails and how often it was tried."""

    starts_at: datetime
    code: str
    message: str
    since: datetime
    last_at: datetime
    attempts: int

    @property
    def retry_at(self) -> datetime:
        """When a runner that stays up tries again: half a minute later, then twice as long each time,
        an hour at the most."""
        seconds = 30 * 2 ** min(self.attempts - 1, 7)
        return self.last_at + timedelta(seconds=min(seconds, 3600))


class State(msgspec.Struct, frozen=True):
    """A measurement as it stands: its newest version, and up to where time is covered."""

    measurement: Measurement
    version: int
    defined_at: datetime
    is_paused: bool
    covered_until: datetime
    failure: Failure | None = None


class Covered(msgspec.Struct, frozen=True):
    """An interval that is done: measured, or missed with a reason."""

    starts_at: datetime
    ends_at: datetime
    version: int
    outcome: str
    records: int
    total: str
    conflicts: int
    reason: str | None
    event_id: UUID
