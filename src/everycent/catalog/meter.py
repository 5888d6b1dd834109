"""Meters: what is measured, and how records turn into one quantity for a period.

A raw meter takes records and says how they add up. A derived meter looks at another one through a
band, with another aggregation, or is a formula over several.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from everycent.catalog.bands import Bands


class Aggregation(StrEnum):
    """How the records of a period become one number.

    COUNT, SUM, MIN, MAX, LATEST (by time), UNIQUE (distinct values of a dimension), COUNTER (register
    readings: the difference over the period, through roll-over and exchange), PEAK (the highest
    average rate per hour over windows, e.g. kW from kWh per quarter hour).
    """

    COUNT = "count"
    SUM = "sum"
    MIN = "min"
    MAX = "max"
    LATEST = "latest"
    UNIQUE = "unique"
    COUNTER = "counter"
    PEAK = "peak"


class Series(msgspec.Struct, frozen=True, tag="series", omit_defaults=True):
    """Records of one raw meter, aggregated. `band` limits them to a time-of-use band of `bands`.

    `window_minutes` belongs to PEAK, `distinct` (a dimension) to UNIQUE, `digits` (of the register,
    for roll-over) to COUNTER.
    """

    meter: str
    unit: str
    aggregation: Aggregation
    bands: Bands | None = None
    band: str | None = None
    window_minutes: int | None = None
    distinct: str | None = None
    digits: int | None = None


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
