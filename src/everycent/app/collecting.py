"""Collecting: a desk for this process, with the providers that are set up and the tenant's policy."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import psycopg
import uvloop

from everycent.app import processes, providers
from everycent.app.settings import Settings
from everycent.app.staying import Health, Staying, when_there
from everycent.app.time import of_database
from everycent.app.wiring import App
from everycent.charging.attempt import Attempt
from everycent.charging.course import Terms
from everycent.charging.operations import TermsOf
from everycent.db.connection import Tx, is_away
from everycent.dunning import queries as dunning
from everycent.flows.collect import work
from everycent.flows.collect.desk import Desk
from everycent.flows.collect.work import Stop
from everycent.kernel.errors import NotFound, Unavailable
from everycent.payments.provider import PROMISES_NOTHING, Provider

_T = TypeVar("_T")
_SWITCH_SECONDS = 0.0005
_LOOK_SECONDS = 0.1


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """Runs a process's work to its end. Threads that wait for the database get their turn ten times sooner
    than by default, since a call waits for each of them; what is loaded by now is no garbage."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    return uvloop.run(work)


def stay(here: Staying, counts: Counter[str], on_round: Callable[[], None] = lambda: None) -> None:
    """Collects until it is asked to stop, whether the database is there or not. Adds to `counts` what
    attempts came to, and says so after every round that went well."""

    def begun(tenant_id: int) -> tuple[Desk, Health]:
        return desk(here.app, tenant_id), Health(here.app, tenant_id, "collect work", here.say)

    with here.stop.watched():
        while (made := when_there(here, begun)) is not None:
            try:
                run(_worked(here, *made, counts, on_round))
                return
            except (psycopg.Error, Unavailable) as error:  # before it could say that it is there
                if not is_away(error):
                    raise


async def _worked(
    here: Staying, desk: Desk, health: Health, counts: Counter[str], on_round: Callable[[], None]
) -> None:
    def went_well() -> None:
        on_round()
        health.well()

    stop = Stop()
    watching = asyncio.create_task(_until_asked(here, stop))
    with work.alive(desk):
        await work.on_schedule(
            desk, processes.is_gone, stop, counts, on_clash=health.broken_off,
            on_broken=health.broken, on_well=went_well,
        )  # fmt: skip
        for provider in desk.providers.values():
            await provider.close()
    await watching


async def _until_asked(here: Staying, stop: Stop) -> None:
    while not here.stop.is_set():
        await asyncio.sleep(_LOOK_SECONDS)
    stop.ask()


def desk(app: App, tenant_id: int, *, of_provider: str | None = None) -> Desk:
    """A desk of this process, with all providers or with one alone. Raises Unavailable
    `payment.no_provider` where none is set up, NotFound `payment.unknown_provider`."""
    if of_provider is None:
        found = providers.needed(app.settings)
    else:
        found = {of_provider: provider(app, of_provider)}
    with app.database.snapshot(tenant_id) as tx:
        policies = dunning.policies(tx)
    return Desk(
        app.database, tenant_id, found, policies, of_database(app.database, tenant_id), app.ids,
        app.settings.actor, processes.this_process(app.ids("worker")),
    )  # fmt: skip


def provider(app: App, name: str) -> Provider:
    """One that is set up. Raises NotFound `payment.unknown_provider`."""
    found = providers.configured(app.settings, only=name)
    if not found:
        raise NotFound("payment.unknown_provider", "there is no such provider")
    return found[name]


def terms_of(app: App, tenant_id: int) -> TermsOf:
    """By which promises and policy providers are dealt with, for a process that speaks to none: one that is
    not set up, or of which the secrets are not here, has promised nothing."""
    with app.database.snapshot(tenant_id) as tx:
        return terms_in(tx, app.settings)


def terms_in(tx: Tx, settings: Settings) -> TermsOf:
    """The same in a transaction that is there already."""
    policies = dunning.policies(tx)

    def terms(attempt: Attempt) -> Terms:
        try:
            found = providers.configured(settings, only=attempt.provider).get(attempt.provider)
        except Unavailable:
            found = None
        traits = PROMISES_NOTHING if found is None else found.traits
        return Terms(traits, policies.of(attempt.group))

    return terms
