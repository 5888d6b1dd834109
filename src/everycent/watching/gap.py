"""Gap: a stretch without records in a series that should have some."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

import msgspec

from everycent.catalog.intake import IntakePolicy
from everycent.journal.types import EventType


class Outcome(StrEnum):
    """What became of a gap. FILLED: records came, late. ACCEPTED: somebody says that none will come.
    NOT_EXPECTED: the meter's policy, or the contract, asks for no record there any more. BEGINS_EARLIER:
    the record at which it began was taken back, or the contract begins earlier now; the silence around it
    is another gap."""

    OPEN = "open"
    FILLED = "filled"
    ACCEPTED = "accepted"
    NOT_EXPECTED = "not_expected"
    BEGINS_EARLIER = "begins_earlier"


class Place(NamedTuple):
    """Where a gap begins: at the last record before it, or where the term of the contract began."""

    subject: str
    meter: str
    starts_at: datetime


Series = tuple[str, str]
"""A subject and a meter."""


class Opened(msgspec.Struct, frozen=True):
    """A gap that was noticed. `allowed_minutes` may lie between two records of the meter."""

    subject: str
    meter: str
    starts_at: datetime
    noticed_at: datetime
    allowed_minutes: int


class Closed(msgspec.Struct, frozen=True, omit_defaults=True):
    """A gap that is none any more, and why; `reason` is what a person said."""

    subject: str
    meter: str
    starts_at: datetime
    noticed_at: datetime
    allowed_minutes: int
    closed_at: datetime
    outcome: Outcome
    reason: str = ""


OPENED = EventType("usage.gap_opened", 1, Opened)
CLOSED = EventType("usage.gap_closed", 1, Closed)


class Gap(NamedTuple):
    """A gap as it stands; `allowed` lay between two records when it opened."""

    place: Place
    noticed_at: datetime
    allowed: timedelta
    closed_at: datetime | None
    outcome: Outcome


class Expected(NamedTuple):
    """A series in which a record is due at least every `allowed`, from `since` up to `until`."""

    subject: str
    meter: str
    since: datetime
    until: datetime
    allowed: timedelta


def merged(expected: Iterable[Expected]) -> list[Expected]:
    """The same without overlaps: contracts and phases that follow one another, or run side by side, expect
    the records of a series once. All of a series allow the same."""
    found: list[Expected] = []
    for one in sorted(expected):
        last = found[-1] if found else None
        if last and last[:2] == one[:2] and one.since <= last.until:
            found[-1] = last._replace(until=max(last.until, one.until))
        else:
            found.append(one)
    return found


class End(NamedTuple):
    """When records came again. Of a day in the archive only its last records are known: then the first
    one after a gap came by `at`, maybe before it, and the end is not exact."""

    at: datetime
    is_exact: bool = True


class Hole(NamedTuple):
    """A stretch without records that is longer than allowed; `end` is None while it lasts."""

    place: Place
    end: End | None
    allowed: timedelta


def allowed_of(policy: IntakePolicy) -> timedelta | None:
    """How long the meter may be silent, None where nobody said how often it sends."""
    if policy.every_minutes is None:
        return None
    return timedelta(minutes=policy.every_minutes + policy.grace_minutes)


class Decided(NamedTuple):
    """Gaps to open and gaps to close."""

    opened: list[Hole]
    closed: list[tuple[Gap, Outcome]]


def decide(
    holes: Iterable[Hole],
    known: Mapping[Place, Gap],
    expected: Sequence[Expected],
    in_doubt: Set[Place],
    filled: Set[Place],
    as_of: datetime,
) -> Decided:
    """What the holes that are there as of an instant mean for the gaps that are known.

    A hole opens a gap, once; one that was accepted is not opened again. An open gap whose hole is gone is
    closed: see `_end_of`. One that is in doubt stays as it is: what would fill it, or show that it is
    there, is in the archive. `filled` are those after which a record stands in time, as it was allowed
    when they opened.
    """
    there = {hole.place: hole for hole in holes}
    opened = [
        hole
        for place, hole in sorted(there.items())
        if place not in known or _may_open_again(known[place], as_of)
    ]
    terms: dict[Series, list[Expected]] = {}
    for one in expected:
        terms.setdefault((one.subject, one.meter), []).append(one)
    silences: dict[Series, list[Hole]] = {}
    for place, hole in there.items():
        silences.setdefault(place[:2], []).append(hole)
    closed = [
        (gap, _end_of(place, terms.get(place[:2], []), silences.get(place[:2], []), filled))
        for place, gap in sorted(known.items())
        if gap.closed_at is None
        and gap.noticed_at <= as_of  # else somebody who looked later than we did has opened it
        and place not in there
        and place not in in_doubt
    ]
    return Decided(opened, closed)


def _end_of(
    place: Place, terms: Sequence[Expected], silences: Sequence[Hole], filled: Set[Place]
) -> Outcome:
    """Why a gap is none any more, given what is expected of its series and how long it is silent. Where no
    record came in time either, the policy was widened or the contract ends within what it allows."""
    at = place.starts_at
    if not any(term.since <= at < term.until for term in terms):
        return Outcome.NOT_EXPECTED
    for hole in silences:
        if hole.place.starts_at < at and (
            hole.end is None or (hole.end.is_exact and at < hole.end.at)
        ):
            return Outcome.BEGINS_EARLIER
    return Outcome.FILLED if place in filled else Outcome.NOT_EXPECTED


def _may_open_again(gap: Gap, as_of: datetime) -> bool:
    """Whether a hole is news: somebody who looked later than we did may have closed its gap."""
    if gap.closed_at is None or gap.outcome is Outcome.ACCEPTED:
        return False
    return gap.closed_at < as_of


def stream(subject: str, meter: str) -> str:
    """The stream of a series' gaps; names of any length and with any characters have one."""
    told = f"{len(subject)}:{subject}{meter}"  # no pair of names tells what another one does
    name = hashlib.sha256(told.encode()).hexdigest()
    return f"gap:{name[:40]}"
