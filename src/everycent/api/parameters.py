"""Parameters, days and instants as they are told: within the bounds of what can be recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from starlette.requests import Request

from everycent.kernel.calendar import day_between, start_of_day
from everycent.kernel.errors import Invalid
from everycent.kernel.near import meant
from everycent.kernel.period import instant_text, parse_instant
from everycent.metering.record import EARLIEST, LATEST

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
    at = (
        start_of_day(day(text, field), zone)
        if len(text) == _DATE_CHARS
        else parse_instant(text, field)
    )
    if not EARLIEST - _DAY <= at <= LATEST + _DAY:
        raise Invalid(
            "date.out_of_range",
            f"{text[:40]} is not between the years 2000 and 2200",
            field=field,
            value=text,
        )
    return at


def day(text: str, field: str) -> date:
    """A local date. Raises Invalid `date.malformed`, `date.out_of_range`."""
    return day_between(text, field, EARLIEST.year, LATEST.year)


def day_or_none(text: str | None, field: str) -> date | None:
    """The same of what may be left out."""
    return None if text is None else day(text, field)


def at_or_now(text: str | None, zone: str, now: datetime, field: str) -> datetime:
    """An instant, or a local date, which stands for its first moment; now when none is told."""
    return now if text is None else instant(text, zone, field)


def past(text: str | None, zone: str, now: datetime, field: str) -> datetime:
    """The same of what has come already. Raises Invalid `date.in_the_future`."""
    at = at_or_now(text, zone, now, field)
    if at > now:
        raise Invalid(
            "date.in_the_future",
            f"{instant_text(at)} has not come yet",
            field=field,
            value=text,
            hint="correct the date",
        )
    return at
