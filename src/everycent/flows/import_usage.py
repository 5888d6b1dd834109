"""Import usage: rows of a file become records that are stored once for ever.

The calling thread reads and parses while two others store, each in a transaction per batch. What comes
out does not depend on their timing: batches claim their keys in the order of the file, so of two rows
with the same id the earlier one counts; rejects and progress are told in that order too. An import
that was broken off is simply started again: what is there already is a duplicate.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from everycent.catalog.intake import IntakePolicy
from everycent.db.connection import Database
from everycent.flows import rejections
from everycent.flows.garbage import collecting_rarely
from everycent.flows.persistence import persistently
from everycent.flows.rejections import Door, judge
from everycent.kernel.errors import Invalid
from everycent.metering.mapping import Parse, Reject, Rows, reject
from everycent.metering.operations import Clash, Intake, Names, conflict_refusal
from everycent.metering.record import UsageRecord

BATCH_SIZE = 20_000
_STORING_THREADS = 2
_WAITING = 2  # batches that are parsed and wait for a thread
_CHUNK = 500  # rows that are parsed together; a bad one among them makes all of them slow
_BATCH_CHARS = 16_000_000
_ATTEMPTS = 5
_AGAIN = "start the import again: what is stored already is recognised"
_NO_POLICIES: Mapping[str, IntakePolicy] = MappingProxyType({})


class ImportResult(NamedTuple):
    """What became of the rows: each is read and then exactly one of the other four.

    A conflict has the id of a record that is stored and another content.
    """

    read: int = 0
    accepted: int = 0
    duplicates: int = 0
    conflicts: int = 0
    rejected: int = 0

    def plus(self, other: ImportResult) -> ImportResult:
        """Both together."""
        return ImportResult(*(a + b for a, b in zip(self, other, strict=True)))


class _Batch(NamedTuple):
    """Records with the line and the text of each, and what was rejected among them."""

    records: list[UsageRecord]
    lines: list[int]
    texts: list[str]
    rejects: list[Reject]

    def __len__(self) -> int:
        return len(self.records) + len(self.rejects)


def import_usage(
    database: Database,
    tenant_id: int,
    batches: Iterable[Rows],
    parse: Parse,
    *,
    recorded_at: datetime,
    on_reject: Callable[[Reject], None],
    on_progress: Callable[[ImportResult], None],
    policies: Mapping[str, IntakePolicy] = _NO_POLICIES,
    batch_size: int = BATCH_SIZE,
) -> ImportResult:
    """Stores every good row that keeps to the `policies` of its meter; `on_reject` is told of every
    other one, in order of lines.

    `on_progress` gets the result so far after each batch. When `batches` refuses to go on, what it
    gave is stored and told first. New records are folded into the roll-ups by the next billing run.
    Raises Unavailable when the database stays away.
    """
    names, turns = Names(), _Turns()
    result = ImportResult()
    under_way: deque[tuple[_Batch, Future[Intake]]] = deque()

    def settle() -> None:
        nonlocal result
        batch, storing = under_way.popleft()
        intake = storing.result()
        rejects = batch.rejects + [_conflict(batch, told) for told in intake.conflicts]
        for rejected in sorted(rejects):
            on_reject(rejected)
        result = result.plus(
            ImportResult(
                len(batch.records) + len(batch.rejects),
                intake.accepted,
                len(intake.duplicates),
                len(intake.conflicts),
                len(batch.rejects),
            )
        )
        on_progress(result)

    def settle_all() -> None:
        while under_way:
            settle()

    with collecting_rarely(), ThreadPoolExecutor(_STORING_THREADS, "import") as threads:
        try:
            for number, parsed in enumerate(_parsed(batches, parse, batch_size)):
                batch = _bounded(database, tenant_id, parsed, policies, recorded_at)
                storing = threads.submit(
                    _store, database, tenant_id, batch, recorded_at, names, turns, number
                )
                under_way.append((batch, storing))
                if len(under_way) > _STORING_THREADS + _WAITING:
                    settle()
            settle_all()
        except Invalid:
            settle_all()
            raise
        finally:
            for _, storing in under_way:
                storing.cancel()
    return result


def _parsed(batches: Iterable[Rows], parse: Parse, batch_size: int) -> Iterator[_Batch]:
    """The rows as records, in batches; when `batches` raises, the last batch comes before that."""
    batch, chars = _Batch([], [], [], []), 0
    step = min(_CHUNK, batch_size)
    source = iter(batches)
    ended: Invalid | None = None
    while True:
        try:
            rows = next(source, None)
        except Invalid as refusal:
            rows, ended = None, refusal
        if rows is None:
            break
        batch.rejects.extend(rows.rejects)
        for start in range(0, len(rows.cells), step):
            end = start + step
            part = Rows(rows.lines[start:end], rows.cells[start:end], rows.texts[start:end])
            _parse(part, parse, batch)
            chars += sum(map(len, part.texts))
            if len(batch) >= batch_size or chars >= _BATCH_CHARS:
                yield batch
                batch, chars = _Batch([], [], [], []), 0
    if len(batch):
        yield batch
    if ended is not None:
        raise ended


def _parse(rows: Rows, parse: Parse, batch: _Batch) -> None:
    """Adds the rows to the batch: together when all are good, else one by one."""
    try:
        batch.records.extend(parse(rows.cells))
        batch.lines.extend(rows.lines)
        batch.texts.extend(rows.texts)
        return
    except Invalid:
        pass
    for line, cells, text in zip(rows.lines, rows.cells, rows.texts, strict=True):
        try:
            batch.records.extend(parse([cells]))
        except Invalid as refusal:
            batch.rejects.append(reject(line, refusal, text))
        else:
            batch.lines.append(line)
            batch.texts.append(text)


def _bounded(
    database: Database,
    tenant_id: int,
    batch: _Batch,
    policies: Mapping[str, IntakePolicy],
    now: datetime,
) -> _Batch:
    """The batch with the records that are out of the bounds of their meter among the rejected ones."""
    refusals = persistently(
        lambda: judge(database, tenant_id, batch.records, policies, now),
        attempts=_ATTEMPTS,
        hint=_AGAIN,
    )
    if not refusals:
        return batch
    kept = [n for n in range(len(batch.records)) if n not in refusals]
    refused = [reject(batch.lines[n], told, batch.texts[n]) for n, told in refusals.items()]
    return _Batch(
        [batch.records[n] for n in kept],
        [batch.lines[n] for n in kept],
        [batch.texts[n] for n in kept],
        batch.rejects + refused,
    )


def _conflict(batch: _Batch, conflict: Clash) -> Reject:
    position = conflict.position
    refusal = conflict_refusal(batch.records[position], conflict.stored)
    return reject(batch.lines[position], refusal, batch.texts[position])


class _Turns:
    """Lets threads do something in the order of their numbers, which start at 0."""

    def __init__(self) -> None:
        self._next = 0
        self._changed = threading.Condition()

    @contextmanager
    def of(self, number: int) -> Iterator[None]:
        """Waits until every earlier number has had its turn; a second turn needs no waiting."""
        with self._changed:
            self._changed.wait_for(lambda: self._next >= number)
        try:
            yield
        finally:
            with self._changed:
                self._next = max(self._next, number + 1)
                self._changed.notify_all()


def _store(
    database: Database,
    tenant_id: int,
    batch: _Batch,
    recorded_at: datetime,
    names: Names,
    turns: _Turns,
    number: int,
) -> Intake:
    """Stores one batch and counts its rejects. One that was committed while the connection broke is told
    as duplicates, which is what its records are the second time."""
    rejected = rejections.by_code(told.code for told in batch.rejects)

    def store() -> Intake:
        turn = turns.of(number)
        return rejections.ingest(
            database, tenant_id, batch.records, recorded_at, names, turn, Door.FILE, rejected
        )

    try:
        return persistently(store, attempts=_ATTEMPTS, hint=_AGAIN)
    finally:
        with turns.of(number):  # whoever waits for this batch need not wait any longer
            pass
