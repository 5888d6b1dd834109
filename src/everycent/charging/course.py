"""Course: which stage follows which. The state machine of an attempt as pure functions; nothing here waits,
sends, reads a clock or writes.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from everycent.charging.attempt import (
    FINAL,
    Attempt,
    By,
    Evidence,
    Source,
    Stage,
    State,
    Status,
)
from everycent.charging.judge import judged
from everycent.charging.policy import Next, Policy, Then, after, look_at
from everycent.payments.failure import Failure
from everycent.payments.provider import Kind, Outcome, Traits

_MOST_SENDS = 4
_KEY_MARGIN = timedelta(minutes=10)


class Terms(NamedTuple):
    """By which promises of the provider, and by which policy, it goes on."""

    traits: Traits
    policy: Policy


def claimed(attempt: Attempt, by: By, at: datetime) -> Stage:
    """S1: the attempt is written down; nothing was sent."""
    return Stage(attempt, State(Status.CLAIMED, msgspec.structs.replace(by, fence=1), at, at))


def succeeded(stage: Stage, by: By, at: datetime) -> Stage:
    """S8: what was answered is booked."""
    return _at(stage, by, at, status=Status.SUCCEEDED)


def sending(stage: Stage, by: By, at: datetime, send_before: datetime) -> Stage:
    """S2: from here on a request may be under way. It has to leave before `send_before`, or not at all."""
    state = stage.state
    return _at(
        stage, by, at, status=Status.SENDING, send_before=send_before,
        sent_at=state.sent_at or at, sends=state.sends + 1, look_at=None, failure=None,
    )  # fmt: skip


def cancelled(stage: Stage, by: By, at: datetime, why: str) -> Stage:
    """A claim that is called off: it was never sent."""
    return _at(stage, by, at, status=Status.CANCELLED, why=why)


def lost(stage: Stage, by: By, at: datetime, terms: Terms, *, is_proven: bool) -> Stage:
    """The sender is gone while a request may be under way. Where its death is not proven, it may still be
    about to send: it is given the policy's quarantine to come to an end."""
    policy = terms.policy
    ends = at if is_proven else at + timedelta(seconds=policy.quarantine)
    seen = "is gone" if is_proven else "can't be reached, and may still be sending"
    return _at(
        stage, by, at, status=Status.UNKNOWN, failure=Failure.WORKER_DIED,
        gave_up_at=_latest(stage, ends),
        look_at=_next_look(terms, Status.UNKNOWN, 0, at), why=f"{stage.state.by.worker} {seen}",
    )  # fmt: skip


def unsent(stage: Stage, by: By, at: datetime, failure: Failure, terms: Terms) -> Stage:
    """A request that provably never left, although it was about to: another attempt may follow."""
    return _failed(stage, by, at, failure, terms, None)


def heard(
    stage: Stage,
    said: Evidence,
    by: By,
    at: datetime,
    terms: Terms,
    *,
    is_sender: bool = False,
    is_over: bool = False,
) -> Stage | None:
    """What follows from evidence; None where it says nothing new. It counts whoever brings it, also a
    process that is older than the one that wrote last, or was taken over from.

    `is_sender`: it comes from whoever is sending now; while somebody does, no other who knows nothing has
    anything to say. `is_over`: that one has given up and sends nothing any more.
    """
    state = stage.state
    if state.status is Status.SUCCEEDED and stage.attempt.kind is Kind.REFUND:
        return _came_back(stage, said, by, at)
    if state.status in (Status.CLAIMED, Status.SUCCEEDED, Status.ANSWERED):
        return None
    outcome, failure = judged(
        stage.attempt, said, takes_parts=terms.traits.takes_parts, is_only_request=state.sends == 1
    )
    if state.status in FINAL and outcome is not Outcome.DONE:
        return None
    is_no_word = outcome is Outcome.ABSENT or (outcome is Outcome.UNKNOWN and not is_sender)
    if state.status is Status.SENDING and is_no_word:
        return None
    if said.source is Source.PERSON and outcome is Outcome.ABSENT:
        outcome, failure = Outcome.FAILED, Failure.NOT_FOUND
    if outcome is Outcome.DONE:
        return _done(stage, said, by, at, failure, terms)
    if state.status is Status.MISMATCHED and said.source is not Source.PERSON:
        return _looked(stage, said, by, at, terms, Status.MISMATCHED)
    if outcome is Outcome.FAILED and failure is not None:
        return _failed(stage, by, at, failure, terms, said)
    if outcome is Outcome.PENDING:
        return _pending(stage, said, by, at, terms)
    if outcome is Outcome.ABSENT:
        return _absent(stage, said, by, at, terms)
    return _unknown(stage, said, by, at, failure, terms, is_over=is_over)


