"""What a sub-service tells of itself, and what follows from it: lines, sums, current use, charts.

Everything is worked out of two lists, resources and events; so lines and the events behind them can't
disagree.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from everycent.kernel.money import EXACT
from everycent.kernel.near import meant
from everycent.kernel.period import Period
from everycent.kernel.quantity import plain
from everycent.subservices.contract import STEPS, Record, floor, following, quantity, shown

_NOTHING = Decimal(0)
_MOMENT = timedelta(microseconds=1)


class Resource(NamedTuple):
    """Something that use is counted on, from `since` until `until` (None: it is still there).

    `item` is what its line is about where nothing was used; unless told, the service's first item.
    """

    resource: str
    customer: str
    kind: str
    name: str
    since: datetime
    until: datetime | None = None
    item: str | None = None


class Event(NamedTuple):
    """Something that was used at an instant: a quantity of an item, on a resource."""

    event: str
    at: datetime
    resource: str
    item: str
    quantity: Decimal | int | str


class Included(NamedTuple):
    """What a customer has of an item without paying, in each `hour`, `day` or `month` (UTC).

    Whoever uses first has it first: of events at the same instant the first by resource, then by event.
    """

    quantity: Decimal | int | str
    per: str = "month"


def utc_now() -> datetime:
    """The time, in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


class Service(NamedTuple):
    """A sub-service: its name and key, its items with their units, and its data as two functions.

    `resources` and `events` are given a period and may return more than belongs to it. `events` is asked
    first: what comes in between the two is a resource without use, and never use of no resource.
    """

    name: str
    key: str
    items: Mapping[str, str]
    resources: Callable[[Period], Iterable[Resource]]
    events: Callable[[Period], Iterable[Event]]
    included: Mapping[str, Included] = {}
    page_size: int = 500
    now: Callable[[], datetime] = utc_now
    snapshots: int = 64
    snapshot_minutes: int = 15


def check(service: Service) -> None:
    """Raises ValueError for a service whose items or allowances can't be meant: nothing would be included,
    or too much, and nobody would see it before the bill."""
    if not service.items:
        raise ValueError(f"{service.name} has no items")
    for item, one in service.included.items():
        if item not in service.items:
            near = meant(item, service.items) or f"there are {', '.join(service.items)}"
            raise ValueError(f"{service.name} includes {item!r}, which is no item of it; {near}")
        if one.per not in STEPS:
            raise ValueError(
                f"{item} is included per {one.per!r}, which is none of {', '.join(STEPS)}"
            )
        try:
            quantity(one.quantity)
        except ValueError as error:
            raise ValueError(f"what is included of {item}: {error}") from error


class Used(NamedTuple):
    """An event with whose it is, and how much of it is included."""

    event: str
    at: datetime
    customer: str
    resource: str
    item: str
    used: Decimal
    included: Decimal


class State(NamedTuple):
    """What a sub-service knew of a period at one moment: the resources that were there, and the use."""

    resources: list[Resource]
    used: list[Used]


def state(service: Service, period: Period) -> State:
    """What the service knows of a period now.

    Raises ValueError where its data make no sense: an event on a resource that was not there, an
    item that it doesn't have, a quantity below nothing, an event or a resource twice.
    """
    wide = Period(_reach(service, period.start), period.end)
    events = [event for event in service.events(wide) if wide.contains(event.at)]
    known = [one for one in service.resources(wide) if _is_there(one, wide)]
    owners = {one.resource: one for one in known}
    if len(owners) < len(known):
        raise ValueError("a resource is there twice")
    if len({event.event for event in events}) < len(events):
        raise ValueError("an event is there twice")
    for event in events:
        if event.item not in service.items:
            raise ValueError(f"event {event.event} is of no item of ours: {event.item}")
        owner = owners.get(event.resource)
        if owner is None or not _is_there(owner, Period(event.at, event.at + _MOMENT)):
            raise ValueError(
                f"event {event.event} is on {event.resource}, which was not there then"
            )
    used = _used(service, sorted(events, key=_turn), owners)
    there = sorted(one for one in known if _is_there(one, period))
    inside = [one for one in used if period.contains(one.at)]
    return State(there, inside)


def _reach(service: Service, start: datetime) -> datetime:
    """From when on events decide what is included after `start`."""
    return min([start, *(floor(start, one.per) for one in service.included.values())])


def _is_there(one: Resource, period: Period) -> bool:
    return one.since < period.end and (one.until is None or one.until > period.start)


def _turn(event: Event) -> tuple[datetime, str, str]:
    return event.at, event.resource, event.event


