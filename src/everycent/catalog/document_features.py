"""The section `features`, and what plans include of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from everycent.catalog.document_refusals import (
    Strict,
    check_key,
    check_text,
    converted,
    not_negative,
    placed,
    unknown,
    wrong,
)
from everycent.catalog.feature import AfterSwitch, Feature, Included, Kind, Reset
from everycent.catalog.meter import Aggregation, Measure, Series, series_of
from everycent.kernel.near import meant
from everycent.kernel.quantity import parse_decimal, plain

UNLIMITED = "unlimited"
_SWITCH = {"on": True, "true": True, "off": False, "false": False}
_WHOLE = re.compile(r"[0-9]{1,18}", re.ASCII)
_FALLING = (Aggregation.MIN, Aggregation.AVERAGE, Aggregation.PERCENTILE)
"""What more use may make smaller, so that nothing can be said to be left of it."""
_MAX_GRADES = 50
_MAX_FEATURES = 1000


class FeatureShape(Strict):
    """An entry of `features`."""

    kind: Kind
    name: str | None = None
    meter: str | None = None
    reset: Reset | None = None
    after_switch: AfterSwitch | None = None
    grades: tuple[str, ...] = ()


class AllowanceShape(Strict):
    """What a plan includes of a metered feature, where there is more to say than how much."""

    limit: str
    soft: bool = False


def feature(key: str, given: FeatureShape, meters: Mapping[str, Measure]) -> Feature:
    """A feature, complete with its meter."""
    place = f"features.{key}"
    name = key if given.name is None else given.name
    check_text(name, f"{place}.name", "a name")
    metered = {"meter": given.meter, "reset": given.reset, "after_switch": given.after_switch}
    for field, value in metered.items():
        if value is not None and given.kind is not Kind.METERED:
            raise wrong(f"{place}.{field}", f"a {given.kind} is not metered", "leave it out")
    if given.grades and given.kind is not Kind.GRADE:
        raise wrong(f"{place}.grades", f"a {given.kind} has no grades", "leave them out")
    measure = None
    if given.kind is Kind.METERED:
        measure = _measure(given.meter, meters, f"{place}.meter")
        if given.reset is Reset.NEVER and not all(one.carries for _, one in series_of(measure)):
            raise wrong(f"{place}.reset", f"nothing is carried into the periods of {given.meter}")
    elif given.kind is Kind.GRADE:
        _check_grades(given.grades, f"{place}.grades")
    return Feature(
        key, name, given.kind, measure, given.reset or Reset.PERIOD,
        given.after_switch or AfterSwitch.KEEP, given.grades,
    )  # fmt: skip


def _measure(meter: str | None, meters: Mapping[str, Measure], place: str) -> Measure:
    if meter is None:
        raise wrong(place, "what is metered needs a meter that gives the quantity")
    if meter not in meters:
        raise unknown(place, "meter", meter, meters)
    for _, series in series_of(meters[meter]):
        if _falls(series):
            raise wrong(
                place,
                f"more use may make {meter} smaller ({series.aggregation}), so nothing is left of it",
                "use a meter that adds up or counts, such as sum, count, unique, max or units",
            )
    return meters[meter]


def _falls(series: Series) -> bool:
    return series.aggregation in _FALLING or series.then in _FALLING


def _check_grades(grades: tuple[str, ...], place: str) -> None:
    if not 1 <= len(grades) <= _MAX_GRADES:
        raise wrong(place, f"1 to {_MAX_GRADES} grades are needed, the best of them last")
    for grade in grades:
        check_key(grade, place)
        if grades.count(grade) > 1:
            raise wrong(place, f"{grade} stands twice")


def included(
    plan: str, given: Mapping[str, Any], features: Mapping[str, Feature]
) -> tuple[Included, ...]:
    """What a plan includes, in the order of the file; a switch that is off is left out."""
    place = f"plans.{plan}.features"
    if len(given) > _MAX_FEATURES:
        raise wrong(place, f"a plan has at most {_MAX_FEATURES} features")
    found: list[Included] = []
    for key, told in given.items():
        if key not in features:
            raise unknown(f"{place}.{key}", "feature", key, features)
        shape = AllowanceShape if isinstance(told, Mapping) else str
        made = _included(features[key], converted(told, shape, f"{place}.{key}"), f"{place}.{key}")
        if made is not None:
            found.append(made)
    return tuple(found)


def _included(feature: Feature, told: str | AllowanceShape, place: str) -> Included | None:
    if isinstance(told, AllowanceShape):
        if feature.kind is not Kind.METERED:
            raise wrong(place, f"a {feature.kind} has one value only", "write it without a field")
        return Included(feature, _allowance(told.limit, f"{place}.limit"), told.soft)
    match feature.kind:
        case Kind.SWITCH:
            if told not in _SWITCH:
                raise wrong(place, f"{told[:40]!r} is neither on nor off", "write on or off")
            return Included(feature) if _SWITCH[told] else None
        case Kind.LIMIT:
            if told != UNLIMITED and not _WHOLE.fullmatch(told):
                raise wrong(
                    place,
                    f"{told[:40]!r} is not a whole number from 0 on",
                    f"write how many there may be, or {UNLIMITED}",
                )
            return Included(feature, None if told == UNLIMITED else str(int(told)))
        case Kind.METERED:
            return Included(feature, _allowance(told, place))
        case Kind.GRADE:
            if told not in feature.grades:
                asked = meant(told[:80], feature.grades)
                known = f"one of {', '.join(feature.grades)}"
                raise wrong(place, f"there is no grade {told[:40]!r}", f"{asked} {known}".strip())
            return Included(feature, grade=told)


def _allowance(text: str, place: str) -> str | None:
    if text == UNLIMITED:
        return None
    return plain(parse_decimal(placed(place, not_negative, text, place), place))
