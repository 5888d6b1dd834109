"""Usage as if metering had answered: for tests of what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from everycent.catalog.meter import Measure, series_of
from everycent.consumption.usage import Request, Usage, Used
from everycent.kernel.period import Period

JANUARY = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))


def asked(
    measure: Measure, usages: Mapping[str, Usage], subject: str = "s", period: Period = JANUARY
) -> dict[str, Used]:
    """Each series of the measure with its usage, both by their path of names."""
    return {
        path: Used(Request(subject, series, period), usages[path])
        for path, series in series_of(measure)
        if path in usages
    }
