"""POST /hooks/{tenant}/{provider}: what payment providers tell of their own accord.

There is no key: the signature is the provider's proof, and it is looked at before a byte of the body is
believed, and before it is told whether there is such a tenant.
"""

from __future__ import annotations

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from everycent.api.bodies import body_of
from everycent.api.operation import Open, raw
from everycent.api.service import in_thread, service_of
from everycent.api.shapes import Shown
from everycent.app import collecting
from everycent.flows.collect import listen
from everycent.tenants import queries as tenants

_MOST_BYTES = 1_048_576


async def post_notice(request: Request) -> Response:
    """Takes in what a provider tells, and answers when it is stored and followed."""
    service = service_of(request)
    app, tenant = service.app, request.path_params["tenant"]
    headers = {name.lower(): text for name, text in request.headers.items()}
    provider = await in_thread(
        service, lambda: collecting.provider(app, request.path_params["provider"])
    )
    try:
        async with body_of(request, service.budget, most=_MOST_BYTES) as body:
            raw = bytes(body)
    except ClientDisconnect:
        return Response(status_code=400)  # nobody is there to read it

    def follow() -> list[str]:
        provider.heard(headers, raw, app.clock())  # refuses what is not the provider's
        tenant_id = tenants.tenant_id(app.database, tenant)
        desk = collecting.desk(app, tenant_id, of_provider=provider.name)
        return listen.hear(desk, desk.providers[provider.name], headers, raw)

    effects = await in_thread(service, follow)
    return JSONResponse({"effects": effects}, headers={"Cache-Control": "no-store"})


class Followed(Shown):
    """What a notice led to, in words."""

    effects: list[str]


OPERATIONS = [
    raw(
        "POST", "/hooks/{tenant}/{provider}", Open("the signature is looked at"), post_notice, Followed
    )
]  # fmt: skip
