"""Usage: a span in pieces, and which records answer which aggregation."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycent.catalog.bands import Bands, parse_rules
from everycent.catalog.meter import Aggregation, Series
from everycent.consumption import usage
from everycent.consumption.usage import pieces_of
from everycent.kernel.period import Period

A = Aggregation
DAY = timedelta(days=1)


def utc(day, hour=0, minute=0, micros=0):
    return datetime(2026, 3, day, hour, minute, 0, micros, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end", "by_days", "expected"),
    [
        (utc(1), utc(3), True, [(utc(1), utc(3), True)]),
        (utc(1), utc(3), False, [(utc(1), utc(3), False)]),
        (utc(1, 23), utc(2, 1), True, [(utc(1, 23), utc(2, 1), False)]),
        (utc(1, 5), utc(1, 6), True, [(utc(1, 5), utc(1, 6), False)]),
        (utc(1, 23), utc(3, 1), True,
         [(utc(1, 23), utc(2), False), (utc(2), utc(3), True), (utc(3), utc(3, 1), False)]),
        (utc(1), utc(2, 1), True, [(utc(1), utc(2), True), (utc(2), utc(2, 1), False)]),
        (utc(1, 23), utc(3), True, [(utc(1, 23), utc(2), False), (utc(2), utc(3), True)]),
        (utc(1, 0, 0, 1), utc(3), True, [(utc(1, 0, 0, 1), utc(2), False), (utc(2), utc(3), True)]),
    ],
)  # fmt: skip
def test_a_span_is_whole_days_and_what_is_left_of_others(start, end, by_days, expected):
    assert pieces_of(Period(start, end), by_days=by_days) == expected


SPANS = st.builds(
    lambda start, length: Period(
        utc(1) + timedelta(microseconds=start), utc(1) + timedelta(microseconds=start + length)
    ),
    st.one_of(st.integers(0, 10**12), st.integers(0, 200).map(lambda n: n * 900 * 10**6)),
    st.one_of(st.integers(1, 10**12), st.integers(1, 4000).map(lambda n: n * 900 * 10**6)),
)


@given(SPANS, st.booleans())
def test_pieces_cover_a_span_once_and_days_are_whole(span, by_days):
    pieces = pieces_of(span, by_days=by_days)
    assert (pieces[0].start, pieces[-1].end) == span
    assert all(a.end == b.start for a, b in pairwise(pieces))
    assert all(piece.start < piece.end for piece in pieces)
    for piece in pieces:
        if piece.is_days:
            assert (piece.start.time(), piece.end.time()) == (datetime.min.time(),) * 2
        else:
            assert not by_days or piece.end - piece.start < 2 * DAY


@pytest.mark.parametrize(
    ("band", "expected"),
    [
        (None, [(utc(1), utc(3))]),
        ("day", [(utc(1, 7), utc(1, 21)), (utc(2, 7), utc(2, 21))]),
        ("night", [(utc(1), utc(1, 7)), (utc(1, 21), utc(2, 7)), (utc(2, 21), utc(3))]),
    ],
)
def test_what_counts_of_a_period_is_all_of_it_or_what_lies_in_the_band(band, expected):
    bands = Bands("b", "UTC", parse_rules("day", "07:00-21:00", "f"), "night")
    series = Series("m", "u", A.SUM, bands=bands, band=band)
    assert usage.spans_of(series, Period(utc(1), utc(3))) == tuple(expected)


@pytest.mark.parametrize(
    ("aggregation", "minutes", "expected"),
    [
        # is it a counter, a level, has it samples, windows on somebody's clock
        (A.SUM, None, (False, False, False, False)),
        (A.UNIQUE, None, (False, False, False, False)),
        (A.COUNTER, None, (True, False, False, False)),
        (A.UNITS, None, (False, True, False, False)),
        (A.WEIGHTED_SUM, None, (False, True, False, False)),
        (A.PERCENTILE, None, (False, False, True, False)),
        (A.PERCENTILE, 5, (False, False, True, False)),
        (A.PERCENTILE, 15, (False, False, True, True)),
        (A.WINDOWED, 10, (False, False, True, False)),
        (A.WINDOWED, 60, (False, False, True, True)),
        (A.PEAK, 15, (False, False, True, True)),
    ],
)
def test_an_aggregation_says_how_its_records_are_read(aggregation, minutes, expected):
    series = Series("m", "u", aggregation, window_minutes=minutes)
    kinds = (usage.is_counter, usage.is_level, usage.has_samples, usage.has_windows)
    assert tuple(kind(series) for kind in kinds) == expected
