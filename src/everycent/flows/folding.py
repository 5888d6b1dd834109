"""Fold beside intake: what came in is counted into the roll-ups by a thread of its own.

The more records a fold counts at once the less each of them costs, so that it waits a few seconds while
more are coming in. No answer waits for it: those that have to be exact count what is not folded, too.
"""

from __future__ import annotations

import threading
from types import TracebackType

import psycopg

from everycent.db.connection import Database
from everycent.flows import late
from everycent.kernel.errors import Unavailable
from everycent.metering import operations as metering

_AT_ONCE = 1_000_000  # records: a second's work or two
_PAUSE_SECONDS = 1
_MOST_PAUSES = 5


class Folding:
    """Folds for every tenant of which it is told that records came. Threads share it; use it as a
    context manager, or `close` it. Safe to lose: the next fold counts what is left."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._noted: set[int] = set()
        self._pauses: dict[int, int] = {}  # how long each has waited; the thread's own
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._work, name="folding", daemon=True)
        self._thread.start()

    def __enter__(self) -> Folding:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def note(self, tenant_id: int) -> None:
        """Records of this tenant came in."""
        with self._lock:
            self._noted.add(tenant_id)

    def close(self) -> None:
        """Ends after the step that is under way."""
        self._closed.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._closed.wait(_PAUSE_SECONDS):
            for tenant_id in self._due():
                if self._closed.is_set():
                    return
                self._fold(tenant_id)

    def _due(self) -> list[int]:
        """Those of which no records came for a moment, and those that waited long enough."""
        with self._lock:
            noted, self._noted = self._noted, set()
        for tenant_id in noted | self._pauses.keys():
            self._pauses[tenant_id] = self._pauses.get(tenant_id, 0) + 1
        due = sorted(t for t, n in self._pauses.items() if t not in noted or n >= _MOST_PAUSES)
        for tenant_id in due:
            del self._pauses[tenant_id]
        return due

    def _fold(self, tenant_id: int) -> None:
        try:
            with self._database.transaction(tenant_id) as tx:
                folded = metering.fold_step(tx, records=_AT_ONCE)
            if folded:
                self.note(tenant_id)  # there may be more
                late.keep_up(self._database, tenant_id)
        except (psycopg.Error, Unavailable):
            self.note(tenant_id)  # the database is away, or somebody else folds: again in a moment
