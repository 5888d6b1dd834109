"""What the routes share: the product, the door for usage, who is let in, and how much at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar, cast

import anyio.to_thread
from anyio import CapacityLimiter
from starlette.requests import Request

from everycent.api.bodies import Budget
from everycent.app.wiring import App
from everycent.flows.folding import Folding
from everycent.flows.rejections import Door
from everycent.flows.remembered import Remembered
from everycent.flows.take_in import Intake
from everycent.kernel.errors import Forbidden, Unavailable
from everycent.tenants import keys, queries
from everycent.tenants.queries import Access

_T = TypeVar("_T")
_THREADS = 4  # that decode and look things up; they share the pool of connections with the intake
_KEYS_KNOWN = 1000
_READS_WAITING = 32


class Service(NamedTuple):
    """One per server. `access` finds what the key with a digest opens; `threads` bounds blocking work,
    and `reads` that of questions, which have threads and connections of their own to be slow with."""

    app: App
    intake: Intake
    folding: Folding
    access: Remembered[bytes, Access]
    budget: Budget
    threads: CapacityLimiter
    reads: CapacityLimiter


def service_for(app: App) -> Service:
    """The service over the product; its `intake` and then its `folding` are to be closed at the end."""

    def look_up(digest: bytes) -> Access:
        found = queries.access(app.database, digest)
        if found is None:
            raise _refused("the API key is not known, or was revoked")
        return found

    folding = Folding(app.database)
    return Service(
        app,
        Intake(app.database, app.clock, door=Door.HTTP, on_stored=folding.note),
        folding,
        Remembered(look_up, most=_KEYS_KNOWN),
        Budget(),
        CapacityLimiter(_THREADS),
        CapacityLimiter(app.settings.read_threads),
    )


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


async def admitted(request: Request, scope: str) -> int:
    """The tenant that the request's API key opens.

    Raises Forbidden `key.refused` without a valid key, and `key.missing_scope`. A revoked key opens
    nothing after at most a second.
    """
    kind, _, key = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer":
        raise _refused("an API key is needed")
    digest = keys.digest_of(key.strip())
    if digest is None:
        raise _refused("this is no API key")
    service = service_of(request)
    access = service.access.fresh(digest)
    if access is None:
        access = await in_thread(service, lambda: service.access.get(digest))
    if scope not in access.scopes:
        raise Forbidden(
            "key.missing_scope",
            f"the API key may not do this: it has no scope {scope}",
            hint=f"make one that has it: everycent key create NAME --scope {scope}",
        )
    return access.tenant_id


def _refused(why: str) -> Forbidden:
    return Forbidden(
        "key.refused",
        why,
        hint="send the header Authorization: Bearer ec_…; make a key with `everycent key create NAME`",
    )
