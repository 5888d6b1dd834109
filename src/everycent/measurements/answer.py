"""What a source answered, checked before any of it is believed: all rows of an answer or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from everycent.kernel.errors import Invalid
from everycent.kernel.period import Period, instant_text, parse_instant
from everycent.metering.record import canonical_dimensions, canonical_value, check_name

_FIELDS = ("subject", "value", "at", "dimensions")
_LARGEST_EXPONENT = 60


class Number(str):
    """A number as its source wrote it."""

    __slots__ = ()


class Row(NamedTuple):
    """One checked row: canonical value and dimensions, and an instant inside the interval."""

    subject: str
    value: str
    at: datetime
    dimensions: str


def checked(
    rows: Sequence[Any], interval: Period, dimensions: Mapping[str, str], max_rows: int
) -> list[Row]:
    """The rows of an answer. `dimensions` are added to each row's own.

    A row has `subject` and `value`, and may have `at` (in the interval; its start when not told) and
    `dimensions`. A subject may come once for each set of dimensions. Raises Invalid with the row's place.
    """
    if len(rows) > max_rows:
        raise Invalid(
            "measurement.too_many_rows",
            f"the source answered with more than {max_rows} rows",
            field="records",
            hint="raise max_rows, or measure more often",
        )
    found: list[Row] = []
    seen: set[tuple[str, str]] = set()
    for number, told in enumerate(rows):
        place = f"records[{number}]"
        try:
            row = _row(told, interval, dimensions)
        except Invalid as refusal:
            refusal.field = f"{place}.{refusal.field}" if refusal.field else place
            refusal.message = f"{refusal.field}: {refusal.message}"
            raise
        if (row.subject, row.dimensions) in seen:
            raise Invalid(
                "measurement.subject_twice",
                f"{place}: {row.subject!r} stands twice with the same dimensions",
                field=place,
                value=row.subject,
                hint="the source must add its values up for the interval",
            )
        seen.add((row.subject, row.dimensions))
        found.append(row)
    return found


def _row(told: Any, interval: Period, dimensions: Mapping[str, str]) -> Row:
    if not isinstance(told, Mapping):
        raise _wrong(None, "a row is an object with subject and value")
    unknown = sorted(str(name) for name in told.keys() - set(_FIELDS))
    if unknown:
        raise _wrong(unknown[0], "this field is not known", "rows have " + ", ".join(_FIELDS))
    subject = told.get("subject")
    if type(subject) is not str:
        raise _wrong("subject", "a subject is text")
    return Row(
        check_name(subject, "subject"),
        _value(told.get("value")),
        _at(told.get("at"), interval),
        _dimensions(told.get("dimensions"), dimensions),
    )


def _wrong(field: str | None, why: str, hint: str | None = None) -> Invalid:
    return Invalid("measurement.wrong_answer", why, field=field, hint=hint)


def _value(told: Any) -> str:
    if isinstance(told, Decimal):
        exponent = told.as_tuple().exponent
        if not isinstance(exponent, int) or max(told.adjusted(), -exponent) > _LARGEST_EXPONENT:
            raise _wrong("value", "it is no number that can be counted with")
        told = format(told, "f")
    elif isinstance(told, int) and not isinstance(told, bool):
        told = str(told)
    if not isinstance(told, str):
        raise _wrong(
            "value",
            f"a value is a decimal number, not {type(told).__name__}",
            "in SQL, cast it to numeric",
        )
    return canonical_value(str(told))


def _at(told: Any, interval: Period) -> datetime:
    if told is None:
        return interval.start
    if type(told) is str:
        told = parse_instant(told, "at")
    if not isinstance(told, datetime) or told.tzinfo is None:
        raise _wrong("at", "an instant needs a time zone", "such as 2026-03-01T00:00:00Z")
    if not interval.contains(told):
        raise Invalid(
            "measurement.outside_interval",
            f"{instant_text(told)} is not in the interval from {instant_text(interval.start)} to"
            f" {instant_text(interval.end)}",
            field="at",
            value=instant_text(told),
        )
    return told.astimezone(UTC)


def _dimensions(told: Any, added: Mapping[str, str]) -> str:
    own: dict[str, str] = {}
    if told is not None:
        if not isinstance(told, Mapping):
            raise _wrong("dimensions", "dimensions are an object of text to text")
        for name, value in told.items():
            if type(name) is not str or type(value) is not str:
                raise _wrong("dimensions", "dimensions are text to text")
            if name in added:
                raise _wrong("dimensions", f"{name!r} is set by the measurement already")
            own[name] = value
    return canonical_dimensions(own | dict(added))
