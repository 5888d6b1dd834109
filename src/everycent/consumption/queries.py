"""Read usage: for any number of series and periods at once, and record by record for explaining."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import reduce
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from everycent.catalog.meter import Aggregation, Series
from everycent.catalog.segments import own_and_others
from everycent.consumption import answers, store
from everycent.consumption.register import Reading
from everycent.consumption.requests import pieces_of_request, stage_rows
from everycent.consumption.slots import Held
from everycent.consumption.usage import (
    BEGINNING,
    QUARTER_MINUTES,
    Request,
    Usage,
    archived,
    has_samples,
    is_counter,
    is_level,
    pieces_of,
    spans_of,
)
from everycent.db.connection import Tx
from everycent.kernel import calendar
from everycent.kernel.errors import Broken
from everycent.kernel.money import EXACT
from everycent.kernel.period import Period
from everycent.metering import queries as metering

FIRST_RECORD = (BEGINNING, UUID(int=0))


_INSTANT = timedelta(microseconds=1)


def read(tx: Tx, requests: Iterable[Request], *, is_live: bool = False) -> dict[Request, Usage]:
    """The usage of each request, from the roll-ups wherever they answer it.

    `is_live` adds what no fold has counted yet; without it all answers stand at the newest fold. Call
    it in a `snapshot`, so that no fold comes between the statements. Subjects and meters must have
    their numbers (`operations.know_names`).
    """
    wanted = list(dict.fromkeys(requests))
    if not wanted:
        return {}
    ids = _numbers(tx, wanted)
    away = metering.archived_months(tx)
    refuse_archived(tx, away, uses_of_records(wanted, ids))
    store.stage_requests(tx, *stage_rows(wanted, ids))
    store.fill_tail(tx, is_live=is_live)
    fold_id = store.read_fold(tx)
    found = [
        Usage(ids["subject", r.subject], ids["meter", r.series.meter], fold_id) for r in wanted
    ]
    for needs, add in _READERS:
        if any(needs(request.series) for request in wanted):
            add(tx, wanted, found, is_live)
    if away:
        _add_archived_openings(tx, away, wanted, found)
    return dict(zip(wanted, found, strict=True))


def _numbers(tx: Tx, wanted: Sequence[Request]) -> dict[tuple[str, str], int]:
    pairs = {("subject", r.subject) for r in wanted} | {("meter", r.series.meter) for r in wanted}
    ids = metering.known_numbers(tx, sorted(pairs))
    nameless = sorted(pairs - ids.keys())
    if nameless:
        kind, name = nameless[0]
        raise Broken("usage.unknown_name", f"the {kind} {name!r} has no number", value=name)
    return ids


def _add_rollups(tx: Tx, _: Sequence[Request], found: list[Usage], is_live: bool) -> None:
    for number, records, total, low, high, latest, digest in store.read(
        tx, "read_rollups", is_live=is_live
    ):
        found[number] = found[number]._replace(
            records=records, total=total, low=low, high=high, latest=latest, digest=bytes(digest)
        )


def _add_distinct(tx: Tx, _: Sequence[Request], found: list[Usage], is_live: bool) -> None:
    for number, count in store.read(tx, "read_distinct", is_live=is_live):
        found[number] = found[number]._replace(distinct=count)


def _add_samples(tx: Tx, wanted: Sequence[Request], found: list[Usage], is_live: bool) -> None:
    for number, *counted in store.read(tx, "read_samples", is_live=is_live):
        told = answers.Counted(*counted)
        found[number] = answers.with_counted(found[number], wanted[number].series, told)


def _add_levels(tx: Tx, wanted: Sequence[Request], found: list[Usage], is_live: bool) -> None:
    before: dict[int, list[answers.Standing]] = {}
    for number, dimensions, total, at, value, key in store.read(tx, "read_levels", is_live=is_live):
        told = answers.Standing(msgspec.json.decode(dimensions), total, at, value, key.bytes)
        before.setdefault(number, []).append(told)
    changes: dict[int, list[answers.Said]] = {}
    for number, at, value, dimensions in store.read(tx, "read_changes", is_live=is_live):
        told_of = answers.Said(at, value, msgspec.json.decode(dimensions))
        changes.setdefault(number, []).append(told_of)
    for number, request in enumerate(wanted):
        if is_level(request.series):
            found[number] = answers.with_level(
                found[number], request, before.get(number, []), changes.get(number, [])
            )


def _add_readings(tx: Tx, _: Sequence[Request], found: list[Usage], is_live: bool) -> None:
    for number, at, value, dimensions in store.read(tx, "read_opening", is_live=is_live):
        found[number] = found[number]._replace(opening=_reading(at, value, dimensions))
    rows = store.read(tx, "read_readings", is_live=is_live)
    for number, group in groupby(rows, key=lambda row: row[0]):
        of_one = list(group)
        found[number] = found[number]._replace(
            records=len(of_one),
            total=reduce(EXACT.add, (row[2] for row in of_one), Decimal(0)),
            readings=tuple(_reading(row[1], row[2], row[3]) for row in of_one),
            digest=digest_of(row[4].bytes for row in of_one),
        )


_Reader = Callable[[Tx, Sequence[Request], list[Usage], bool], None]


_READERS: tuple[tuple[Callable[[Series], bool], _Reader], ...] = (
    (lambda series: not is_counter(series), _add_rollups),
    (has_samples, _add_samples),
    (lambda series: series.aggregation is Aggregation.UNIQUE, _add_distinct),
    (is_level, _add_levels),
    (is_counter, _add_readings),
)


def _reading(at: datetime, value: Decimal, dimensions: str) -> Reading:
    told = msgspec.json.decode(dimensions)
    return Reading(
        at, value, told.get("register", ""), told.get("kind") == "estimated", told.get("role", "")
    )


def digest_of(contents: Iterable[bytes]) -> bytes:
    """The digest of register readings: a hash over their contents in order of time, then content."""
    return hashlib.sha256(b"".join(contents)).digest()


class Group(NamedTuple):
    """The records of a request that have one value of a dimension ('' for none)."""

    value: str
    records: int
    total: Decimal
    low: Decimal
    high: Decimal
    latest: Decimal


def by_dimension(tx: Tx, request: Request, dimension: str, *, is_live: bool = False) -> list[Group]:
    """A request split by a dimension, each record in exactly one group, in order of the values."""
    ids = _numbers(tx, [request])
    refuse_archived(tx, metering.archived_months(tx), uses_of_records([request], ids))
    store.stage_requests(tx, *stage_rows([request], ids))
    store.fill_tail(tx, is_live=is_live)
    rows = store.read_groups(tx, dimension, is_live=is_live)
    groups = [Group(r.value, r.records, r.total, r.low, r.high, r.latest) for r in rows]
    return sorted(groups)


def page(
    tx: Tx,
    subject_id: int,
    meter_id: int,
    spans: Sequence[Period],
    *,
    ends_included: bool,
    fold_id: int,
    series: Series | None = None,
    after: tuple[datetime, UUID] = FIRST_RECORD,
    limit: int = 20,
) -> list[Any]:
    """The records that a line counted, a page at a time, in order of time; with a `series` only those
    of its segment."""
    if not spans:
        return []
    refuse_archived(
        tx, metering.archived_months(tx), [(0, subject_id, meter_id, *span) for span in spans]
    )
    own, others = None, None
    if series is not None:
        own, others = own_and_others(series.segments, series.segment)
    return store.page_records(
        tx, subject_id, meter_id, spans, ends_included, fold_id, own, others, after, limit
    )


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
    uses = [(number, subject_id, meter_id, start, end) for number, start, end in spans]
    refuse_archived(tx, metering.archived_months(tx), uses)
    window = series.window_minutes or QUARTER_MINUTES
    return [
        DayUsage(slots[row.number][0], slots[row.number][1], answers.of_a_day(series, row))
        for row in store.list_daily(tx, subject_id, meter_id, spans, window)
    ]


def by_slots(
    tx: Tx,
    subject: str,
    series: Series,
    slots: Sequence[Period],
    dimension: str | None,
    *,
    is_live: bool = False,
) -> list[Held]:
    """What a series holds in each of the slots, which are numbered in their order, by the values of a
    dimension. Whole days come from their roll-ups unless windows are told apart."""
    request = Request(subject, series, Period(slots[0].start, slots[-1].end))
    ids = _numbers(tx, [request])
    store.stage_requests(tx, *stage_rows([request], ids))
    store.fill_tail(tx, is_live=is_live)
    pieces = [
        (number, *piece)
        for number, slot in enumerate(slots)
        for span in spans_of(series, slot)
        for piece in pieces_of(span, by_days=series.aggregation is not Aggregation.PEAK)
    ]
    pair = (ids["subject", subject], ids["meter", series.meter])
    uses = [(n, *pair, start, end) for n, start, end, is_days in pieces if not is_days]
    refuse_archived(tx, metering.archived_months(tx), uses)
    window = series.window_minutes or QUARTER_MINUTES
    rows = store.read_slots(tx, pieces, dimension, window, is_live=is_live)
    return [Held(*row) for row in rows]


_Use = tuple[int, int, int, datetime, datetime]


"""A numbered span of the records of a subject and a meter."""


def uses_of_records(wanted: Sequence[Request], ids: dict[tuple[str, str], int]) -> Iterator[_Use]:
    """What the requests need of the records themselves, where roll-ups of days don't answer them."""
    for number, request in enumerate(wanted):
        series, start = request.series, request.period.start
        pair = (ids["subject", request.subject], ids["meter", series.meter])
        for piece in pieces_of_request(series, request.period):
            if not piece.is_days:
                end = piece.end + _INSTANT if is_counter(series) else piece.end
                yield number, *pair, piece.start, end
        midnight = start.replace(hour=0, minute=0)
        if is_level(series) and series.carries and midnight < start:
            yield number, *pair, midnight, start


