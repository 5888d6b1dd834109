"""Collecting: a desk for this process, with the providers that are set up and the tenant's policy."""

from __future__ import annotations

import gc
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

from everycent.app import processes, providers
from everycent.app.time import of_database
from everycent.app.wiring import App
from everycent.charging.attempt import Attempt
from everycent.charging.course import Terms
from everycent.charging.operations import TermsOf
from everycent.dunning import queries as dunning
from everycent.flows.collect.desk import Desk
from everycent.kernel.errors import NotFound, Unavailable
from everycent.payments.provider import PROMISES_NOTHING

_T = TypeVar("_T")
_SWITCH_SECONDS = 0.0005


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """Runs a process's work to its end. Threads that wait for the database get their turn ten times sooner
    than by default, since a call waits for each of them; what is loaded by now is no garbage."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    return uvloop.run(work)


def desk(app: App, tenant_id: int, *, of_provider: str | None = None) -> Desk:
    """A desk of this process, with all providers or with one alone. Raises Unavailable
    `payment.no_provider` where none is set up, NotFound `payment.unknown_provider`."""
    if of_provider is None:
        found = providers.needed(app.settings)
    else:
        found = providers.configured(app.settings, only=of_provider)
        if not found:
            raise NotFound("payment.unknown_provider", "there is no such provider")
    with app.database.snapshot(tenant_id) as tx:
        policies = dunning.policies(tx)
    return Desk(
        app.database, tenant_id, found, policies, of_database(app.database, tenant_id), app.ids,
        app.settings.actor, processes.this_process(app.ids("worker")),
    )  # fmt: skip


def terms_of(app: App, tenant_id: int) -> TermsOf:
    """By which promises and policy providers are dealt with, for a process that speaks to none: one that is
    not set up, or of which the secrets are not here, has promised nothing."""
    with app.database.snapshot(tenant_id) as tx:
        policies = dunning.policies(tx)

    def terms(attempt: Attempt) -> Terms:
        try:
            found = providers.configured(app.settings, only=attempt.provider).get(attempt.provider)
        except Unavailable:
            found = None
        traits = PROMISES_NOTHING if found is None else found.traits
        return Terms(traits, policies.of(attempt.group))

    return terms
