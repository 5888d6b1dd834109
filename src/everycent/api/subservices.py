"""/v1/reports/…: what sub-services say right now. Nothing is written; they are asked while one waits."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, field

from everycent.api.operation import Asked, doing
from everycent.api.parameters import instant
from everycent.api.reports import Quantity
from everycent.api.shapes import Body, Instant, Name, Query, Shown
from everycent.app import reporting
from everycent.flows import ask_services
from everycent.flows.build_report import Desk
from everycent.flows.report_told import behind_data
from everycent.kernel.period import period
from everycent.reports import config as configs


class RawEvent(Shown):
    """One of the events behind a line."""

    number: int
    event: str
    at: str
    customer: str
    resource: str
    item: str
    unit: str
    quantity: Quantity


class EventsBehind(Shown):
    """The events behind lines of a report; they come to what the lines say was used."""

    used: Quantity
    events_come_to: Quantity
    differ: bool
    events: list[RawEvent]


class UsedNow(Shown):
    """What was used of a resource so far."""

    resource: str
    item: str
    unit: str
    used: Quantity
    included: Quantity
    billable: Quantity


class ServiceUsage(Shown):
    """What a customer has used of a sub-service in the month that runs."""

    schema: str
    service: str
    call: str
    customer: str
    at: str
    from_: str = field(name="from")
    usage: list[UsedNow]


class UsageNow(Shown):
    """The same of every sub-service."""

    services: list[ServiceUsage]


class ChartPoint(Shown):
    """What was used in a step of time that begins `at`."""

    at: str
    used: Quantity


class ServiceChart(Shown):
    """Use of an item over time."""

    schema: str
    service: str
    call: str
    item: str
    unit: str
    step: str
    from_: str = field(name="from")
    to: str
    points: list[ChartPoint]


class ServiceResource(Shown):
    """Something that is used, and by whom."""

    number: int
    resource: str
    customer: str
    kind: str
    name: str
    since: str
    until: str | None


class ServiceResources(Shown):
    """Every resource that was there at some time of a period."""

    resources: list[ServiceResource]


class WhichEvents(Body):
    """Behind which lines."""

    service: Name
    customer: Name
    item: Name


class WhoseUsage(Body):
    """Of whom."""

    customer: Name


class WhichChart(Body):
    """Of what, from when to when, and how fine."""

    service: Name
    item: Name
    from_: Instant = field(name="from")
    to: Instant
    step: Literal["hour", "day", "month"] = "day"
    customer: Annotated[Name | None, Meta(description="Only what this one used.")] = None
    resource: Annotated[Name | None, Meta(description="Only what was used of it.")] = None


class WhichResources(Body):
    """Of which sub-service."""

    service: Name


def get_report_events(asked: Asked[Query, WhichEvents]) -> dict[str, Any]:
    """The raw events behind what a report bills a customer for an item, as the sub-service tells them now.
    They have to come to what the report says."""
    wanted = asked.body
    return behind_data(
        ask_services.events(
            _desk(asked), asked.path["period"], wanted.service, wanted.customer, wanted.item
        )
    )


def get_service_usage(asked: Asked[Query, WhoseUsage]) -> dict[str, Any]:
    """What a customer has used in the month that runs, of every sub-service: of all, or not at all."""
    desk = _desk(asked)
    return {"services": ask_services.usage(desk, ask_services.active(desk), asked.body.customer)}


def get_service_chart(asked: Asked[Query, WhichChart]) -> Any:
    """Use of an item of a sub-service over time."""
    wanted, desk = asked.body, _desk(asked)
    narrow = {"customer": wanted.customer, "resource": wanted.resource}
    span = period(instant(wanted.from_, "UTC", "from"), instant(wanted.to, "UTC", "to"))
    return ask_services.chart(
        desk, ask_services.service_of(ask_services.active(desk), wanted.service), wanted.item,
        span, wanted.step, {name: text for name, text in narrow.items() if text},
    )  # fmt: skip


def get_service_resources(asked: Asked[Query, WhichResources]) -> dict[str, Any]:
    """What a sub-service has for customers in a period."""
    desk = _desk(asked)
    config = ask_services.active(desk)
    span = configs.period_of(config, asked.path["period"])
    service = ask_services.service_of(config, asked.body.service)
    return {"resources": ask_services.resources(desk, service, span)}


OPERATIONS = [
    doing("POST", "/v1/reports/usage", "reports:read", get_service_usage, UsageNow, WhoseUsage),
    doing("POST", "/v1/reports/chart", "reports:read", get_service_chart, ServiceChart, WhichChart),
    doing(
        "POST", "/v1/reports/{period}/events", "reports:read", get_report_events, EventsBehind,
        WhichEvents,
    ),
    doing(
        "POST", "/v1/reports/{period}/resources", "reports:read", get_service_resources,
        ServiceResources, WhichResources,
    ),
]  # fmt: skip


def _desk(asked: Asked[Any, Any]) -> Desk:
    return reporting.desk(asked.app, asked.who.tenant_id)
