"""Contract `everycent-accounting/1`: what a sub-service is asked, and the shapes of what it answers.

docs/sub-services.md says what each field means; what an answer says beyond its shape is looked at in
`judge`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Literal

import msgspec

from everycent.kernel.strict_json import Strict

SCHEMA = "everycent-accounting/1"
_ENCODER = msgspec.json.Encoder()


class Call(StrEnum):
    """What can be asked."""

    RESOURCES = "resources"
    REPORT = "report"
    EVENTS = "events"
    USAGE = "usage"
    CHART = "chart"


class Resource(Strict, frozen=True):
    """Something that is used, and by whom; `until` is when it ceased to be."""

    number: int
    resource: str
    customer: str
    kind: str
    name: str
    since: str
    until: str | None


class Line(Strict, frozen=True):
    """What was used of a resource in a period. `billable` is what is left of `used` without `included`."""

    line: int
    customer: str
    resource: str
    item: str
    unit: str
    at: str
    used: str
    included: str
    billable: str
    events: int


class RawEvent(Strict, frozen=True):
    """One of the events behind a line."""

    number: int
    event: str
    at: str
    customer: str
    resource: str
    item: str
    unit: str
    quantity: str


class Sum(Strict, frozen=True):
    """What the lines of an item come to."""

    item: str
    unit: str
    used: str
    included: str
    billable: str


class Trailer(Strict, frozen=True):
    """What a whole answer comes to, on its last page."""

    rows: int
    sums: list[Sum]
    digest: str


class _Page(Strict, frozen=True, kw_only=True):
    schema: Literal["everycent-accounting/1"]
    service: str
    call: str
    snapshot: str
    page: int
    next: str | None
    trailer: Trailer | None = None


class ResourcesPage(_Page, frozen=True, kw_only=True, rename={"from_": "from"}):
    """A page of resources."""

    from_: str
    to: str
    resources: list[Resource]


class ReportPage(_Page, frozen=True, kw_only=True, rename={"from_": "from"}):
    """A page of lines."""

    from_: str
    to: str
    lines: list[Line]


class EventsPage(_Page, frozen=True, kw_only=True, rename={"from_": "from"}):
    """A page of events."""

    from_: str
    to: str
    events: list[RawEvent]


class Used(Strict, frozen=True):
    """What was used of a resource so far."""

    resource: str
    item: str
    unit: str
    used: str
    included: str
    billable: str


class UsageAnswer(Strict, frozen=True, rename={"from_": "from"}):
    """What a customer has used in the month that runs."""

    schema: Literal["everycent-accounting/1"]
    service: str
    call: Literal["usage"]
    customer: str
    at: str
    from_: str
    usage: list[Used]


class Point(Strict, frozen=True):
    """What was used in a step of time that begins `at`."""

    at: str
    used: str


class ChartAnswer(Strict, frozen=True, rename={"from_": "from"}):
    """Use over time."""

    schema: Literal["everycent-accounting/1"]
    service: str
    call: Literal["chart"]
    item: str
    unit: str
    step: str
    from_: str
    to: str
    points: list[Point]


Page = ResourcesPage | ReportPage | EventsPage
Row = Resource | Line | RawEvent
SHAPES: Mapping[Call, Any] = {
    Call.RESOURCES: ResourcesPage,
    Call.REPORT: ReportPage,
    Call.EVENTS: EventsPage,
    Call.USAGE: UsageAnswer,
    Call.CHART: ChartAnswer,
}


def json_schema() -> dict[str, Any]:
    """The JSON Schema of every answer, by call."""
    shapes, parts = msgspec.json.schema_components(
        list(SHAPES.values()), ref_template="#/$defs/{name}"
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": SCHEMA,
        "answers": {call.value: shape for call, shape in zip(SHAPES, shapes, strict=True)},
        "$defs": parts,
    }


def digest_of(rows: Iterable[Row]) -> str:
    """The digest of rows: SHA-256 over each as JSON in the order of its fields, and a line feed."""
    state = hashlib.sha256()
    for row in rows:
        state.update(_ENCODER.encode(row))
        state.update(b"\n")
    return state.hexdigest()
