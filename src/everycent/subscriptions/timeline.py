"""Phases of a contract: what was agreed and every change to it, folded into stretches of time.

Everything here is pure. A change holds the instant at which it takes effect; whether that is in the past
or in the future makes no difference (docs/decisions/0014).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import NamedTuple

import msgspec

MAIN = ""
"""The track of the plan itself; add-ons have tracks of their own."""


class Terms(msgspec.Struct, frozen=True, omit_defaults=True):
    """What holds during a phase: a version of a plan, where its periods are cut, and until when it is a
    trial (None: it is none)."""

    plan_key: str
    plan_version: int
    anchor: date
    interval_months: int
    interval_days: int
    trial_until: datetime | None = None


class Begin(msgspec.Struct, frozen=True, tag="begin", omit_defaults=True):
    """From now on a track is on these terms: the plan at the start, another plan, or an add-on."""

    terms: Terms
    track: str = MAIN


class End(msgspec.Struct, frozen=True, tag="end", omit_defaults=True):
    """From now on a track is on no terms: an add-on is dropped."""

    track: str


class Cancel(msgspec.Struct, frozen=True, tag="cancel"):
    """The whole contract ends."""


class Pause(msgspec.Struct, frozen=True, tag="pause"):
    """Nothing is provided and nothing is billed from now on, until it is resumed."""


class Resume(msgspec.Struct, frozen=True, tag="resume"):
    """What was paused goes on, on the terms that hold by then and with the periods as they were cut."""


Action = Begin | End | Cancel | Pause | Resume


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """A change of a contract, numbered from 0 (its start) in the order in which they were agreed.

    Time that was paid in advance and that a change cuts off is given back, unless it `keeps_paid`.
    """

    change_no: int
    effective_at: datetime
    action: Action
    keeps_paid: bool = False


class Stretch(NamedTuple):
    """A stretch of time on the same terms. It is known by its track and where it starts, and by the
    change that brought its terms about. `keeps_paid` is as the change that ended it says."""

    track: str
    change_no: int
    terms: Terms
    starts_at: datetime
    ends_at: datetime | None
    keeps_paid: bool = False


class Clash(NamedTuple):
    """Why the changes do not make a contract: the rule, the change that breaks it, and the one with
    which it clashes (None: there is nothing to begin with)."""

    rule: str
    change: Change
    other: Change | None


class Timeline(NamedTuple):
    """The stretches in order of time and track, and every clash. With a clash there are no stretches."""

    stretches: tuple[Stretch, ...]
    clashes: tuple[Clash, ...]


def in_order(changes: Iterable[Change]) -> list[Change]:
    """In the order in which they take effect; those of one instant as they were agreed."""
    return sorted(changes, key=lambda change: (change.effective_at, change.change_no))


def fold(changes: Iterable[Change]) -> Timeline:
    """The stretches that the changes amount to, or what is wrong with them."""
    folding = _Folding()
    for change in in_order(changes):
        folding.take(change)
    if folding.clashes:
        return Timeline((), tuple(folding.clashes))
    for track in list(folding.running):
        folding.close(track, None)
    found = sorted(folding.found, key=lambda one: (one.starts_at, one.track))
    return Timeline(tuple(found), ())


class _Folding:
    """Where the fold stands: what runs on each track, since when, and by which change."""

    def __init__(self) -> None:
        self.running: dict[str, tuple[Change, Terms, datetime]] = {}
        self.ended: dict[str, Change] = {}
        self.paused: Change | None = None
        self.cancelled: Change | None = None
        self.touched: dict[tuple[datetime, str], Change] = {}
        self.found: list[Stretch] = []
        self.clashes: list[Clash] = []

    def take(self, change: Change) -> None:
        """Takes the next change in, or notes what it clashes with."""
        clash = self._clash(change)
        if clash is not None:
            self.clashes.append(clash)
            return
        at, action = change.effective_at, change.action
        for track in self._tracks_of(action):
            self.touched[at, track] = change
        match action:
            case Begin():
                self.close(action.track, change)
                self.running[action.track] = change, action.terms, at
                self.ended.pop(action.track, None)
            case End():
                self.close(action.track, change)
                self.ended[action.track] = change
            case Cancel():
                for track in list(self.running):
                    self.close(track, change)
                self.cancelled = change
            case Pause():
                held = {t: (by, terms, at) for t, (by, terms, _) in self.running.items()}
                for track in list(self.running):
                    self.close(track, change)
                self.running = held
                self.paused = change
            case Resume():
                self.running = {t: (by, terms, at) for t, (by, terms, _) in self.running.items()}
                self.paused = None

    def close(self, track: str, by: Change | None) -> None:
        """Ends what runs on a track, if anything does, by a change; while it is paused nothing has
        run."""
        running = self.running.pop(track, None)
        if running is None or self.paused is not None:
            return
        change, terms, since = running
        if by is None:
            self.found.append(Stretch(track, change.change_no, terms, since, None))
        elif since < by.effective_at:
            stretch = Stretch(track, change.change_no, terms, since, by.effective_at, by.keeps_paid)
            self.found.append(stretch)

    def _tracks_of(self, action: Action) -> Sequence[str]:
        """The tracks whose course the action changes; a change to the whole contract is on all."""
        if isinstance(action, Begin | End):
            return (action.track,)
        return ("*",)

    def _clash(self, change: Change) -> Clash | None:
        at, action = change.effective_at, change.action
        if self.cancelled is not None:
            return Clash("cancelled before", change, self.cancelled)
        if MAIN not in self.running and not (isinstance(action, Begin) and action.track == MAIN):
            return Clash("not started yet", change, None)
        for track in self._tracks_of(action):
            if (at, track) in self.touched:
                return Clash("the same thing at the same instant", change, self.touched[at, track])
        match action:
            case Begin(terms, track) if track in self.running and self.running[track][1] == terms:
                return Clash("nothing would change", change, self.running[track][0])
            case End(track) if track == MAIN:
                return Clash("the plan itself is cancelled, not dropped", change, None)
            case End(track) if track not in self.running:
                return Clash("there is no such add-on then", change, self.ended.get(track))
            case Pause() if self.paused is not None:
                return Clash("paused before", change, self.paused)
            case Resume() if self.paused is None:
                return Clash("not paused then", change, None)
            case _:
                return None
