"""The records of due intervals: gathered from what we know or from a source, and stored once.

Nothing here is covered yet. What is stored and not covered when a process dies is found stored when the
interval is measured again.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from functools import partial, reduce
from itertools import islice
from typing import Any, NamedTuple

from everycent.catalog import queries as catalog
from everycent.db.connection import Database
from everycent.flows.rejections import judge
from everycent.kernel.clock import Clock
from everycent.kernel.errors import Invalid, Refusal
from everycent.kernel.ids import IdSource
from everycent.kernel.money import EXACT
from everycent.kernel.period import Period
from everycent.kernel.quantity import plain
from everycent.measurements import answer, queries, records
from everycent.measurements.measurement import Http, Measurement, Sample, Sql, Time
from everycent.measurements.operations import Taking
from everycent.measurements.records import Gathered
from everycent.metering import operations as metering
from everycent.metering.record import UsageRecord

Poll = Callable[[Measurement, Period], Sequence[Any]]
"""Asks the source of an `http` or `sql` measurement for an interval's rows, not checked yet."""

_TOGETHER_RECORDS = 40_000
TOGETHER_INTERVALS = 1_000
_PIECE = 20_000  # records that are stored in one transaction
_STORING_THREADS = 2


class Terms(NamedTuple):
    """Who measures, with which clock, ids and sources. `worker` names the process, for whoever wonders
    who is at it."""

    clock: Clock
    ids: IdSource
    actor: str
    poll: Poll
    worker: str


class Work(NamedTuple):
    """The work on one measurement, up to an instant. `turns` are taken by those who record what they
    were told, so that they leave connections for one another."""

    database: Database
    tenant_id: int
    key: str
    as_of: datetime
    terms: Terms
    names: metering.Names
    turns: threading.Semaphore


def ask(poll: Poll, measurement: Measurement, interval: Period) -> Gathered:
    """The records of an interval that another system knows. Call it outside any transaction."""
    kind = measurement.kind
    assert isinstance(kind, Http | Sql), "time and samples are known here"
    told = poll(measurement, interval)
    rows = answer.checked(told, interval, measurement.dimensions, kind.max_rows)
    return records.of_rows(measurement, interval, rows)


def gather(work: Work, measurement: Measurement, due: Iterator[Period]) -> list[Gathered]:
    """The records of the next due intervals, where we know everything ourselves."""
    kind = measurement.kind
    assert isinstance(kind, Time | Sample), "others are asked"
    intervals = list(islice(due, TOGETHER_INTERVALS if measurement.has_memory else 1))
    if not intervals:
        return []
    with work.database.snapshot(work.tenant_id) as tx:
        within = Period(intervals[0].start, intervals[-1].end)
        spans = records.by_subject(queries.spans(tx, kind, within))
        intervals = intervals[: max(1, _TOGETHER_RECORDS // max(1, len(spans)))]
        levels = {}
        if isinstance(kind, Sample):
            ends = [interval.end for interval in intervals]
            levels = queries.levels(tx, kind.meter, spans, ends)
    found: list[Gathered] = []
    for interval in intervals:
        parts = records.parts_of(spans, interval)
        try:
            if isinstance(kind, Time):
                found.append(records.of_time(measurement, interval, parts))
            else:
                of_interval = levels.get(interval.end, {})
                found.append(records.of_levels(measurement, interval, parts, of_interval))
        except Refusal:
            if not found:
                raise
            break  # the intervals before it are measured first
    return found


def store(work: Work, gathered: Sequence[Gathered]) -> list[Taking]:
    """Stores the records of the intervals, or finds them stored; says what is true of each then.

    What an attempt that broke off has stored stands, even if the source says something else now.
    """
    stands = _ingested(work, [record for one in gathered for record in one.leading])
    following, left_out = [], set()
    for one in gathered:
        unled = {record.subject for record in one.leading if record.record_id in stands}
        for record in one.following:
            if record.subject in unled:
                left_out.add(record.record_id)
            else:
                following.append(record)
    stands |= _ingested(work, following)
    return [_taking(one, stands, left_out) for one in gathered]


def accepted(work: Work, gathered: Sequence[Gathered]) -> Sequence[Gathered]:
    """The intervals before the first one that has a record which its meter's intake policy refuses.

    What is stored already is not judged again. Raises Invalid `measurement.record_refused` when that is the
    first: nothing of an interval is stored unless all of it may be.
    """
    with work.database.snapshot(work.tenant_id) as tx:
        policies = catalog.intake_policies(tx)
    told = [(n, record) for n, one in enumerate(gathered) for record in one.leading + one.following]
    found = [record for _, record in told]
    refusals = judge(work.database, work.tenant_id, found, policies, work.terms.clock())
    if not refusals:
        return gathered
    first = min(refusals)
    number, record = told[first]
    if number:
        return gathered[:number]
    refusal = refusals[first]
    raise Invalid(
        "measurement.record_refused",
        f"the intake policy of {record.meter} refuses the record of {record.subject[:60]!r}:"
        f" {refusal.message} [{refusal.code}]",
        field=refusal.field,
        value=refusal.value,
        hint="correct the source, or the policy in the catalogue's section intake; the interval is tried"
        " again",
    )


Stands = dict[str, UsageRecord | None]
"""By id the records that were stored with other content before: what stands in their place. None where
that is in an archive."""


def _ingested(work: Work, batch: Sequence[UsageRecord]) -> Stands:
    """Stores records; tells of those that are stored with other content."""
    firsts = range(0, len(batch), _PIECE)
    pieces = [batch[first : first + _PIECE] for first in firsts]
    if len(pieces) <= 1:
        return _ingested_together(work, batch)
    with ThreadPoolExecutor(_STORING_THREADS) as pool:
        conflicts: Stands = {}
        for of_piece in pool.map(partial(_ingested_together, work), pieces):
            conflicts |= of_piece
        return conflicts


def _ingested_together(work: Work, piece: Sequence[UsageRecord]) -> Stands:
    intake = metering.ingest(work.database, work.tenant_id, piece, work.terms.clock(), work.names)
    return {piece[found.position].record_id: found.stored for found in intake.conflicts}


def _taking(one: Gathered, stands: Mapping[str, UsageRecord | None], left_out: set[str]) -> Taking:
    told = [*one.leading, *one.following]
    if not stands:
        return Taking(one.interval, len(told), _sum(record.value for record in told))
    stored = [record for record in told if record.record_id not in left_out]
    standing = [stands.get(record.record_id, record) for record in stored]
    conflicting = tuple(
        record.subject
        for record in told
        if record.record_id in stands or record.record_id in left_out
    )
    total = _sum(record.value for record in standing if record is not None)
    return Taking(one.interval, len(stored), total, conflicting)


def _sum(values: Iterable[str]) -> str:
    parts = (EXACT.multiply(Decimal(value), n) for value, n in Counter(values).items())
    return plain(reduce(EXACT.add, parts, Decimal(0)))
