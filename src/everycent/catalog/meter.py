"""Meters: what is measured, and how records turn into one quantity for a period.

A raw meter takes records and says how they add up. A derived meter looks at another one through a
band, a segment or another aggregation, or is a formula over several.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from everycent.catalog.bands import Bands
from everycent.catalog.segments import Segments


class Aggregation(StrEnum):
    """How the records of a period become one number. docs/aggregations.md has a page on each.

    COUNT, SUM, MIN, MAX, AVERAGE, LATEST (by time), UNIQUE (distinct values of a dimension).

    UNITS: distinct values of a dimension that come and go: a record adds one, and with the dimension
    `operation` = `remove` takes it away; what is there stays from period to period. WEIGHTED_SUM: the
    average over time of a level that records change, or set. Both with a `granularity`.

    WINDOWED: `each` window becomes one number, and `then` those numbers become one. PERCENTILE: the
    nearest-rank percentile of the records, or of windows. PEAK: the highest average rate per hour over
    windows, e.g. kW from kWh per quarter hour.

    COUNTER: register readings, the difference over the period, through roll-over and exchange.
    """

    COUNT = "count"
    SUM = "sum"
    MIN = "min"
    MAX = "max"
    AVERAGE = "average"
    LATEST = "latest"
    UNIQUE = "unique"
    UNITS = "units"
    WEIGHTED_SUM = "weighted_sum"
    WINDOWED = "windowed"
    PERCENTILE = "percentile"
    PEAK = "peak"
    COUNTER = "counter"


class Granularity(StrEnum):
    """How finely time is weighed. SECOND: exactly, to the microsecond. DAY: by local days, in which a
    day with any part of it counts whole (UNITS), or from its own day on (WEIGHTED_SUM)."""

    SECOND = "second"
    DAY = "day"


class Level(StrEnum):
    """What a record of a WEIGHTED_SUM says: a CHANGE of the level, or the level that it now IS."""

    CHANGES = "changes"
    SETS = "sets"


class Series(msgspec.Struct, frozen=True, tag="series", omit_defaults=True):
    """Records of one raw meter, aggregated. `band` limits them to a time-of-use band of `bands`,
    `segment` to those whose dimensions fall into that segment of `segments`.

    `window_minutes` belongs to PEAK, WINDOWED and PERCENTILE; `each` (COUNT, SUM, MIN, MAX, AVERAGE or
    LATEST) to windows; `then` (SUM, MIN, MAX or AVERAGE) to WINDOWED; `percentile` (plain decimal text
    above 0 and up to 100) to PERCENTILE. `distinct` (a dimension) belongs to UNIQUE and UNITS.
    `granularity` belongs to UNITS (without one each unit that was there at any time counts 1) and to
    WEIGHTED_SUM, which has one always. `level` and `carries` (whether the level of before counts)
    belong to WEIGHTED_SUM. `digits` (of the register, for roll-over) belongs to COUNTER.
    """

    meter: str
    unit: str
    aggregation: Aggregation
    bands: Bands | None = None
    band: str | None = None
    window_minutes: int | None = None
    distinct: str | None = None
    digits: int | None = None
    segments: Segments | None = None
    segment: str | None = None
    each: Aggregation | None = None
    then: Aggregation | None = None
    percentile: str | None = None
    granularity: Granularity | None = None
    level: Level | None = None
    carries: bool = True


class Formula(msgspec.Struct, frozen=True, tag="formula"):
    """A quantity computed from others; `inputs` are the names that the expression uses."""

    unit: str
    expression: str
    inputs: dict[str, Series | Formula]


Measure = Series | Formula


def series_of(measure: Measure) -> list[tuple[str, Series]]:
    """All series that a measure needs, each with its path of names ('' for a plain series)."""
    if isinstance(measure, Series):
        return [("", measure)]
    found = []
    for name, part in sorted(measure.inputs.items()):
        for path, series in series_of(part):
            found.append((f"{name}.{path}" if path else name, series))
    return found
