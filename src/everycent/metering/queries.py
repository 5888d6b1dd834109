"""Read usage: for any number of series and periods at once, and record by record for explaining."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import reduce
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from everycent.catalog.meter import Aggregation, Series
from everycent.db.connection import Tx
from everycent.kernel import calendar
from everycent.kernel.errors import Broken
from everycent.kernel.money import EXACT
from everycent.kernel.period import Period
from everycent.metering import store
from everycent.metering.record import micros
from everycent.metering.register import Reading
from everycent.metering.usage import Request, Usage, is_counter, spans_of

_QUARTER_MINUTES = 15
_QUARTER_MICROS = _QUARTER_MINUTES * 60 * 1_000_000
FIRST_RECORD = (datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0))


def read(tx: Tx, requests: Iterable[Request]) -> dict[Request, Usage]:
    """The usage of each request from the roll-ups; for counters, from their readings.

    All answers stand at one fold: no other one commits before the transaction ends. Subjects and
    meters must have their numbers (`operations.know_names`).
    """
    wanted = list(dict.fromkeys(requests))
    if not wanted:
        return {}
    store.hold_fold(tx)
    pairs = {("subject", r.subject) for r in wanted} | {("meter", r.series.meter) for r in wanted}
    ids = store.find_name_ids(tx, sorted(pairs))
    nameless = sorted(pairs - ids.keys())
    if nameless:
        kind, name = nameless[0]
        raise Broken("usage.unknown_name", f"the {kind} {name!r} has no number", value=name)
    rows, spans = _stage_rows(wanted, ids)
    store.stage_requests(tx, rows, spans)
    fold_id = store.read_fold(tx)
    found = [
        Usage(ids["subject", r.subject], ids["meter", r.series.meter], fold_id) for r in wanted
    ]
    _read_rollups(tx, wanted, found)
    _read_readings(tx, wanted, found)
    return dict(zip(wanted, found, strict=True))


def _stage_rows(
    wanted: Sequence[Request], ids: dict[tuple[str, str], int]
) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    span_sets: dict[tuple[Period, ...], int] = {}
    rows = []
    for number, (subject, series, period, since) in enumerate(wanted):
        spans = spans_of(series, period)
        span_set = span_sets.setdefault(spans, len(span_sets))
        for span in spans:
            if (
                span.start.minute % 15
                or span.start.second
                or span.end.minute % 15
                or span.end.second
            ):
                raise Broken("usage.unaligned", f"{span} does not lie on quarter hours")
        rows.append(
            (
                number,
                ids["subject", subject],
                ids["meter", series.meter],
                span_set,
                series.aggregation is Aggregation.LATEST,
                series.window_minutes,
                series.distinct,
                is_counter(series),
                since or period.start,
            )
        )
    return rows, [(n, start, end) for spans, n in span_sets.items() for start, end in spans]


def _read_rollups(tx: Tx, wanted: Sequence[Request], found: list[Usage]) -> None:
    if all(is_counter(request.series) for request in wanted):
        return
    for number, fold_id, records, total, low, high, latest, digest in store.read(
        tx, "read_rollups"
    ):
        if is_counter(wanted[number].series):
            continue
        found[number] = found[number]._replace(
            fold_id=fold_id, records=records, total=total, low=low, high=high, latest=latest,
            digest=bytes(digest),
        )  # fmt: skip
    if any(request.series.window_minutes for request in wanted):
        for number, at, total in store.read(tx, "read_peaks"):
            found[number] = found[number]._replace(peak=total, peak_at=at)
    if any(request.series.distinct for request in wanted):
        for number, count in store.read(tx, "read_distinct"):
            found[number] = found[number]._replace(distinct=count)


def _read_readings(tx: Tx, wanted: Sequence[Request], found: list[Usage]) -> None:
    if not any(is_counter(request.series) for request in wanted):
        return
    for number, at, value, dimensions in store.read(tx, "read_opening"):
        found[number] = found[number]._replace(opening=_reading(at, value, dimensions))
    for number, group in groupby(store.read(tx, "read_readings"), key=lambda row: row[0]):
        rows = list(group)
        found[number] = found[number]._replace(
            fold_id=rows[0][1],
            records=len(rows),
            total=reduce(EXACT.add, (row[3] for row in rows), Decimal(0)),
            readings=tuple(_reading(row[2], row[3], row[4]) for row in rows),
            digest=digest_of((row[2], row[6], row[5].bytes) for row in rows),
        )


def _reading(at: datetime, value: Decimal, dimensions: str) -> Reading:
    told = msgspec.json.decode(dimensions)
    return Reading(
        at, value, told.get("register", ""), told.get("kind") == "estimated", told.get("role", "")
    )


def digest_of(records: Iterable[tuple[datetime, int, bytes]]) -> bytes:
    """The digest of records given as (at, number of the dimensions, content).

    As the roll-ups make it: each quarter hour and set of dimensions has a digest of its own, over the
    contents in order; the whole is the digest of those, in order of time and number.
    """
    buckets: dict[tuple[int, int], list[bytes]] = {}
    for at, dimensions_id, content in records:
        buckets.setdefault((micros(at) // _QUARTER_MICROS, dimensions_id), []).append(content)
    total = hashlib.sha256()
    for _, contents in sorted(buckets.items()):
        total.update(hashlib.sha256(b"".join(sorted(contents))).digest())
    return total.digest()


def page(
    tx: Tx,
    subject_id: int,
    meter_id: int,
    spans: Sequence[Period],
    *,
    ends_included: bool,
    fold_id: int,
    after: tuple[datetime, UUID] = FIRST_RECORD,
    limit: int = 20,
) -> list[Any]:
    """The records that a line counted, a page at a time, in order of time."""
    if not spans:
        return []
    return store.page_records(tx, subject_id, meter_id, spans, ends_included, fold_id, after, limit)


class DayUsage(NamedTuple):
    """One local day of a series in one band ('' without bands)."""

    day: date
    band: str
    value: Decimal


def daily(
    tx: Tx, subject_id: int, meter_id: int, series: Series, period: Period, time_zone: str
) -> list[DayUsage]:
    """A series day by day on the clock of `time_zone`, as the roll-ups stand now; days without
    records are left out.

    For a banded series all bands of its set are told. Distinct values can't be split into days:
    there, as for counts, it is the number of records.
    """
    names = [""] if series.bands is None else sorted(series.bands.names())
    slots: list[tuple[date, str]] = []
    spans: list[tuple[int, datetime, datetime]] = []
    day = calendar.local_date(period.start, time_zone)
    while (begin := calendar.start_of_day(day, time_zone)) < period.end:
        after = day + timedelta(days=1)
        end_of_day = calendar.start_of_day(after, time_zone)
        part = Period(max(begin, period.start), min(end_of_day, period.end))
        for name in names:
            own = msgspec.structs.replace(series, band=name or None)
            spans.extend((len(slots), start, end) for start, end in spans_of(own, part))
            slots.append((day, name))
        day = after
    window = series.window_minutes or _QUARTER_MINUTES
    return [
        DayUsage(slots[row.number][0], slots[row.number][1], _of_a_day(series, row))
        for row in store.list_daily(tx, subject_id, meter_id, spans, window)
    ]


def _of_a_day(series: Series, row: Any) -> Decimal:
    value: Decimal
    match series.aggregation:
        case Aggregation.SUM | Aggregation.COUNTER:
            value = row.total
        case Aggregation.COUNT | Aggregation.UNIQUE:
            value = Decimal(row.records)
        case Aggregation.MIN:
            value = row.low
        case Aggregation.MAX:
            value = row.high
        case Aggregation.LATEST:
            value = row.latest
        case Aggregation.PEAK:
            minutes = Decimal(series.window_minutes or _QUARTER_MINUTES)
            value = EXACT.divide(EXACT.multiply(row.peak, Decimal(60)), minutes)
    return value


def counts(tx: Tx) -> Any:
    """Batches and records, in all and not yet folded."""
    return store.get_counts(tx)


def names(tx: Tx, ids: Sequence[int]) -> dict[int, str]:
    """The names behind numbers of subjects, meters, sources."""
    return store.names_by_id(tx, ids)


def known_numbers(tx: Tx, pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """The numbers of those (kind, name) pairs that were ever used."""
    return store.find_name_ids(tx, pairs)
