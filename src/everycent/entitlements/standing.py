"""How the phases of contracts stand at an instant: which of them give their plans' features, and why
the others don't."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from everycent.subscriptions.subscription import Phase, Subscription
from everycent.subscriptions.timeline import Cancel, Pause, Resume, in_order


class State(StrEnum):
    """RUNNING and TRIAL (of a plan that runs) give features. PAUSED: it ended with the pause that is on.
    PLANNED: it begins later. ENDED: it is over."""

    RUNNING = "running"
    TRIAL = "trial"
    PAUSED = "paused"
    PLANNED = "planned"
    ENDED = "ended"


class Standing(NamedTuple):
    """A phase of a contract, as it stands."""

    contract: Subscription
    phase: Phase
    state: State

    @property
    def runs(self) -> bool:
        """Whether it gives its plan's features."""
        return self.state in (State.RUNNING, State.TRIAL)

    @property
    def plan(self) -> tuple[str, int]:
        """Its plan's key and version."""
        return self.phase.plan_key, self.phase.plan_version


def standings(held: Iterable[Subscription], at: datetime) -> list[Standing]:
    """Every phase of the contracts that has taken place or will, in their order."""
    return [Standing(one, phase, _state(one, phase, at)) for one in held for phase in _plans(one)]


def _plans(contract: Subscription) -> Iterator[Phase]:
    """The phases that are each a plan of its own."""
    known: set[tuple[str, datetime]] = set()
    for phase in contract.phases:
        name = track_of(phase), phase.starts_at
        if phase.takes_place and name not in known:
            known.add(name)
            yield phase


def track_of(phase: Phase) -> str:
    """The track of the phase's plan: a price with a course of its own has one below it, after a #."""
    return phase.track.partition("#")[0]


def _state(contract: Subscription, phase: Phase, at: datetime) -> State:
    if at < phase.starts_at:
        return State.PLANNED
    if phase.ends_at is None or at < phase.ends_at:
        trial = phase.trial_until
        return State.RUNNING if trial is None or trial <= at else State.TRIAL
    return State.PAUSED if phase.ends_at == paused_since(contract, at) else State.ENDED


def paused_since(contract: Subscription, at: datetime) -> datetime | None:
    """Since when the contract is paused at an instant; None where it is not."""
    since = None
    for change in in_order(contract.changes):
        if change.effective_at <= at:
            match change.action:
                case Pause():
                    since = change.effective_at
                case Resume() | Cancel():
                    since = None
    return since
