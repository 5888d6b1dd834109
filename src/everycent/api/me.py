"""/v1/me: who one is here; /v1/sign-in: where people sign in."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from everycent.api.operation import Asked, Member, Open, raw, reading
from everycent.api.service import service_of
from everycent.api.shapes import Query, Shown
from everycent.db.connection import Tx
from everycent.kernel.errors import NotFound
from everycent.kernel.period import instant_text


class Me(Shown):
    """Whoever asks."""

    actor: Annotated[str, Meta(description="As in the journal and the audit log: key_… or mem_….")]
    tenant: str
    role: Annotated[str | None, Meta(description="That of a person; a key has none.")]
    scopes: list[str]
    expires_at: Annotated[
        str | None, Meta(description="Until when the key or the token opens this.")
    ]


class SignIn(Shown):
    """The identity provider, and whom its tokens have to be for."""

    issuer: str
    client_ids: list[str]


def get_me(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:  # noqa: ARG001
    """Says who asks, in which tenant, and what that may do."""
    who = asked.who
    return {
        "actor": who.actor,
        "tenant": who.tenant,
        "role": who.role,
        "scopes": sorted(who.scopes),
        "expires_at": None if who.expires_at is None else instant_text(who.expires_at),
    }


async def get_sign_in(request: Request) -> Response:
    """Says where people sign in; `everycent login` asks this. 404 where no identity provider is set up."""
    oidc = service_of(request).app.settings.oidc
    if oidc is None:
        raise NotFound(
            "identity.none",
            "no identity provider is set up here",
            hint="set EVERYCENT_OIDC_ISSUER and EVERYCENT_OIDC_AUDIENCE, or use an API key",
        )
    told = {"issuer": oidc.issuer, "client_ids": oidc.audiences}
    headers = {"Cache-Control": "no-cache"}
    return Response(msgspec.json.encode(told), media_type="application/json", headers=headers)


OPERATIONS = [
    reading("/v1/me", Member("it tells nobody but whoever asks"), get_me, Me),
    raw("GET", "/v1/sign-in", Open("one has to know it before signing in"), get_sign_in, SignIn),
]
