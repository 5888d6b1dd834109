"""The parameters of a question: known ones, each once, and within the bounds of what can be recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from starlette.requests import Request

from everycent.kernel.calendar import start_of_day
from everycent.kernel.calendar import zone as known_zone
from everycent.kernel.errors import Invalid
from everycent.kernel.near import meant
from everycent.kernel.period import Period, parse_instant
from everycent.metering.record import EARLIEST, LATEST, check_name

_DATE_CHARS = 10
_MOST_DIGITS = 18
_DAY = timedelta(days=1)  # a local day of the first or the last year may begin in another one

Parameters = Mapping[str, str]


def parameters(request: Request, *known: str) -> Parameters:
    """The parameters of the request. Raises Invalid `request.unknown_parameter`,
    `request.repeated_parameter`."""
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in known:
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            asked = meant(name[:80], known)
            raise Invalid(
                "request.unknown_parameter",
                f"there is no parameter {name[:80]!r} here",
                field=name[:80],
                hint=f"{asked} {takes}".strip(),
            )
        if name in found:
            raise Invalid(
                "request.repeated_parameter",
                f"the parameter {name!r} stands there twice",
                field=name,
                value=value,
            )
        found[name] = value
    return found


def needed(told: Parameters, name: str) -> str:
    """A parameter that must be there. Raises Invalid `request.parameter_missing`."""
    found = told.get(name, "")
    if not found:
        raise Invalid("request.parameter_missing", f"the parameter {name!r} is missing", field=name)
    return found


def name_of(told: Parameters, name: str) -> str:
    """A name that must be there. Raises Invalid `request.parameter_missing`, `usage.bad_name`."""
    return check_name(needed(told, name), name)


def name_or_none(told: Parameters, name: str) -> str | None:
    """A name that may be left out. Raises Invalid `usage.bad_name`."""
    return check_name(told[name], name) if name in told else None


def zone_or_none(told: Parameters) -> str | None:
    """A time zone that may be left out. Raises Invalid `zone.unknown`."""
    zone = told.get("zone")
    if zone is not None:
        known_zone(zone)
    return zone


def flag(told: Parameters, name: str) -> bool:
    """Whether something is wanted. Raises Invalid `request.bad_parameter`."""
    return choice(told, name, ("false", "true"), "false") == "true"


def choice(told: Parameters, name: str, choices: Sequence[str], usual: str) -> str:
    """One of a few words, the usual one when none is told. Raises Invalid `request.bad_parameter`."""
    found = told.get(name, usual)
    if found not in choices:
        raise Invalid(
            "request.bad_parameter",
            f"{name} is one of {', '.join(choices)}",
            field=name,
            value=found,
        )
    return found


def whole(told: Parameters, name: str, usual: int, least: int, most: int) -> int:
    """A whole number within bounds, the usual one when none is told. Raises Invalid
    `request.bad_parameter`."""
    found = told.get(name, str(usual))
    if found.isascii() and found.isdecimal() and len(found) <= _MOST_DIGITS:
        number = int(found)
        if least <= number <= most:
            return number
    raise Invalid(
        "request.bad_parameter",
        f"{name} is a whole number from {least} to {most}",
        field=name,
        value=found,
    )


def instant(text: str, zone: str, field: str) -> datetime:
    """An instant, or a local date, which stands for its first moment. Raises Invalid `date.malformed`,
    `time.malformed`, `time.naive`, `date.out_of_range` where no record can be."""
    at = _day(text, zone, field) if len(text) == _DATE_CHARS else parse_instant(text, field)
    if not EARLIEST - _DAY <= at <= LATEST + _DAY:
        raise Invalid(
            "date.out_of_range",
            f"{text[:40]} is not between the years 2000 and 2200",
            field=field,
            value=text,
        )
    return at


def span(told: Parameters, zone: str) -> Period:
    """The time from `from` to `to`, which must be there. Raises as `instant`, and Invalid
    `period.empty`."""
    start, end = (instant(needed(told, name), zone, name) for name in ("from", "to"))
    if end <= start:
        raise Invalid(
            "period.empty",
            f"{told['to']} is not after {told['from']}",
            field="to",
            value=told["to"],
        )
    return Period(start, end)


def _day(text: str, zone: str, field: str) -> datetime:
    return start_of_day(calendar_day(text, field), zone)


def calendar_day(text: str, field: str) -> date:
    """A local date. Raises Invalid `date.malformed`, `date.out_of_range`."""
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise Invalid(
            "date.malformed",
            f"{text[:40]!r} is not a date",
            field=field,
            value=text,
            hint="write it like 2026-03-01",
        ) from error
    if not EARLIEST.year <= day.year <= LATEST.year:
        raise Invalid(
            "date.out_of_range",
            f"{text[:40]} is not between the years 2000 and 2200",
            field=field,
            value=text,
        )
    return day
