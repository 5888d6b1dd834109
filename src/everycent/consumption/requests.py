"""Requests as rows: which days, records, windows and segments answer them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from everycent.catalog.meter import Aggregation, Series
from everycent.catalog.segments import own_and_others
from everycent.consumption.usage import (
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
from everycent.kernel.errors import Broken
from everycent.kernel.period import Period

_Rows = list[tuple[Any, ...]]
_QUARTER = timedelta(minutes=QUARTER_MINUTES)
_DAY = timedelta(days=1)


def stage_rows(
    wanted: Sequence[Request], ids: dict[tuple[str, str], int]
) -> tuple[_Rows, _Rows, _Rows]:
    """The rows of requests, of their spans in pieces, and of their windows; the last two are shared by
    all requests over the same time. Raises Broken where a span does not lie on quarter hours."""
    span_sets: dict[tuple[Piece, ...], int] = {}
    window_sets: dict[tuple[Period, int, str, bool], int] = {}
    rows: _Rows = []
    for number, request in enumerate(wanted):
        subject, series, period, since, _, zone = request
        span_set = span_sets.setdefault(pieces_of_request(series, period), len(span_sets))
        window_set = None
        if has_windows(series):
            minutes = series.window_minutes or QUARTER_MINUTES
            is_rate = series.aggregation is Aggregation.PEAK
            key = (period, minutes, zone_of(series, zone), is_rate)
            window_set = window_sets.setdefault(key, len(window_sets))
        own, others = own_and_others(series.segments, series.segment)
        has_level = is_level(series) and series.carries
        rows.append(
            (
                number,
                ids["subject", subject],
                ids["meter", series.meter],
                span_set,
                series.aggregation is Aggregation.LATEST,
                window_set,
                series.window_minutes if window_set is None else None,
                has_samples(series),
                _each(series),
                None if series.percentile is None else Decimal(series.percentile),
                series.distinct,
                is_level(series),
                period.start.replace(hour=0, minute=0) if has_level else None,
                period.start if has_level else None,
                is_counter(series),
                since or period.start,
                own,
                others,
            )
        )
    spans = [(n, *piece) for pieces, n in span_sets.items() for piece in pieces]
    windows = [
        (n, bucket, window)
        for (period, minutes, zone, is_rate), n in window_sets.items()
        for bucket, window in windows_of(period, minutes, zone, is_rate=is_rate)
    ]
    return rows, spans, windows


def zone_of(series: Series, zone: str) -> str:
    """The clock on which the windows of a series are cut: that of its bands, else the customer's."""
    return zone if series.bands is None else series.bands.time_zone


def _each(series: Series) -> str | None:
    if series.aggregation is Aggregation.PEAK:
        return Aggregation.SUM.value
    return None if series.each is None else series.each.value


@lru_cache(maxsize=4096)
def pieces_of_request(series: Series, period: Period) -> tuple[Piece, ...]:
    """The spans of a series in a period as pieces: whole days where the roll-ups of days answer it."""
    pieces: list[Piece] = []
    for span in spans_of(series, period):
        if span.start.minute % 15 or span.start.second or span.end.minute % 15 or span.end.second:
            raise Broken("usage.unaligned", f"{span} does not lie on quarter hours")
        pieces.extend(pieces_of(span, by_days=is_by_days(series)))
    return tuple(pieces)


def is_by_days(series: Series) -> bool:
    """Whether the roll-ups of whole days answer the series."""
    return not (
        is_counter(series) or is_level(series) or has_windows(series) or has_samples(series)
    )


@lru_cache(maxsize=64)
def windows_of(
    period: Period, minutes: int, zone: str, *, is_rate: bool = False
) -> tuple[tuple[datetime, datetime], ...]:
    """Each quarter hour of the period with the beginning of the window that it belongs to.

    Windows are counted from local midnight, and none reaches into the next day. They are cut off by the
    period. Where the clock is put on, the last window of the day is shorter; where it is put back, a
    rest that is no whole window belongs to the last one, so that a day is one window of 1440 minutes.
    For a rate (`is_rate`) no window may be longer than the others, and the rest is one of its own.
    """
    found = []
    width = timedelta(minutes=minutes)
    at = period.start
    midnight = next_midnight = last = at
    while at < period.end:
        if at >= next_midnight:
            day = calendar.local_date(at, zone)
            midnight = calendar.start_of_day(day, zone)
            next_midnight = calendar.start_of_day(day + _DAY, zone)
            whole = max(_DAY // width, (next_midnight - midnight) // width)
            last = next_midnight if is_rate else midnight + (whole - 1) * width
        begun = min(midnight + (at - midnight) // width * width, last)
        found.append((at, max(begun, period.start)))
        at += _QUARTER
    return tuple(found)
