"""Handing: attempts that leave our hands all at once, in a file for a bank. The file is made from what is
written down, so that nothing lies between deciding and sending: all stages are one transaction."""

from __future__ import annotations

from collections.abc import Sequence

from everycent.charging import course, projection
from everycent.charging.attempt import (
    ANSWERED,
    CLAIMED,
    SENDING,
    Attempt,
    Evidence,
    Stage,
    stream,
)
from everycent.charging.course import Terms
from everycent.charging.operations import Writer
from everycent.db.connection import Tx
from everycent.journal import operations as journal
from everycent.journal.event import Draft
from everycent.journal.types import EventType


def hand_over(
    tx: Tx, attempts: Sequence[Attempt], said: Evidence, terms: Terms, writer: Writer
) -> list[Stage]:
    """Writes attempts down as being in other hands, with the evidence for that. The invoices are locked,
    and the database has the last word on whether anything else is alive for one of them."""
    by, at = writer.by, writer.at
    claimed = [course.claimed(attempt, by, at) for attempt in attempts]
    sending = [course.sending(stage, by, at, at) for stage in claimed]
    pending = []
    for stage in sending:
        after = course.heard(stage, said, by, at, terms)
        assert after is not None, "what is sent can be heard of"
        pending.append(after)
    for kind, stages in ((CLAIMED, claimed), (SENDING, sending), (ANSWERED, pending)):
        _record(tx, kind, stages, writer)
    return pending


def _record(tx: Tx, kind: EventType, stages: Sequence[Stage], writer: Writer) -> None:
    drafts = [
        Draft(
            writer.ids(f"{kind.name}/{stage.attempt.reference}"), stream(stage.attempt.attempt_id),
            kind, writer.at, writer.actor, stage,
        )
        for stage in stages
    ]  # fmt: skip
    journal.record(tx, drafts, writer.at, projection.any_of)
