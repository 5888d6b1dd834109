"""GET /v1/usage/…: what is used and owed at present, what is watched, and what is not billed.

All of them only read, and need a key with the scope `usage:read`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from everycent.api.operation import raw
from everycent.api.parameters import (
    choice,
    flag,
    instant,
    name_of,
    name_or_none,
    needed,
    parameters,
    span,
    zone_or_none,
)
from everycent.api.reading import HEADERS, json_response, read
from everycent.consumption.slots import By
from everycent.customers import queries as customers
from everycent.db.connection import Tx
from everycent.flows import chart as charts
from everycent.flows import gaps as gap_flow
from everycent.flows import outstanding as flow
from everycent.flows import reasons as accounts
from everycent.flows import totals as total_flow
from everycent.flows import watch
from everycent.integrations import usage_chart
from everycent.kernel.errors import Invalid
from everycent.watching import queries as watching

_SCOPE = "usage:read"
_SVG = "image/svg+xml"


async def get_running(request: Request) -> Response:
    """Current usage and running cost: `customer`, and as wanted `subscription` and `at`."""
    told = parameters(request, "customer", "subscription", "at")
    customer, key = name_of(told, "customer"), name_or_none(told, "subscription")
    at = told.get("at")

    def work(tx: Tx, now: datetime) -> dict[str, Any]:
        found = customers.by_name(tx, customer)
        as_of = now if at is None else instant(at, found.time_zone, "at")
        if as_of > now:
            raise Invalid("date.in_the_future", f"{at} has not come yet", field="at", value=at)
        answer = flow.of_customer(tx, found, as_of, key=key, is_now=at is None)
        return flow.as_data(answer, found.key, flow.unseen_in(tx, answer))

    return json_response(await read(request, work))


async def get_chart(request: Request) -> Response:
    """Usage by hour, day or month: `subject`, `meter`, `by`, `from`, `to`, and as wanted `dimension` and
    `zone`. A picture for whoever accepts image/svg+xml, numbers for everybody else."""
    told = parameters(request, "subject", "meter", "from", "to", "by", "dimension", "zone")
    subject, meter = name_of(told, "subject"), name_of(told, "meter")
    first, end = needed(told, "from"), needed(told, "to")
    by = By(choice(told, "by", tuple(By), By.DAY))
    dimension, zone = name_or_none(told, "dimension"), zone_or_none(told)
    wants_picture = _SVG in request.headers.get("accept", "")

    def work(tx: Tx, _: datetime) -> Response:
        clock = zone or charts.zone_of(tx, subject)
        wanted = charts.Wanted(
            subject, meter, by, instant(first, clock, "from"), instant(end, clock, "to"), dimension
        )
        found = charts.chart(tx, wanted, clock)
        if wants_picture:
            return Response(usage_chart.svg(found.chart), media_type=_SVG, headers=HEADERS)
        return json_response(charts.as_data(found))

    return await read(request, work)


async def get_totals(request: Request) -> Response:
    """What was used from `from` to `to` by meter: of all, or of the `subject` and `meter` that are named;
    or what both name by the values of `dimension`. Days begin on the clock of `zone`."""
    told = parameters(request, "from", "to", "zone", "meter", "subject", "dimension")
    clock = zone_or_none(told) or "UTC"
    asked = span(told, clock)
    meter, subject = name_or_none(told, "meter"), name_or_none(told, "subject")
    dimension = name_or_none(told, "dimension")
    total_flow.check_named(subject, meter, dimension)

    def work(tx: Tx, _: datetime) -> dict[str, Any]:
        if subject is not None and meter is not None and dimension is not None:
            return total_flow.split_data(
                total_flow.by_dimension(tx, subject, meter, asked, dimension)
            )
        rows = total_flow.of_named(tx, asked, subject, meter)
        return total_flow.summed_data(total_flow.summed(tx, rows, subject, meter))

    return json_response(await read(request, work))


async def get_gaps(request: Request) -> Response:
    """The gaps that are open, as `usage watch` or `usage gaps` noticed them; with `all` closed ones too."""
    with_closed = flag(parameters(request, "all"), "all")

    def work(tx: Tx, _: datetime) -> dict[str, Any]:
        return gap_flow.as_data(watching.gaps(tx, only_open=not with_closed))

    return json_response(await read(request, work))


async def get_thresholds(request: Request) -> Response:
    """What is watched, and when it was crossed, the newest crossings first."""
    parameters(request)
    return json_response(await read(request, lambda tx, _: watch.as_data(watch.listed(tx))))


async def get_reasons(request: Request) -> Response:
    """Every record by the reason why it is billed or not."""
    parameters(request)
    return json_response(await read(request, lambda tx, _: accounts.as_data(accounts.reasons(tx))))


OPERATIONS = [
    raw("GET", "/v1/usage/running", _SCOPE, get_running, Any),
    raw("GET", "/v1/usage/chart", _SCOPE, get_chart, Any),
    raw("GET", "/v1/usage/totals", _SCOPE, get_totals, Any),
    raw("GET", "/v1/usage/gaps", _SCOPE, get_gaps, Any),
    raw("GET", "/v1/usage/thresholds", _SCOPE, get_thresholds, Any),
    raw("GET", "/v1/usage/reasons", _SCOPE, get_reasons, Any),
]