def _used(service: Service, events: list[Event], owners: Mapping[str, Resource]) -> list[Used]:
    left: dict[tuple[str, str, datetime], Decimal] = {}
    limits = {item: (quantity(one.quantity), one.per) for item, one in service.included.items()}
    found = []
    for event in events:
        amount, customer = quantity(event.quantity), owners[event.resource].customer
        share, limit = _NOTHING, limits.get(event.item)
        if limit is not None:
            window = (customer, event.item, floor(event.at, limit[1]))
            rest = left.get(window, limit[0])
            share = min(rest, amount)
            left[window] = EXACT.subtract(rest, share)
        found.append(
            Used(event.event, event.at, customer, event.resource, event.item, amount, share)
        )
    return found


def resource_rows(told: State) -> list[Record]:
    """The rows of `/resources`."""
    return [
        {
            "number": number,
            "resource": one.resource,
            "customer": one.customer,
            "kind": one.kind,
            "name": one.name,
            "since": shown(one.since),
            "until": None if one.until is None else shown(one.until),
        }
        for number, one in enumerate(told.resources, start=1)
    ]


def event_rows(
    service: Service, told: State, customer: str, item: str, resource: str | None
) -> list[Record]:
    """The rows of `/events`: one customer's use of an item, on one resource if so asked."""
    chosen = (
        one
        for one in told.used
        if one.customer == customer and one.item == item and resource in (None, one.resource)
    )
    return [
        {
            "number": number,
            "event": one.event,
            "at": shown(one.at),
            "customer": one.customer,
            "resource": one.resource,
            "item": one.item,
            "unit": service.items[one.item],
            "quantity": plain(one.used),
        }
        for number, one in enumerate(chosen, start=1)
    ]


class _Sum:
    """What adds up to a line."""

    def __init__(self, start: datetime) -> None:
        self.at = start
        self.used = self.included = _NOTHING
        self.events = 0

    def add(self, one: Used) -> None:
        self.at = max(self.at, one.at)
        self.used = EXACT.add(self.used, one.used)
        self.included = EXACT.add(self.included, one.included)
        self.events += 1

    def amounts(self) -> Record:
        billable = EXACT.subtract(self.used, self.included)
        return {
            "used": plain(self.used), "included": plain(self.included), "billable": plain(billable),
        }  # fmt: skip


def line_rows(service: Service, told: State, period: Period) -> list[Record]:
    """The rows of `/report`: every resource's use of every item, and a line over 0 for the idle."""
    owners = {one.resource: one for one in told.resources}
    sums: dict[tuple[str, str, str], _Sum] = {}
    for one in told.used:
        key = (one.customer, one.resource, one.item)
        sums.setdefault(key, _Sum(period.start)).add(one)
    busy = {resource for _, resource, _ in sums}
    for name in owners.keys() - busy:
        item = owners[name].item or next(iter(service.items))
        sums[owners[name].customer, name, item] = _Sum(period.start)
    return [
        {
            "line": number,
            "customer": key[0],
            "resource": key[1],
            "item": key[2],
            "unit": service.items[key[2]],
            "at": shown(sums[key].at),
            **sums[key].amounts(),
            "events": sums[key].events,
        }
        for number, key in enumerate(sorted(sums), start=1)
    ]


def sums_of(service: Service, lines: Iterable[Record]) -> list[Record]:
    """The sums of lines by item, in order of the items' names."""
    names = ("used", "included", "billable")
    found: dict[str, list[Decimal]] = {}
    for line in lines:
        amounts = [Decimal(line[name]) for name in names]
        before = found.get(line["item"], [_NOTHING] * 3)
        found[line["item"]] = list(map(EXACT.add, before, amounts))
    return [
        {"item": item, "unit": service.items[item]}
        | dict(zip(names, map(plain, found[item]), strict=True))
        for item in sorted(found)
    ]


def usage_rows(service: Service, told: State, period: Period, customer: str) -> list[Record]:
    """What a customer has used, line by line; nothing about what was idle."""
    names = ("resource", "item", "unit", "used", "included", "billable")
    return [
        dict(zip(names, operator.itemgetter(*names)(line), strict=True))
        for line in line_rows(service, told, period)
        if line["customer"] == customer and line["events"]
    ]


def chart_points(used: Iterable[Used], period: Period, step: str) -> list[Record]:
    """Use over time: a point for every step, also where nothing was used."""
    sums: dict[datetime, Decimal] = {}
    at = period.start
    while at < period.end:
        sums[at] = _NOTHING
        at = following(at, step)
    for one in used:
        slot = floor(one.at, step)
        sums[slot] = EXACT.add(sums[slot], one.used)
    return [{"at": shown(at), "used": plain(amount)} for at, amount in sums.items()]
