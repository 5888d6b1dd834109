"""/v1/erp: where documents stand on their way into the ERP, what it said, and one handed over anew.

To read needs a key with the scope `erp:read`, to hand over anew one with `erp:write`. The ERP is the one of
the instance's `erp.yaml`.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from everycent.api.operation import raw
from everycent.api.parameters import Parameters, choice, parameters, whole
from everycent.api.reading import json_response, read
from everycent.api.service import admitted, in_thread, service_of
from everycent.api.told import reason_of
from everycent.app import erps
from everycent.db.connection import Tx
from everycent.erp import operations, queries
from everycent.erp.handed import Status
from everycent.erp.operations import Writer
from everycent.erp.queries import Standing
from everycent.flows.erp_told import answer_data, batch_data, document_data, step_data
from everycent.invoicing import queries as invoicing
from everycent.invoicing.invoice import name_of
from everycent.kernel.errors import Invalid

_READ, _WRITE = "erp:read", "erp:write"
_USUAL, _MOST = 100, 500
_MOST_BATCHES = 2**31 - 1
_ACTOR = "http"
_PLACE = re.compile(r"([0-9]{1,9})\.([0-9]{1,9})", re.ASCII)


async def get_documents(request: Request) -> Response:
    """Documents in order of their batches: a page of `size`, of those `after` a place; in a `state`."""
    told = parameters(request, "state", "size", "after")
    size = whole(told, "size", _USUAL, 1, _MOST)
    after = _after(told)
    state = choice(told, "state", tuple(Status), "") if "state" in told else None

    def work(tx: Tx, _: datetime) -> dict[str, Any]:
        erp = _erp(request)
        found = queries.listed(tx, erp, status=state, after=after, limit=size + 1)
        last = f"{found[size - 1].batch_no}.{found[size - 1].place}" if len(found) > size else None
        kept = {} if state is None else {"state": state}
        return {
            "erp": erp,
            "documents": [document_data(one) for one in found[:size]],
            "next": _next(request, last, {"size": size} | kept),
        }

    return json_response(await read(request, work))


async def get_document(request: Request) -> Response:
    """One document with its trail: everything that happened on its way, the oldest first."""
    parameters(request)
    name = request.path_params["document"]

    def work(tx: Tx, _: datetime) -> dict[str, Any]:
        erp = _erp(request)
        found = _standing(tx, erp, name)
        trail = [step_data(step) for step in queries.trail(tx, found)]
        return document_data(found) | {"erp": erp, "trail": trail}

    return json_response(await read(request, work))


async def get_batches(request: Request) -> Response:
    """Batches, the newest first: a page of `size`, of those `after` (below) a number."""
    told = parameters(request, "size", "after")
    size = whole(told, "size", _USUAL, 1, _MOST)
    before = whole(told, "after", 1, 1, _MOST_BATCHES) if "after" in told else None

    def work(tx: Tx, _: datetime) -> dict[str, Any]:
        erp = _erp(request)
        found = queries.batches(tx, erp, size + 1, before=before)
        last = found[size - 1].number if len(found) > size else None
        return {
            "erp": erp,
            "batches": [batch_data(one) for one in found[:size]],
            "next": _next(request, last, {"size": size}),
        }

    return json_response(await read(request, work))


async def get_answer(request: Request) -> Response:
    """What the ERP said, word for word."""
    parameters(request)
    told = request.path_params["answer"]

    def work(tx: Tx, _: datetime) -> dict[str, Any]:
        answer_id = _answer_id(told)
        return {"answer": str(answer_id)} | answer_data(queries.answer(tx, answer_id))

    return json_response(await read(request, work))


async def requeue_document(request: Request) -> Response:
    """Hands a document over anew, which the ERP has refused or which was tried too often. Twice is once:
    what is on its way again is refused with `erp.not_stuck`."""
    tenant_id = (await admitted(request)).tenant_id
    parameters(request)
    name = request.path_params["document"]
    try:
        reason = await reason_of(request)
    except ClientDisconnect:
        return Response(status_code=400)  # nobody is there to read it
    service = service_of(request)
    app = service.app

    def work() -> dict[str, Any]:
        erp = _erp(request)
        with app.database.transaction(tenant_id) as tx:
            found = _standing(tx, erp, name)
            writer = Writer(erp, app.clock(), _ACTOR, app.ids)
            operations.requeue(tx, writer, found.document_id, found.reference, reason)
            return document_data(_standing(tx, erp, name)) | {"erp": erp}

    return json_response(await in_thread(service, work))


def _erp(request: Request) -> str:
    return erps.name(service_of(request).app.settings)


def _standing(tx: Tx, erp: str, name: str) -> Standing:
    row = invoicing.document(tx, name)
    return queries.of_document(tx, erp, row.invoice_id, name_of(row.series, row.number))


def _answer_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid(
            "id.malformed",
            f"{text[:60]!r} is not the id of an answer",
            field="answer",
            value=text,
            hint="a document's trail names the answers",
        ) from None


def _after(told: Parameters) -> tuple[int, int]:
    text = told.get("after", "0.0")
    match = _PLACE.fullmatch(text)
    if match is None:
        raise Invalid(
            "request.bad_parameter",
            "after is a batch and a place in it, such as 7.12",
            field="after",
            value=text,
            hint="follow `next` of the page before",
        )
    return int(match[1]), int(match[2])


def _next(request: Request, last: object | None, kept: dict[str, Any]) -> str | None:
    if last is None:
        return None
    return f"{request.url.path}?{urlencode(kept | {'after': last})}"


OPERATIONS = [
    raw("GET", "/v1/erp/documents", _READ, get_documents, Any),
    raw("GET", "/v1/erp/documents/{document}", _READ, get_document, Any),
    raw("POST", "/v1/erp/documents/{document}/requeue", _WRITE, requeue_document, Any),
    raw("GET", "/v1/erp/batches", _READ, get_batches, Any),
    raw("GET", "/v1/erp/answers/{answer}", _READ, get_answer, Any),
]
