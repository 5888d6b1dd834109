"""From usage to a quantity: aggregate each series, put the values into the formula, round once."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from everycent.catalog import formula
from everycent.catalog.meter import Aggregation, Formula, Measure, Series
from everycent.catalog.plan import Agreed
from everycent.catalog.price import QuantityRounding
from everycent.consumption import register
from everycent.consumption.usage import Used
from everycent.kernel.money import EXACT, round_decimal
from everycent.kernel.quantity import as_decimal, plain
from everycent.rating.charge import InnerFormula, Quantity, RegisterStretch, UsagePart

_ZERO = Decimal(0)


def quantity(
    measure: Measure,
    used: Mapping[str, Used],
    rounding: QuantityRounding | None,
) -> tuple[Quantity, Decimal]:
    """The quantity of a measure, with its derivation. `used` is keyed by `meter.series_of` paths.

    Without a rounding the value is exact; a formula whose division does not end is carried to 18
    decimals. Raises what the formula and the register raise.
    """
    parts: list[UsagePart] = []
    inner: dict[str, InnerFormula] = {}
    exact = _evaluate(measure, "", used, parts, inner)
    value = converted(exact, rounding)
    shown = plain(exact if isinstance(exact, Decimal) else as_decimal(exact))
    expression = measure.expression if isinstance(measure, Formula) else None
    unit = _unit(measure.unit, rounding)
    exact_unit = None if unit == measure.unit else measure.unit
    derived = Quantity(
        shown, plain(value), unit, tuple(parts), expression, rounding, inner, exact_unit
    )
    return derived, value


def agreed(told: Agreed, rounding: QuantityRounding | None) -> tuple[Quantity, Decimal]:
    """The quantity that a contract agrees on, as one without parts. The contract tells it."""
    assert told.quantity is not None, "a contract says how much is agreed"
    exact = Decimal(told.quantity)
    value = converted(exact, rounding)
    unit = _unit(told.unit, rounding)
    exact_unit = None if unit == told.unit else told.unit
    found = Quantity(plain(exact), plain(value), unit, (), None, rounding, exact_unit=exact_unit)
    return found, value


def converted(exact: Decimal | Fraction, rounding: QuantityRounding | None) -> Decimal:
    """The quantity that is priced: divided, then rounded, both as the price says."""
    if rounding is None:
        return exact if isinstance(exact, Decimal) else as_decimal(exact)
    return round_decimal(divided(exact, rounding), rounding.places, rounding.mode)


def _unit(unit: str, rounding: QuantityRounding | None) -> str:
    """What one of the quantity is, once it is converted."""
    if rounding is None or rounding.divide_by is None:
        return unit
    return rounding.unit or f"({rounding.divide_by} {unit})"


def divided(exact: Decimal | Fraction, rounding: QuantityRounding) -> Decimal | Fraction:
    """The quantity in the unit of the price, before it is rounded."""
    if rounding.divide_by is None:
        return exact
    return Fraction(exact) / Fraction(rounding.divide_by)


def _evaluate(
    measure: Measure,
    path: str,
    used: Mapping[str, Used],
    parts: list[UsagePart],
    inner: dict[str, InnerFormula],
) -> Decimal | Fraction:
    if isinstance(measure, Series):
        value, made = _part(path, used[path])
        parts.append(made)
        return value
    values = {}
    if path:
        inner[path] = InnerFormula(measure.unit, measure.expression)
    for name, part in sorted(measure.inputs.items()):
        part_path = f"{path}.{name}" if path else name
        values[name] = Fraction(_evaluate(part, part_path, used, parts, inner))
    return formula.evaluate(formula.parse(measure.expression), values)


def _part(path: str, used: Used) -> tuple[Decimal | Fraction, UsagePart]:
    request, usage = used
    series, period = request.series, request.period
    stretches: tuple[RegisterStretch, ...] = ()
    closing = None
    value: Decimal | Fraction
    match series.aggregation:
        case Aggregation.SUM:
            value = usage.total
        case Aggregation.COUNT:
            value = Decimal(usage.records)
        case Aggregation.MIN:
            value = usage.low or _ZERO
        case Aggregation.MAX:
            value = usage.high or _ZERO
        case Aggregation.AVERAGE:
            value = Fraction(usage.total) / (usage.records or 1)
        case Aggregation.LATEST:
            value = usage.latest or _ZERO
        case Aggregation.UNIQUE:
            value = Decimal(usage.distinct)
        case Aggregation.PEAK:
            assert series.window_minutes is not None
            value = as_decimal(Fraction(usage.peak or 0) * 60 / series.window_minutes)
        case Aggregation.COUNTER:
            consumed = register.consumption(usage.readings, usage.opening, series.digits)
            stretches = tuple(
                RegisterStretch(s.opening, s.closing, plain(s.consumption), s.rolled_over)
                for s in consumed.stretches
            )
            closing = consumed.closing
            value = _ZERO
            for stretch in consumed.stretches:
                value = EXACT.add(value, stretch.consumption)
        case _:
            value = usage.value or Fraction(0)
    shown = value if isinstance(value, Decimal) else as_decimal(value)
    opening_level = None if usage.opening_level is None else plain(usage.opening_level)
    part = UsagePart(
        request.subject, series, usage.subject_id, usage.meter_id, period.start, period.end, usage.fold_id,
        usage.records, plain(usage.total), usage.digest.hex(), plain(shown), path, usage.peak_at,
        stretches, usage.opening, closing, usage.counted, opening_level,
        None if shown is value or Fraction(shown) == value else str(value), request.since, request.whole,
        request.zone,
    )  # fmt: skip
    return value, part