def refuse_archived(tx: Tx, away: Collection[date], uses: Iterable[_Use]) -> None:
    """Raises Unavailable `usage.archived` when any of the uses needs records in the archive."""
    if away:
        found = _archived_uses(tx, away, uses)
        if found:
            raise archived(min(found.values()))


def _archived_uses(tx: Tx, away: Collection[date], uses: Iterable[_Use]) -> dict[int, date]:
    months = [datetime.combine(month, time(), UTC) for month in away]
    near = [
        use
        for use in uses
        if any(use[3] < month + timedelta(days=31) and use[4] > month for month in months)
    ]
    return store.archived_uses(tx, near) if near else {}


def _add_archived_openings(
    tx: Tx, away: Collection[date], wanted: Sequence[Request], found: list[Usage]
) -> None:
    """Marks counters whose true opening reading may be in the archive: only records tell readings."""
    uses: list[_Use] = []
    for number, (request, usage) in enumerate(zip(wanted, found, strict=True)):
        if is_counter(request.series):
            since = request.since or request.period.start
            opening = request.period.start if usage.opening is None else usage.opening.at
            is_before = usage.opening is not None and opening <= since
            start, end = (opening, since) if is_before else (BEGINNING, opening)
            uses.append((number, usage.subject_id, usage.meter_id, start, end + _INSTANT))
    for number, month in _archived_uses(tx, away, uses).items():
        found[number] = found[number]._replace(opening_archived=month)


class Total(NamedTuple):
    """All records of a subject and meter in a period."""

    subject_id: int
    meter_id: int
    records: int
    total: Decimal
    low: Decimal
    high: Decimal


def totals(tx: Tx, period: Period, *, from_records: bool = False) -> list[Total]:
    """What everybody used of everything in a period, as far as it is folded, in no order.

    From the roll-ups of whole days, with the parts of days at its ends from the records; or, with
    `from_records`, from the records alone, which gives the same and takes longer.
    """
    days = [piece for piece in pieces_of(period, by_days=True) if piece.is_days]
    first, last = (days[0].start, days[0].end) if days else (period.end, period.end)
    return [Total(*row) for row in store.totals(tx, period, first, last, from_records=from_records)]
