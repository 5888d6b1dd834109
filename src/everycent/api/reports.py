"""/v1/reports: what sub-services say was used in a period: complete, or there is none and it is said why.

Reports are frozen, and what invoices are made from.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from everycent.api.operation import Asked, doing, reading
from everycent.api.shapes import (
    Page,
    Paged,
    Query,
    Shown,
)
from everycent.app import reporting
from everycent.db.connection import Tx
from everycent.flows import build_report
from everycent.flows.build_report import Desk
from everycent.flows.report_told import (
    answer_data,
    compared_data,
    line_data,
    outcome_data,
    report_data,
    state_data,
    step_data,
)
from everycent.kernel.errors import Invalid
from everycent.reports import queries

Quantity = Annotated[str, Meta(description="A decimal number as text.", examples=["5400"])]
_MOST_DIGITS = 9


class ReportProblem(Shown):
    """What was wrong with a sub-service; `evidence` is an answer that can be asked for."""

    service: str
    call: str
    trouble: str
    what: str
    page: int | UnsetType = UNSET
    evidence: UUID | UnsetType = UNSET


class ReportSum(Shown):
    """What the lines of an item come to."""

    item: str
    unit: str
    used: Quantity
    included: Quantity
    billable: Quantity


class ReportPart(Shown):
    """What a sub-service gave."""

    service: str
    snapshot: str
    resources: int
    resources_digest: str
    lines: int
    lines_digest: str
    sums: list[ReportSum]


class Report(Shown):
    """What all sub-services of a configuration say was used in a period."""

    period: str
    starts_at: str
    ends_at: str
    configuration: str
    lines: int
    billed: Annotated[int, Meta(description="How many usage records were made of it.")]
    digest: str
    built_at: str
    parts: list[ReportPart]


class ReportState(Shown):
    """Where the pulling of a period stands. Without a report `problems` say what is missing."""

    period: str
    state: Literal["pulling", "refused", "built"]
    configuration: str
    tries: int
    next_at: str | None
    problems: list[ReportProblem]
    changed_at: str
    lines: int | None
    digest: str | None


class WholeReportState(ReportState):
    """The same, with the report where there is one."""

    report: Report | None


class MissingReport(Shown):
    """A period that is over and has no report; `stands` is how far it is, null where nobody has tried."""

    period: str
    stands: ReportState | None


class ReportLine(Shown):
    """What was used of a resource, and the usage that it becomes: `value` of `subject` on `meter`."""

    service: str
    line_no: int
    customer: str
    resource: str
    item: str
    unit: str
    at: str
    at_told: str
    used: Quantity
    included: Quantity
    billable: Quantity
    events: int
    subject: str
    meter: str
    value: Quantity


class ReportStep(Shown):
    """Something that happened on the way to a report; `told` is what the journal has of it."""

    at: str
    event: str
    actor: str
    told: dict[str, Any]


class ReportAnswer(Shown):
    """What a sub-service said, word for word."""

    service: str
    call: str
    status: int | None
    at: str
    raw: str


class BuiltReport(Shown):
    """What came of building: `built`, `there` (it was built before), `refused` with the problems, or
    `elsewhere` (somebody else pulls it now)."""

    period: str
    outcome: Literal["built", "there", "refused", "elsewhere"]
    problems: list[ReportProblem]
    report: Report | UnsetType = UNSET


class ToldLine(Shown):
    """A line as a sub-service tells it."""

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


class ChangedLine(Shown):
    """What is said of an item of a resource: in the report, and now. Null where it has no line."""

    service: str
    customer: str
    resource: str
    item: str
    then: ToldLine | None
    now: ToldLine | None


class ComparedReport(Shown):
    """What a report is like when it is pulled again: the sub-services that say something else now."""

    name: str
    digest: str
    differing: list[str]
    problems: list[ReportProblem]
    lines: Annotated[list[ChangedLine], Meta(description="The lines that are not as they were.")]


class LinesWanted(Paged):
    """Which lines are wanted."""

    customer: str | None = None


def list_reports(tx: Tx, asked: Asked[Paged, None]) -> Page[dict[str, Any]]:
    """Periods, the newest first, with where each stands."""
    wanted = asked.query
    found = queries.states(tx, limit=wanted.size + 1, before=wanted.after)
    return asked.page(
        [state_data(one, queries.find(tx, one.name)) for one in found],
        lambda last: str(last["period"]),
    )


def list_missing_reports(tx: Tx, asked: Asked[Paged, None]) -> Page[dict[str, Any]]:
    """The periods that are over and have no report, the oldest first, and why. What is billed from them
    waits."""
    found = queries.unbuilt(tx, queries.active(tx), asked.now)
    stand = {one.name: one for one in queries.states(tx, limit=100_000)} if found else {}
    return asked.part(
        [
            {"period": name, "stands": state_data(stand[name], None) if name in stand else None}
            for name in found
        ],
        lambda last: str(last["period"]),
    )


def get_report(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """Where a period stands, and its report where there is one."""
    name = asked.path["period"]
    state, found = queries.state(tx, name), queries.find(tx, name)
    return state_data(state, found) | {"report": None if found is None else report_data(found)}


def list_report_lines(tx: Tx, asked: Asked[LinesWanted, None]) -> Page[dict[str, Any]]:
    """The lines of a report, by sub-service and number, and the usage that they became."""
    wanted, name = asked.query, asked.path["period"]
    queries.get(tx, name)
    found = queries.lines(tx, name, wanted.customer, wanted.size + 1, after=_after(wanted.after))
    return asked.page(
        [line_data(row) for row in found], lambda last: f"{last['service']}:{last['line_no']}"
    )


def list_report_steps(tx: Tx, asked: Asked[Paged, None]) -> Page[dict[str, Any]]:
    """Everything that happened on the way to a report, the oldest first; why every attempt failed."""
    found = [step_data(step) for step in queries.trail(tx, asked.path["period"])]
    return asked.part(found)


def get_report_answer(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """An answer of a sub-service that could not be believed, word for word."""
    return answer_data(queries.answer(tx, _answer_id(asked.path["answer"])))


def build_report_now(asked: Asked[Query, None]) -> dict[str, Any]:
    """Pulls the report of a period from every sub-service, if there is none. All of them have to answer as
    a whole, or there is no report. It is answered when it is through, as long as that takes: up to the
    deadline of the configuration."""
    desk, name = _desk(asked), asked.path["period"]
    outcome = build_report.build(desk, name)
    with asked.app.database.snapshot(asked.who.tenant_id) as tx:
        return outcome_data(outcome, queries.find(tx, name))


def compare_report(asked: Asked[Query, None]) -> dict[str, Any]:
    """Pulls a report again, and says what differs now. The report stays as it is; what was found is written
    down."""
    return compared_data(build_report.compare(_desk(asked), asked.path["period"]))


OPERATIONS = [
    reading("/v1/reports", "reports:read", list_reports, Page[ReportState], Paged),
    reading("/v1/reports/missing", "reports:read", list_missing_reports, Page[MissingReport], Paged),
    reading("/v1/reports/answers/{answer}", "reports:read", get_report_answer, ReportAnswer),
    reading("/v1/reports/{period}", "reports:read", get_report, WholeReportState),
    reading(
        "/v1/reports/{period}/lines", "reports:read", list_report_lines, Page[ReportLine],
        LinesWanted,
    ),
    reading("/v1/reports/{period}/trail", "reports:read", list_report_steps, Page[ReportStep], Paged),
    doing("POST", "/v1/reports/{period}/build", "reports:write", build_report_now, BuiltReport),
    doing("POST", "/v1/reports/{period}/compare", "reports:write", compare_report, ComparedReport),
]  # fmt: skip


def _desk(asked: Asked[Any, Any]) -> Desk:
    return reporting.desk(asked.app, asked.who.tenant_id)._replace(actor=asked.who.actor)


def _after(text: str | None) -> tuple[str, int]:
    if text is None:
        return "", 0
    service, _, number = text.rpartition(":")
    if number.isascii() and number.isdecimal() and len(number) <= _MOST_DIGITS:
        return service, int(number)
    raise Invalid(
        "request.bad_parameter", "after is a sub-service and a line, such as compute:12",
        field="after", value=text, hint="follow `next` of the page before",
    )  # fmt: skip


def _answer_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid(
            "id.malformed",
            f"{text[:60]!r} is not the id of an answer",
            field="answer",
            value=text,
            hint="the problems of a report name the answers",
        ) from None