def _came_back(stage: Stage, said: Evidence, by: By, at: datetime) -> Stage | None:
    """A refund that was done and fails after all, as banks may say days later: the money is here again, and
    what follows is for a person. Only who speaks of that very refund is believed."""
    is_told = said.source is not Source.RESPONSE and said.provider_id == stage.state.provider_id
    if said.outcome is not Outcome.FAILED or not is_told:
        return None
    return _at(
        stage, by, at, said, status=Status.FAILED, failure=said.failure or Failure.DECLINED,
        is_stopped=True, look_at=None, retry_at=None, why="came back after it was done",
    )  # fmt: skip


def left_alone(stage: Stage, by: By, at: datetime, terms: Terms, why: str) -> Stage:
    """An unknown outcome of a request that is not sent again: what it asked for is no longer wanted, or the
    provider may have forgotten it. It is still looked for where that is possible; else only other evidence
    ends it."""
    state = stage.state
    look = look_at(terms.policy.looks, state.looks + 1, at) if terms.traits.looks_up else None
    return _at(
        stage, by, at, looks=state.looks + 1, look_at=look,
        why=f"not sent again: {why}",
    )  # fmt: skip


def may_send_again(stage: Stage, at: datetime, terms: Terms) -> bool:
    """Whether the same request may be sent once more, the same to the last byte: only to a provider that
    charges a reference once, and only while it is sure to remember it when the last copy comes. That is
    the one sent now, even if its sender is held up for a whole quarantine at the worst place, or one that
    an earlier sender lets go as late. One that fails again and again is left to other evidence."""
    traits, state = terms.traits, stage.state
    if state.sends >= _MOST_SENDS:
        return False
    if traits.idempotent_for is None or state.sent_at is None or state.status is not Status.UNKNOWN:
        return False
    last = at + timedelta(seconds=terms.policy.quarantine) + traits.latest_commit
    return last < state.sent_at + traits.idempotent_for - _KEY_MARGIN


def absent_counts_from(stage: Stage, terms: Terms) -> datetime | None:
    """From when on "there is nothing under this reference" means that it was not charged: when the sender
    has stopped and what it sent last can't be charged any more."""
    ends = stage.state.gave_up_at
    if ends is None or stage.state.status is Status.SENDING:
        return None
    return ends + terms.traits.latest_commit + timedelta(seconds=terms.policy.margin)


def _at(
    stage: Stage, by: By, at: datetime, evidence: Evidence | None = None, **changes: object
) -> Stage:
    """The next state. Whoever takes an attempt into its hands raises the fence: what the one before writes
    after that is refused."""
    before = stage.state.by
    fence = before.fence + (before.worker_id != by.worker_id)
    changes["by"] = msgspec.structs.replace(by, fence=fence)
    state = msgspec.structs.replace(stage.state, changed_at=at, **changes)
    return Stage(stage.attempt, state, evidence)


def _latest(stage: Stage, ends: datetime) -> datetime:
    """When the last of several senders has certainly stopped: an earlier one that nobody can reach is not
    forgotten because the same request was sent again."""
    before = stage.state.gave_up_at
    return ends if before is None else max(before, ends)


def _done(
    stage: Stage, said: Evidence, by: By, at: datetime, failure: Failure | None, terms: Terms
) -> Stage:
    """Money moved. Not what was asked for: a second source has to say the same before it is believed. Where
    it was believed not to have moved, the invoice is not charged again before a person has looked."""
    state = stage.state
    taken = {
        "provider_id": said.provider_id, "taken": said.amount, "taken_currency": said.currency,
        "taken_on": said.taken_on, "fee": said.fee, "look_at": None, "retry_at": None,
    }  # fmt: skip
    contradicted = state.is_contradicted or state.status in FINAL
    if failure is None:
        return _at(stage, by, at, said, status=Status.ANSWERED, failure=None, why="",
                   is_contradicted=contradicted, is_stopped=contradicted, **taken)  # fmt: skip
    if _is_second(stage, said):
        return _at(stage, by, at, said, status=Status.ANSWERED, failure=None, is_stopped=True,
                   why=f"{failure}: confirmed", is_contradicted=contradicted, **taken)  # fmt: skip
    return _at(
        stage, by, at, said, status=Status.MISMATCHED, failure=failure, is_stopped=True,
        is_contradicted=contradicted, gave_up_at=state.gave_up_at or at,
        why=f"{failure}: to be confirmed", **(taken | {"look_at": at if terms.traits.looks_up else None}),
    )  # fmt: skip


