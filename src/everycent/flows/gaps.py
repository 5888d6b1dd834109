"""Gaps: a meter that should send and does not.

What is expected follows from contracts and intake policies: of every subject whose plan counts a meter
that sends `every` so many minutes, a record at least that often, plus the grace, for as long as the
contract runs. Nothing is remembered but the gaps themselves, so a check may be left out or done twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from everycent.catalog import queries as catalog
from everycent.catalog.meter import series_of
from everycent.catalog.plan import Plan
from everycent.db.connection import Database, Tx
from everycent.kernel.period import instant_text
from everycent.watching import operations, queries
from everycent.watching.gap import End, Expected, Gap, Hole, Outcome, allowed_of, merged
from everycent.watching.operations import Writing

LOOK_BACK = timedelta(days=7)
"""How far back a check looks for holes that are not known; older ones were seen when they were young."""


class Settled(NamedTuple):
    """The gaps that a check opened and closed."""

    opened: list[Hole]
    closed: list[tuple[Gap, Outcome]]


def check(database: Database, tenant_id: int, as_of: datetime, writing: Writing) -> Settled:
    """Opens a gap for every hole that is there as of an instant, and closes those that are none any
    more. Any number of processes may check at once."""
    with database.snapshot(tenant_id) as tx:
        tx.look_up_by_key()
        expected = expectations(tx, as_of)
        known = queries.gaps_at(tx, [])
        if not expected and not known:
            return Settled([], [])
        wanted, looked_from = _to_look_at(expected, list(known.values()), as_of)
        holes = queries.holes(tx, wanted, looked_from, as_of)
        there = {hole.place for hole in holes}
        gone = [gap for gap in known.values() if gap.place not in there]
        in_doubt = queries.in_doubt(tx, gone, expected)
        filled = queries.filled(tx, gone)
    with database.transaction(tenant_id) as tx:
        return Settled(*operations.settle_gaps(tx, holes, expected, in_doubt, filled, **writing))


def as_data(found: Iterable[tuple[Gap, End | None]]) -> dict[str, Any]:
    """Gaps, each with its end if there is one, as a program gets them."""
    gaps = [gap_data(gap) | end_data(end) for gap, end in found]
    return {"open": sum(gap["closed_at"] is None for gap in gaps), "gaps": gaps}


def gap_data(gap: Gap) -> dict[str, Any]:
    """One of them."""
    return {
        "subject": gap.place.subject,
        "meter": gap.place.meter,
        "starts_at": instant_text(gap.place.starts_at),
        "noticed_at": instant_text(gap.noticed_at),
        "closed_at": _text(gap.closed_at),
        "outcome": gap.outcome.value,
    }


def end_data(end: End | None) -> dict[str, str | None]:
    """The end of a gap: `ends_at`, or `ends_by` where the archive alone knows it exactly."""
    text = None if end is None else instant_text(end.at)
    is_exact = end is not None and end.is_exact
    return {"ends_at": text if is_exact else None, "ends_by": None if is_exact else text}


def _text(at: datetime | None) -> str | None:
    return None if at is None else instant_text(at)


def expectations(tx: Tx, as_of: datetime) -> list[Expected]:
    """The series that should have records, each from when until when and how often; whatever many
    contracts ask for the same, it is one series."""
    allowed = {
        meter: minutes
        for meter, policy in catalog.intake_policies(tx).items()
        if (minutes := allowed_of(policy)) is not None
    }
    if not allowed:
        return []
    plans = catalog.plans(tx, queries.plans_in_use(tx))
    meters = {key: _meters(plan) & allowed.keys() for key, plan in plans.items()}
    using = sorted(key for key, held in meters.items() if held)
    found = [
        Expected(
            subject,
            meter,
            starts_at,
            as_of if ends_at is None else min(ends_at, as_of),
            allowed[meter],
        )
        for key, subject, starts_at, ends_at in queries.terms(tx, using, as_of)
        for meter in meters[key]
    ]
    return merged(found)


def _meters(plan: Plan) -> set[str]:
    """The raw meters that the plan counts."""
    return {
        series.meter
        for item in plan.items
        if item.measure is not None
        for _, series in series_of(item.measure)
    }


def _to_look_at(
    expected: list[Expected], known: list[Gap], as_of: datetime
) -> tuple[list[Expected], list[datetime]]:
    """The series in which something may have changed, and from when on: of late, or since the oldest
    gap that is open."""
    oldest: dict[tuple[str, str], datetime] = {}
    for gap in known:
        if gap.closed_at is None:
            place = gap.place.subject, gap.place.meter
            oldest[place] = min(gap.place.starts_at, oldest.get(place, gap.place.starts_at))
    wanted, looked_from = [], []
    for one in expected:
        start = min(as_of - LOOK_BACK, oldest.get((one.subject, one.meter), as_of))
        if one.until > start:
            wanted.append(one)
            looked_from.append(start)
    return wanted, looked_from
