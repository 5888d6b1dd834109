"""Sustained ingest through the library into a table that holds a long history, beside its limit.

Two processes each. The limit: ready-made COPY frames into staging, then INSERT … ON CONFLICT DO
NOTHING into one table of fixed-width rows under a 16-byte key with as many rows in it: no names, no
content hashes, no batches, no partitions, no tenants.
"""

from __future__ import annotations

import gc
import hashlib
import multiprocessing
import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing.synchronize import Barrier
from struct import Struct
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

import psycopg

from benchmarks import history
from everycent.db.connection import Database
from everycent.metering import operations as metering
from everycent.metering.record import UsageRecord

BATCH = 10_000
PROCESSES = 2
WARM_UP = 50
"""Batches of each process that are stored before anything is measured: the reference's table has just
been made, and is in memory."""
_NOW = datetime(2026, 2, 1, tzinfo=UTC)
_FRAME = Struct("!hi16siqiiiiiiiq").pack
_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class Measured(NamedTuple):
    """Records per second of all processes together, how long they took, and the seconds of each batch."""

    rate: float
    seconds: float
    batches: list[float]

    def p99(self) -> float:
        """The time that 99 of 100 batches do not exceed."""
        return sorted(self.batches)[int(len(self.batches) * 0.99) - 1]


def product(conninfo: str, batches: int, ids: str) -> Measured:
    """Ingest as an application does it: 5 % of the records are sent twice, 5 % are two weeks late, each
    has twenty dimensions. `ids` are 'counters' or 'random'."""
    return _side_by_side(partial(_ingest, ids), conninfo, batches)


def limit(conninfo: str, batches: int, rows: int, size: int = BATCH) -> Measured:
    """The reference, into a table with `rows` rows, in batches of a size."""
    with psycopg.connect(conninfo, autocommit=True) as admin:
        admin.execute("drop schema if exists reference cascade")
        admin.execute("create schema reference")
        admin.execute(
            "create table reference.usage (key uuid, at timestamptz, subject int4, meter int4,"
            " dimensions int4, value int8)"
        )
        admin.execute(
            "insert into reference.usage select md5('r' || n)::uuid, '2026-01-01', n, n, n, n"
            " from generate_series(1, %s) n",
            (rows,),
        )
        admin.execute("set maintenance_work_mem = '1GB'")
        admin.execute("alter table reference.usage add primary key (key)")
        admin.execute("vacuum (analyze) reference.usage")
        admin.execute("checkpoint")
    measured = _side_by_side(partial(_copy, size), conninfo, batches, size)
    with psycopg.connect(conninfo, autocommit=True) as admin:
        admin.execute("drop schema reference cascade")
    return measured


def limit_of_rows(conninfo: str, batches: int, size: int) -> Measured:
    """The reference for records as they are told, all of them as one row: COPY into staging, then INSERT …
    ON CONFLICT DO NOTHING into a table of texts with a JSON column, and nothing else. A new table."""
    with psycopg.connect(conninfo, autocommit=True) as admin:
        admin.execute("drop schema if exists reference cascade")
        admin.execute("create schema reference")
        admin.execute(
            "create table reference.usage (key uuid primary key, source text, id text, subject text,"
            " meter text, at timestamptz, value numeric, dimensions jsonb)"
        )
        admin.execute("checkpoint")
    measured = _side_by_side(partial(_copy_rows, size), conninfo, batches, size)
    with psycopg.connect(conninfo, autocommit=True) as admin:
        admin.execute("drop schema reference cascade")
    return measured


Worker = Callable[[str, int, int], Callable[[int], int]]
"""Prepares the batches of one process; what comes back stores one of them."""


