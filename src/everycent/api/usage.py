"""POST /v1/usage: usage records in, and what became of each."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import Any
from urllib.parse import unquote

import msgspec
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from everycent.api.bodies import body_of
from everycent.api.service import Service, admitted, in_thread, service_of
from everycent.flows.taken import Outcome, Status, Taken
from everycent.kernel.errors import Invalid
from everycent.kernel.period import instant_text
from everycent.metering import wire
from everycent.metering.record import UsageRecord
from everycent.metering.wire import Form

_PREFIX = "ce-"
_SHOWN_RECORDS = 1000  # of conflicts with both records in full; the others are told without


async def post_usage(request: Request) -> Response:
    """Stores the offered records and answers when they are durable."""
    service = service_of(request)
    tenant_id = await admitted(request, "usage:write")
    is_atomic = _flag(request, "atomic")
    form = _form(request.headers)
    try:
        async with body_of(request, service.budget) as body:
            taking = await in_thread(
                service,
                lambda: _offer(
                    service, tenant_id, form, request.headers, body, is_atomic=is_atomic
                ),
            )
    except ClientDisconnect:
        return Response(status_code=400)  # nobody is there to read it
    taken = await asyncio.wrap_future(taking)
    answer = await in_thread(service, lambda: _answer(taken))
    return Response(answer, media_type="application/json")


ROUTES = [Route("/v1/usage", post_usage, methods=["POST"])]


def _offer(
    service: Service,
    tenant_id: int,
    form: Form | None,
    headers: Headers,
    body: bytes,
    *,
    is_atomic: bool,
) -> Future[Taken]:
    meters = service.intake.catalogue(tenant_id).meters
    if form is None:
        offered = wire.read_binary(_attributes(headers), body, meters)
    else:
        offered = wire.read(form, body, meters)
    return service.intake.submit(tenant_id, offered, atomic=is_atomic)


def _form(headers: Headers) -> Form | None:
    """How the records lie in the body; None for a CloudEvent in binary mode."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if f"{_PREFIX}specversion" in headers and not kind.startswith("application/cloudevents"):
        return None
    try:
        return Form(kind)
    except ValueError:
        raise Invalid(
            "request.unsupported_type",
            f"the content type {kind[:60]!r} is not read",
            field="content-type",
            value=kind,
            hint="send one of " + ", ".join(Form),
        ) from None


def _attributes(headers: Headers) -> dict[str, str]:
    """The attributes of an event in binary mode, whose headers are percent-encoded."""
    told: dict[str, str] = {}
    for name, value in headers.items():
        if name.startswith(_PREFIX):
            if name.removeprefix(_PREFIX) in told:
                raise Invalid(
                    "usage.key_twice",
                    f"the header {name[:60]!r} stands there twice",
                    field=name[:60],
                    hint="tell each attribute once",
                )
            told[name.removeprefix(_PREFIX)] = unquote(value)
    if "content-type" in headers:
        told["datacontenttype"] = headers["content-type"]
    return told


def _flag(request: Request, name: str) -> bool:
    told = request.query_params.get(name, "false")
    if told not in ("true", "false"):
        raise Invalid("request.bad_parameter", f"{name} is true or false", field=name, value=told)
    return told == "true"


def _answer(taken: Taken) -> bytes:
    results = []
    shown = 0
    for outcome in taken.others:
        is_conflict = outcome.status is Status.CONFLICT
        shown += is_conflict
        results.append(_result(outcome, with_records=is_conflict and shown <= _SHOWN_RECORDS))
    return msgspec.json.encode(
        {
            "accepted": taken.accepted,
            "duplicates": taken.count(Status.DUPLICATE),
            "conflicts": taken.count(Status.CONFLICT),
            "rejected": taken.count(Status.REJECTED),
            "results": results,
        }
    )


def _result(outcome: Outcome, *, with_records: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"position": outcome.position, "status": outcome.status}
    if outcome.record_id is not None:
        told["id"] = outcome.record_id[:200]
    if outcome.refusal is not None:
        told |= outcome.refusal.as_dict()
    if with_records:
        told["offered"] = _plain(outcome.offered)
        told["stored"] = _plain(outcome.stored)
    return told


def _plain(record: UsageRecord | None) -> dict[str, Any] | None:
    """A record in the plain form, in which it can be sent."""
    if record is None:
        return None
    return {
        "id": record.record_id,
        "source": record.source,
        "subject": record.subject,
        "meter": record.meter,
        "at": instant_text(record.at),
        "value": record.value,
        "dimensions": msgspec.Raw(record.dimensions.encode()),
    }
