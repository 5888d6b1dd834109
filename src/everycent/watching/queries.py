"""Look thresholds, crossings and gaps up, and what there is to decide about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from everycent.db.connection import Tx
from everycent.kernel.errors import NotFound
from everycent.metering import queries as metering
from everycent.watching import store
from everycent.watching.gap import End, Expected, Gap, Hole, Place
from everycent.watching.threshold import Crossing, Threshold


def thresholds(tx: Tx, after: str | None = None, limit: int | None = None) -> list[Threshold]:
    """What is watched, in order of the keys, after one."""
    return store.find_thresholds(tx, after=after, limit=limit)


def threshold(tx: Tx, key: str) -> Threshold:
    """One of them. Raises NotFound `threshold.unknown`."""
    found = store.find_thresholds(tx, key)
    if not found:
        raise NotFound(
            "threshold.unknown",
            f"there is no threshold {key!r}",
            field="key",
            value=key,
            hint="list them with `everycent usage threshold list`",
        )
    return found[0]


def crossings(
    tx: Tx,
    key: str | None = None,
    limit: int = 100,
    after: tuple[datetime, str, int, datetime] | None = None,
) -> list[Crossing]:
    """The newest crossings first, of all thresholds or one; after the one (as_of, key, version, start)."""
    return store.list_crossings(tx, key, limit, after)


def crossed_already(
    tx: Tx, wanted: Sequence[tuple[str, int, datetime]]
) -> set[tuple[str, int, datetime]]:
    """Those of the (key, version, start of the period) that were crossed."""
    return store.crossed_already(tx, wanted) if wanted else set()


class Seen(NamedTuple):
    """How far somebody has looked at what came in: every batch up to a fold, and some after it."""

    fold_id: int = 0
    batches: frozenset[int] = frozenset()


def news(tx: Tx, seen: Seen, subjects: Iterable[str]) -> tuple[set[str], Seen]:
    """Those of the subjects of which records came, or were taken back, since somebody looked; and how
    far it is seen now. Batches that were committed out of their order are not passed over."""
    found = store.list_new_batches(tx, seen.fold_id)
    fresh = [batch for batch, _ in found if batch not in seen.batches]
    folds = [fold for _, fold in found if fold is not None]
    now = Seen(
        max(folds, default=seen.fold_id), frozenset(batch for batch, fold in found if fold is None)
    )
    wanted = sorted(set(subjects))
    if seen == Seen():  # nothing was looked at before, so everything is looked at now anyway
        return set(wanted), now
    return (store.touched(tx, wanted, fresh) if fresh and wanted else set()), now


def terms(
    tx: Tx, plans: Sequence[tuple[str, int]], as_of: datetime
) -> list[tuple[tuple[str, int], str, datetime, datetime | None]]:
    """(plan, subject, start, end) of subscriptions to the plans that have begun by an instant."""
    return store.list_terms(tx, plans, as_of) if plans else []


def plans_in_use(tx: Tx) -> list[tuple[str, int]]:
    """The versions of plans that anybody has subscribed to."""
    return store.plans_in_use(tx)


def holes(
    tx: Tx, expected: Sequence[Expected], looked_from: Sequence[datetime], as_of: datetime
) -> list[Hole]:
    """The holes in the series, folded or not, each looked at from an instant of its own on; one that
    reaches `as_of` has no end yet. What may be none, for all that is known of days in the archive, is
    none: see `in_doubt`."""
    ids = _numbers(tx, [(one.subject, one.meter) for one in expected])
    told = []
    silent = []
    for number, (one, start) in enumerate(zip(expected, looked_from, strict=True)):
        subject_id = ids.get(("subject", one.subject))
        meter_id = ids.get(("meter", one.meter))
        if subject_id is None or meter_id is None:
            if one.until - one.since > one.allowed:
                silent.append((number, one.since, End(one.until)))
        else:
            told.append((number, subject_id, meter_id, one, start))
    found = silent + (store.find_holes(tx, told) if told else [])
    return [
        Hole(
            Place(expected[n].subject, expected[n].meter, starts_at),
            None if end.at == as_of else end,
            expected[n].allowed,
        )
        for n, starts_at, end in sorted(found)
    ]


def _numbers(tx: Tx, series: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """The numbers of the known ones among the names of (subject, meter), told as (kind, name)."""
    names = {name for subject, meter in series for name in (("subject", subject), ("meter", meter))}
    return metering.known_numbers(tx, sorted(names))


def in_doubt(tx: Tx, gaps: Iterable[Gap], expected: Sequence[Expected]) -> set[Place]:
    """Those of the open gaps of which only the archive knows whether they are filled. Nothing in it
    changes, so they are as they were judged last."""
    series: dict[tuple[str, str], list[Expected]] = {}
    for one in expected:
        series.setdefault((one.subject, one.meter), []).append(one)
    awaited = [
        (gap.place, gap.place.starts_at + one.allowed)
        for gap in gaps
        if gap.closed_at is None
        for one in series.get((gap.place.subject, gap.place.meter), [])
        if one.since <= gap.place.starts_at < one.until - one.allowed
    ]
    told = _awaited(tx, awaited)
    numbers = store.find_archived(tx, told) if told else set()
    numbers -= (
        store.find_followed(tx, [one for one in told if one[0] in numbers]) if numbers else set()
    )
    return {awaited[number][0] for number in numbers}


def filled(tx: Tx, gaps: Iterable[Gap]) -> set[Place]:
    """Those of the open gaps after which a record is known in time, as it was allowed when they opened."""
    awaited = [
        (gap.place, gap.place.starts_at + gap.allowed) for gap in gaps if gap.closed_at is None
    ]
    told = _awaited(tx, awaited)
    return {awaited[number][0] for number in store.find_followed(tx, told)} if told else set()


def _awaited(tx: Tx, wanted: Sequence[tuple[Place, datetime]]) -> list[store.Awaited]:
    """Places, each with when a record is due, in numbers; those without any record at all are left out."""
    series = [(place.subject, place.meter) for place, _ in wanted]
    ids = _numbers(tx, series) if series else {}
    return [
        (number, subject_id, meter_id, place.starts_at, due_at)
        for number, (place, due_at) in enumerate(wanted)
        if (subject_id := ids.get(("subject", place.subject))) is not None
        and (meter_id := ids.get(("meter", place.meter))) is not None
    ]


def gaps(
    tx: Tx, *, only_open: bool = False, limit: int = 1000, after: Place | None = None
) -> list[tuple[Gap, End | None]]:
    """Gaps, open ones first, each with the first record after its beginning, if there is one; after one."""
    return store.list_gaps(tx, only_open=only_open, limit=limit, after=after)


def gaps_at(tx: Tx, places: Sequence[Place]) -> dict[Place, Gap]:
    """The gaps that are open, and those that began at the places."""
    return store.find_gaps(tx, places)
