"""Questions over HTTP: a snapshot of the tenant whose key asks, and the answer as JSON."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from everycent.api.service import admitted, in_reading_thread, service_of
from everycent.db.connection import Tx

_T = TypeVar("_T")
HEADERS = {"Cache-Control": "no-store", "Vary": "Accept"}


def json_response(data: dict[str, Any]) -> Response:
    """The answer, which is not to be kept."""
    return Response(msgspec.json.encode(data), media_type="application/json", headers=HEADERS)


async def read(request: Request, work: Callable[[Tx, datetime], _T]) -> _T:
    """Does the work in a snapshot of the tenant that whoever asks was let into."""
    service = service_of(request)
    tenant_id = (await admitted(request)).tenant_id

    def reading() -> _T:
        with service.app.database.snapshot(tenant_id) as tx:
            tx.give_up_after(service.app.settings.read_seconds)
            return work(tx, service.app.clock())

    return await in_reading_thread(service, reading)
