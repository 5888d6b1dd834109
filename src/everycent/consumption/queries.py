"""Read usage: for any number of series and periods at once, and record by record for explaining."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import reduce
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from everycent.catalog.meter import Aggregation, Level, Series
from everycent.catalog.segments import own_and_others
from everycent.consumption import answers, store
from everycent.consumption.answers import Group
from everycent.consumption.register import Reading
from everycent.consumption.requests import Use, rows_of, uses_of_records
from everycent.consumption.slots import Held, requests_of, shown_as
from everycent.consumption.store import Source, Total
from everycent.consumption.usage import (
    BEGINNING,
    Answer,
    Event,
    Request,
    Usage,
    answered,
    archived,
    has_samples,
    is_counter,
    is_level,
    pieces_of,
)
from everycent.db.connection import Tx
from everycent.kernel import calendar
from everycent.kernel.money import EXACT
from everycent.kernel.period import Period, instant_text
from everycent.metering import queries as metering

FIRST_RECORD = (BEGINNING, UUID(int=0))

_INSTANT = timedelta(microseconds=1)
_BESIDE = 50


def read(tx: Tx, requests: Iterable[Request], *, is_live: bool = False) -> dict[Request, Answer]:
    """The usage of each request, from the roll-ups wherever they answer it; or the refusal that says why
    it has none: Unavailable `usage.archived`, Broken `usage.unknown_name` (subjects and meters must have
    their numbers, `operations.know_names`), Broken `usage.unaligned`.

    `is_live` adds what no fold has counted yet; without it all answers stand at the newest fold. Call
    it in a `snapshot`, so that no fold comes between the statements.
    """
    wanted = list(dict.fromkeys(requests))
    if not wanted:
        return {}
    standing, ids, away = store.read_known(tx, _named(wanted))
    rows = rows_of(wanted, ids)
    refused = rows.refused
    for number, month in _archived_uses(tx, away, uses_of_records(wanted, ids)).items():
        refused[number] = archived(month)
    source = store.source(tx, rows, standing, is_live=is_live)
    found = [
        Usage(
            ids.get(("subject", r.subject), 0),
            ids.get(("meter", r.series.meter), 0),
            standing.fold_id,
        )
        for r in wanted
    ]
    every = {request.series for request in wanted}
    for needs, add in _READERS:
        if any(needs(series) for series in every):
            add(tx, source, wanted, found)
    _add_events(tx, ids, wanted, found, is_live=is_live)
    if away:
        _add_archived_openings(tx, away, wanted, found)
    if not refused:
        return dict(zip(wanted, found, strict=True))
    return {
        r: refused.get(n) or usage for n, (r, usage) in enumerate(zip(wanted, found, strict=True))
    }


def _named(wanted: Sequence[Request]) -> list[tuple[str, str]]:
    pairs = {("subject", r.subject) for r in wanted} | {("meter", r.series.meter) for r in wanted}
    return sorted(pairs)


def _add_rollups(tx: Tx, source: Source, _: Sequence[Request], found: list[Usage]) -> None:
    for number, records, total, low, high, latest, digest in store.read(tx, source, "read_rollups"):
        subject_id, meter_id, fold_id, *_ = found[number]  # nothing else is known yet
        found[number] = Usage(
            subject_id, meter_id, fold_id, records, total, low, high, latest, digest=bytes(digest)
        )


def _add_distinct(tx: Tx, source: Source, _: Sequence[Request], found: list[Usage]) -> None:
    for number, count in store.read(tx, source, "read_distinct"):
        found[number] = found[number]._replace(distinct=count)


def _add_samples(tx: Tx, source: Source, wanted: Sequence[Request], found: list[Usage]) -> None:
    for number, *counted in store.read(tx, source, "read_samples"):
        told = answers.Counted(*counted)
        found[number] = answers.with_counted(found[number], wanted[number].series, told)


def _add_levels(tx: Tx, source: Source, wanted: Sequence[Request], found: list[Usage]) -> None:
    before: dict[int, list[answers.Standing]] = {}
    for statement, is_set in (("read_openings", False), ("read_last_level", True)):
        if not any(is_level(r.series) and (r.series.level is Level.SETS) is is_set for r in wanted):
            continue
        for number, dimensions, total, at, value, key in store.read(tx, source, statement):
            told = answers.Standing(msgspec.json.decode(dimensions), total, at, value, key.bytes)
            before.setdefault(number, []).append(told)
    changes: dict[int, list[answers.Said]] = {}
    for number, at, value, dimensions in store.read(tx, source, "read_changes"):
        told_of = answers.Said(at, value, msgspec.json.decode(dimensions))
        changes.setdefault(number, []).append(told_of)
    for number, request in enumerate(wanted):
        if is_level(request.series):
            found[number] = answers.with_level(
                found[number], request, before.get(number, []), changes.get(number, [])
            )


def _add_readings(tx: Tx, source: Source, _: Sequence[Request], found: list[Usage]) -> None:
    for number, at, value, dimensions in store.read(tx, source, "read_opening"):
        found[number] = found[number]._replace(opening=_reading(at, value, dimensions))
    rows = store.read(tx, source, "read_readings")
    for number, group in groupby(rows, key=lambda row: row[0]):
        of_one = list(group)
        found[number] = found[number]._replace(
            records=len(of_one),
            total=reduce(EXACT.add, (row[2] for row in of_one), Decimal(0)),
            readings=tuple(_reading(row[1], row[2], row[3]) for row in of_one),
            digest=digest_of(row[4].bytes for row in of_one),
        )


def _add_events(
    tx: Tx,
    ids: Mapping[tuple[str, str], int],
    wanted: Sequence[Request],
    found: list[Usage],
    *,
    is_live: bool,
) -> None:
    """The records themselves, for the requests that want them; roll-ups answer the others."""
    places = [number for number, request in enumerate(wanted) if request.is_itemized]
    if not places:
        return
    rows = rows_of([wanted[place] for place in places], ids, by_records=True)
    told = store.read(
        tx, store.source(tx, rows, store.read_standing(tx), is_live=is_live), "read_events"
    )
    decoded = {text: msgspec.json.decode(text) for text in {row[4] for row in told}}  # shared
    for number, group in groupby(told, key=lambda row: row[0]):
        events = tuple(
            Event(at, f"record {key} of {instant_text(at)}", value, decoded[text])
            for _, at, key, value, text in group
        )
        found[places[number]] = found[places[number]]._replace(events=events)


_Reader = Callable[[Tx, Source, Sequence[Request], list[Usage]], None]


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


def by_dimension(
    tx: Tx, requests: Sequence[Request], dimension: str | None, *, is_live: bool = False
) -> list[tuple[int, Group]]:
    """The records of numbered requests for each value of a dimension apart, each record in exactly one
    group; all together under '' where none is named. In order of the numbers, then the values.

    Raises Unavailable `usage.archived`, Broken `usage.unknown_name`.
    """
    source = _sound(tx, requests, is_live=is_live)
    rows = store.read(tx, source, "read_groups", dimension=dimension)
    return sorted((number, Group(*group)) for number, *group in rows)


def dimensions(tx: Tx, requests: Sequence[Request], *, is_live: bool = False) -> list[str]:
    """The dimensions that the records of the requests have, in order. Raises as `by_dimension`."""
    source = _sound(tx, requests, is_live=is_live)
    return [name for (name,) in store.read(tx, source, "read_dimensions")]


def _sound(tx: Tx, requests: Sequence[Request], *, is_live: bool) -> Source:
    """Where to read the requests, every one of which can be answered."""
    ids = metering.known_numbers(tx, _named(requests))
    rows = rows_of(requests, ids)
    for refusal in rows.refused.values():
        raise refusal
    refuse_archived(tx, metering.archived_months(tx), uses_of_records(requests, ids))
    return store.source(tx, rows, store.read_standing(tx), is_live=is_live)


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
    last = _INSTANT if ends_included else timedelta()
    refuse_archived(
        tx,
        metering.archived_months(tx),
        [(0, subject_id, meter_id, span.start, span.end + last) for span in spans],
        as_once=fold_id < store.read_standing(tx).fold_id,
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
    tx: Tx, subject: str, series: Series, period: Period, time_zone: str, zone: str
) -> list[DayUsage]:
    """A series day by day on the clock of `time_zone`, as the roll-ups stand now; days without records
    are left out. Windows are cut on the clock `zone`, as they are for the bill.

    For a banded series all bands of its set are told. Distinct values can't be split into days:
    there, as for counts, it is the number of records. Raises Unavailable `usage.archived`.
    """
    days: list[Period] = []
    day = calendar.local_date(period.start, time_zone)
    while (begin := calendar.start_of_day(day, time_zone)) < period.end:
        day += timedelta(days=1)
        after = calendar.start_of_day(day, time_zone)
        days.append(Period(max(begin, period.start), min(after, period.end)))
    found: list[DayUsage] = []
    for band in [""] if series.bands is None else sorted(series.bands.names()):
        own = msgspec.structs.replace(series, band=band or None)
        found.extend(
            DayUsage(calendar.local_date(days[held.number].start, time_zone), band, held.value)
            for held in by_slots(tx, subject, own, days, zone)
        )
    return sorted(found)


def by_slots(
    tx: Tx,
    subject: str,
    series: Series,
    slots: Sequence[Period],
    zone: str,
    dimension: str | None = None,
    *,
    is_live: bool = False,
) -> list[Held]:
    """What a series holds in each of the slots, which are numbered in their order, by the values of a
    dimension; it is shown as `slots.shown_as` says. Windows are cut on the clock `zone`.

    Whole days come from their roll-ups unless windows or ranks are asked for. Raises as `by_dimension`.
    """
    shown = shown_as(series).series
    asked = requests_of(subject, shown, slots, zone)
    requests = [request for _, request in asked]
    if not requests:
        return []
    if not has_samples(shown):
        return [
            Held(asked[place][0], group.value, answers.of_records(shown, group))
            for place, group in by_dimension(tx, requests, dimension, is_live=is_live)
        ]
    found = read(tx, requests, is_live=is_live)
    values = [
        (number, answers.of_samples(shown, answered(found[request]))) for number, request in asked
    ]
    return [Held(number, "", value) for number, value in values if value is not None]


def refuse_archived(
    tx: Tx, away: Collection[date], uses: Iterable[Use], *, as_once: bool = False
) -> None:
    """Raises Unavailable `usage.archived` when any of the uses needs records in the archive; `as_once`
    counts days of which all records were taken back since."""
    found = _archived_uses(tx, away, uses, as_once=as_once)
    if found:
        raise archived(min(found.values()))


def archived_among(tx: Tx, uses: Iterable[Use]) -> set[int]:
    """The numbers of those uses of which records that ever counted are in the archive."""
    return set(_archived_uses(tx, metering.archived_months(tx), uses, as_once=True))


def _archived_uses(
    tx: Tx, away: Collection[date], uses: Iterable[Use], *, as_once: bool = False
) -> dict[int, date]:
    if not away:
        return {}
    months = [datetime.combine(month, time(), UTC) for month in away]
    near = [
        use
        for use in uses
        if any(use[3] < month + timedelta(days=31) and use[4] > month for month in months)
    ]
    return store.archived_uses(tx, near, as_once=as_once) if near else {}


def _add_archived_openings(
    tx: Tx, away: Collection[date], wanted: Sequence[Request], found: list[Usage]
) -> None:
    """Marks counters whose true opening reading may be in the archive: only records tell readings."""
    uses: list[Use] = []
    for number, (request, usage) in enumerate(zip(wanted, found, strict=True)):
        if is_counter(request.series):
            since = request.since or request.period.start
            opening = request.period.start if usage.opening is None else usage.opening.at
            is_before = usage.opening is not None and opening <= since
            start, end = (opening, since) if is_before else (BEGINNING, opening)
            uses.append((number, usage.subject_id, usage.meter_id, start, end + _INSTANT))
    for number, month in _archived_uses(tx, away, uses).items():
        found[number] = found[number]._replace(opening_archived=month)


def totals(tx: Tx, period: Period, *, from_records: bool = False) -> list[Total]:
    """What everybody used of everything in a period, folded or not, in no order. Call it in a `snapshot`,
    so that no fold comes between the statements.

    From the roll-ups of whole days, with the parts of days at its ends and what is not folded from the
    records; or, with `from_records`, from the records alone, which gives the same and takes longer.
    Raises Unavailable `usage.archived` where records in the archive are needed.
    """
    days = [piece for piece in pieces_of(period, by_days=not from_records) if piece.is_days]
    first, last = (days[0].start, days[0].end) if days else (period.end, period.end)
    edges = [Period(period.start, first), Period(last, period.end)]
    edges = [edge for edge in edges if edge.start < edge.end]
    _refuse_archived_days(tx, edges)
    others = [total for edge in edges for total in store.totals_of_records(tx, edge)]
    if not days:
        return others
    others += store.totals_of_tail(tx, Period(first, last))
    found = store.totals_of_days(tx, first, last)
    return _added_up(found, others) if others else found


def _refuse_archived_days(tx: Tx, spans: Sequence[Period]) -> None:
    month = store.archived_days(tx, spans)
    if month is not None:
        raise archived(month)


def _added_up(many: list[Total], others: list[Total]) -> list[Total]:
    found = {total[:2]: total for total in many}
    for subject, meter, records, summed in others:
        _, _, so_far, before = found.get((subject, meter), (0, 0, 0, Decimal(0)))
        found[subject, meter] = subject, meter, so_far + records, EXACT.add(before, summed)
    return list(found.values())


def names_beside(tx: Tx, kind: str, name: str) -> list[str]:
    """Names of subjects or meters that stand beside one in the alphabet: among them, what may have been
    meant."""
    return store.near_names(tx, kind, name, _BESIDE)


def used(tx: Tx, series: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
    """Those of the numbers (subject, meter) of which a record was ever taken in."""
    return store.used(tx, series) if series else set()
