"""What the routes share: the product, the door for usage, who may be let in, and how much at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar, cast
from uuid import UUID

from anyio import CapacityLimiter
from starlette.requests import Request

from everycent.access import keys, operations, queries
from everycent.access import operations_people as people
from everycent.access.queries import Access
from everycent.api.bodies import Budget
from everycent.api.draining import Draining
from everycent.api.limits import Buckets
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
from everycent.kernel.errors import Unavailable

_T = TypeVar("_T")
_THREADS = 4  # that decode and look things up; they share the pool of connections with the intake
_DOING_THREADS = 3  # that do what has transactions of its own, and may wait for others
_KEYS_KNOWN = 1000
_PEOPLE_KNOWN = 1000
_TRIES_AT_ONCE = 4  # seconds' worth of refused tries
_MOST_THREADS = 64  # the limiters let fewer in
_FREQUENT_THREADS = 2  # more of them take the interpreter from each other
_READS_WAITING = 32
_NOTED_EVERY = timedelta(minutes=1)
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class Service(NamedTuple):
    """One per server. `access` finds what the key with a digest opens, and `people` what a token does in a
    tenant. `threads` bounds blocking work, and `reads` that of questions, which have threads of
    their own to be slow with; those that are frequent and quick have theirs, so that they wait for no slow
    one. Connections they share. `asked` counts requests by who sends them,
    and `tried` those that were refused by address."""

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
    pool: ThreadPoolExecutor
    threads: CapacityLimiter
    reads: CapacityLimiter
    frequent_reads: CapacityLimiter
    doings: CapacityLimiter


def service_for(app: App) -> Service:
    """The service over the product, which is to be closed at the end."""

    noted: dict[UUID, datetime] = {}
    settings = app.settings
    provider = None if settings.oidc is None else provider_of(settings.oidc)

    def look_up(digest: bytes) -> Access:
        found = queries.access(app.database, digest)
        if found is None or found.key_id is None:
            raise keys.refused("the API key is not known, or was revoked")
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
        ThreadPoolExecutor(_MOST_THREADS, thread_name_prefix="request"),
        CapacityLimiter(_THREADS),
        CapacityLimiter(settings.read_threads),
        CapacityLimiter(_FREQUENT_THREADS),
        CapacityLimiter(_DOING_THREADS),
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
    service.pool.shutdown()


def service_of(request: Request) -> Service:
    """The service that answers this request."""
    return cast(Service, request.app.state.service)


async def in_doing_thread(service: Service, work: Callable[[], _T]) -> _T:
    """Does what takes long or asks others over the network: it holds up its like, and nothing else."""
    return await _in_thread(service.pool, service.doings, work)


async def in_thread(service: Service, work: Callable[[], _T]) -> _T:
    """Does blocking work (the database, decoding) without holding up other requests."""
    return await _in_thread(service.pool, service.threads, work)


async def in_reading_thread(
    service: Service, work: Callable[[], _T], *, is_frequent: bool = False
) -> _T:
    """Answers a question. Raises Unavailable `server.busy_reading` when too many wait already: they shall
    not take the place of usage that comes in."""
    reads = service.frequent_reads if is_frequent else service.reads
    waiting = reads.statistics().tasks_waiting
    if waiting >= _READS_WAITING:
        raise Unavailable(
            "server.busy_reading", f"{waiting} questions are waiting", hint="ask again in a second"
        )
    return await _in_thread(service.pool, reads, work)


async def _in_thread(
    pool: ThreadPoolExecutor, limiter: CapacityLimiter, work: Callable[[], _T]
) -> _T:
    """Works in a thread, of which there are as many as the limiter says: also when nobody waits for it any
    more, because the client was told that it takes too long."""
    loop = asyncio.get_running_loop()
    borrower = object()
    await limiter.acquire_on_behalf_of(borrower)

    def whole() -> _T:
        try:
            return work()
        finally:
            with suppress(RuntimeError):  # the server has ended meanwhile
                loop.call_soon_threadsafe(limiter.release_on_behalf_of, borrower)

    working = loop.run_in_executor(pool, whole)
    working.add_done_callback(_seen)
    return await asyncio.shield(working)


def _seen(working: asyncio.Future[Any]) -> None:
    """What went wrong is no news where nobody waits for it any more."""
    if not working.cancelled():
        working.exception()
