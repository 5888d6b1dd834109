"""Where a story happens, and what an action is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from everycent.db.connection import Database
from everycent.flows.stories.document import Form
from everycent.flows.stories.expected import Difference
from everycent.kernel.ids import uuid7
from everycent.subscriptions.operations import Writing

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class World:
    """The books in which a story happens, and its test clock `at`, which reads the time of the step;
    `since` is what it read before.

    Ids count up with the clock: what is made first comes first, also on invoices. `corrections` are those
    of usage, in order.
    """

    def __init__(
        self, database: Database, tenant_id: int, *, actor: str, time_zone: str, payment_days: int
    ) -> None:
        self.database = database
        self.tenant_id = tenant_id
        self.actor = actor
        self.time_zone = time_zone
        self.payment_days = payment_days
        self.since = self._at = _EPOCH
        self.seen: set[UUID] = set()
        self.corrections: list[UUID] = []
        self._made = 0

    @property
    def at(self) -> datetime:
        """What the clock reads."""
        return self._at

    @at.setter
    def at(self, at: datetime) -> None:
        """Sets the clock; `since` is where it stood before."""
        self.since, self._at = at if self._at == _EPOCH else self._at, at

    def ids(self, _: str) -> UUID:
        """The next id, whatever it names."""
        self._made += 1
        return uuid7((self.at - _EPOCH) // timedelta(milliseconds=1), self._made)

    @property
    def writing(self) -> Writing:
        """The arguments that every writing operation takes: what happens is recorded at once."""
        return Writing(at=self.at, recorded_at=self.at, actor=self.actor, ids=self.ids)


class Came(NamedTuple):
    """What came of an action, as plain data, and how it differs from what was expected."""

    data: Any
    differences: Sequence[Difference] = ()


class Action(NamedTuple):
    """A thing that can happen: how it is written, and what does it."""

    do: Callable[[World, Any], Came]
    form: Form
