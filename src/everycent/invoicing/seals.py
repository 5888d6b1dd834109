"""Seals: how a line says to which part of a series it is limited, so that it can be counted again."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import msgspec

from everycent.catalog import bands
from everycent.catalog.bands import Bands
from everycent.catalog.meter import Series
from everycent.catalog.segments import Segments, own_and_others
from everycent.consumption.requests import is_by_days
from everycent.consumption.usage import Piece, pieces_of
from everycent.kernel.canonical import encode
from everycent.kernel.period import Period


class Limits(msgspec.Struct, frozen=True, omit_defaults=True):
    """The band and the segment that a seal is limited to. `by_records` where whole days were counted
    by their records too."""

    bands: Bands | None = None
    band: str | None = None
    segments: Segments | None = None
    segment: str | None = None
    by_records: bool = False


class SealedPiece(NamedTuple):
    """A piece of a seal's time with the patterns of its segment (None without one)."""

    piece: Piece
    own: list[str] | None
    others: list[str] | None


def limits_of(series: Series) -> str | None:
    """The limits of a series as canonical JSON, None for all its records by whole days."""
    limits = Limits(
        series.bands if series.band else None,
        series.band,
        series.segments if series.segment else None,
        series.segment,
        by_records=not is_by_days(series),
    )
    return None if limits == Limits() else encode(limits).decode()


def sealed_pieces(only: str | None, start: datetime, end: datetime) -> list[SealedPiece]:
    """What has to be counted for a seal with these limits over a period."""
    limits = Limits() if only is None else msgspec.json.decode(only, type=Limits)
    period = Period(start, end)
    spans: tuple[Period, ...] = (period,)
    if limits.bands is not None and limits.band is not None:
        spans = bands.spans(limits.bands, limits.band, period)
    own, others = own_and_others(limits.segments, limits.segment)
    return [
        SealedPiece(piece, own, others)
        for span in spans
        for piece in pieces_of(span, by_days=not limits.by_records)
    ]
