"""Look measurements up, and gather what they need from the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from everycent.consumption.usage import archived
from everycent.db.connection import Tx
from everycent.kernel.errors import NotFound
from everycent.kernel.near import meant
from everycent.kernel.period import Period
from everycent.measurements import store
from everycent.measurements.measurement import Covered, Sample, State, Time
from everycent.measurements.records import Gathered, Span


def listed(tx: Tx) -> list[State]:
    """Every measurement as it stands, in order of the keys."""
    return store.find_states(tx)


def page(tx: Tx, after: str, limit: int) -> list[State]:
    """Measurements behind a key, in order of the keys."""
    return store.find_states(tx, after=after, limit=limit)


def get(tx: Tx, key: str) -> State:
    """One measurement as it stands. Raises NotFound `measurement.unknown`."""
    found = store.find_states(tx, key)
    if not found:
        asked = meant(key, [state.measurement.key for state in store.find_states(tx)])
        raise NotFound(
            "measurement.unknown",
            f"there is no measurement {key!r}",
            field="key",
            value=key,
            hint=f"{asked} " * bool(asked) + "list them with `everycent measurement list`",
        )
    return found[0]


def totals(tx: Tx, key: str | None = None) -> dict[str, Any]:
    """By key: rows (key, taken, missed, records, conflicts, total) over all covered intervals."""
    return {row.key: row for row in store.list_totals(tx, key)}


def newest(tx: Tx, key: str, limit: int) -> list[Covered]:
    """The intervals that were covered last, the newest first."""
    return store.list_newest(tx, key, limit)


def spans(tx: Tx, kind: Time | Sample, within: Period) -> list[Span]:
    """When the subjects of a measurement ran, as far as that meets the given time: always when they are
    named, as long as their subscriptions when they are those of a plan."""
    if kind.of_plan is None:
        return [Span(subject, within.start, None) for subject in kind.subjects]
    return store.list_spans(tx, kind.of_plan, within.start, within.end)


def levels(
    tx: Tx, meter: str, subjects: Collection[str], ends: Sequence[datetime]
) -> dict[datetime, dict[str, Decimal]]:
    """For each instant the last value of `meter` before it, by subject; subjects without one are left
    out. Raises Unavailable `usage.archived` where it may be in the archive."""
    names = sorted(subjects)
    if (month := store.hidden_levels(tx, meter, names, ends)) is not None:
        raise archived(month)
    found: dict[datetime, dict[str, Decimal]] = defaultdict(dict)
    for subject, at, value in store.last_values(tx, meter, names, ends):
        found[at][subject] = value
    return found


def busy_until(tx: Tx, key: str, now: datetime) -> datetime | None:
    """Until when somebody is asking the source of a measurement; None when nobody is."""
    return store.find_lease(tx, key, now)


def kept_answer(tx: Tx, state: State) -> Gathered | None:
    """What is known already of the interval that follows the covered ones, and not covered yet."""
    return store.find_answer(tx, state.measurement.key, state.covered_until)
