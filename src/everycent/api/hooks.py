"""POST /hooks/{tenant}/{provider}: what payment providers tell of their own accord.

There is no key: the signature is the provider's proof, and it is looked at before a byte of the body is
believed.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from everycent.api.bodies import body_of
from everycent.api.operation import Open, raw
from everycent.api.service import in_thread, service_of
from everycent.app import collecting
from everycent.flows.collect import listen
from everycent.kernel.errors import Invalid
from everycent.tenants import queries as tenants

_MOST_BYTES = 1_048_576


async def post_notice(request: Request) -> Response:
    """Takes in what a provider tells, and answers when it is stored and followed."""
    service = service_of(request)
    tenant, provider = request.path_params["tenant"], request.path_params["provider"]
    headers = {name.lower(): text for name, text in request.headers.items()}
    try:
        async with body_of(request, service.budget) as body:
            if len(body) > _MOST_BYTES:
                raise Invalid("payment.bad_notice", "the body is larger than 1 MiB")
            raw = bytes(body)
    except ClientDisconnect:
        return Response(status_code=400)  # nobody is there to read it

    def follow() -> list[str]:
        tenant_id = tenants.tenant_id(service.app.database, tenant)
        desk = collecting.desk(service.app, tenant_id, of_provider=provider)
        return listen.hear(desk, desk.providers[provider], headers, raw)

    effects = await in_thread(service, follow)
    return JSONResponse({"effects": effects}, headers={"Cache-Control": "no-store"})


OPERATIONS = [
    raw(
        "POST", "/hooks/{tenant}/{provider}", Open("the signature is looked at"), post_notice, Any
    )
]  # fmt: skip
