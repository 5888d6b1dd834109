"""The section `intake`: what records of a raw meter may look like, and when they are missed."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from everycent.catalog.document_refusals import Strict, check_text, placed, unknown, wrong
from everycent.catalog.intake import AfterInvoice, IntakePolicy
from everycent.catalog.meter import Formula, Measure
from everycent.kernel.quantity import parse_decimal, plain

_SPAN = re.compile(r"([0-9]{1,6})([mhd])", re.ASCII)
_MINUTES = {"m": 1, "h": 60, "d": 24 * 60}
_MAX_DAYS = 36_500
_MAX_MINUTES = 366 * 24 * 60
_MAX_DIMENSIONS = 50


class _Value(Strict):
    min: str | None = None
    max: str | None = None


class _Dimensions(Strict):
    required: tuple[str, ...] = ()
    allowed: tuple[str, ...] | None = None


class IntakeShape(Strict):
    """An entry of `intake`; its key is the meter's."""

    value: _Value = msgspec.field(default_factory=_Value)
    accept_days: int | None = None
    ahead_minutes: int | None = None
    dimensions: _Dimensions = msgspec.field(default_factory=_Dimensions)
    after_invoice: AfterInvoice = AfterInvoice.REVIEW
    expected_every: str | None = None
    grace: str | None = None


def policy(meter: str, given: IntakeShape, meters: Mapping[str, Measure]) -> IntakePolicy:
    """The intake policy of one raw meter."""
    place = f"intake.{meter}"
    _check_raw(meter, meters, place)
    low = _bound(given.value.min, f"{place}.value.min")
    high = _bound(given.value.max, f"{place}.value.max")
    if low is not None and high is not None and parse_decimal(low, "") > parse_decimal(high, ""):
        raise wrong(
            f"{place}.value",
            f"no value is at least {low} and at most {high}",
            "write the smaller one as min",
        )
    _check_range(given.accept_days, 1, _MAX_DAYS, f"{place}.accept_days", "days")
    _check_range(given.ahead_minutes, 0, _MAX_MINUTES, f"{place}.ahead_minutes", "minutes")
    every = _minutes(given.expected_every, f"{place}.expected_every")
    grace = _minutes(given.grace, f"{place}.grace")
    if every == 0:
        raise wrong(f"{place}.expected_every", "it is longer than nothing", "such as 15m, 1h or 1d")
    if grace is not None and every is None:
        raise wrong(
            f"{place}.grace", "there is nothing to wait for", "tell expected_every, such as 15m"
        )
    required, allowed = given.dimensions.required, given.dimensions.allowed
    _check_names(required, f"{place}.dimensions.required")
    _check_names(allowed or (), f"{place}.dimensions.allowed")
    return IntakePolicy(
        meter,
        low,
        high,
        given.accept_days,
        given.ahead_minutes,
        tuple(sorted(required)),
        None if allowed is None else tuple(sorted(allowed)),
        given.after_invoice,
        every,
        grace or 0,
    )


def _check_raw(meter: str, meters: Mapping[str, Measure], place: str) -> None:
    measure = meters.get(meter)
    if measure is None:
        raise unknown(place, "meter", meter, meters)
    if isinstance(measure, Formula):
        raise wrong(
            place, f"{meter} is a formula and takes no records", "name a meter it stands on"
        )
    if measure.meter != meter:
        raise wrong(
            place, f"{meter} looks at the records of another meter", f"write intake.{measure.meter}"
        )


def _bound(text: str | None, place: str) -> str | None:
    return None if text is None else plain(placed(place, parse_decimal, text, place))


def _check_range(value: int | None, least: int, most: int, place: str, unit: str) -> None:
    if value is not None and not least <= value <= most:
        raise wrong(place, f"{value} is not between {least} and {most}", f"a number of {unit}")


def _minutes(text: str | None, place: str) -> int | None:
    if text is None:
        return None
    match = _SPAN.fullmatch(text)
    minutes = int(match[1]) * _MINUTES[match[2]] if match else _MAX_MINUTES + 1
    if minutes > _MAX_MINUTES:
        raise wrong(
            place,
            f"{text[:20]!r} is not a length of time of up to 366 days",
            "write minutes, hours or days: 15m, 2h or 1d",
        )
    return minutes


def _check_names(names: tuple[str, ...], place: str) -> None:
    if len(names) > _MAX_DIMENSIONS:
        raise wrong(place, f"at most {_MAX_DIMENSIONS} dimensions")
    for name in names:
        check_text(name, place, "the name of a dimension")
        if names.count(name) > 1:
            raise wrong(place, f"{name!r} stands twice")
