"""Run: the work list of a collection, and the processes that work on it."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

OPEN, PAUSED, ABORTED, FINISHED = "open", "paused", "aborted", "finished"
WAITING, CLAIMED, DONE, SKIPPED = "waiting", "claimed", "done", "skipped"


class RunKind(StrEnum):
    """SCHEDULE: by the schedule, once per instant of it. DEMAND: somebody asked. RETRY: what was to be
    tried again by now."""

    SCHEDULE = "schedule"
    DEMAND = "demand"
    RETRY = "retry"


class Run(NamedTuple):
    """A collection: every invoice due by the day `due_by` that may be charged at `as_of`."""

    run_id: UUID
    kind: RunKind
    as_of: datetime
    due_by: date
    scheduled_at: datetime | None
    state: str
    started_at: datetime
    finished_at: datetime | None


class Mark(NamedTuple):
    """What became of an invoice in a run; `outcome` is the attempt's status or failure, or why it was
    skipped."""

    invoice_id: UUID
    state: str
    outcome: str | None = None
    attempt_id: UUID | None = None


class Progress(NamedTuple):
    """How far a run is: invoices by state, and those that are through by outcome."""

    states: dict[str, int]
    outcomes: dict[str, int]

    @property
    def total(self) -> int:
        """How many invoices it has."""
        return sum(self.states.values())

    @property
    def through(self) -> int:
        """With how many of them it is through."""
        return self.states.get(DONE, 0) + self.states.get(SKIPPED, 0)


class Worker(NamedTuple):
    """A process that charges. `host`, `boot`, `space` (of process ids), `pid` and `born` (in ticks since
    the boot) name one process for ever."""

    worker_id: UUID
    name: str
    host: str
    boot: str
    space: str
    pid: int
    born: int