def _side_by_side(worker: Worker, conninfo: str, batches: int, size: int = BATCH) -> Measured:
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(PROCESSES)
    results = spawn.Queue()
    processes = [
        spawn.Process(target=_work, args=(worker, conninfo, number, batches, barrier, results))
        for number in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    told = [results.get() for _ in processes]
    for process in processes:
        process.join()
    began = min(start for start, _, _ in told)
    ended = max(end for _, end, _ in told)
    seconds = [spent for _, _, spans in told for spent in spans]
    return Measured(PROCESSES * batches * size / (ended - began), ended - began, seconds)


def _work(
    worker: Worker, conninfo: str, number: int, batches: int, barrier: Barrier, results: Any
) -> None:
    step = worker(conninfo, number, batches)
    gc.collect()
    gc.freeze()
    barrier.wait()
    spans = []
    began = time.time()
    for n in range(batches):
        started = time.perf_counter()
        step(n)
        spans.append(time.perf_counter() - started)
    results.put((began, time.time(), spans))


def _ingest(ids: str, conninfo: str, number: int, batches: int) -> Callable[[int], int]:
    database = Database(conninfo)
    names = metering.Names()
    made = _records(number, WARM_UP + batches, ids)

    def step(n: int) -> int:
        intake = metering.ingest(database, 1, made[WARM_UP + n], _NOW, names)
        assert not intake.conflicts
        return intake.accepted

    for n in range(WARM_UP):
        step(n - WARM_UP)
    return step


def _records(number: int, batches: int, ids: str) -> list[list[UsageRecord]]:
    luck = random.Random(f"{ids}{number}")
    dimensions = history.dimension_sets()
    subjects = [f"c{n:08d}" for n in range(history.SUBJECTS)]
    made: list[list[UsageRecord]] = []
    for batch in range(batches):
        rows = []
        for n in range(BATCH):
            place = batch * BATCH + n
            if n % 20 == 7 and made:  # sent again
                rows.append(luck.choice(made[-1]))
                continue
            at = _NOW + timedelta(milliseconds=20 * place)
            if n % 20 == 11:
                at -= timedelta(days=14)
            subject = luck.randrange(history.SUBJECTS)
            rows.append(
                UsageRecord(
                    "bench",
                    f"{number}-{place:09d}" if ids == "counters" else _uuid(luck),
                    subjects[subject],
                    history.METERS[n % 5],
                    at,
                    f"{place % 977}.{1 + place % 8}",
                    dimensions[subject % history.DIMENSION_SETS],
                )
            )
        made.append(rows)
    return made


def _uuid(luck: random.Random) -> str:
    return str(UUID(int=luck.getrandbits(128), version=4))


def _copy(size: int, conninfo: str, number: int, batches: int) -> Callable[[int], int]:
    connection = psycopg.connect(conninfo, autocommit=True)
    connection.execute(
        "create temp table stage (key uuid, at timestamptz, subject int4, meter int4, dimensions int4,"
        " value int8) on commit delete rows"
    )
    made = [_frames(size, number, batch) for batch in range(batches)]
    return _stored(connection, "copy stage from stdin (format binary)", made)


def _stored(
    connection: psycopg.Connection[Any], how: LiteralString, made: Sequence[bytes]
) -> Callable[[int], int]:
    def step(n: int) -> int:
        with connection.transaction(), connection.cursor() as cursor:
            with cursor.copy(how) as copy:
                copy.write(made[n])
            cursor.execute(
                "insert into reference.usage select * from stage order by key on conflict do nothing"
            )
            return cursor.rowcount

    return step


def _copy_rows(size: int, conninfo: str, number: int, batches: int) -> Callable[[int], int]:
    connection = psycopg.connect(conninfo, autocommit=True)
    connection.execute("create temp table stage (like reference.usage) on commit delete rows")
    dimensions = history.dimension_sets()
    made = [_rows(size, number, batch, dimensions) for batch in range(batches)]
    return _stored(connection, "copy stage from stdin", made)


def _rows(size: int, number: int, batch: int, dimensions: Sequence[str]) -> bytes:
    rows = []
    for place in range(batch * size, batch * size + size):
        key = hashlib.blake2b(f"{number}-{place}".encode(), digest_size=16).hexdigest()
        rows.append(
            f"{key}\tbench\t{number}-{place:09d}\tc{place * 7919 % 100_000:08d}\tcalls\t"
            f"2026-01-21 00:00:{place % 60:02d}+00\t{1 + place % 9}\t"
            f"{dimensions[place % len(dimensions)]}\n"
        )
    return "".join(rows).encode()


def _frames(size: int, number: int, batch: int) -> bytes:
    frames = [_HEADER]
    at = (_NOW - _EPOCH) // timedelta(microseconds=1)
    for n in range(size):
        place = batch * size + n - (size if n % 20 == 7 and batch else 0)
        key = hashlib.blake2b(f"{number}-{place}".encode(), digest_size=16).digest()
        frames.append(
            _FRAME(6, 16, key, 8, at + place, 4, place % 100_000, 4, n % 5, 4, n % 1000, 8, place)
        )
    return b"".join([*frames, b"\xff\xff"])


def sizes(conninfo: str, tables: Sequence[str]) -> dict[str, int]:
    """Bytes on disk of tables with their indexes and partitions."""
    with psycopg.connect(conninfo, autocommit=True) as admin:
        return {
            name: admin.execute(
                "select pg_total_relation_size(%(name)s::regclass) + coalesce(sum("
                "pg_total_relation_size(inhrelid)), 0)::bigint"
                " from pg_inherits where inhparent = %(name)s::regclass",
                {"name": f"everycent.{name}"},
            ).fetchone()[0]  # type: ignore[index]
            for name in tables
        }
