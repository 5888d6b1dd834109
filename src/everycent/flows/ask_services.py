"""Ask sub-services: what is used now, over time, and the raw events behind a bill. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from functools import reduce
from typing import Any, NamedTuple

from everycent.flows.build_report import SECOND, Desk, gathered
from everycent.kernel.errors import NotFound, Unavailable
from everycent.kernel.money import EXACT
from everycent.kernel.near import meant
from everycent.kernel.period import Period, instant_text
from everycent.kernel.quantity import plain
from everycent.reports import judge, queries
from everycent.reports.config import Config, Service
from everycent.reports.contract import Call, ChartAnswer, RawEvent, Resource, UsageAnswer
from everycent.reports.judge import Gathering, WrongError


class Behind(NamedTuple):
    """The events behind lines of a report, what the lines say was used, and what the events come to."""

    events: list[RawEvent]
    told: str
    found: str


def active(desk: Desk) -> Config:
    """The configuration that holds. Raises NotFound `config.none_active`."""
    with desk.database.snapshot(desk.tenant_id) as tx:
        return queries.active(tx)


def service_of(config: Config, name: str) -> Service:
    """A sub-service by its name. Raises NotFound `report.unknown_service`."""
    for one in config.services:
        if one.name == name:
            return one
    names = [one.name for one in config.services]
    raise NotFound(
        "report.unknown_service", f"{config.name} has no sub-service {name!r}", field="service",
        value=name, hint=meant(name, names) or f"there are {', '.join(names)}",
    )  # fmt: skip


def usage(desk: Desk, config: Config, customer: str) -> list[UsageAnswer]:
    """What a customer has used in the month that runs, of every sub-service. Raises Unavailable
    `report.no_answer_now`: it is told of all or not at all."""
    return [_one(desk, service, Call.USAGE, {"customer": customer}) for service in config.services]


def chart(
    desk: Desk, service: Service, item: str, period: Period, step: str, narrow: Mapping[str, str]
) -> ChartAnswer:
    """Use of an item over time; `narrow` to a customer or resource. Raises Unavailable
    `report.no_answer_now`."""
    asked = {
        "item": item, "from": instant_text(period.start), "to": instant_text(period.end),
        "step": step, **narrow,
    }  # fmt: skip
    found: ChartAnswer = _one(desk, service, Call.CHART, asked)
    return found


def resources(desk: Desk, service: Service, period: Period) -> list[Resource]:
    """Every resource that was there at some time of a period. Raises Unavailable
    `report.no_answer_now`."""
    found: list[Resource] = _all(desk, service, Call.RESOURCES, period, {})
    return found


def events(desk: Desk, name: str, service_name: str, customer: str, item: str) -> Behind:
    """The events behind what a report bills a customer for an item, and what both come to: something else
    than its lines where the sub-service says otherwise by now. Raises NotFound `report.not_built`,
    `report.no_such_line`, Unavailable `report.no_answer_now`."""
    with desk.database.snapshot(desk.tenant_id) as tx:
        found = queries.get(tx, name)
        config = queries.config(tx, found.config)
        rows = queries.lines(tx, name, customer, 1_000_000)
    service = service_of(config, service_name)
    own = [row for row in rows if row.service == service_name and row.item == item]
    if not own:
        raise NotFound(
            "report.no_such_line",
            f"the report of {name} says nothing of {item} of {customer} by {service_name}",
            field="item", value=item, hint=f"everycent report show {name} --customer {customer}",
        )  # fmt: skip
    told = _sum(row.used for row in own)
    asked = {"customer": customer, "item": item}
    behind: list[RawEvent] = _all(desk, service, Call.EVENTS, found.period, asked)
    try:
        counted = next(one for one in service.items if one.item == item)
        judge.check_events(behind, found.period, customer, counted)
    except WrongError as error:
        raise _unanswered(service, error) from None
    return Behind(behind, plain(told), plain(_sum(one.quantity for one in behind)))


def _sum(quantities: Iterable[str]) -> Decimal:
    return reduce(EXACT.add, map(Decimal, quantities), Decimal(0))


def _all(
    desk: Desk, service: Service, call: Call, period: Period, more: Mapping[str, str]
) -> list[Any]:
    gathering = Gathering(service.name, call, period, more)
    there = desk.reached(service)
    until = desk.monotonic() + service.deadline * SECOND
    try:
        whole, _ = gathered(desk, there, gathering, call, until)
        if call is Call.RESOURCES:
            judge.check_resources(whole.rows, period)
    except WrongError as error:
        raise _unanswered(service, error) from None
    return whole.rows


def _one(desk: Desk, service: Service, call: Call, asked: Mapping[str, str]) -> Any:
    reply = desk.reached(service).get(call, asked, timedelta(seconds=service.deadline))
    try:
        answer = judge.read(reply, service.name, call)
        judge.check_answer(answer, asked)
    except WrongError as error:
        raise _unanswered(service, error) from None
    return answer


def _unanswered(service: Service, error: WrongError) -> Unavailable:
    return Unavailable(
        "report.no_answer_now", f"{service.name}: {error.trouble}, {error.what}", field="service",
        value=service.name, hint="nothing was changed; ask again when it is right",
    )  # fmt: skip
