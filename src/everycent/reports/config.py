"""Config: which sub-services a report is pulled from, what they count and what it becomes.

A configuration is a named version that never changes; one of them is active. A report keeps the one that it
began with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

import msgspec

from everycent.catalog.document_refusals import Strict, check_key, converted, seconds
from everycent.journal.types import EventType
from everycent.kernel import calendar
from everycent.kernel.calendar import Cycle
from everycent.kernel.canonical import digest
from everycent.kernel.errors import Invalid
from everycent.kernel.period import Period
from everycent.reports import units
from everycent.reports.units import Conversion

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
_URL = re.compile(
    r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{1,5}))?(/[!-\"$->A-~]*)?",
    re.ASCII,
)
"""Without user, query and fragment."""
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,79}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_MOST_SERVICES = 100
_MOST_PLACES = 18
_LONGEST = 86_400


class Subject(StrEnum):
    """Under what usage of a line is billed: the customer's key, or the name of the resource."""

    CUSTOMER = "customer"
    RESOURCE = "resource"


class Every(StrEnum):
    """How long the periods of reports are."""

    MONTH = "month"
    DAY = "day"


class Item(msgspec.Struct, frozen=True):
    """What a sub-service counts, in which `unit`; and the meter that its billable part goes to, in the
    meter's own unit `to`. With `places` it is rounded to so many, half to even, line by line."""

    item: str
    unit: str
    meter: str
    to: str
    places: int | None
    subject: Subject

    @property
    def conversion(self) -> Conversion:
        """From the unit that it is counted in to that of the meter."""
        return units.conversion(self.unit, self.to, self.places)


class Service(msgspec.Struct, frozen=True):
    """A sub-service: where it is, the environment variable with its key, and how many seconds it has."""

    name: str
    url: str
    key: str
    deadline: int
    items: tuple[Item, ...]


class Config(msgspec.Struct, frozen=True):
    """A configuration. The first period is the one that contains the day `since`; one is pulled from
    `after` seconds past its end on; `deadline` is for all sub-services together."""

    name: str
    time_zone: str
    every: Every
    since: date
    after: int
    deadline: int
    services: tuple[Service, ...]

    @property
    def digest(self) -> str:
        """What names the content."""
        return digest(self).hex()

    @property
    def cycle(self) -> Cycle:
        """The periods of reports."""
        if self.every is Every.DAY:
            return Cycle(self.since, calendar.Interval(0, 1), self.time_zone)
        return Cycle(self.since.replace(day=1), calendar.Interval(1, 0), self.time_zone)


class Activated(msgspec.Struct, frozen=True):
    """From now on this version holds; `number` counts, `before` is the one that held until now."""

    name: str
    number: int
    before: str | None
    reason: str


CREATED = EventType("report_config.created", 1, Config)
ACTIVATED = EventType("report_config.activated", 1, Activated)
STREAM = "report_config:versions"


class _ItemFields(Strict, rename={"places": "round"}):
    unit: str
    meter: str | None = None
    to: str | None = None
    places: str | None = None
    subject: Subject = Subject.CUSTOMER


class _ServiceFields(Strict):
    url: str
    key: str
    items: dict[str, _ItemFields]
    deadline: str = "1m"


class _Fields(Strict):
    name: str
    since: str
    services: dict[str, _ServiceFields]
    schema: Literal["everycent-reports/1"]
    time_zone: str = "UTC"
    every: Every = Every.MONTH
    after: str = "1h"
    deadline: str = "10m"


def parse(data: Any) -> Config:
    """The configuration that a file says. Raises Invalid with the place in the file."""
    try:
        given: _Fields = converted(data, _Fields, "")
    except Invalid as refusal:
        raise Invalid(
            "config.wrong_shape", refusal.message, field=refusal.field,
            hint="docs/reports.md shows a configuration",
        ) from refusal  # fmt: skip
    return _checked(given)


def _checked(given: _Fields) -> Config:
    if not _NAME.fullmatch(given.name):
        raise _wrong("name", "a version's name has 1 to 40 small letters, digits, . - and _")
    calendar.zone(given.time_zone)
    try:
        since = date.fromisoformat(given.since)
    except ValueError:
        raise _wrong("since", f"{given.since[:20]!r} is not a day such as 2026-01-01") from None
    if not 2000 <= since.year < 2200:
        raise _wrong("since", f"{given.since} is not between the years 2000 and 2200")
    if not 0 < len(given.services) <= _MOST_SERVICES:
        raise _wrong("services", f"there are 1 to {_MOST_SERVICES} sub-services")
    return Config(
        given.name, given.time_zone, given.every, since,
        _seconds(given.after, "after"), _deadline(given.deadline, "deadline"),
        tuple(_service(name, one) for name, one in sorted(given.services.items())),
    )  # fmt: skip


