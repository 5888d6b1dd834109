"""A buffer for usage on the local disk: what is in it is sent, whatever is killed, and counts once.

`add` returns when the record is on the disk. Records are sent in batches by `flush`, or by a thread of
their own; they leave the buffer when the server has answered that it has them. If the process or the
server dies in between they are sent again, and the server knows them by their ids. What the server refuses
for good is kept apart, to be looked at: only its own word that a record is wrong does that. Whatever else
goes wrong, all that waits stays, and is tried again after a pause.
"""

from __future__ import annotations

import json
import logging
import random
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import msgspec

from everycent_client import core, errors
from everycent_client.core import call
from everycent_client.sync import Sender

BATCH = 1000
_LOG = logging.getLogger("everycent_client")
_TOO_LARGE = 413
_OF_CONTENT = frozenset({400, _TOO_LARGE, 422})
_BODY_CODES = frozenset(
    {
        "request.bad_body", "request.bad_field", "request.field_missing", "request.too_large",
        "request.unknown_field",
    }
)  # fmt: skip
"""With those that begin with `usage.`: what can be wrong with a body. All others tell of the key, the
headers, or how busy the server is."""
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


class State(NamedTuple):
    """How a buffer does: how many records wait and were refused, how many tries failed since something
    was sent last, and why the last of them failed."""

    waiting: int
    refused: int
    failures: int
    error: str | None


class UsageBuffer:
    """A buffer in a file. Threads and processes may share the file."""

    def __init__(
        self,
        path: str | Path,
        sender: Sender,
        *,
        batch: int = BATCH,
        on_error: Callable[[Exception], object] | None = None,
    ) -> None:
        """At most `batch` records are sent at a time. `on_error` is called in the thread with whatever went
        wrong there; without it that is logged as a warning of `everycent_client`."""
        if batch < 1:
            raise ValueError(f"a batch has at least one record, not {batch}")
        self._sender = sender
        self._batch = batch
        self._size = batch  # of the next one: less while something in it is looked for
        self._on_error = on_error
        self._failures = 0
        self._error: str | None = None
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
        with self._stored():
            self._store.executemany("insert into waiting (record) values (?)", rows)
        self._wake.set()

    def waiting(self) -> int:
        """How many records are not known to be at the server."""
        return int(self._one("select count(*) from waiting")[0])

    def state(self) -> State:
        """How it does; for a health check."""
        waiting, refused = self._one(
            "select (select count(*) from waiting), (select count(*) from refused)"
        )
        return State(waiting, refused, self._failures, self._error)

    def refused(self) -> list[dict[str, Any]]:
        """What the server refused for good, with the code and the reason."""
        with self._lock:
            rows = self._store.execute("select record, code, why from refused order by place")
            found = rows.fetchall()
        return [{"record": json.loads(r), "code": code, "why": why} for r, code, why in found]

    def flush(self) -> Flushed:
        """Sends all that waits, oldest first. Raises EverycentError when the server can't take it now, and
        sqlite3.Error when the file can't be used: all that was not taken stays."""
        total = Flushed()
        with self._sending, self._counted():
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
            try:
                self._wake.wait(every_seconds)
                self._wake.clear()
                with self._counted():
                    is_full = self.waiting() >= self._batch
                if self._stop.wait(0 if is_full else every_seconds):
                    return
                self.flush()
            except Exception as error:  # noqa: BLE001 - without the thread nothing is ever sent
                self._tell(error)
                pause = core.wait(self._failures, None, random.random())  # noqa: S311 - no secret
                self._stop.wait(max(every_seconds, pause))

    def _tell(self, error: Exception) -> None:
        try:
            if self._on_error is not None:
                self._on_error(error)
            else:
                _LOG.warning("usage waits on the disk and is tried again: %s", error)
        except Exception:  # noqa: BLE001 - as above
            _LOG.exception("on_error failed")

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Keeps in mind that what is done here failed, and why."""
        try:
            yield
        except Exception as error:
            self._failures += 1
            self._error = f"{type(error).__name__}: {error}"
            raise

    @contextmanager
    def _stored(self) -> Iterator[None]:
        """A transaction; on the disk afterwards, or nothing of it is."""
        with self._lock:
            self._store.execute("begin immediate")
            try:
                yield
                self._store.execute("commit")
            except BaseException:
                if self._store.in_transaction:  # a full disk ends it by itself
                    self._store.execute("rollback")
                raise

    def _send_batch(self) -> Flushed | None:
        with self._lock:
            rows = self._store.execute(
                "select place, record from waiting order by place limit ?", (self._size,)
            ).fetchall()
        if not rows:
            self._failures, self._error = 0, None
            return None
        body = ("[" + ",".join(record for _, record in rows) + "]").encode()
        asked = call("POST", "/v1/usage", dict[str, Any], body=msgspec.Raw(body))
        try:
            told = self._sender.send(asked)
        except errors.RefusedError as error:
            is_bad = _is_bad(error)
            if len(rows) > 1 and (is_bad or error.status == _TOO_LARGE):
                self._size = len(rows) // 2  # less may pass, or one that can't be read is found
                return Flushed()
            if not is_bad:
                raise
            self._done(rows, [(rows[0][1], error.code, error.message)])
            return Flushed(refused=1)
        others = _others(told, len(rows), asked.idempotency_key)
        bad = [
            (rows[one["position"]][1], one.get("code") or one["status"], one.get("message") or "")
            for one in others
            if one["status"] != "duplicate"
        ]
        self._done(rows, bad)
        self._size = min(self._batch, self._size * 2)
        return Flushed(len(rows) - len(others), len(others) - len(bad), len(bad))

    def _done(self, rows: list[Any], bad: Iterable[tuple[str, str, str]]) -> None:
        with self._stored():
            self._store.executemany(
                "insert into refused (record, code, why) values (?, ?, ?)", list(bad)
            )
            self._store.executemany("delete from waiting where place = ?", [(r[0],) for r in rows])
        self._failures, self._error = 0, None

    def _one(self, sql: str) -> Any:
        with self._lock:
            return self._store.execute(sql).fetchone()


def _is_bad(error: errors.RefusedError) -> bool:
    """Whether the server says that what was sent is wrong, and will be however often it is sent."""
    is_told = error.code.startswith("usage.") or error.code in _BODY_CODES
    return error.status in _OF_CONTENT and is_told


def _others(told: dict[str, Any], count: int, key: str | None) -> list[dict[str, Any]]:
    """What became of the records that were not accepted. Raises NoAnswerError for an answer that does not
    tell it of so many: it is not the server's."""
    if told.get("spooled") == count:
        return []
    others = told.get("results")
    try:
        places = {one["position"] for one in others or () if isinstance(one["status"], str)}
        is_whole = places <= set(range(count)) and told.get("accepted") == count - len(places)
    except (TypeError, KeyError):
        is_whole = False
    if not (is_whole and isinstance(others, list) and len(places) == len(others)):
        raise errors.NoAnswerError(f"the answer does not tell what became of {count} records", key)
    return others


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
