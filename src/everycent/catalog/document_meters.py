"""The section `meters`: each meter resolved with all that it stands on, and its fields checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from everycent.catalog import formula
from everycent.catalog.bands import Bands
from everycent.catalog.document_refusals import Strict, part_of, placed, unknown, wrong
from everycent.catalog.meter import Aggregation, Formula, Granularity, Level, Measure, Series
from everycent.catalog.segments import Segments
from everycent.kernel.quantity import parse_decimal, plain

_MAX_NESTED = 10
"""A meter stands on so many others at most, one on another, by `of` or in formulas."""
_MAX_MEASURES = 500
"""A formula over formulas is written out in full: ten levels of ten names would fill any memory."""

_DETAILS: dict[Aggregation, tuple[str, ...]] = {
    Aggregation.PEAK: ("window_minutes",),
    Aggregation.WINDOWED: ("window_minutes", "each", "then"),
    Aggregation.PERCENTILE: ("percentile", "window_minutes", "each"),
    Aggregation.UNIQUE: ("distinct",),
    Aggregation.UNITS: ("distinct", "granularity"),
    Aggregation.WEIGHTED_SUM: ("granularity", "level", "carries"),
    Aggregation.COUNTER: ("digits",),
}
"""Which fields belong to which aggregation; the others have none."""
_NO_DETAILS: dict[str, Any] = {
    "window_minutes": None,
    "each": None,
    "then": None,
    "percentile": None,
    "distinct": None,
    "granularity": None,
    "level": None,
    "carries": True,
    "digits": None,
}
_FINE_WINDOWS = (1, 5, 10)
_WINDOWS = (15, 30, 60, 120, 180, 240, 360, 480, 720, 1440)
"""Whole numbers of quarter hours that divide a day: what roll-ups can tell."""
_EACH = (
    Aggregation.COUNT,
    Aggregation.SUM,
    Aggregation.MIN,
    Aggregation.MAX,
    Aggregation.AVERAGE,
    Aggregation.LATEST,
)
_THEN = (Aggregation.SUM, Aggregation.MIN, Aggregation.MAX, Aggregation.AVERAGE)
_WITHOUT_BANDS = (Aggregation.COUNTER, Aggregation.UNITS, Aggregation.WEIGHTED_SUM)
_OPERATION = "operation"


class MeterShape(Strict):
    """An entry of `meters`."""

    unit: str | None = None
    aggregation: Aggregation | None = None
    of: str | None = None
    band: str | None = None
    segment: str | None = None
    formula: str | None = None
    window_minutes: int | None = None
    each: Aggregation | None = None
    then: Aggregation | None = None
    percentile: str | None = None
    distinct: str | None = None
    granularity: Granularity | None = None
    level: Level | None = None
    carries: bool | None = None
    digits: int | None = None


class Section(NamedTuple):
    """The meters of a file, and the sets that they may be parts of."""

    meters: Mapping[str, MeterShape]
    bands: Mapping[str, Bands]
    segments: Mapping[str, Segments]


def measure(section: Section, key: str, above: tuple[str, ...] = ()) -> Measure:
    """The meter with all that it stands on; `above` are the meters that led to it."""
    place = f"meters.{key}"
    given = section.meters.get(key)
    if given is None:
        raise unknown(f"meters.{above[-1]}" if above else place, "meter", key, section.meters)
    if key in above:
        circle = " → ".join((*above, key))
        raise wrong(place, f"it goes back to itself: {circle}", "let one of them take records")
    if len(above) > _MAX_NESTED:
        raise wrong(
            f"meters.{above[0]}",
            f"it stands on more than {_MAX_NESTED} meters, one on another",
            "let `of` and formulas name the meters further down",
        )
    if given.formula is not None:
        return _formula(section, key, given, given.formula, above)
    if given.of is None:
        series = Series(key, _unit(given.unit, place), given.aggregation or Aggregation.SUM)
    else:
        base = measure(section, given.of, (*above, key))
        if not isinstance(base, Series):
            raise wrong(
                f"{place}.of",
                f"{given.of} is a formula and has no records of its own",
                "name one of the meters in it, or write a formula",
            )
        series = msgspec.structs.replace(
            base,
            unit=_unit(given.unit or base.unit, place),
            aggregation=given.aggregation or base.aggregation,
        )
    series = _detailed(_part(series, given, section, place), given, place)
    _check_part(series, place)
    _check_details(series, place)
    return series


def _formula(
    section: Section, key: str, given: MeterShape, expression: str, above: tuple[str, ...]
) -> Formula:
    place = f"meters.{key}"
    for field in MeterShape.__struct_fields__:
        if field not in ("unit", "formula") and getattr(given, field) is not None:
            raise wrong(place, f"a formula has no {field}", "let the meters in it have that")
    parsed = placed(f"{place}.formula", formula.parse, expression)
    inputs = {name: measure(section, name, (*above, key)) for name in sorted(formula.names(parsed))}
    found = Formula(_unit(given.unit, place), expression, inputs)
    if _size(found) > _MAX_MEASURES:
        raise wrong(
            f"{place}.formula",
            f"it stands on more than {_MAX_MEASURES} meters",
            "each meter counts every time that it is named, also inside other formulas",
        )
    return found


def _size(found: Measure) -> int:
    inner = found.inputs.values() if isinstance(found, Formula) else ()
    return 1 + sum(_size(part) for part in inner)


def _unit(unit: str | None, place: str) -> str:
    if not unit or len(unit) > 40:
        raise wrong(
            f"{place}.unit",
            "a unit is needed, such as kWh",
            "write unit: kWh, with at most 40 characters; a meter with `of` takes over that meter's",
        )
    return unit


def _part(series: Series, given: MeterShape, section: Section, place: str) -> Series:
    """The series limited to a band and a segment, where they are told."""
    if given.band is not None:
        spot = f"{place}.band"
        bands, band = part_of(section.bands, Bands.names, given.band, spot, "band")
        series = msgspec.structs.replace(series, bands=bands, band=band)
    if given.segment is not None:
        spot = f"{place}.segment"
        segments, segment = part_of(
            section.segments, Segments.names, given.segment, spot, "segment"
        )
        series = msgspec.structs.replace(series, segments=segments, segment=segment)
    return series


def _detailed(series: Series, given: MeterShape, place: str) -> Series:
    """The series with the fields that belong to its aggregation: told, taken over, or by default."""
    belonging = _DETAILS.get(series.aggregation, ())
    details: dict[str, Any] = {}
    for field, nothing in _NO_DETAILS.items():
        told = getattr(given, field)
        if field in belonging:
            details[field] = getattr(series, field) if told is None else told
        elif told is None:
            details[field] = nothing
        else:
            owners = [name for name, fields in _DETAILS.items() if field in fields]
            raise wrong(
                f"{place}.{field}",
                f"it belongs to the aggregation {_either(owners)}",
                f"leave it out, or change the aggregation, which is {series.aggregation}",
            )
    if details["percentile"] is not None:
        percent = placed(f"{place}.percentile", parse_decimal, details["percentile"], "")
        details["percentile"] = plain(percent)
    if series.aggregation is Aggregation.WEIGHTED_SUM:
        details["granularity"] = details["granularity"] or Granularity.SECOND
        details["level"] = details["level"] or Level.CHANGES
    return msgspec.structs.replace(series, **details)


def _check_part(series: Series, place: str) -> None:
    if series.band is not None and series.aggregation in _WITHOUT_BANDS:
        why = "a register's difference" if series.aggregation is Aggregation.COUNTER else "a level"
        raise wrong(
            f"{place}.band",
            f"{why} can't be split into bands",
            f"leave the band out: {series.aggregation} looks at the whole period",
        )
    if series.segment is not None and series.aggregation is Aggregation.COUNTER:
        raise wrong(
            f"{place}.segment",
            "a register's readings can't be split into segments",
            "leave the segment out; the dimension `register` tells devices apart",
        )


def _check_details(series: Series, place: str) -> None:
    match series.aggregation:
        case Aggregation.PEAK:
            _check_window(series, place, "a peak", _WINDOWS)
        case Aggregation.WINDOWED:
            _check_window(series, place, "windowed", _FINE_WINDOWS + _WINDOWS)
            _check_choice(series.each, place, "each", _EACH, "what each window becomes")
            _check_choice(series.then, place, "then", _THEN, "what the windows become together")
        case Aggregation.PERCENTILE:
            _check_percentile(series, place)
        case Aggregation.UNIQUE | Aggregation.UNITS:
            _check_distinct(series, place)
        case Aggregation.COUNTER:
            if series.digits is not None and not 1 <= series.digits <= 18:
                raise wrong(
                    f"{place}.digits",
                    f"a register has 1 to 18 digits, not {series.digits}",
                    "those before the point that it shows, such as 6",
                )
        case _:  # the others have no details
            pass


def _check_window(series: Series, place: str, who: str, allowed: tuple[int, ...]) -> None:
    spot = f"{place}.window_minutes"
    if series.window_minutes is None:
        raise wrong(spot, f"{who} needs a window", f"one of {_either(allowed)} minutes")
    if series.window_minutes not in allowed:
        raise wrong(
            spot,
            f"{who} needs a window of another length than {series.window_minutes} minutes",
            f"one of {_either(allowed)} minutes",
        )


def _check_choice(
    told: Aggregation | None,
    place: str,
    field: str,
    allowed: tuple[Aggregation, ...],
    meaning: str,
) -> None:
    if told is None:
        raise wrong(f"{place}.{field}", f"{meaning} must be told", f"one of {_either(allowed)}")
    if told not in allowed:
        raise wrong(f"{place}.{field}", f"{told} can't be {meaning}", f"one of {_either(allowed)}")


def _check_percentile(series: Series, place: str) -> None:
    spot = f"{place}.percentile"
    if series.percentile is None:
        raise wrong(
            spot,
            "which percentile must be told",
            "such as percentile: 95, of the records themselves; or of windows, with window_minutes"
            " and each",
        )
    if not 0 < parse_decimal(series.percentile, spot) <= 100:
        raise wrong(spot, f"{series.percentile} is not above 0 and up to 100", "such as 95")
    if series.window_minutes is not None:
        _check_window(series, place, "a percentile of windows", _FINE_WINDOWS + _WINDOWS)
        if series.each is None:
            raise wrong(
                f"{place}.each",
                "what each window becomes must be told",
                f"one of {_either(_EACH)}; or leave window_minutes out, for the percentile of the"
                " records themselves",
            )
        _check_choice(series.each, place, "each", _EACH, "what each window becomes")
    elif series.each is not None:
        raise wrong(
            f"{place}.each",
            "without window_minutes the percentile is that of the records themselves",
            "add window_minutes, or leave each out",
        )


def _check_distinct(series: Series, place: str) -> None:
    spot = f"{place}.distinct"
    if not series.distinct:
        counted = "a unique count" if series.aggregation is Aggregation.UNIQUE else "units"
        verb = "needs" if series.aggregation is Aggregation.UNIQUE else "need"
        raise wrong(spot, f"{counted} {verb} the dimension that is counted", "such as user_id")
    if series.aggregation is Aggregation.UNITS and series.distinct == _OPERATION:
        raise wrong(
            spot,
            f"the dimension {_OPERATION} says whether a unit comes or goes",
            "name the dimension that identifies the unit",
        )


def _either(values: tuple[object, ...] | list[Aggregation]) -> str:
    """'1, 5 or 10'."""
    *most, last = (str(value) for value in values)
    return f"{', '.join(most)} or {last}" if most else last
