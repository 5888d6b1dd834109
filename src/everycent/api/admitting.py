"""Lets in whoever asks: a program with an API key, or a person with a token, for what the route does."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from starlette.requests import Request

from everycent.access import keys
from everycent.access.queries import Access
from everycent.api.identity import told_by
from everycent.api.limits import limited, neighbourhood
from everycent.api.operation import Member, Operation, Who
from everycent.api.service import Service, in_thread, service_of
from everycent.integrations import tokens
from everycent.kernel.errors import Forbidden, Refusal, Unavailable

_TENANT = "everycent-tenant"


async def admitted(request: Request) -> Who:
    """Who asks, when it may do what the route does: a program with an API key, or a person with a token.

    Raises Forbidden `key.refused`, `token.refused` and `token.expired` without a valid one,
    `key.elsewhere`, `key.other_tenant`, `member.none`, `key.missing_scope` and `member.may_not`, and
    Unavailable `request.rate_limited`. A revoked key and a removed person open nothing after at most a
    second.
    """
    before: Who | None = getattr(request.state, "admitted", None)
    if before is not None:
        return before
    service = service_of(request)
    credential = _credential(request)
    if credential.startswith(keys.PREFIX) or not tokens.is_like_token(credential):
        digest = digest_of(request)
        access = service.access.fresh(digest)
        if access is None:
            is_new = service.access.last(digest) is None
            with _tried(request, is_new=is_new):
                access = await in_thread(service, lambda: service.access.get(digest))
    else:
        access = await _person(request, service, credential)
    return _let_in(request, access)


async def _person(request: Request, service: Service, token: str) -> Access:
    if service.provider is None:
        raise keys.refused("no identity provider is set up, and this is no API key")
    told = (token, request.headers.get(_TENANT))
    access = service.people.fresh(told)
    if access is None:
        with _tried(request, is_new=service.people.last(told) is None):
            kid, _ = tokens.head_of(token)
            await service.provider.has(kid)
            access = await in_thread(service, lambda: service.people.get(told))
    return access


@contextmanager
def _tried(request: Request, *, is_new: bool) -> Iterator[None]:
    """Looks something up for whoever may be nobody. An address whose tries were refused too often has to
    wait, and costs nothing meanwhile; what was let in before is let in still."""
    service, address = service_of(request), neighbourhood(told_by(request))
    if is_new and service.tried.is_empty(address):
        request.state.headers = service.tried.emptied(address)
        raise limited()
    try:
        yield
    except Unavailable:
        raise
    except Refusal:
        with suppress(Unavailable):
            service.tried.take(address)
        raise


def admitted_before(request: Request) -> Who:
    """Who asks, as the request's API key said when it was looked up last, for while the database is away.

    Raises as `admitted`, and Unavailable `database.unavailable` for a key that this server has not admitted
    since it started, and for people.
    """
    service = service_of(request)
    access = service.access.last(digest_of(request))
    if access is None:
        service.app.database.check()
        raise Unavailable(
            "database.unavailable", "the API key can't be looked up", hint="try again"
        )
    return _let_in(request, access)


def digest_of(request: Request) -> bytes:
    """The SHA-256 of the request's API key. Raises Forbidden `key.refused` where there is none."""
    digest = keys.digest_of(_credential(request))
    if digest is None:
        raise keys.refused("this is no API key")
    return digest


def _credential(request: Request) -> str:
    kind, _, credential = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer":
        raise keys.refused("an API key is needed, or a person's token")
    return credential.strip()


def _let_in(request: Request, access: Access) -> Who:
    service = service_of(request)
    if access.networks and not _is_in(told_by(request), access.networks):
        raise Forbidden(
            "key.elsewhere",
            "the API key opens nothing for this address",
            hint="it is bound to networks: `everycent key list` shows them",
        )
    if access.expires_at is not None and access.expires_at <= service.app.clock():
        if access.key_id is None:
            raise tokens.expired()
        raise keys.refused("the API key has expired")
    slug = request.headers.get(_TENANT)
    if slug is not None and slug != access.slug:
        raise Forbidden(
            "key.other_tenant",
            f"the API key opens the tenant {access.slug}, and not {slug[:60]!r}",
            field=_TENANT,
            hint="leave the header Everycent-Tenant out, or use a key of that tenant",
        )
    who = Who(
        access.tenant_id, access.actor, access.scopes, access.slug, access.role, access.expires_at
    )
    request.state.who = who
    if service.asked.is_empty(access.actor):
        request.state.headers = service.asked.emptied(access.actor)
        raise limited()
    request.state.headers = service.asked.take(access.actor)
    operation: Operation = request.state.operation
    scope = operation.scope
    if not isinstance(scope, Member) and scope not in access.scopes:
        if access.role is not None:
            raise Forbidden(
                "member.may_not",
                f"the role {access.role} may not do this: it has no scope {scope}",
                hint="ask an owner for another role, or somebody who has one to do it",
            )
        raise Forbidden(
            "key.missing_scope",
            f"the API key may not do this: it has no scope {scope}",
            hint=f"make one that has it: `everycent key create NAME --scope {scope}`, or `POST /v1/keys`",
        )
    request.state.admitted = who
    return who


def _is_in(address: str, networks: Sequence[keys.Network]) -> bool:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in network for network in networks)
