"""Clockwork: virtual time. Nothing here or around it knows the real time, a thread or a file.

A process is a generator. It yields how long it sleeps (milliseconds), or a `Box` that it waits for. Between
any two yields nothing else happens; at every yield its owner may be killed, or stopped for a while.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from random import Random
from typing import Any

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

MOST_EVENTS = 100_000
"""More than any world needs by far."""
Process = Generator[Any, Any, Any]


class RestlessError(Exception):
    """Something goes on and on, and comes to nothing."""


class Owner:
    """What processes belong to. It is `alive` until it is killed; until `wakes_at` none of it goes on."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.wakes_at = 0


class Box:
    """A place for one value, which the first to `put` fills; a process may wait for it."""

    __slots__ = ("clock", "is_full", "value", "waiting")

    def __init__(self, clock: Clockwork) -> None:
        self.clock = clock
        self.is_full = False
        self.value: Any = None
        self.waiting: tuple[Owner, Process] | None = None

    def put(self, value: Any) -> None:
        """Fills it, unless it is full."""
        if self.is_full:
            return
        self.is_full = True
        self.value = value
        if self.waiting is not None:
            self.clock.after(0, self.clock.resume, *self.waiting, value)


class Clockwork:
    """The heap of what is to happen. `after_each` is called after every event."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.now = 0
        self.events = 0
        self.heap: list[tuple[int, float, int, Callable[..., None], tuple[Any, ...]]] = []
        self.count = 0
        self.tie = self.stream("tie").random
        self.trace: list[tuple[Any, ...]] | None = None
        self.after_each: Callable[[], None] = lambda: None

    def stream(self, name: str) -> Random:
        """Random numbers of one component: what another one draws does not change them."""
        return Random(f"{self.seed}/{name}")

    def note(self, *what: Any) -> None:
        """Writes down what happens, where somebody wants to know."""
        if self.trace is not None:
            self.trace.append((self.now, *what))

    def after(self, delay: int, call: Callable[..., None], *args: Any) -> None:
        """Has something happen in so many milliseconds."""
        self.count += 1
        heappush(self.heap, (self.now + delay, self.tie(), self.count, call, args))

    def spawn(self, owner: Owner, process: Process, delay: int = 0) -> None:
        """Starts a process."""
        self.after(delay, self.resume, owner, process, None)

    def resume(self, owner: Owner, process: Process, value: Any) -> None:
        """Lets a process go on, unless its owner is dead or stopped."""
        if not owner.alive:
            return
        if owner.wakes_at > self.now:
            self.after(owner.wakes_at - self.now, self.resume, owner, process, value)
            return
        try:
            asked = process.send(value)
        except StopIteration:
            return
        if isinstance(asked, int):
            self.after(asked, self.resume, owner, process, None)
        elif asked.is_full:
            self.after(0, self.resume, owner, process, asked.value)
        else:
            asked.waiting = (owner, process)

    def run(self, until: int) -> None:
        """Lets everything happen that is to happen by then."""
        heap = self.heap
        while heap and heap[0][0] <= until:
            self.now, _, _, call, args = heappop(heap)
            self.events += 1
            if self.events > MOST_EVENTS:
                raise RestlessError(f"no rest after {self.events} events")
            call(*args)
            self.after_each()
        self.now = until


def instant(milliseconds: int) -> datetime:
    """A virtual time as a time of the calendar."""
    return EPOCH + timedelta(milliseconds=milliseconds)


def since_epoch(at: datetime) -> int:
    """The other way round."""
    return (at - EPOCH) // timedelta(milliseconds=1)
