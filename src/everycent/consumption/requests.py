"""Requests as rows: which days, records, windows and segments answer them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from math import gcd
from typing import Any, NamedTuple

from everycent.catalog.meter import Aggregation, Level, Series
from everycent.catalog.segments import own_and_others
from everycent.consumption.usage import (
    BEGINNING,
    QUARTER_MINUTES,
    Piece,
    Request,
    has_samples,
    has_windows,
    is_counter,
    is_level,
    pieces_of,
    spans_of,
)
from everycent.kernel import calendar
from everycent.kernel.errors import Broken, Refusal
from everycent.kernel.period import Period

Ids = Mapping[tuple[str, str], int]
"""The numbers of names, by ("subject" or "meter", name)."""
Use = tuple[int, int, int, datetime, datetime]
"""A numbered span of the records of a subject and a meter."""
_Rows = list[tuple[Any, ...]]
_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_INSTANT = timedelta(microseconds=1)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class WindowDay(NamedTuple):
    """The windows of a local day [start, end): each is `minutes` long, counted from `start`; none begins
    after `last` or, as the period cuts them off, before `first`."""

    start: datetime
    end: datetime
    minutes: int
    last: datetime
    first: datetime

    def window_of(self, at: datetime) -> datetime:
        """When the window of an instant of the day begins."""
        width = self.minutes * _MINUTE
        begun = self.start + (at - self.start) // width * width
        return max(min(begun, self.last), self.first)

    def after(self, at: datetime) -> datetime:
        """When the next window begins after that of an instant of the day."""
        begun = self.window_of(at)
        return self.end if begun >= self.last else min(begun + self.minutes * _MINUTE, self.end)


class Rows(NamedTuple):
    """Requests as rows: they themselves, their spans in pieces, and their windows day by day. The last
    two are shared by all requests over the same time. Of those in `refused`, told by their places, there
    are no rows."""

    requests: _Rows
    spans: _Rows
    windows: _Rows
    refused: dict[int, Refusal]


def rows_of(wanted: Sequence[Request], ids: Ids, *, by_records: bool = False) -> Rows:
    """The rows of the requests, numbered by their places. The opening of a level is a request of its
    own, over the time before, under the same number. `by_records` leaves the roll-ups of days alone."""
    span_sets: dict[tuple[Piece, ...], int] = {}
    window_sets: dict[tuple[Period, int, str, bool], int] = {}
    made = Rows([], [], [], {})
    for number, request in enumerate(wanted):
        series, period = request.series, request.period
        try:
            subject_id, meter_id = numbers_of(request, ids)
            pieces = pieces_of_request(series, period, by_records=by_records)
        except Refusal as refusal:
            made.refused[number] = refusal
            continue
        window_set = None
        if has_windows(series):
            minutes = series.window_minutes or QUARTER_MINUTES
            is_rate = series.aggregation is Aggregation.PEAK
            key = (period, minutes, zone_of(series, request.zone), is_rate)
            window_set = window_sets.setdefault(key, len(window_sets))
        own, others = own_and_others(series.segments, series.segment)
        name = (number, subject_id, meter_id)
        made.requests.append(
            (
                *name,
                span_sets.setdefault(pieces, len(span_sets)),
                series.aggregation is Aggregation.LATEST,
                window_set,
                series.window_minutes if window_set is None else None,
                has_samples(series),
                _each(series),
                None if series.percentile is None else Decimal(series.percentile),
                series.distinct if series.aggregation is Aggregation.UNIQUE else None,
                is_level(series),
                False,
                is_counter(series),
                request.since or period.start,
                own,
                others,
            )
        )
        before = _before(request)
        if before:
            span_set = span_sets.setdefault(before, len(span_sets))
            sets = series.level is Level.SETS
            made.requests.append(
                (*name, span_set, sets, None, None, False, None, None, None, False, True, False,
                 None, own, others)
            )  # fmt: skip
    made.spans.extend(
        (n, *piece, day)
        for pieces, n in span_sets.items()
        for piece in pieces
        for day in _days(piece)
    )
    made.windows.extend(
        (n, *day)
        for (period, minutes, zone, is_rate), n in window_sets.items()
        for day in windows_of(period, minutes, zone, is_rate=is_rate)
    )
    return made


def _days(piece: Piece) -> Iterator[date | None]:
    """The UTC days in which the records of a piece are found, its end included; roll-ups need none."""
    if piece.is_days:
        yield None
        return
    day, last = (at.astimezone(UTC).date() for at in (piece.start, piece.end))
    while day <= last:
        yield day
        day += _DAY


def numbers_of(request: Request, ids: Ids) -> tuple[int, int]:
    """The numbers of its subject and meter. Raises Broken `usage.unknown_name`."""
    try:
        return ids["subject", request.subject], ids["meter", request.series.meter]
    except KeyError as missing:
        kind, name = missing.args[0]
        raise Broken(
            "usage.unknown_name", f"the {kind} {name!r} has no number", value=name
        ) from None


def _before(request: Request) -> tuple[Piece, ...]:
    """The time whose records tell the level with which a period begins; nothing where there is none."""
    series, start = request.series, request.period.start
    if not is_level(series) or not series.carries or start <= BEGINNING:
        return ()
    return tuple(pieces_of(Period(BEGINNING, start), by_days=True))


def zone_of(series: Series, zone: str) -> str:
    """The clock on which the windows of a series are cut: that of its bands, else the customer's."""
    return zone if series.bands is None else series.bands.time_zone


