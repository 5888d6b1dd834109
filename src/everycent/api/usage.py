"""POST /v1/usage: usage records in, and what became of each."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import Annotated, Any

import msgspec
import psycopg
from msgspec import Meta
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from everycent.api import offers
from everycent.api.admitting import admitted, admitted_before, digest_of
from everycent.api.bodies import body_of
from everycent.api.operation import raw
from everycent.api.parameters import flag, parameters
from everycent.api.service import in_thread, service_of
from everycent.api.shapes import Query, Shown
from everycent.app.usage_spool import Head
from everycent.db.connection import is_away
from everycent.flows.taken import Outcome, Status, Taken
from everycent.kernel.errors import Unavailable
from everycent.kernel.period import instant_text
from everycent.metering.record import UsageRecord
from everycent.metering.wire import MAX_RECORDS, Form

_SHOWN_RECORDS = 1000  # of conflicts with both records in full; the others are told without


_Value = Annotated[
    Any,
    Meta(
        description="A decimal number, in quotes or not: it is read as it is written.",
        examples=["12.5"],
        extra_json_schema={"anyOf": [{"type": "string"}, {"type": "number"}]},
    ),
]
_Dimension = Annotated[
    Any,
    Meta(
        extra_json_schema={
            "anyOf": [{"type": name} for name in ("string", "number", "boolean", "null")]
        }
    ),
]
_Dimensions = Annotated[
    dict[str, _Dimension],
    Meta(description="What the use is told apart by; `null` and an empty text are none."),
]
_Named = Annotated[str, Meta(min_length=1, max_length=200)]
_At = Annotated[str, Meta(max_length=40, examples=["2026-03-01T12:00:00Z"])]


class Atomic(Query):
    """How the records are taken."""

    atomic: Annotated[bool, Meta(description="All of them are stored or none.")] = False


class OfferedRecord(Shown, kw_only=True):
    """Somebody's use of something, once for ever: `id` is unique within `source`."""

    id: _Named
    source: _Named
    subject: Annotated[_Named, Meta(description="Whose use it is.")]
    meter: _Named
    at: Annotated[_At, Meta(description="When it was (RFC 3339, with an offset).")]
    value: _Value
    dimensions: _Dimensions = msgspec.field(default_factory=dict)


class OfferedData(msgspec.Struct, kw_only=True):
    """The data of an event; further members are dimensions."""

    value: _Value = 1
    dimensions: _Dimensions = msgspec.field(default_factory=dict)


class OfferedEvent(msgspec.Struct, kw_only=True):
    """A CloudEvent 1.0. Extension attributes are not looked at."""

    specversion: Annotated[str, Meta(pattern=r"^1\.0$")]
    id: _Named
    source: _Named
    subject: Annotated[_Named, Meta(description="Whose use it is.")]
    type: Annotated[_Named, Meta(description="The meter.")]
    time: Annotated[_At, Meta(description="When it was (RFC 3339, with an offset).")]
    data: OfferedData | None = None


_Records = OfferedRecord | Annotated[list[OfferedRecord], Meta(max_length=MAX_RECORDS)]
_Events = Annotated[list[OfferedEvent], Meta(max_length=MAX_RECORDS)]


class StoredRecord(Shown):
    """A record in the plain form."""

    id: str
    source: str
    subject: str
    meter: str
    at: str
    value: str
    dimensions: dict[str, str]


class OfferedResult(Shown):
    """What became of a record that was not accepted, by its position in the request."""

    position: int
    status: Annotated[str, Meta(pattern="^(duplicate|conflict|rejected)$")]
    id: str | None = None
    code: str | None = None
    message: str | None = None
    field: str | None = None
    value: str | None = None
    hint: str | None = None
    offered: Annotated[StoredRecord | None, Meta(description="Of a conflict.")] = None
    stored: Annotated[StoredRecord | None, Meta(description="Of a conflict.")] = None


class TakenIn(Shown):
    """What became of the records: all but the accepted ones are told in `results`."""

    accepted: int
    duplicates: int
    conflicts: int
    rejected: int
    results: list[OfferedResult]


class Spooled(Shown):
    """The database is away: so many records are durable on the server's disk, and are taken in when it is
    back. Those that can't be are told to the operator, not to whoever sent them."""

    spooled: int
    batch: str


async def post_usage(request: Request) -> Response:
    """Stores usage records and answers when they are durable: in the database, or in the spool while it is
    away, if there is one. A record that was sent before is a duplicate, and does no harm. Records are plain
    JSON, one or an array, or a line each; or CloudEvents 1.0 in structured, batched or binary mode (with
    headers `ce-…`, the body is the event's data)."""
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
    is_atomic = flag(parameters(request, "atomic"), "atomic")
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


OPERATIONS = [
    raw(
        "POST", "/v1/usage", "usage:write", post_usage, TakenIn, query=Atomic, body=_Records,
        bodies={Form.LINES.value: None, Form.EVENT.value: OfferedEvent, Form.EVENTS.value: _Events},
        others={202: Spooled},
    )
]  # fmt: skip


def _is_for_spool(error: Exception) -> bool:
    """Whether the database is at fault. Of what it broke off it may have stored all: draining finds out."""
    return is_away(error) or (isinstance(error, Unavailable) and error.code == "usage.not_stored")


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
