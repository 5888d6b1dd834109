"""The measurement file: plain data in, checked definitions out.

Every scalar comes as text. Unknown fields, missing ones and values that make no sense are refused with
their place in the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, TypeVar

import msgspec

from everycent.kernel import calendar
from everycent.kernel.errors import Invalid
from everycent.kernel.period import parse_instant
from everycent.measurements.document_sources import GivenHttp, GivenSql, Strict, http, sql, wrong
from everycent.measurements.measurement import Kind, Measurement, Sample, Time, TimeUnit
from everycent.measurements.schedule import parse_delay, parse_every
from everycent.metering.record import canonical_dimensions, check_giver, check_name, check_time

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,79}")
_KINDS = ("time", "sample", "http", "sql")
_MAX_SUBJECTS = 10_000
_T = TypeVar("_T")


class _Time(Strict):
    unit: TimeUnit
    subjects: tuple[str, ...] = ()
    of_plan: str | None = None


class _Sample(Strict):
    meter: str
    unit: TimeUnit
    subjects: tuple[str, ...] = ()
    of_plan: str | None = None
    history: bool = True


class _Measurement(Strict):
    meter: str
    every: str
    starts_at: str
    time_zone: str = "UTC"
    ends_at: str | None = None
    delay: str | None = None
    source: str | None = None
    dimensions: dict[str, str] = msgspec.field(default_factory=dict)
    time: _Time | None = None
    sample: _Sample | None = None
    http: GivenHttp | None = None
    sql: GivenSql | None = None


def definitions(data: Any) -> list[Measurement]:
    """The measurements of a file, `measurements: {key: {…}}`. Raises Invalid with the place in the file."""
    found = []
    sections = _converted({} if data is None else data, dict[str, Any], "")
    for section in sections:
        if section != "measurements":
            raise _wrong_shape(f"Object contains unknown field `{section}`", "")
    entries = _converted(sections.get("measurements", {}), dict[str, Any], "measurements")
    for key, entry in entries.items():
        place = f"measurements.{key}"
        if not _KEY.fullmatch(key):
            raise Invalid(
                "measurement.bad_key",
                f"{place}: {key[:60]!r} can't be a key",
                field=place,
                value=key,
                hint="use up to 80 letters, digits, dots, dashes, colons and underscores",
            )
        found.append(_definition(key, _converted(entry, _Measurement, place), place))
    return found


def _converted(data: Any, shape: Any, place: str) -> Any:
    try:
        return msgspec.convert(data, shape, strict=False)
    except msgspec.ValidationError as error:
        message, _, inner = str(error).partition(" - at `$")
        raise _wrong_shape(message, f"{place}{inner.rstrip('`')}".lstrip(".")) from error


def _wrong_shape(message: str, place: str) -> Invalid:
    return Invalid(
        "measurement.wrong_shape",
        f"{place or 'the file'}: {message}",
        field=place or None,
        hint="docs/measurements.md lists every field",
    )


def _placed(place: str, check: Callable[..., _T], *given: Any) -> _T:
    """What `check` makes of its arguments; a refusal of it is told with the place in the file."""
    try:
        return check(*given)
    except Invalid as refusal:
        refusal.field, refusal.message = place, f"{place}: {refusal.message}"
        raise


def _definition(key: str, given: _Measurement, place: str) -> Measurement:
    _placed(f"{place}.every", parse_every, given.every)
    _placed(f"{place}.time_zone", calendar.zone, given.time_zone)
    starts_at = _placed(f"{place}.starts_at", _instant, given.starts_at, given.time_zone)
    ends_at = None
    if given.ends_at is not None:
        ends_at = _placed(f"{place}.ends_at", _instant, given.ends_at, given.time_zone)
        if ends_at <= starts_at:
            raise wrong(f"{place}.ends_at", "it would end before it starts")
    delay = 0
    if given.delay is not None:
        waited = _placed(f"{place}.delay", parse_delay, given.delay)
        delay = waited.days * 86_400 + waited.seconds
    _placed(f"{place}.dimensions", canonical_dimensions, given.dimensions)
    source = given.source or f"measurement:{key}"
    return Measurement(
        key=key,
        meter=given.meter,
        every=given.every,
        time_zone=given.time_zone,
        starts_at=starts_at,
        source=_placed(f"{place}.source", check_giver, source),
        kind=_kind(given, place),
        ends_at=ends_at,
        delay_seconds=delay,
        dimensions={name: value for name, value in given.dimensions.items() if value},
    )


def _instant(text: str, time_zone: str) -> datetime:
    """An instant, or a local date, which stands for its first moment."""
    if len(text) != len("2026-01-01"):
        return check_time(parse_instant(text, "at"))
    try:
        day = date.fromisoformat(text)
        return check_time(calendar.start_of_day(day, time_zone))
    except (ValueError, OverflowError) as error:
        raise Invalid(
            "date.malformed", f"{text[:40]!r} is not a date", value=text, hint="such as 2026-03-01"
        ) from error


def _kind(given: _Measurement, place: str) -> Kind:
    kinds = [name for name in _KINDS if getattr(given, name) is not None]
    if len(kinds) != 1:
        raise wrong(place, "a measurement has exactly one kind", "one of " + ", ".join(_KINDS))
    spot = f"{place}.{kinds[0]}"
    if given.time is not None:
        return Time(given.time.unit, *_subjects(given.time, spot))
    if given.sample is not None:
        if given.sample.meter == given.meter:
            raise wrong(f"{spot}.meter", "a meter can't be carried on into itself")
        return Sample(
            given.sample.meter,
            given.sample.unit,
            *_subjects(given.sample, spot),
            given.sample.history,
        )
    if given.http is not None:
        return http(given.http, spot)
    assert given.sql is not None
    return sql(given.sql, spot)


def _subjects(given: _Time | _Sample, place: str) -> tuple[tuple[str, ...], str | None]:
    if bool(given.subjects) == (given.of_plan is not None):
        raise wrong(place, "it needs subjects, or a plan in of_plan, and not both")
    if len(given.subjects) > _MAX_SUBJECTS:
        raise wrong(f"{place}.subjects", f"at most {_MAX_SUBJECTS} subjects can be listed")
    for number, subject in enumerate(given.subjects):
        _placed(f"{place}.subjects[{number}]", check_name, subject, "subject")
        if subject in given.subjects[:number]:
            raise wrong(f"{place}.subjects[{number}]", f"{subject!r} stands twice")
    return given.subjects, given.of_plan


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the fields in which two versions' plain content differs."""
    names = dict.fromkeys([*before, *after])
    return tuple(name for name in names if before.get(name) != after.get(name))
