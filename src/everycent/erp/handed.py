"""Handed: where a document stands on its way into the ERP.

    initiated ──► acknowledged ──► registered      it is in the ERP's books: two answers say under which id
        │  ▲           │    └────► aborted         the ERP refused it for good, and said why
        │  └── requeued, lost ◄────┘
        └──► parked                                tried too often: it needs a person, and stops no other

Whatever is not clear stays where it is and is tried again: a document has one reference for ever, and the
ERP knows by it that it has it already.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

import msgspec

from everycent.journal.types import EventType
from everycent.kernel import ids


class Status(StrEnum):
    """Where a document stands."""

    INITIATED = "initiated"
    ACKNOWLEDGED = "acknowledged"
    REGISTERED = "registered"
    ABORTED = "aborted"
    PARKED = "parked"


class Trouble(StrEnum):
    """Why a try came to nothing.

    UNREACHABLE: not a byte left us. TIMED_OUT, LOST: it may have arrived. UNAVAILABLE: the ERP said that it
    can't now. THREW: it failed inside. REFUSED: it can't take what we sent. MALFORMED: its answer can't be
    read. MISMATCH: its answer says something else than what was sent. ABSENT: it acknowledged the document
    and does not know it any more. TWICE: it has it under another id too.
    BROKEN: we failed ourselves, before anything was sent or when an answer was to be understood.
    """

    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    LOST = "lost"
    UNAVAILABLE = "unavailable"
    THREW = "threw"
    REFUSED = "refused"
    MALFORMED = "malformed"
    MISMATCH = "mismatch"
    ABSENT = "absent"
    TWICE = "twice"
    BROKEN = "broken"


AWAY = frozenset({Trouble.UNREACHABLE, Trouble.TIMED_OUT, Trouble.LOST, Trouble.UNAVAILABLE})
"""Nothing is wrong with a document for these: it is tried until the ERP is back."""


class Difference(msgspec.Struct, frozen=True):
    """What an answer says of a field, and what it has to say."""

    field: str
    sent: str
    answered: str


class State(msgspec.Struct, frozen=True, omit_defaults=True):
    """`tries` came to nothing since it is on its way, `next_at` is when to try at the earliest. `is_alone`:
    it is sent by itself, so that it spoils no batch. `bill` is the ERP's id of it, which is believed when
    two answers in a row say it; before that it is `claimed`. It was `asked` about so often since it is
    acknowledged, which it is since `acknowledged_at`."""

    status: Status
    batch_no: int
    tries: int = 0
    next_at: datetime | None = None
    is_alone: bool = False
    bill: str | None = None
    claimed: str | None = None
    asked: int = 0
    reason: str = ""
    trouble: Trouble | None = None
    differences: tuple[Difference, ...] = ()
    acknowledged_at: datetime | None = None


class Handed(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a document came to. `answer_id` is the evidence: what the ERP said, word for word."""

    erp: str
    document_id: UUID
    state: State
    answer_id: UUID | None = None


ACKNOWLEDGED = EventType("erp.acknowledged", 1, Handed)
REGISTERED = EventType("erp.registered", 1, Handed)
ABORTED = EventType("erp.aborted", 1, Handed)
ASKED = EventType("erp.asked", 1, Handed)
FAILED = EventType("erp.failed", 1, Handed)
PARKED = EventType("erp.parked", 1, Handed)
REQUEUED = EventType("erp.requeued", 1, Handed)
LOST = EventType("erp.lost", 1, Handed)
TYPES = (ACKNOWLEDGED, REGISTERED, ABORTED, ASKED, FAILED, PARKED, REQUEUED, LOST)


class Said(NamedTuple):
    """What the ERP says of a document: where it stands there, or what is wrong with the answer."""

    status: Status | None
    bill: str | None = None
    reason: str = ""
    trouble: Trouble | None = None
    differences: tuple[Difference, ...] = ()
    not_before: timedelta | None = None


_SECOND, _MINUTE = timedelta(seconds=1), timedelta(minutes=1)
_GAPS = (5 * _SECOND, 15 * _SECOND, _MINUTE, 5 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE, 60 * _MINUTE)
_GAPS_AWAY = (2 * _SECOND, 5 * _SECOND, 10 * _SECOND, 20 * _SECOND, 30 * _SECOND)
_ASKED_AFTER = (2 * _SECOND, 10 * _SECOND, _MINUTE, 10 * _MINUTE, 60 * _MINUTE)
_MOST_IN_BATCH = 2
_MOST_LOST_IN_BATCH = 4
_MOST = 8
_LONGEST_REASON = 500


def stream(document_id: UUID) -> str:
    """The stream of a document's way."""
    return f"erp:{ids.show(ids.INVOICE, document_id)}"


def initiated(batch_no: int, at: datetime) -> State:
    """A document that is in a batch from now on."""
    return State(Status.INITIATED, batch_no, next_at=at)


