"""A buffer for usage on the local disk: what is in it is sent, whatever is killed, and counts once.

`add` returns when the record is on the disk. Records are sent in batches by `flush`, or by a thread of
their own; they leave the buffer when the server has answered that it has them. If the process or the
server dies in between they are sent again, and the server knows them by their ids. What the server refuses
for good is kept apart, to be looked at.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import msgspec

from everycent_client import errors
from everycent_client.core import call
from everycent_client.sync import Sender

BATCH = 1000
_SCHEMA = """
create table if not exists waiting (
    place integer primary key autoincrement, record text not null
);
create table if not exists refused (
    place integer primary key autoincrement, record text not null, code text not null,
    why text not null, at text not null default (datetime('now'))
);
"""


class Flushed(NamedTuple):
    """What became of records that were sent: new to the server, known to it already, or refused."""

    accepted: int = 0
    duplicates: int = 0
    refused: int = 0


class UsageBuffer:
    """A buffer in a file. Threads and processes may share the file."""

    def __init__(self, path: str | Path, sender: Sender, *, batch: int = BATCH) -> None:
        self._sender = sender
        self._batch = batch
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._store = sqlite3.connect(
            path, timeout=30, isolation_level=None, check_same_thread=False
        )
        self._store.execute("pragma journal_mode = wal")
        self._store.execute("pragma synchronous = full")  # on the disk before `add` returns
        self._store.executescript(_SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def add(self, *records: Mapping[str, Any]) -> None:
        """Keeps records: each with `source`, `subject`, `meter`, `at` and `value` as `POST /v1/usage` takes
        them; one without an `id` gets one. On the disk when it returns."""
        rows = [(_text(record),) for record in records]
        with self._lock:
            self._store.execute("begin immediate")
            try:
                self._store.executemany("insert into waiting (record) values (?)", rows)
                self._store.execute("commit")
            except BaseException:
                self._store.execute("rollback")
                raise
        self._wake.set()

    def waiting(self) -> int:
        """How many records are not known to be at the server."""
        return int(self._one("select count(*) from waiting")[0])

    def refused(self) -> list[dict[str, Any]]:
        """What the server refused for good, with the code and the reason."""
        with self._lock:
            rows = self._store.execute("select record, code, why from refused order by place")
            found = rows.fetchall()
        return [{"record": json.loads(r), "code": code, "why": why} for r, code, why in found]

    def flush(self) -> Flushed:
        """Sends all that waits, oldest first. Raises EverycentError when the server can't take it now: all
        that was not taken stays."""
        total = Flushed()
        with self._sending:
            while True:
                sent = self._send_batch()
                if sent is None:
                    return total
                total = Flushed(*(a + b for a, b in zip(total, sent, strict=True)))

    def start(self, every_seconds: float = 1.0) -> None:
        """Sends from now on in a thread of its own, at the latest so many seconds after a record came."""
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, args=(every_seconds,), name="everycent-usage", daemon=True
            )
            self._thread.start()

    def close(self) -> None:
        """Ends the thread and closes the file; what waits is sent by whoever opens it next."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            self._store.close()

    def _run(self, every_seconds: float) -> None:
        while not self._stop.is_set():
            self._wake.wait(every_seconds)
            self._wake.clear()
            if self._stop.wait(every_seconds if self.waiting() < self._batch else 0):
                return
            try:
                self.flush()
            except errors.EverycentError:
                self._stop.wait(every_seconds)  # it waits on the disk, and is tried again

    def _send_batch(self) -> Flushed | None:
        with self._lock:
            rows = self._store.execute(
                "select place, record from waiting order by place limit ?", (self._batch,)
            ).fetchall()
        if not rows:
            return None
        body = ("[" + ",".join(record for _, record in rows) + "]").encode()
        asked = call("POST", "/v1/usage", dict[str, Any], body=msgspec.Raw(body))
        try:
            told = self._sender.send(asked)
        except errors.InvalidError as error:
            if len(rows) == 1:
                self._done(rows, [(rows[0][1], error.code, error.message)])
                return Flushed(refused=1)
            self._batch = max(1, len(rows) // 2)  # something in it can't even be read: find it
            return Flushed()
        bad = [
            (rows[one["position"]][1], one.get("code", one["status"]), one.get("message", ""))
            for one in told.get("results", [])
            if one["status"] in ("rejected", "conflict")
        ]
        self._done(rows, bad)
        self._batch = max(self._batch, min(BATCH, self._batch * 2))
        accepted = told.get("accepted", told.get("spooled", 0))
        return Flushed(accepted, told.get("duplicates", 0), len(bad))

    def _done(self, rows: list[Any], bad: Iterable[tuple[str, str, str]]) -> None:
        with self._lock:
            self._store.execute("begin immediate")
            self._store.executemany(
                "insert into refused (record, code, why) values (?, ?, ?)", list(bad)
            )
            self._store.executemany("delete from waiting where place = ?", [(r[0],) for r in rows])
            self._store.execute("commit")

    def _one(self, sql: str) -> Any:
        with self._lock:
            return self._store.execute(sql).fetchone()


def _text(record: Mapping[str, Any]) -> str:
    told = dict(record)
    told.setdefault("id", str(uuid.uuid4()))
    if hasattr(told.get("at"), "isoformat"):
        told["at"] = told["at"].isoformat()
    elif "at" not in told:
        told["at"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    if not isinstance(told.get("value"), int | str | None):
        told["value"] = str(told["value"])
    return json.dumps(told, ensure_ascii=False, allow_nan=False)