def _service(name: str, given: _ServiceFields) -> Service:
    place = f"services.{name}"
    if not _NAME.fullmatch(name):
        raise _wrong(place, "a sub-service's name has 1 to 40 small letters, digits, . - and _")
    if not _is_address(given.url):
        why = f"{given.url[:60]!r} is no http or https address without user, query and fragment"
        raise _wrong(f"{place}.url", why)
    if not _VARIABLE.fullmatch(given.key):
        raise _wrong(f"{place}.key", "it names an environment variable, such as COMPUTE_KEY")
    if not given.items:
        raise _wrong(f"{place}.items", "a sub-service counts something")
    items = tuple(_item(key, one, place) for key, one in sorted(given.items.items()))
    return Service(name, given.url, given.key, _deadline(given.deadline, place), items)


def _is_address(url: str) -> bool:
    found = _URL.fullmatch(url)
    return found is not None and len(url) < 500 and int(found["port"] or 0) < 65_536


def _item(key: str, given: _ItemFields, service: str) -> Item:
    place = f"{service}.items.{key}"
    meter = given.meter or key
    for name, spot in ((key, place), (meter, f"{place}.meter")):
        try:
            check_key(name, spot)
        except Invalid as refusal:
            raise _wrong(spot, refusal.hint or "it can't be a key") from refusal
    places = given.places
    if places is not None and not (places.isascii() and places.isdecimal() and len(places) < 3):
        raise _wrong(f"{place}.round", f"{places[:20]!r} is no number of places")
    kept = None if places is None else int(places)
    if kept is not None and kept > _MOST_PLACES:
        raise _wrong(f"{place}.round", f"there are at most {_MOST_PLACES} places")
    made = Item(key, given.unit, meter, given.to or given.unit, kept, given.subject)
    try:
        _ = made.conversion
    except Invalid as refusal:
        refusal.field = f"{place}.{refusal.field}"
        refusal.message = f"{place}: {refusal.message}"
        raise
    return made


def _deadline(text: str, place: str) -> int:
    found = _seconds(text, place)
    if not 0 < found <= _LONGEST:
        raise _wrong(place, "it takes longer than no time, and up to a day")
    return found


def _seconds(text: str, place: str) -> int:
    try:
        return seconds(text, place)
    except Invalid as refusal:
        raise _wrong(place, refusal.hint or "it is no duration") from refusal


def _wrong(place: str, why: str) -> Invalid:
    return Invalid("config.wrong_value", f"{place}: {why}", field=place)


def meters_of(config: Config) -> set[str]:
    """The meters that reports under a configuration feed."""
    return {item.meter for service in config.services for item in service.items}


def differences(before: Config, after: Config) -> list[tuple[str, str, str]]:
    """What differs between two versions: the place, and what stands there in each (empty: nothing)."""
    left, right = _flat(msgspec.to_builtins(before)), _flat(msgspec.to_builtins(after))
    places = sorted((left.keys() | right.keys()) - {"name"})
    return [
        (place, left.get(place, ""), right.get(place, ""))
        for place in places
        if left.get(place) != right.get(place)
    ]


def _flat(data: Any, place: str = "") -> dict[str, str]:
    if isinstance(data, Mapping):
        found: dict[str, str] = {}
        for key, value in data.items():
            found |= _flat(value, f"{place}.{key}".lstrip("."))
        return found
    if isinstance(data, list | tuple):
        found = {}
        for one in data:
            found |= _flat(one, f"{place}.{one.get('name', one.get('item'))}")
        return found
    return {place: str(data)}


# --- periods --------------------------------------------------------------------------------------


def name_of(config: Config, n: int) -> str:
    """What the n-th period is called: `2026-01`, or `2026-01-15` where reports are made every day."""
    day = config.cycle.boundary(n).isoformat()
    return day if config.every is Every.DAY else day[:7]


def period_of(config: Config, name: str) -> Period:
    """A period by its name. Raises Invalid `report.bad_period`."""
    try:
        told = name if config.every is Every.DAY else f"{name}-01"
        day = date.fromisoformat(told) if _DAY.fullmatch(told) else None
    except ValueError:
        day = None
    wanted = "a day such as 2026-01-15" if config.every is Every.DAY else "a month such as 2026-01"
    if day is None:
        raise Invalid(
            "report.bad_period", f"{name[:20]!r} is no period of {config.name}", field="period",
            value=name, hint=f"name {wanted}",
        )  # fmt: skip
    n = config.cycle.index(day)
    if n < 0:
        raise Invalid(
            "report.bad_period", f"{name} is before {config.since}, with which reports begin",
            field="period", value=name,
        )  # fmt: skip
    return config.cycle.period(n)


def over(config: Config, at: datetime) -> Iterator[tuple[str, Period]]:
    """The periods that may be pulled at an instant, the oldest first."""
    n = 0
    while True:
        found = config.cycle.period(n)
        if found.end + timedelta(seconds=config.after) > at:
            return
        yield name_of(config, n), found
        n += 1