def after(state: State, said: Said, at: datetime) -> tuple[EventType, State] | None:
    """Where a document stands after an answer; None when that says nothing new."""
    if said.trouble is not None:
        return _troubled(state, said, at)
    assert said.status is not None, "without trouble it stands somewhere"
    if state.status is Status.REGISTERED:
        if said.status is Status.REGISTERED and said.bill != state.bill:
            twice = Difference("bill", str(state.bill), str(said.bill))
            reason = "the ERP has it under two ids"
            if state.trouble is Trouble.TWICE and state.differences == (twice,):
                return None
            return FAILED, msgspec.structs.replace(
                state, trouble=Trouble.TWICE, reason=reason, differences=(twice,)
            )
        return None
    reason = said.reason[:_LONGEST_REASON]
    if said.status is Status.REGISTERED:
        return _registered(state, said, at)
    if said.status is Status.ABORTED:
        if state.status is Status.ABORTED:
            return None
        return ABORTED, State(Status.ABORTED, state.batch_no, reason=reason)
    if state.status is Status.ACKNOWLEDGED and state.claimed is not None:
        differs = Difference("state", "registered", "received")
        reason = "the ERP had said that it is registered"
        return _troubled(state, Said(None, None, reason, Trouble.MISMATCH, (differs,)), at)
    if state.status is Status.ACKNOWLEDGED:
        asked = state.asked + 1
        pause = _ASKED_AFTER[min(asked, len(_ASKED_AFTER) - 1)]
        return ASKED, _acknowledged(state, at, at + pause, asked=asked)
    if state.status is Status.ABORTED:
        return None
    return ACKNOWLEDGED, _acknowledged(state, at, at + _ASKED_AFTER[0])


def _acknowledged(
    state: State, at: datetime, next_at: datetime, *, claimed: str | None = None, asked: int = 0
) -> State:
    """What was tried is forgotten when it is registered, and not before: an ERP that takes and loses a
    document again and again does not go on for ever."""
    return State(
        Status.ACKNOWLEDGED, state.batch_no, state.tries, next_at, state.is_alone, claimed=claimed,
        asked=asked, acknowledged_at=state.acknowledged_at or at,
    )  # fmt: skip


def _registered(state: State, said: Said, at: datetime) -> tuple[EventType, State] | None:
    """The ERP says that it is in its books: a second answer has to say the same."""
    if state.claimed == said.bill:
        return REGISTERED, State(Status.REGISTERED, state.batch_no, bill=said.bill)
    if state.claimed is None:
        event = ASKED if state.status is Status.ACKNOWLEDGED else ACKNOWLEDGED
        return event, _acknowledged(state, at, at, claimed=said.bill, asked=state.asked)
    differs = Difference("bill", state.claimed, str(said.bill))
    reason = "the ERP says two ids of it"
    failed = _troubled(state, Said(None, None, reason, Trouble.MISMATCH, (differs,)), at)
    if failed is None:
        return None
    return failed[0], msgspec.structs.replace(failed[1], claimed=said.bill)


def _troubled(state: State, said: Said, at: datetime) -> tuple[EventType, State] | None:
    if state.status not in (Status.INITIATED, Status.ACKNOWLEDGED):
        return None
    trouble = said.trouble
    assert trouble is not None, "that is what this is for"
    reason = said.reason[:_LONGEST_REASON]
    tries = state.tries + 1
    if trouble is Trouble.ABSENT and tries < _MOST:
        pause = _GAPS[tries - 1] if state.tries else timedelta()
        return LOST, State(
            Status.INITIATED, state.batch_no, tries, at + pause, is_alone=True, reason=reason,
            trouble=trouble,
        )  # fmt: skip
    failed = State(
        state.status, state.batch_no, tries, None, state.is_alone, None, state.claimed, state.asked,
        reason, trouble, said.differences, state.acknowledged_at,
    )  # fmt: skip
    if trouble not in AWAY and tries >= _MOST:
        return PARKED, msgspec.structs.replace(failed, status=Status.PARKED, is_alone=True)
    is_alone = state.is_alone or _breaks_batches(trouble, tries)
    gaps = _GAPS_AWAY if trouble in AWAY and not state.is_alone else _GAPS
    pause = max(gaps[min(tries, len(gaps)) - 1], said.not_before or timedelta())
    return FAILED, msgspec.structs.replace(failed, next_at=at + pause, is_alone=is_alone)


def _breaks_batches(trouble: Trouble, tries: int) -> bool:
    """Whether a document goes by itself from now on, should it be what the ERP breaks at."""
    if trouble in (Trouble.UNREACHABLE, Trouble.UNAVAILABLE):
        return False
    return tries >= (_MOST_LOST_IN_BATCH if trouble in AWAY else _MOST_IN_BATCH)


def requeued(state: State, at: datetime, reason: str) -> State:
    """A document that a person has handed over anew."""
    why = reason[:_LONGEST_REASON]
    return State(Status.INITIATED, state.batch_no, 0, at, is_alone=True, reason=why)


def lost(state: State, at: datetime, reason: str) -> State:
    """A document that the ERP does not have any more: it goes there again under the same reference."""
    return State(
        Status.INITIATED, state.batch_no, 0, at, is_alone=True, reason=reason,
        trouble=Trouble.ABSENT,
    )  # fmt: skip
