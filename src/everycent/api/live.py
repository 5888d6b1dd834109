"""GET /v1/usage/running, /chart and /reasons: what is used and owed at present, and what is not billed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from everycent.api.service import admitted, in_thread, service_of
from everycent.consumption.slots import By
from everycent.customers import queries as customers
from everycent.db.connection import Tx
from everycent.flows import chart as charts
from everycent.flows import reasons as accounts
from everycent.flows import running as flow
from everycent.integrations import usage_chart
from everycent.kernel.calendar import start_of_day
from everycent.kernel.errors import Invalid
from everycent.kernel.period import parse_instant

_T = TypeVar("_T")
_SCOPE = "usage:read"
_SVG = "image/svg+xml"
_DATE_CHARS = 10


async def get_running(request: Request) -> Response:
    """Current usage and running cost: `customer`, and as wanted `subscription` and `at`."""
    customer = _needed(request, "customer")
    key = request.query_params.get("subscription")
    at = request.query_params.get("at")

    def work(tx: Tx, now: datetime) -> dict[str, Any]:
        found = customers.by_name(tx, customer)
        as_of = now if at is None else _instant(at, found.time_zone, "at")
        if as_of > now:
            raise Invalid("date.in_the_future", f"{at} has not come yet", field="at", value=at)
        held = flow.of_customer(tx, found.customer_id, key)
        return flow.as_data(flow.running(tx, held, as_of, is_now=at is None), found.key)

    return _json(await _read(request, work))


async def get_chart(request: Request) -> Response:
    """Usage by hour, day or month: `subject`, `meter`, `by`, `from`, `to`, and as wanted `dimension` and
    `zone`. A picture for whoever accepts image/svg+xml, numbers for everybody else."""
    subject, meter = _needed(request, "subject"), _needed(request, "meter")
    first, end = _needed(request, "from"), _needed(request, "to")
    by = request.query_params.get("by", By.DAY.value)
    if by not in set(By):
        raise Invalid(
            "chart.unknown_slots",
            f"{by[:40]!r} is no length of a slot",
            field="by",
            value=by,
            hint=f"use {', '.join(By)}",
        )
    dimension = request.query_params.get("dimension") or None
    zone = request.query_params.get("zone")
    wants_picture = _SVG in request.headers.get("accept", "")

    def work(tx: Tx, _: datetime) -> Response:
        clock = zone or charts.zone_of(tx, subject)
        wanted = charts.Wanted(
            subject, meter, By(by), _instant(first, clock, "from"), _instant(end, clock, "to"),
            dimension,
        )  # fmt: skip
        found = charts.chart(tx, wanted, clock)
        if wants_picture:
            return Response(usage_chart.svg(found), media_type=_SVG, headers=_HEADERS)
        return _json(charts.as_data(found))

    return await _read(request, work)


async def get_reasons(request: Request) -> Response:
    """Every record by the reason why it is billed or not."""
    return _json(await _read(request, lambda tx, _: accounts.as_data(accounts.reasons(tx))))


ROUTES = [
    Route("/v1/usage/running", get_running, methods=["GET"]),
    Route("/v1/usage/chart", get_chart, methods=["GET"]),
    Route("/v1/usage/reasons", get_reasons, methods=["GET"]),
]
_HEADERS = {"Cache-Control": "no-store", "Vary": "Accept"}


def _json(data: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(data), media_type="application/json", headers=_HEADERS)


async def _read(request: Request, work: Callable[[Tx, datetime], _T]) -> _T:
    """Does the work in a snapshot of the tenant whose key the request has."""
    service = service_of(request)
    tenant_id = await admitted(request, _SCOPE)

    def reading() -> _T:
        with service.app.database.snapshot(tenant_id) as tx:
            return work(tx, service.app.clock())

    return await in_thread(service, reading)


def _needed(request: Request, name: str) -> str:
    found = request.query_params.get(name, "")
    if not found:
        raise Invalid("request.parameter_missing", f"the parameter {name!r} is missing", field=name)
    return found


def _instant(text: str, zone: str, field: str) -> datetime:
    """An instant, or a local date, which stands for its first moment."""
    if len(text) != _DATE_CHARS:
        return parse_instant(text, field)
    try:
        return start_of_day(date.fromisoformat(text), zone)
    except (ValueError, OverflowError) as error:
        raise Invalid(
            "date.malformed",
            f"{text!r} is not a date",
            field=field,
            value=text,
            hint="write it like 2026-03-01",
        ) from error
