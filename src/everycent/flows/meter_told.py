"""A meter of the catalogue in words: what it counts, for what part, and what is read to answer it."""

from __future__ import annotations

from collections.abc import Sequence

from everycent.catalog.intake import IntakePolicy
from everycent.catalog.meter import Aggregation, Formula, Measure, Series, series_of
from everycent.catalog.plan import Plan
from everycent.flows.derivation_usage import segment_text
from everycent.flows.saying import bands_text

Lines = list[tuple[str, str]]

_DAYS = "roll-ups of days, and records for the parts of days at the ends of the period"
_RAW = "the raw records of the period found by day and series"
_RECORDS = "the records of the period found by day and series"
_SERVED = {
    Aggregation.COUNT: _DAYS,
    Aggregation.SUM: _DAYS,
    Aggregation.MIN: _DAYS,
    Aggregation.MAX: _DAYS,
    Aggregation.AVERAGE: _DAYS,
    Aggregation.LATEST: _DAYS,
    Aggregation.UNIQUE: _DAYS,
    Aggregation.UNITS: f"{_RAW}; the units there at its start: roll-ups",
    Aggregation.WEIGHTED_SUM: f"{_RAW}; the level at its start: roll-ups",
    Aggregation.WINDOWED: _RECORDS,
    Aggregation.PERCENTILE: _RECORDS,
    Aggregation.PEAK: _RECORDS,
    Aggregation.COUNTER: (
        f"{_RAW}; the reading before it likewise, unless the last bill says on which it ended"
    ),
}


def served_by(series: Series) -> str:
    """Which stored figures answer it, in the words of docs/aggregations.md."""
    return _RECORDS if series.band is not None else _SERVED[series.aggregation]


def summary(key: str, measure: Measure) -> str:
    """'sum in kWh', 'peak of active in kW, band day': a meter in a list."""
    if isinstance(measure, Formula):
        return f"{measure.expression} in {measure.unit}"
    of = "" if measure.meter == key else f" of {measure.meter}"
    parts = [("band", measure.band), ("segment", measure.segment)]
    told = "".join(f", {what} {name}" for what, name in parts if name is not None)
    which = "" if measure.percentile is None else f" {measure.percentile}"
    return f"{measure.aggregation.value}{which}{of} in {measure.unit}{told}"


def lines(
    key: str, measure: Measure, policies: dict[str, IntakePolicy], plans: Sequence[Plan]
) -> Lines:
    """Everything that a meter says or stands on, as names and texts."""
    found = [("unit", measure.unit)]
    if isinstance(measure, Formula):
        found.append(("formula", measure.expression))
        for name, part in measure.inputs.items():
            found.append((f"  {name}", summary(name, part)))
    else:
        found += _of_series(key, measure)
    for raw in sorted({series.meter for _, series in series_of(measure)}):
        where = "intake" if isinstance(measure, Series) else f"intake of {raw}"
        found.append((where, _policy(policies.get(raw))))
    found += _priced(measure, plans)
    if isinstance(measure, Series):
        found.append(("served by", served_by(measure)))
    else:
        found += [(f"served by, {path}", served_by(part)) for path, part in series_of(measure)]
    return found


def _of_series(key: str, series: Series) -> Lines:
    found = [("aggregation", series.aggregation.value)]
    taken = "takes records itself" if series.meter == key else f"those of {series.meter}"
    found.append(("records", taken))
    if series.window_minutes is not None:
        found.append(("window", f"{series.window_minutes} minutes"))
    details = (
        ("each", series.each),
        ("then", series.then),
        ("percentile", series.percentile),
        ("distinct", series.distinct),
        ("granularity", series.granularity),
        ("level", series.level),
        ("digits", series.digits),
    )
    found += [(name, str(value)) for name, value in details if value is not None]
    if series.aggregation is Aggregation.WEIGHTED_SUM:
        found.append(("carries", "true" if series.carries else "false"))
    if series.bands is not None and series.band is not None:
        clock = f"on the clock of {series.bands.time_zone}"
        times = bands_text(series.bands, series.band)
        found.append(("band", f"{series.bands.key}.{series.band}: {times}, {clock}"))
    if series.segments is not None and series.segment is not None:
        what = segment_text(series.segments, series.segment)
        found.append(("segment", f"{series.segments.key}.{series.segment}: {what}"))
    return found


def _policy(policy: IntakePolicy | None) -> str:
    """The bounds of a raw meter's records in one line."""
    if policy is None:
        return "no bounds but those of every usage record"
    told = []
    if policy.value_min is not None:
        told.append(f"values from {policy.value_min}")
    if policy.value_max is not None:
        told.append(f"values up to {policy.value_max}")
    if policy.accept_days is not None:
        told.append(f"taken in for {policy.accept_days} days")
    if policy.ahead_minutes is not None:
        told.append(f"up to {policy.ahead_minutes} minutes ahead of time")
    if policy.required:
        told.append(f"needs the dimensions {', '.join(policy.required)}")
    if policy.allowed is not None:
        told.append(f"allows the dimensions {', '.join(policy.allowed) or 'none'}")
    told.append(f"after an invoice: {policy.after_invoice.value}")
    if policy.every_minutes is not None:
        grace = f", with {policy.grace_minutes} minutes of grace" if policy.grace_minutes else ""
        told.append(f"expected every {policy.every_minutes} minutes{grace}")
    return "; ".join(told)


def _priced(measure: Measure, plans: Sequence[Plan]) -> Lines:
    """The prices that stand on the meter as it is now, and how they round its quantity."""
    found = []
    for plan in plans:
        for item in plan.items:
            if item.measure != measure:
                continue
            rounding = item.price.quantity_rounding
            told = "quantity not rounded"
            if rounding is not None:
                divided = f"divided by {rounding.divide_by} and " * bool(rounding.divide_by)
                told = f"quantity {divided}rounded to {rounding.places} decimals, {rounding.mode.value}"
            found.append((f"{plan.key}/{item.price.key}", told))
    if not found:
        return [("prices", "none of a newest plan")]
    return [("prices", "; ".join(f"{name}: {told}" for name, told in found))]
