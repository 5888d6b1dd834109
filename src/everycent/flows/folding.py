"""Fold beside intake: what came in is counted into the roll-ups by a thread of its own, in short steps."""

from __future__ import annotations

import threading
from types import TracebackType

import psycopg

from everycent.db.connection import Database
from everycent.flows import late
from everycent.kernel.errors import Unavailable
from everycent.metering import operations as metering

_AT_ONCE = 200_000  # records: about a second's work
_PAUSE_SECONDS = 1


class Folding:
    """Folds for every tenant of which it is told that records came. Threads share it; use it as a
    context manager, or `close` it. Safe to lose: the next fold counts what is left."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._noted: set[int] = set()
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
            with self._lock:
                noted, self._noted = self._noted, set()
            for tenant_id in sorted(noted):
                if self._closed.is_set():
                    return
                self._fold(tenant_id)

    def _fold(self, tenant_id: int) -> None:
        try:
            with self._database.transaction(tenant_id) as tx:
                folded = metering.fold_step(tx, records=_AT_ONCE)
            if folded:
                self.note(tenant_id)  # there may be more
                late.keep_up(self._database, tenant_id)
        except (psycopg.Error, Unavailable):
            self.note(tenant_id)  # the database is away, or somebody else folds: again in a moment
