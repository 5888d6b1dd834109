"""What was asked of metering and what it found: requests and usage as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from everycent.catalog import bands
from everycent.catalog.meter import Aggregation, Series
from everycent.kernel.period import Period
from everycent.metering.register import Reading

NOTHING = bytes(32)
"""The digest of no records at all."""


class Request(NamedTuple):
    """The usage of a subject in one series over a period. For counters, `since` is when the contract
    began: readings from then on may open the register."""

    subject: str
    series: Series
    period: Period
    since: datetime | None = None


class Usage(NamedTuple):
    """The records of a request in numbers, as the roll-ups stood at `fold_id`.

    `digest` covers every record; `readings` are there for counters only, `opening` is the last reading
    at or before the start; `peak` is the highest sum in one window, which began at `peak_at`.
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


def spans_of(series: Series, period: Period) -> tuple[Period, ...]:
    """The parts of the period that count: the whole of it, or what lies in the band."""
    if series.bands is None or series.band is None:
        return (period,)
    return bands.spans(series.bands, series.band, period)


def is_counter(series: Series) -> bool:
    """Whether the records are register readings, which belong to (start, end] of a period."""
    return series.aggregation is Aggregation.COUNTER
