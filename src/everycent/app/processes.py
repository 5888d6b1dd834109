"""Processes of this machine: what names one for ever, and whether it is gone."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path
from uuid import UUID

from everycent.charging.run import Worker

_PATIENCE_SECONDS = 5.0


def this_process(worker_id: UUID) -> Worker:
    """This process, as others can tell that it is gone."""
    pid = os.getpid()
    host = socket.gethostname()
    return Worker(worker_id, f"{host}:{pid}", host, _boot(), _space(), pid, _born(pid) or 0)


def is_gone(worker: Worker, may_end: bool) -> bool:
    """Whether the process is provably gone. One of this machine that only does not answer any more (it was
    stopped, or swapped out) is killed first, if it may be: it could wake up and go on where it was. Of
    another machine, or of this one before it was started anew (two may have one name), nothing can be
    proved."""
    here = (socket.gethostname(), _boot(), _space())
    if (worker.host, worker.boot, worker.space) != here or "" in here:
        return False
    if worker.pid == os.getpid() or _born(worker.pid) != worker.born:
        return _born(worker.pid) != worker.born
    if not may_end:
        return False
    try:
        os.kill(worker.pid, signal.SIGKILL)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until:
        if _born(worker.pid) != worker.born:
            return True
        time.sleep(0.02)
    return False


def _boot() -> str:
    return _text("/proc/sys/kernel/random/boot_id")


def _space() -> str:
    """The space of process ids: containers of one machine have their own."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _born(pid: int) -> int | None:
    """When a process began, in clock ticks since the boot (proc(5), stat, field 22); None when it is gone,
    or dead and not yet buried."""
    after_name = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
    if len(after_name) < 20 or after_name[0] in "ZX":
        return None
    return int(after_name[19])


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
