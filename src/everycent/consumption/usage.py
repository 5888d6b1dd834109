"""What was asked of metering and what it found: requests and usage as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from everycent.catalog import bands
from everycent.catalog.meter import Aggregation, Series
from everycent.consumption.register import Reading
from everycent.kernel.errors import Refusal, Unavailable
from everycent.kernel.period import Period

NOTHING = bytes(32)
"""The digest of no records at all."""
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
"""No record is older."""
QUARTER_MINUTES = 15
QUARTER = timedelta(minutes=QUARTER_MINUTES)
_INSTANT = timedelta(microseconds=1)
_DAY = timedelta(days=1)
_LEVELS = (Aggregation.UNITS, Aggregation.WEIGHTED_SUM)
_WINDOWS = (Aggregation.PEAK, Aggregation.WINDOWED, Aggregation.PERCENTILE)


def quarter_end(at: datetime) -> datetime:
    """The end of the quarter hour in which an instant lies; one that begins a quarter hour ends another."""
    return BEGINNING + ((at - BEGINNING - _INSTANT) // QUARTER + 1) * QUARTER


class Request(NamedTuple):
    """The usage of a subject in one series over a period. For counters, `since` is when the contract
    began: readings from then on may open the register. `whole` is the full period of which `period` is
    a part (None: it is whole itself): what is weighed by time is weighed against it. Local days and
    windows are cut on the clock of `zone`. `is_itemized` where the records are wanted one by one too."""

    subject: str
    series: Series
    period: Period
    since: datetime | None = None
    whole: Period | None = None
    zone: str = "UTC"
    is_itemized: bool = False


class Event(NamedTuple):
    """A record by itself: its `value` and dimensions. `key` names it where it is refused. `prorated` is the
    part of the value that counts, where units are there for a part of the period (None: all of it)."""

    at: datetime | None
    key: str
    value: Decimal
    dimensions: Mapping[str, str]
    prorated: Decimal | None = None


class Usage(NamedTuple):
    """The records of a request in numbers, as the roll-ups stood at `fold_id`.

    `digest` covers every record; `readings` are there for counters only, `opening` is the last reading
    at or before the start; `peak` is the highest sum in one window, which began at `peak_at`.

    `value` is the answer itself where it is made of more than those (windows, percentiles, levels),
    made of `counted` windows, records or units; `opening_level` is the level at the start of a
    weighted sum or the number of units there. `opening_archived` is a month in the archive in which the
    true opening of a counter may lie. `events` are the records in order of time, where they were wanted.
    """

    subject_id: int
    meter_id: int
    fold_id: int
    records: int = 0
    total: Decimal = Decimal(0)
    low: Decimal | None = None
    high: Decimal | None = None
    latest: Decimal | None = None
    peak: Decimal | None = None
    peak_at: datetime | None = None
    distinct: int = 0
    readings: Sequence[Reading] = ()
    opening: Reading | None = None
    digest: bytes = NOTHING
    value: Fraction | None = None
    counted: int | None = None
    opening_level: Decimal | None = None
    opening_archived: date | None = None
    events: Sequence[Event] = ()


Answer = Usage | Refusal
"""The usage of a request, or why there is none to be had of it."""


def answered(answer: Answer) -> Usage:
    """The usage; raises the refusal that stands in its place."""
    if isinstance(answer, Refusal):
        raise answer
    return answer


def opened(usage: Usage) -> Usage:
    """The usage of a counter that stands on the opening found with it, or any other usage; raises
    Unavailable `usage.archived` where the true opening may be in the archive."""
    if usage.opening_archived is not None:
        raise archived(usage.opening_archived)
    return usage


class Used(NamedTuple):
    """What was asked, and the answer."""

    request: Request
    usage: Usage


class Service(NamedTuple):
    """What a bill is for: the `period`, the full one of which it is a part, since when the contract has
    run, and the clock by which it goes."""

    period: Period
    whole: Period
    since: datetime
    time_zone: str


def request_for(
    service: Service, subject: str, series: Series, *, is_itemized: bool = False
) -> Request:
    """What to ask about a series. Only what the answer depends on is told, so that bills which differ
    in nothing else share one answer."""
    period, whole, since, time_zone = service
    weighed = is_level(series)
    return Request(
        subject,
        series,
        period,
        since if is_counter(series) else None,
        whole if weighed and whole != period else None,
        time_zone if weighed or has_windows(series) else "UTC",
        is_itemized,
    )


class Piece(NamedTuple):
    """A part of a span that the roll-ups of whole days answer (`is_days`), or the records."""

    start: datetime
    end: datetime
    is_days: bool


def spans_of(series: Series, period: Period) -> tuple[Period, ...]:
    """The parts of the period that count: the whole of it, or what lies in the band."""
    if series.bands is None or series.band is None:
        return (period,)
    return bands.spans(series.bands, series.band, period)


def pieces_of(span: Period, *, by_days: bool) -> list[Piece]:
    """The span as whole UTC days with the parts of days before and after, or in one piece.

    What a line seals is made of these pieces, so they depend on nothing but the span.
    """
    first = _midnight(span.start + _DAY - timedelta(microseconds=1))
    last = _midnight(span.end)
    if not by_days or first >= last:
        return [Piece(span.start, span.end, is_days=False)]
    pieces = [
        Piece(span.start, first, is_days=False),
        Piece(first, last, is_days=True),
        Piece(last, span.end, is_days=False),
    ]
    return [piece for piece in pieces if piece.start < piece.end]


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def is_counter(series: Series) -> bool:
    """Whether the records are register readings, which belong to (start, end] of a period."""
    return series.aggregation is Aggregation.COUNTER


def is_level(series: Series) -> bool:
    """Whether every record counts from its instant on, so that the order of time matters."""
    return series.aggregation in _LEVELS


def has_samples(series: Series) -> bool:
    """Whether records count one by one or by windows of time, for which days are too coarse."""
    return series.aggregation in _WINDOWS


def has_windows(series: Series) -> bool:
    """Whether its windows are cut on somebody's clock; finer ones divide or cross quarter hours and are
    the same everywhere."""
    return has_samples(series) and (series.window_minutes or 0) >= QUARTER_MINUTES


def archived(month: date) -> Unavailable:
    """The refusal of what needs records that were taken out of the table."""
    return Unavailable(
        "usage.archived",
        f"this needs usage records of {month:%Y-%m}, which are in the archive",
        value=f"{month:%Y-%m}",
        hint=f"put them back with `everycent usage restore {month:%Y-%m}`, and try again",
    )
