"""Where a story happens, and what an action is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from everycent.db.connection import Database
from everycent.flows.stories.document import Form
from everycent.flows.stories.expected import Difference
from everycent.kernel.ids import IdSource
from everycent.subscriptions.operations import Writing


class World:
    """Where a story happens, and what its test clock says."""

    def __init__(
        self, database: Database, tenant_id: int, actor: str, time_zone: str, payment_days: int,
        ids: IdSource,
    ) -> None:  # fmt: skip
        self.database = database
        self.tenant_id = tenant_id
        self.actor = actor
        self.time_zone = time_zone
        self.payment_days = payment_days
        self.ids = ids
        self.at = datetime(2000, 1, 1, tzinfo=UTC)
        self.seen: set[UUID] = set()

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
