"""/v1/tenants: all tenants, for whoever operates the instance. Every other address is about one."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from everycent.access import keys, operations, shown
from everycent.access.keys import ApiKey
from everycent.access.roles import OPERATORS, SCOPES
from everycent.api.keys import MadeKey, check_no_wider
from everycent.api.operation import Answer, Asked, doing, reading
from everycent.api.shapes import Body, Page, Paged, Query, Shown
from everycent.app.wiring import random_key
from everycent.db.connection import Tx
from everycent.kernel.period import instant_text
from everycent.tenants import operations as tenants
from everycent.tenants import queries

_READ, _WRITE = "tenants:read", "tenants:write"
_FIRST = "first"


class TenantEntry(Shown):
    """A tenant: separate books in one database."""

    tenant: str
    name: str
    created_at: str


class NewTenant(Body):
    """A tenant that is wanted."""

    tenant: Annotated[
        str, Meta(min_length=1, max_length=40, description="Small letters, digits and dashes.")
    ]
    name: (
        Annotated[str, Meta(min_length=1, max_length=200, description="What people call it.")]
        | None
    ) = None
    scopes: (
        Annotated[
            list[str],
            Meta(max_length=100, description="What its first key may do; all when left out."),
        ]
        | None
    ) = None


class MadeTenant(TenantEntry):
    """A new tenant with its first API key, whose text is shown here and never again."""

    key: MadeKey


def list_tenants(tx: Tx, asked: Asked[Paged, None]) -> Page[dict[str, Any]]:  # noqa: ARG001
    """All tenants, in order of their names in addresses."""
    wanted = asked.query
    found = queries.page(asked.app.database, wanted.after or "", wanted.size + 1)
    data = [
        {"tenant": row.slug, "name": row.name, "created_at": instant_text(row.created_at)}
        for row in found
    ]
    return asked.page(data, lambda last: str(last["tenant"]))


def create_tenant(asked: Asked[Query, NewTenant]) -> Answer:
    """Makes a tenant, with its chart of accounts and a first API key, with which the rest is done."""
    wanted, app, now = asked.body, asked.app, asked.now
    name = wanted.name or wanted.tenant
    text, digest = random_key()
    scopes = SCOPES if wanted.scopes is None else tuple(wanted.scopes)
    check_no_wider(asked.who, [one for one in scopes if one in OPERATORS])
    first = keys.checked(ApiKey(app.ids("api_key/first"), _FIRST, digest, scopes, now))
    with tenants.created(app.database, wanted.tenant, name, now) as tx:
        operations.create_key(
            tx, first, at=now, recorded_at=now, actor=asked.who.actor, ids=app.ids
        )

    def told(shown_text: str | None) -> dict[str, Any]:
        return {
            "tenant": wanted.tenant, "name": name, "created_at": instant_text(now),
            "key": shown.made_key(first, shown_text),
        }  # fmt: skip

    return Answer(told(text), 201, repeated=told(None))


OPERATIONS = [
    reading("/v1/tenants", _READ, list_tenants, Page[TenantEntry], Paged),
    doing("POST", "/v1/tenants", _WRITE, create_tenant, MadeTenant, NewTenant, status=201),
]
