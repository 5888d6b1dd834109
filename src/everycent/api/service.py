"""What the routes share: the product, the door for usage, who is let in, and how much at a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeVar, cast
from uuid import UUID

import anyio.to_thread
from anyio import CapacityLimiter
from starlette.requests import Request

from everycent.access import keys, operations, queries
from everycent.access.queries import Access
from everycent.api.bodies import Budget
from everycent.api.draining import Draining
from everycent.api.operation import Operation, Who
from everycent.app import usage_spool
from everycent.app.usage_spool import Spool
from everycent.app.wiring import App
from everycent.flows.folding import Folding
from everycent.flows.rejections import Door
from everycent.flows.remembered import Remembered
from everycent.flows.take_in import Intake
from everycent.kernel import ids
from everycent.kernel.errors import Forbidden, Unavailable

_T = TypeVar("_T")
_THREADS = 4  # that decode and look things up; they share the pool of connections with the intake
_KEYS_KNOWN = 1000
_READS_WAITING = 32
_NOTED_EVERY = timedelta(minutes=1)
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class Service(NamedTuple):
    """One per server. `access` finds what the key with a digest opens; `threads` bounds blocking work,
    and `reads` that of questions, which have threads and connections of their own to be slow with."""

    app: App
    intake: Intake
    folding: Folding
    access: Remembered[bytes, Access]
    budget: Budget
    spool: Spool | None
    draining: Draining | None
    threads: CapacityLimiter
    reads: CapacityLimiter


def service_for(app: App) -> Service:
    """The service over the product, which is to be closed at the end."""

    noted: dict[UUID, datetime] = {}

    def look_up(digest: bytes) -> Access:
        found = queries.access(app.database, digest)
        if found is None:
            raise _refused("the API key is not known, or was revoked")
        now = app.clock()
        if now - noted.get(found.key_id, _LONG_AGO) >= _NOTED_EVERY:
            noted[found.key_id] = now
            with app.database.transaction(found.tenant_id) as tx:
                operations.note_use(tx, found.key_id, now)
        return found

    folding = Folding(app.database)
    intake = Intake(app.database, app.clock, door=Door.HTTP, on_stored=folding.note)
    spool = usage_spool.of_settings(app.settings)
    return Service(
        app,
        intake,
        folding,
        Remembered(look_up, most=_KEYS_KNOWN),
        Budget(),
        spool,
        None if spool is None else Draining(app, intake, spool),
        CapacityLimiter(_THREADS),
        CapacityLimiter(app.settings.read_threads),
    )


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
    """Who asks, when it may do what the route does.

    Raises Forbidden `key.refused` without a valid key, and `key.missing_scope`. A revoked key opens
    nothing after at most a second.
    """
    digest = digest_of(request)
    service = service_of(request)
    access = service.access.fresh(digest)
    if access is None:
        access = await in_thread(service, lambda: service.access.get(digest))
    return _let_in(request, access)


def admitted_before(request: Request) -> Who:
    """Who asks, as the request's API key said when it was looked up last, for while the database is away.

    Raises as `admitted`, and Unavailable `database.unavailable` for a key that this server has not admitted
    since it started.
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
    kind, _, key = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer":
        raise _refused("an API key is needed")
    digest = keys.digest_of(key.strip())
    if digest is None:
        raise _refused("this is no API key")
    return digest


def _let_in(request: Request, access: Access) -> Who:
    service = service_of(request)
    if access.expires_at is not None and access.expires_at <= service.app.clock():
        raise _refused("the API key has expired")
    actor = ids.show(keys.KEY_ID, access.key_id)
    who = Who(access.tenant_id, actor, access.scopes)
    request.state.who = who
    operation: Operation = request.state.operation
    scope = operation.scope
    if scope not in access.scopes:
        raise Forbidden(
            "key.missing_scope",
            f"the API key may not do this: it has no scope {scope}",
            hint=f"make one that has it: everycent key create NAME --scope {scope}",
        )
    return who


def _refused(why: str) -> Forbidden:
    return Forbidden(
        "key.refused",
        why,
        hint="send the header Authorization: Bearer ec_…; make a key with `everycent key create NAME`",
    )
