"""The pulse of a process that works and serves no HTTP: a file in the home, touched while all goes on.

Nobody can ask such a process. So each of its loops moves the event by which it is asked to stop, by looking
at it, and a thread touches the file as long as every loop has moved within half an hour. A process that is
stopped, or one of whose loops hangs, touches it no longer, and `everycent alive` says so.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from everycent.app import durable

FOLDER = "alive"
HANGS_AFTER_SECONDS = 1800.0
"""How long a loop may take over one thing: the longest statement of a large installation, several times."""
_BEAT_SECONDS = 2.0
_SLICE_SECONDS = 10.0


class Stop(threading.Event):
    """Is set when the process is asked to stop. A loop that looks at it, or rests with it, moves."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._moved: dict[int, float] = {}  # of threads that are a loop of the process

    @contextmanager
    def watched(self) -> Iterator[None]:
        """This thread is a loop of the process until the block ends."""
        me = threading.get_ident()
        self._moved[me] = self._clock()
        try:
            yield
        finally:
            del self._moved[me]

    def move(self) -> None:
        """This thread's loop goes on."""
        me = threading.get_ident()
        if me in self._moved:
            self._moved[me] = self._clock()

    def is_set(self) -> bool:
        """Whether the process was asked to stop."""
        self.move()
        return super().is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Rests until it is set, or so many seconds are over; whether it is set. To rest is to move."""
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            self.move()
            left = _SLICE_SECONDS if until is None else until - time.monotonic()
            if super().wait(max(0.0, min(left, _SLICE_SECONDS))):
                return True
            if until is not None and time.monotonic() >= until:
                return False

    def hangs(self) -> bool:
        """Whether a loop has not moved for too long."""
        since = self._clock() - HANGS_AFTER_SECONDS
        return any(moved < since for moved in list(self._moved.values()))


@contextmanager
def beating(home: Path, what: str, stop: Stop) -> Iterator[None]:
    """Touches the file of `what` on this host until the block ends, unless a loop hangs."""
    path = _file(home, what)
    durable.folder(path.parent)
    path.touch()
    over = threading.Event()

    def beat() -> None:
        while not over.wait(_BEAT_SECONDS):
            if not stop.hangs():
                with suppress(OSError):  # it is tried again, and shows when it stays so
                    path.touch()

    thread = threading.Thread(target=beat, name="pulse", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        path.unlink(missing_ok=True)


def age(home: Path, what: str) -> float | None:
    """How many seconds ago `what` of this host touched its file; None where there is none."""
    try:
        return time.time() - _file(home, what).stat().st_mtime
    except FileNotFoundError:
        return None


def _file(home: Path, what: str) -> Path:
    name = f"{what}@{socket.gethostname()}"
    return home / FOLDER / re.sub(r"[^\w.@-]", "-", name)
