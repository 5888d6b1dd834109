"""Processes that do the same beside each other: a parent that starts them, starts those again that die, and
ends with them.

    parent ──fork──► 0           says through a pipe that it is ready
       └──then fork──► 1, 2, …   and all end when the parent is gone

One that ends before it was ready can't begin, now or later: then all end. The first shows whether they can.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from everycent.app.staying import Say

_LOOK_EVERY_SECONDS = 0.1
_PAUSE_SECONDS = 1.0
_STOPPING = (signal.SIGTERM, signal.SIGINT)
_CHUNK = 65_536

Told = dict[str, str]


class Fork(NamedTuple):
    """One of the processes: its number, from 0, and what it calls when it is ready, with what others should
    know."""

    number: int
    ready: Callable[[Told], None]


def forked(
    count: int, on_ready: Callable[[Told], None], on_end: Callable[[], None], say: Say
) -> Fork | None:
    """Starts `count` processes and returns in each of them; in the parent it returns None after the last of
    them, or raises SystemExit with the code of the one that could not begin.

    Meanwhile `on_ready` is called there once all are ready, with what they told, `say` when one died, and
    `on_end` before they are told to end, as they are at SIGTERM and SIGINT. No thread may run before, as
    those forked would lack it.
    """
    with _asked_to_stop() as asked:
        parent = _Parent(count, asked, on_ready, on_end, say)
        if fork := parent.start(0):
            return fork
        while parent.numbers:
            if fork := parent.look():
                return fork
    if parent.code:
        sys.exit(parent.code)
    return None


@contextmanager
def _asked_to_stop() -> Iterator[threading.Event]:
    asked = threading.Event()
    before = {one: signal.signal(one, lambda *_: asked.set()) for one in _STOPPING}
    try:
        yield asked
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)


class _Parent:
    def __init__(
        self,
        count: int,
        asked: threading.Event,
        on_ready: Callable[[Told], None],
        on_end: Callable[[], None],
        say: Say,
    ) -> None:
        self._asked, self._on_ready, self._on_end, self._say = asked, on_ready, on_end, say
        self._told, self._tell = os.pipe()
        self._orphaned, self._alive = os.pipe()  # ends with the parent, however that ends
        self._known: dict[int, Told] = {}
        self._count = count
        self._later = list(range(count - 1, 0, -1))
        self._is_ending = False
        self.numbers: dict[int, int] = {}  # by process id
        self.code = 0

    def start(self, number: int) -> Fork | None:
        """Starts one; None in the parent."""
        # What the parent is asked the child is not: it has no handler of its own yet.
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
        if pid := os.fork():
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)
            self.numbers[pid] = number
            return None
        os.close(self._alive)
        os.close(self._told)
        threading.Thread(target=_end_with, args=(self._orphaned,), daemon=True).start()
        return Fork(number, lambda told: self._say_ready(number, told))

    def look(self) -> Fork | None:
        """Looks after them for a moment; None in the parent."""
        self._hear(_LOOK_EVERY_SECONDS)
        if self._asked.is_set():
            self._end()
        elif self._known and self._later:
            return self.start(self._later.pop())
        pid, status = os.waitpid(-1, os.WNOHANG)
        return self._bury(pid, os.waitstatus_to_exitcode(status)) if pid else None

    def _bury(self, pid: int, code: int) -> Fork | None:
        number = self.numbers.pop(pid)
        self._hear(0)
        if self._is_ending:
            return None
        if number not in self._known:
            self.code = max(code, 1)
            self._end()
            return None
        self._say(f"process {number} ended ({_told_of(code)}); it is started again")
        if self._asked.wait(_PAUSE_SECONDS):
            return None
        return self.start(number)

    def _end(self) -> None:
        if self._is_ending:
            return
        self._is_ending = True
        self._on_end()
        for pid in self.numbers:
            os.kill(pid, signal.SIGTERM)

    def _hear(self, seconds: float) -> None:
        if not select.select([self._told], [], [], seconds)[0]:
            return
        before = len(self._known)
        for line in os.read(self._told, _CHUNK).splitlines():
            self._known |= {int(number): told for number, told in json.loads(line).items()}
        if before < len(self._known) == self._count:
            self._on_ready(
                {name: what for told in self._known.values() for name, what in told.items()}
            )

    def _say_ready(self, number: int, told: Told) -> None:
        os.write(self._tell, json.dumps({number: told}).encode() + b"\n")


def _end_with(parent: int) -> None:
    """Waits for the end of a pipe, and asks this process to stop."""
    os.read(parent, 1)
    os.kill(os.getpid(), signal.SIGTERM)


def _told_of(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
