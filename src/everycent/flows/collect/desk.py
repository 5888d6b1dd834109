"""Desk: what a process needs to charge: the database, the providers that are set up, the policy, the time,
and who it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import NamedTuple

from everycent.charging import operations_runs as running
from everycent.charging.attempt import Attempt, By
from everycent.charging.course import Terms
from everycent.charging.operations_writing import Writer
from everycent.charging.policy import Policies
from everycent.charging.run import Worker
from everycent.db.connection import Database, Tx
from everycent.kernel import points
from everycent.kernel.clock import Clock
from everycent.kernel.ids import IdSource
from everycent.payments.provider import PROMISES_NOTHING, Provider

_IDLE_SECONDS = 10
"""How long a step may say nothing to the database; it takes milliseconds. What a process that is stopped
holds would keep all others waiting, and nobody can end one on another machine."""


class Pace(NamedTuple):
    """How long a process counts as alive without a word (`lease`), and how soon after its stage is stored a
    request has to leave (`patience`). A lease is renewed three times in its length."""

    lease: timedelta = timedelta(seconds=30)
    patience: timedelta = timedelta(seconds=10)


class Desk(NamedTuple):
    """One per process and tenant. `worker` is what the process is, for others to see whether it is gone."""

    database: Database
    tenant_id: int
    providers: Mapping[str, Provider]
    policies: Policies
    clock: Clock
    ids: IdSource
    actor: str
    worker: Worker
    pace: Pace = Pace()

    @property
    def by(self) -> By:
        """This process, as events name it."""
        return By(self.worker.worker_id, self.worker.name)

    @property
    def writer(self) -> Writer:
        """This process, writing now."""
        return Writer(self.by, self.actor, self.clock(), self.ids)

    @property
    def names(self) -> frozenset[str]:
        """The providers that are set up."""
        return frozenset(self.providers)

    def terms_of(self, attempt: Attempt) -> Terms:
        """By which promises and policy an attempt is dealt with. A provider that is not set up here, or not
        any more, has promised nothing: what may have been sent to it is unknown until there is evidence."""
        found = self.providers.get(attempt.provider)
        traits = PROMISES_NOTHING if found is None else found.traits
        return Terms(traits, self.policies.of(attempt.group))

    @contextmanager
    def step(self, name: str) -> Iterator[Tx]:
        """A transaction with its named points: before it begins, before it commits, after it has."""
        points.reach(f"{name}.begin")
        with self.database.transaction(self.tenant_id, idle_seconds=_IDLE_SECONDS) as tx:
            yield tx
            points.reach(f"{name}.commit")
        points.reach(f"{name}.committed")


def register(desk: Desk) -> None:
    """Writes the process down as alive."""
    with desk.step("register") as tx:
        running.register(tx, desk.worker, desk.pace.lease)


def renewed(desk: Desk) -> None:
    """Says that the process is alive."""
    with desk.step("renew") as tx:
        running.renew(tx, desk.worker.worker_id, desk.pace.lease)


def ended(desk: Desk) -> None:
    """Says that the process has ended, and leaves nothing under way."""
    with desk.step("end") as tx:
        running.end(tx, desk.worker.worker_id)
