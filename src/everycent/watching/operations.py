"""Set and remove thresholds; write down what was crossed, and gaps that open and close."""

from __future__ import annotations

from collections.abc import Sequence, Set
from datetime import datetime, timedelta
from typing import TypedDict

from everycent.db.connection import Tx
from everycent.journal import operations as journal
from everycent.journal.event import Draft
from everycent.kernel.errors import NotFound
from everycent.kernel.ids import IdSource
from everycent.kernel.period import instant_text
from everycent.watching import gap as gaps
from everycent.watching import projection, queries, store
from everycent.watching.gap import Closed, Expected, Gap, Hole, Opened, Outcome, Place
from everycent.watching.threshold import CROSSED, REMOVED, SET, Crossing, Threshold

_MINUTE = timedelta(minutes=1)


class Writing(TypedDict):
    """The arguments of everything that writes: when it holds, when it is written, by whom, new ids."""

    at: datetime
    recorded_at: datetime
    actor: str
    ids: IdSource


def set_threshold(
    tx: Tx, wanted: Threshold, *, at: datetime, recorded_at: datetime, actor: str, ids: IdSource
) -> Threshold:
    """Sets a threshold, or sets it anew, which begins its next version; the same again does nothing."""
    store.lock(tx)
    known = store.find_thresholds(tx, wanted.key, with_removed=True)
    active = store.find_thresholds(tx, wanted.key)
    version = known[0].version + 1 if known else 1
    told = Threshold(
        wanted.key, version, wanted.value, wanted.meter, wanted.subject, wanted.customer_id
    )
    if active and _content(active[0]) == _content(told):
        return active[0]
    event_id = ids(f"threshold.set/{told.key}/{version}")
    draft = Draft(event_id, _stream(told.key), SET, at, actor, told)
    journal.record(tx, [draft], recorded_at, projection.threshold)
    return told


def _content(threshold: Threshold) -> tuple[object, ...]:
    return threshold.value, threshold.meter, threshold.subject, threshold.customer_id


def _stream(key: str) -> str:
    return f"threshold:{key}"


def remove_threshold(
    tx: Tx, key: str, *, at: datetime, recorded_at: datetime, actor: str, ids: IdSource
) -> Threshold:
    """Watches no longer; its crossings stay. Raises NotFound `threshold.unknown`."""
    store.lock(tx)
    found = queries.threshold(tx, key)
    event_id = ids(f"threshold.removed/{key}/{found.version}")
    draft = Draft(event_id, _stream(key), REMOVED, at, actor, found)
    journal.record(tx, [draft], recorded_at, projection.threshold)
    return found


def cross(
    tx: Tx,
    crossings: Sequence[Crossing],
    *,
    at: datetime,
    recorded_at: datetime,
    actor: str,
    ids: IdSource,
) -> list[Crossing]:
    """Writes crossings down, each once per threshold and period whoever notices it; returns those that
    were new. A threshold that was changed or removed meanwhile is not crossed."""
    if not crossings:
        return []
    store.lock(tx)
    versions = {found.key: found.version for found in store.find_thresholds(tx)}
    known = store.crossed_already(tx, [(c.key, c.version, c.starts_at) for c in crossings])
    fresh = [
        c
        for c in crossings
        if versions.get(c.key) == c.version and (c.key, c.version, c.starts_at) not in known
    ]
    drafts = [
        Draft(
            ids(f"threshold.crossed/{c.key}/{c.version}/{instant_text(c.starts_at)}"),
            _stream(c.key),
            CROSSED,
            at,
            actor,
            c,
        )
        for c in fresh
    ]
    if drafts:
        journal.record(tx, drafts, recorded_at, projection.crossed)
    return fresh


def settle_gaps(
    tx: Tx,
    holes: Sequence[Hole],
    expected: Sequence[Expected],
    in_doubt: Set[Place],
    filled: Set[Place],
    *,
    at: datetime,
    recorded_at: datetime,
    actor: str,
    ids: IdSource,
) -> tuple[list[Hole], list[tuple[Gap, Outcome]]]:
    """Opens and closes gaps as the holes say; returns what it opened and closed. See `gap.decide`."""
    known = store.find_gaps(tx, [hole.place for hole in holes])
    if gaps.decide(holes, known, expected, in_doubt, filled, at) == gaps.Decided([], []):
        return [], []  # the usual case takes no lock
    store.lock(tx)
    known = store.find_gaps(tx, [hole.place for hole in holes])
    decided = gaps.decide(holes, known, expected, in_doubt, filled, at)
    opened = [
        Draft(
            ids(f"usage.gap_opened/{_name(hole.place)}/{instant_text(recorded_at)}"),
            gaps.stream(hole.place.subject, hole.place.meter),
            gaps.OPENED,
            at,
            actor,
            Opened(*hole.place, recorded_at, hole.allowed // _MINUTE),
        )
        for hole in decided.opened
    ]
    if opened:
        journal.record(tx, opened, recorded_at, projection.gap_opened)
    closed = [
        _closing(gap, outcome, "", at=at, recorded_at=recorded_at, actor=actor, ids=ids)
        for gap, outcome in decided.closed
    ]
    if closed:
        journal.record(tx, closed, recorded_at, projection.gap_closed)
    return decided.opened, decided.closed


def _name(place: Place) -> str:
    return f"{place.subject}/{place.meter}/{instant_text(place.starts_at)}"


def _closing(
    gap: Gap,
    outcome: Outcome,
    reason: str,
    *,
    at: datetime,
    recorded_at: datetime,
    actor: str,
    ids: IdSource,
) -> Draft:
    closed_at = max(recorded_at, gap.noticed_at)
    allowed_minutes = gap.allowed // _MINUTE
    payload = Closed(*gap.place, gap.noticed_at, allowed_minutes, closed_at, outcome, reason)
    event_id = ids(f"usage.gap_closed/{_name(gap.place)}/{instant_text(recorded_at)}")
    stream = gaps.stream(gap.place.subject, gap.place.meter)
    return Draft(event_id, stream, gaps.CLOSED, at, actor, payload)


def accept_gap(
    tx: Tx,
    place: Place,
    reason: str,
    *,
    at: datetime,
    recorded_at: datetime,
    actor: str,
    ids: IdSource,
) -> None:
    """Closes an open gap for good: no records will come, for the reason. Raises NotFound
    `gap.unknown`."""
    store.lock(tx)
    found = store.find_gaps(tx, [place]).get(place)
    if found is None or found.closed_at is not None:
        raise NotFound(
            "gap.unknown",
            f"no gap of {place.meter!r} at {place.subject!r} is open since"
            f" {instant_text(place.starts_at)}",
            field="starts_at",
            value=instant_text(place.starts_at),
            hint="list them with `everycent usage gaps`",
        )
    draft = _closing(
        found, Outcome.ACCEPTED, reason, at=at, recorded_at=recorded_at, actor=actor, ids=ids
    )
    journal.record(tx, [draft], recorded_at, projection.gap_closed)