def _each(series: Series) -> str | None:
    if series.aggregation is Aggregation.PEAK:
        return Aggregation.SUM.value
    return None if series.each is None else series.each.value


@lru_cache(maxsize=4096)
def pieces_of_request(
    series: Series, period: Period, *, by_records: bool = False
) -> tuple[Piece, ...]:
    """The spans of a series in a period as pieces: whole days where the roll-ups of days answer it, and
    are not passed over (`by_records`). Raises Broken `usage.unaligned` where one does not lie on quarter
    hours, or on the edge of a finer window."""
    pieces: list[Piece] = []
    grain = gcd(QUARTER_MINUTES, series.window_minutes or QUARTER_MINUTES)
    for span in spans_of(series, period):
        if any(at.minute % grain or at.second or at.microsecond for at in span):
            raise Broken("usage.unaligned", f"{span} does not lie on quarter hours")
        pieces.extend(pieces_of(span, by_days=is_by_days(series) and not by_records))
    return tuple(pieces)


def is_by_days(series: Series) -> bool:
    """Whether the roll-ups of whole days answer the series."""
    return not (
        is_counter(series) or is_level(series) or has_windows(series) or has_samples(series)
    )


@lru_cache(maxsize=1024)
def windows_of(
    period: Period, minutes: int, zone: str, *, is_rate: bool = False
) -> tuple[WindowDay, ...]:
    """The windows of the period, by local days.

    Windows are counted from local midnight, and none reaches into the next day. They are cut off by the
    period. Where the clock is put on, the last window of the day is shorter; where it is put back, a
    rest that is no whole window belongs to the last one, so that a day is one window of 1440 minutes.
    For a rate (`is_rate`) no window may be longer than the others, and the rest is one of its own.
    """
    found = []
    width = minutes * _MINUTE
    day = calendar.local_date(period.start, zone)
    start = calendar.start_of_day(day, zone)
    while start < period.end:
        day += _DAY
        end = calendar.start_of_day(day, zone)
        whole = max(_DAY // width, (end - start) // width)
        count = -((start - end) // width) if is_rate else whole
        last = start + (count - 1) * width
        found.append(WindowDay(start, end, minutes, last, period.start))
        start = end
    return tuple(found)


def edge_of(series: Series, at: datetime, zone: str) -> datetime:
    """The first instant from `at` on at which a window of the series begins; `at` itself where it has
    none. So a window can be given to the time in which it begins, whole."""
    minutes = series.window_minutes
    if not has_samples(series) or minutes is None:
        return at
    if not has_windows(series):
        width = minutes * _MINUTE
        return _EPOCH - (_EPOCH - at) // width * width
    is_rate = series.aggregation is Aggregation.PEAK
    clock = zone_of(series, zone)
    day = calendar.local_date(at, clock)
    midnight, after = (calendar.start_of_day(each, clock) for each in (day, day + _DAY))
    (windows,) = windows_of(Period(midnight, after), minutes, clock, is_rate=is_rate)
    return at if windows.window_of(at) == at else windows.after(at)


def uses_of_records(wanted: Sequence[Request], ids: Ids) -> Iterator[Use]:
    """What the requests need of the records themselves, where roll-ups of days don't answer them."""
    for number, request in enumerate(wanted):
        try:
            pair = numbers_of(request, ids)
            own = pieces_of_request(request.series, request.period, by_records=request.is_itemized)
            pieces = own + _before(request)
        except Refusal:
            continue  # told when its rows are made
        for piece in pieces:
            if not piece.is_days:
                end = piece.end + _INSTANT if is_counter(request.series) else piece.end
                yield number, *pair, piece.start, end
