"""POST /v1/usage: usage records in, and what became of each."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import Any

import msgspec
import psycopg
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from everycent.api import offers
from everycent.api.bodies import body_of
from everycent.api.operation import raw
from everycent.api.service import admitted, admitted_before, digest_of, in_thread, service_of
from everycent.app.usage_spool import Head
from everycent.db.connection import is_away
from everycent.flows.taken import Outcome, Status, Taken
from everycent.kernel.errors import Invalid, Unavailable
from everycent.kernel.period import instant_text
from everycent.metering.record import UsageRecord

_SHOWN_RECORDS = 1000  # of conflicts with both records in full; the others are told without


async def post_usage(request: Request) -> Response:
    """Stores the offered records and answers when they are durable: in the database, or in the spool while
    it is away, if there is one."""
    service = service_of(request)
    spool = service.spool
    is_spooled = spool is not None and service.app.database.is_away
    if not is_spooled:
        try:
            tenant_id = (await admitted(request)).tenant_id
        except Unavailable:
            if spool is None:
                raise
            is_spooled = True
    if is_spooled:
        tenant_id = admitted_before(request).tenant_id
    is_atomic = _flag(request, "atomic")
    headers = offers.headers_of(request.headers.items())

    def offer(body: bytes) -> Future[Taken]:
        meters = service.intake.catalogue(tenant_id).meters
        return service.intake.submit(
            tenant_id, offers.read(headers, body, meters), atomic=is_atomic
        )

    def keep(body: bytes) -> Response:
        assert spool is not None, "asked before"
        count = len(offers.read(headers, body, frozenset()))  # what can't be read at all is refused
        head = Head(
            digest_of(request).hex(), tenant_id, headers, is_atomic, service.app.clock()
        )  # fmt: skip
        told = {"spooled": count, "batch": spool.put(head, body)}
        return Response(msgspec.json.encode(told), 202, media_type="application/json")

    try:
        async with body_of(request, service.budget) as body:
            if is_spooled:
                return await in_thread(service, lambda: keep(body))
            try:
                taking = await in_thread(service, lambda: offer(body))
                if spool is not None:  # the body is needed until it is stored
                    await asyncio.wrap_future(taking)
            except (Unavailable, psycopg.OperationalError) as error:
                if spool is None or not _is_for_spool(error):
                    raise
                return await in_thread(service, lambda: keep(body))
    except ClientDisconnect:
        return Response(status_code=400)  # nobody is there to read it
    taken = await asyncio.wrap_future(taking)
    answer = await in_thread(service, lambda: _answer(taken))
    return Response(answer, media_type="application/json")


OPERATIONS = [raw("POST", "/v1/usage", "usage:write", post_usage, Any)]


def _is_for_spool(error: Exception) -> bool:
    """Whether the database is at fault. Of what it broke off it may have stored all: draining finds out."""
    return is_away(error) or (isinstance(error, Unavailable) and error.code == "usage.not_stored")


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