def _is_second(stage: Stage, said: Evidence) -> bool:
    if said.source is Source.PERSON:
        return True
    before = stage.state
    told = (before.provider_id, before.taken, before.taken_currency)
    is_other = said.source is not Source.RESPONSE
    return (
        is_other
        and before.status is Status.MISMATCHED
        and told == (said.provider_id, said.amount, said.currency)
    )


def _failed(
    stage: Stage, by: By, at: datetime, failure: Failure, terms: Terms, said: Evidence | None
) -> Stage:
    patience = None if said is None else said.retry_after
    follows = after(terms.policy, failure, stage.attempt.tries, at, patience)
    if stage.attempt.kind is Kind.REFUND and follows.then is Then.OTHER_METHOD:
        follows = Next(Then.ASK_OPERATOR, None, f"{failure}: a refund has no other method")
    return _at(
        stage, by, at, said, status=Status.FAILED, failure=failure, look_at=None,
        retry_at=follows.retry_at, is_stopped=follows.is_stopped, why=follows.why,
        provider_id=None if said is None else said.provider_id,
        action_url=None if said is None else said.action_url,
    )  # fmt: skip


def _pending(stage: Stage, said: Evidence, by: By, at: datetime, terms: Terms) -> Stage:
    state = stage.state
    return _at(
        stage, by, at, said, status=Status.PENDING, failure=None, looks=state.looks + 1,
        look_at=_next_look(terms, Status.PENDING, state.looks, at),
        provider_id=said.provider_id or state.provider_id, gave_up_at=state.gave_up_at or at,
        action_url=said.action_url, why=said.failure.value if said.failure else "in hand",
    )  # fmt: skip


def _absent(stage: Stage, said: Evidence, by: By, at: datetime, terms: Terms) -> Stage:
    """Nothing found. It counts only when nothing could come any more at the time of asking, however much
    later that is written down; until then it is looked for again. A payment that the provider had in hand
    does not vanish: that is for a person."""
    since = absent_counts_from(stage, terms)
    if stage.state.status is Status.PENDING or since is None:
        return _looked(stage, said, by, at, terms, stage.state.status)
    if said.asked_at is not None and said.asked_at >= since:
        return _failed(stage, by, at, Failure.NOT_FOUND, terms, said)
    return _at(
        stage, by, at, said, status=Status.UNKNOWN, failure=stage.state.failure or Failure.TIMED_OUT,
        looks=stage.state.looks + 1, look_at=max(since, at),
        why="not found so far; it may still be charged",
    )  # fmt: skip


def _unknown(
    stage: Stage,
    said: Evidence,
    by: By,
    at: datetime,
    failure: Failure | None,
    terms: Terms,
    *,
    is_over: bool,
) -> Stage:
    state = stage.state
    if state.status is not Status.SENDING:
        return _looked(stage, said, by, at, terms, state.status)
    return _at(
        stage, by, at, said, status=Status.UNKNOWN, failure=failure, looks=state.looks,
        look_at=_next_look(terms, Status.UNKNOWN, state.looks, at),
        gave_up_at=_latest(stage, at if is_over else at + timedelta(seconds=terms.policy.quarantine)),
        why="money may have moved",
    )  # fmt: skip


def _looked(
    stage: Stage, said: Evidence, by: By, at: datetime, terms: Terms, status: Status
) -> Stage:
    """Asked in vain: asked again later."""
    state = stage.state
    return _at(
        stage, by, at, said, status=status, looks=state.looks + 1,
        look_at=_next_look(terms, status, state.looks + 1, at),
    )  # fmt: skip


def _next_look(terms: Terms, status: Status, looks: int, at: datetime) -> datetime | None:
    """When something is done about an open outcome next: it is looked up, or, where it is unknown, sent
    again. None where only a person, a notice or a statement can tell."""
    is_sent_again = terms.traits.idempotent_for is not None and status is Status.UNKNOWN
    if not terms.traits.looks_up and not is_sent_again:
        return None
    delays = terms.policy.pending if status is Status.PENDING else terms.policy.looks
    return look_at(delays, looks, at)
