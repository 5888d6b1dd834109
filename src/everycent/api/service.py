"""What the routes share: the product, the door for usage, who is let in, and how much at a time."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeVar, cast
from uuid import UUID

import anyio.to_thread
from anyio import CapacityLimiter
from starlette.requests import Request

from everycent.access import keys, operations, queries
from everycent.access import operations_people as people
from everycent.access.queries import Access
from everycent.api.bodies import Budget
from everycent.api.draining import Draining
from everycent.api.identity import told_by
from everycent.api.limits import Buckets, limited, neighbourhood
from everycent.api.operation import Member, Operation, Who
from everycent.app import usage_spool
from everycent.app.settings import Oidc
from everycent.app.usage_spool import Spool
from everycent.app.wiring import App
from everycent.flows.folding import Folding
from everycent.flows.rejections import Door
from everycent.flows.remembered import Remembered
from everycent.flows.take_in import Intake
from everycent.integrations import tokens
from everycent.integrations.oidc import Provider
from everycent.integrations.tokens import Expected
from everycent.kernel.errors import Forbidden, Refusal, Unavailable

_T = TypeVar("_T")
_THREADS = 4  # that decode and look things up; they share the pool of connections with the intake
_KEYS_KNOWN = 1000
_PEOPLE_KNOWN = 1000
_TRIES_AT_ONCE = 4  # seconds' worth of refused tries
_TENANT = "everycent-tenant"
_READS_WAITING = 32
_NOTED_EVERY = timedelta(minutes=1)
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class Service(NamedTuple):
    """One per server. `access` finds what the key with a digest opens, and `people` what a token does in a
    tenant. `threads` bounds blocking work, and `reads` that of questions, which have threads and
    connections of their own to be slow with. `asked` counts requests by who sends them, and `tried` those
    that were refused by address."""

    app: App
    intake: Intake
    folding: Folding
    access: Remembered[bytes, Access]
    people: Remembered[tuple[str, str | None], Access]
    provider: Provider | None
    asked: Buckets
    tried: Buckets
    budget: Budget
    spool: Spool | None
    draining: Draining | None
    threads: CapacityLimiter
    reads: CapacityLimiter


def service_for(app: App) -> Service:
    """The service over the product, which is to be closed at the end."""

    noted: dict[UUID, datetime] = {}
    settings = app.settings
    provider = None if settings.oidc is None else provider_of(settings.oidc)

    def look_up(digest: bytes) -> Access:
        found = queries.access(app.database, digest)
        if found is None or found.key_id is None:
            raise _refused("the API key is not known, or was revoked")
        now = app.clock()
        if now - noted.get(found.key_id, _LONG_AGO) >= _NOTED_EVERY:
            noted[found.key_id] = now
            with app.database.transaction(found.tenant_id) as tx:
                operations.note_use(tx, found.key_id, now)
        return found

    def look_up_person(told: tuple[str, str | None]) -> Access:
        token, slug = told
        assert provider is not None, "asked before"
        assert settings.oidc is not None, "the provider is made of it"
        oidc, now = settings.oidc, app.clock()
        expected = Expected(oidc.issuer, oidc.audiences, oidc.email_claim, oidc.subject_claim)
        person = tokens.person_of(token, provider.keys, expected, now)
        return people.opened(app.database, person, slug, now, app.ids)

    folding = Folding(app.database)
    intake = Intake(app.database, app.clock, door=Door.HTTP, on_stored=folding.note)
    spool = usage_spool.of_settings(settings)
    return Service(
        app,
        intake,
        folding,
        Remembered(look_up, most=_KEYS_KNOWN),
        Remembered(look_up_person, most=_PEOPLE_KNOWN),
        provider,
        Buckets("requests", settings.rate_per_second, settings.rate_burst),
        Buckets(
            "refused", settings.refused_per_second, settings.refused_per_second * _TRIES_AT_ONCE
        ),
        Budget(),
        spool,
        None if spool is None else Draining(app, intake, spool),
        CapacityLimiter(_THREADS),
        CapacityLimiter(settings.read_threads),
    )


def provider_of(oidc: Oidc) -> Provider:
    """The identity provider of the settings. Raises Invalid `identity.bad_address`."""
    return Provider(oidc.issuer, is_plain_allowed=oidc.is_plain_allowed)


def close(service: Service) -> None:
    """Stores what is waiting, and ends."""
    if service.draining is not None:
        service.draining.close()
    service.intake.close()
    service.folding.close()


def service_of(request: Request) -> Service:
    """The service that answers this request."""
    return cast(Service, request.app.state.service)


async def in_thread(service: Service, work: Callable[[], _T]) -> _T:
    """Does blocking work (the database, decoding) without holding up other requests."""
    return await anyio.to_thread.run_sync(work, limiter=service.threads)


async def in_reading_thread(service: Service, work: Callable[[], _T]) -> _T:
    """Answers a question. Raises Unavailable `server.busy_reading` when too many wait already: they shall
    not take the place of usage that comes in."""
    waiting = service.reads.statistics().tasks_waiting
    if waiting >= _READS_WAITING:
        raise Unavailable(
            "server.busy_reading", f"{waiting} questions are waiting", hint="ask again in a second"
        )
    return await anyio.to_thread.run_sync(work, limiter=service.reads)


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
        raise _refused("no identity provider is set up, and this is no API key")
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
        raise _refused("this is no API key")
    return digest


def _credential(request: Request) -> str:
    kind, _, credential = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer":
        raise _refused("an API key is needed, or a person's token")
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
        raise _refused("the API key has expired")
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
            hint=f"make one that has it: everycent key create NAME --scope {scope}",
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


def _refused(why: str) -> Forbidden:
    return Forbidden(
        "key.refused",
        why,
        hint="send the header Authorization: Bearer ec_…; make a key with `everycent key create NAME`",
    )
