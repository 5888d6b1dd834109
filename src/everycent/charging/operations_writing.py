"""Writing: what all stages of an attempt have in common. It is locked before anything is decided about it,
and written down by somebody; calls under way at a provider are counted over all processes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from everycent.charging import projection, store
from everycent.charging.attempt import By, Stage, stream
from everycent.db.connection import Tx
from everycent.journal import operations as journal
from everycent.journal.event import Draft
from everycent.journal.types import EventType
from everycent.kernel.ids import IdSource
from everycent.kernel.period import instant_text
from everycent.payments.operations import Writing


class Writer(NamedTuple):
    """Who writes, when, and where ids come from."""

    by: By
    actor: str
    at: datetime
    ids: IdSource

    @property
    def of_payments(self) -> Writing:
        """The same for payments."""
        return {"at": self.at, "recorded_at": self.at, "actor": self.actor, "ids": self.ids}


def places(tx: Tx, provider: str, most: int, over: Sequence[UUID] = ()) -> int:
    """How many more calls the provider takes, counted over all processes. Nobody else is told until the
    transaction ends. Calls of the attempts `over` have ended, though their answers are not written yet."""
    store.lock_provider(tx, provider)
    return max(0, most - store.count_calls(tx, provider, over))


def locked(tx: Tx, stages: Sequence[Stage]) -> list[Stage]:
    """The attempts as they stand, each once, in the order given."""
    wanted = list(dict.fromkeys(stage.attempt.attempt_id for stage in stages))
    found = store.lock_attempts(tx, wanted) if wanted else {}
    return [found[attempt_id] for attempt_id in wanted]


def not_before(writer: Writer, stages: Iterable[Stage]) -> Writer:
    """The writer at a time that is not before what is written already: it may have waited for a lock, and
    clocks of two machines differ."""
    return writer._replace(at=max([writer.at, *(stage.state.changed_at for stage in stages)]))


def draft(kind: EventType, stage: Stage, writer: Writer) -> Draft:
    """The event of a stage that an attempt has come to."""
    attempt, state = stage.attempt, stage.state
    key = f"{kind.name}/{attempt.reference}/{state.sends}/{state.looks}/{instant_text(writer.at)}"
    return Draft(writer.ids(key), stream(attempt.attempt_id), kind, writer.at, writer.actor, stage)


def record(tx: Tx, came_to: Iterable[tuple[EventType, Stage]], writer: Writer) -> None:
    """Writes stages down, each as the event of its kind."""
    drafts = [draft(kind, stage, writer) for kind, stage in came_to]
    if drafts:
        journal.record(tx, drafts, writer.at, projection.any_of)
