"""Traces of processes that stay up: one that ended without saying so is found by the next, and told.

Each has a file in the instance's folder `running`, on the disk before it does anything, and removed when it
ends as it should. A file whose process is gone belongs to one that was killed, or whose machine fell over:
the next process of the instance raises the alarm `work.died` about it, and resolves it, since it goes on
with the work. Where nobody starts again, whoever watches from outside tells that (deploy/prometheus).
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from everycent.alarms import operations as alarms
from everycent.alarms.alarm import Condition, Severity
from everycent.app import alarming, durable, processes
from everycent.app.wiring import App
from everycent.charging.run import Worker
from everycent.tenants import operations as tenants

FOLDER = "running"


class _Trace(msgspec.Struct, frozen=True):
    worker: Worker
    what: str
    tenant: str


class Traces:
    """The trace of this process, and those that others left."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._folder = app.settings.home / FOLDER
        worker = processes.this_process(app.ids("process"))
        self._own = self._folder / f"{worker.worker_id}.json"
        self._trace = _Trace(worker, " ".join(["everycent", *sys.argv[1:3]]), app.settings.tenant)

    def begin(self) -> None:
        """Leaves the trace of this process."""
        durable.folder(self._folder)
        durable.write(self._own, msgspec.json.encode(self._trace))

    def end(self) -> None:
        """This process ends as it should."""
        durable.remove(self._own)

    def tell(self) -> None:
        """Raises and resolves an alarm for every process that is gone without having said so. Raises what
        the database raises; then the traces stay."""
        with durable.locked(self._folder / "lock", patiently=False) as is_ours:
            for path in sorted(self._folder.glob("*.json")) if is_ours else ():
                found = self._read(path)
                if found is None or path == self._own:
                    continue
                if _is_gone(found.worker):
                    self._file(found)
                    durable.remove(path)

    def _file(self, found: _Trace) -> None:
        app = self._app
        tenant_id = tenants.named(app.database, found.tenant, app.clock())
        source = f"process {found.worker.worker_id}"
        wrong = Condition(
            "work.died", found.worker.name[:200], Severity.WARNING,
            f"`{found.what}` ended without having said so; this process goes on with its work",
        )  # fmt: skip
        for conditions in ([wrong], []):
            with app.database.transaction(tenant_id) as tx:
                alarms.take_turn(tx, source)
                alarms.reflect(tx, source, conditions, alarming.writer(app))

    def _read(self, path: Path) -> _Trace | None:
        try:
            return msgspec.json.decode(path.read_bytes(), type=_Trace)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None


def _is_gone(worker: Worker) -> bool:
    """Whether it is gone; what ran before this machine was started anew is."""
    own = processes.this_process(worker.worker_id)
    return (worker.host == own.host and worker.boot != own.boot) or processes.is_gone(
        worker, may_end=False
    )
