"""Where the fold of a contract's changes stands: what runs on each track, and what was there before.

Takes changes that are known to fit (checks.py looks at that). Everything is pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

from everycent.kernel.calendar import local_date, start_of_day
from everycent.subscriptions import term
from everycent.subscriptions.term import Bound, Ran
from everycent.subscriptions.timeline import (
    MAIN,
    OF,
    Action,
    Agree,
    Begin,
    Cancel,
    Change,
    Course,
    End,
    Pause,
    Resume,
    Stretch,
    Terms,
)

_NEVER = datetime.max.replace(tzinfo=UTC)
EVERYTHING = "*"
"""What a change to the whole contract touches."""


class Running(NamedTuple):
    """What runs on a track: the change that brought it about, its terms, since when, and the course of the
    price that it is about."""

    by: Change
    terms: Terms
    since: datetime
    course: Course | None = None


class Agreed(NamedTuple):
    """A quantity, since when it is agreed, and by which change."""

    since: datetime
    quantity: str
    by: Change


class State:
    """The contract as it stands after the changes that were taken, in order of time."""

    def __init__(self, ordered: Sequence[Change], zone: str) -> None:
        self.zone = zone
        self.by_no = {change.change_no: change for change in ordered}
        self.begins = {c.action.track: c for c in ordered if isinstance(c.action, Begin)}
        self.running: dict[str, Running] = {}
        self.agreed: dict[str, list[Agreed]] = {}
        self.ended: dict[str, Change] = {}
        self.over: dict[str, Change] = {}
        self.paused: Change | None = None
        self.resumed: Change | None = None
        self.cancelled: Change | None = None
        self.touched: dict[tuple[datetime, str], Change] = {}
        self.bounds: dict[str, tuple[Bound, ...]] = {}
        self.within: list[tuple[Change, Ran]] = []
        self.found: list[Stretch] = []

    def take(self, change: Change) -> None:
        """Takes the next change in."""
        at, action = change.effective_at, change.action
        self.touched[at, touched(action)] = change
        match action:
            case Begin():
                self._begin(change, action)
            case End(track):
                self._close_track(track, at, keeps_paid=change.keeps_paid)
                self.ended[track] = change
            case Agree():
                self._agree(change, action)
            case Cancel():
                self._close_all(at, keeps_paid=change.keeps_paid)
                self.cancelled = change
            case Pause():
                held = {
                    name: one
                    for name, one in self.running.items()
                    if one.since == at or not _is_once(one)
                }
                self._close_all(at, keeps_paid=change.keeps_paid)
                self.running, self.paused = held, change
            case Resume():
                self.running = {name: one._replace(since=at) for name, one in self.running.items()}
                self.paused, self.resumed = None, change

    def _begin(self, change: Change, action: Begin) -> None:
        """The terms take the place of those that ran on the track, with the courses of their prices."""
        track, terms, at = action.track, action.terms, change.effective_at
        before = {
            name: one.course.quantity
            for name, one in self.running.items()
            if one.course is not None
        }
        self._close_track(track, at, keeps_paid=change.keeps_paid)
        self.running[track] = Running(change, terms, at)
        for course in terms.courses:
            name = f"{track}{OF}{course.price_key}"
            quantity = course.quantity
            if course.is_agreed and quantity is None:
                quantity = before.get(name) or course.usual
                course = msgspec.structs.replace(course, quantity=quantity)
            self.running[name] = Running(change, terms, at, course)
            if quantity is not None and quantity != before.get(name):
                self.agreed.setdefault(name, []).append(Agreed(at, quantity, change))
        self.ended.pop(track, None)
        self.over.pop(track, None)
        self._bind(change, action)

    def _bind(self, change: Change, action: Begin) -> None:
        """The term that runs goes on, or another one begins."""
        track, terms = action.track, action.terms
        day = local_date(change.effective_at, self.zone)
        bounds = self.bounds.get(track, ())
        running = term.inside(bounds, day)
        if running is not None:
            self.within.append((change, running))
        opens = day if terms.trial_until is None else local_date(terms.trial_until, self.zone)
        self.bounds[track] = term.begun(
            bounds, change.change_no, terms.term, day, opens, anew=action.new_term
        )

    def _agree(self, change: Change, action: Agree) -> None:
        """The quantity takes the place of the one that runs."""
        name = f"{action.track}{OF}{action.price_key}"
        running, at = self.running[name], change.effective_at
        self._close(name, at, keeps_paid=change.keeps_paid)
        assert running.course is not None, "a quantity is that of a course"
        course = msgspec.structs.replace(running.course, quantity=action.quantity)
        self.running[name] = Running(change, running.terms, at, course)
        self.agreed.setdefault(name, []).append(Agreed(at, action.quantity, change))

    def run_out(self, until: datetime | None, begins: str | None = None) -> None:
        """Ends what ends by itself with a term, up to an instant (None: for ever), at which the track
        `begins` goes on after all."""
        ends = sorted(
            (start_of_day(day, self.zone), track)
            for track, bounds in self.bounds.items()
            if track in self.running and (day := term.closes_on(bounds)) is not None
        )
        for at, track in ends:
            if until is not None and (at > until or (at == until and track == begins)):
                continue
            by = self.by_no[self.bounds[track][-1].change_no]
            if track == MAIN:
                self._close_all(at)
                self.over = {MAIN: by}
                return
            self._close_track(track, at)
            self.over[track] = by

    def end(self) -> list[Stretch]:
        """All stretches: what has not ended runs on without an end."""
        self.run_out(None)
        for name in list(self.running):
            self._close(name, None)
        return sorted(self.found, key=lambda one: (one.starts_at, one.track))

    def _close_all(self, at: datetime, *, keeps_paid: bool = False) -> None:
        for name in list(self.running):
            self._close(name, at, keeps_paid=keeps_paid)

    def _close_track(self, track: str, at: datetime, *, keeps_paid: bool = False) -> None:
        """Ends what runs on a track, with all courses on it."""
        for name in list(self.running):
            if name == track or name.startswith(track + OF):
                self._close(name, at, keeps_paid=keeps_paid)

    def _close(self, name: str, at: datetime | None, *, keeps_paid: bool = False) -> None:
        """Ends what runs under a name, if anything does; while it is paused nothing has run."""
        running = self.running.pop(name, None)
        if running is None or self.paused is not None:
            return
        ends_at = at
        if _is_once(running):
            day = local_date(running.since, self.zone) + timedelta(days=1)
            ends_at = min(start_of_day(day, self.zone), at or _NEVER)
        if ends_at is None or running.since < ends_at:
            self.found.append(
                Stretch(name, running.by.change_no, running.terms, running.since, ends_at, keeps_paid,
                        running.course)
            )  # fmt: skip


def touched(action: Action) -> str:
    """The track whose course the action changes; a change to the whole contract is on all."""
    match action:
        case Begin(_, track) | End(track):
            return track
        case Agree(key, _, track):
            return f"{track}{OF}{key}"
    return EVERYTHING


def _is_once(running: Running) -> bool:
    return running.course is not None and running.course.is_once
