"""The page of an invoice has a picture for every kind of meter."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from everycent.catalog.meter import Aggregation, Level, Series
from everycent.consumption.queries import DayUsage
from everycent.integrations.explain_page import day_chart
from everycent.rating.charge import UsagePart

STARTS, ENDS = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
TITLES = [
    (Aggregation.SUM, {}, "Usage per day, calls at acme, in u"),
    (Aggregation.COUNT, {}, "Records per day, calls at acme, in u"),
    (Aggregation.AVERAGE, {}, "Average value of each day, calls at acme, in u"),
    (Aggregation.UNITS, {"distinct": "user"}, "Number of records of each day, calls at acme, in records"),
    (Aggregation.WEIGHTED_SUM, {"level": Level.SETS}, "Last level of each day, calls at acme, in u"),
    (Aggregation.WEIGHTED_SUM, {"level": Level.CHANGES}, "Sum of values of each day, calls at acme, in u"),
    (Aggregation.WINDOWED, {"window_minutes": 60, "each": Aggregation.MAX},
     "Sum of 60-minute windows of each day, calls at acme, in u"),
    (Aggregation.PERCENTILE, {"percentile": "95"}, "Percentile 95 of each day, calls at acme, in u"),
    (Aggregation.PEAK, {"window_minutes": 60},
     "Highest 60-minute average of each day, calls at acme, in u"),
]  # fmt: skip


@pytest.mark.parametrize(("aggregation", "more", "title"), TITLES)
def test_every_kind_of_meter_has_a_picture_that_says_what_it_shows(aggregation, more, title):
    part = UsagePart(
        "acme", Series("calls", "u", aggregation, **more), 1, 2, STARTS, ENDS, 1, 1, "5", "", "5"
    )
    found = day_chart(part, [DayUsage(date(2026, 3, 2), "", Decimal(5))], "UTC")
    assert found is not None
    assert found.title == title
