"""One look of a watcher: fold what is new, check thresholds, and from time to time gaps."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from everycent.db.connection import Database
from everycent.flows import gaps, late, watch
from everycent.flows.watch import Noticed
from everycent.kernel.errors import Refusal
from everycent.metering import operations as metering
from everycent.watching.gap import Gap, Hole, Outcome
from everycent.watching.operations import Writing
from everycent.watching.threshold import Crossing, Threshold

GAPS_EVERY = timedelta(seconds=15)
"""Gaps are a matter of minutes; looking for them costs more than looking at thresholds."""


FOLDED_AT_ONCE = 200_000
"""Records that one look folds: about a second's work, so that the next look at thresholds is not late
however much is coming in."""


class Tick(NamedTuple):
    """What a look found, and what it keeps for the next one, safe to lose. `refused` are thresholds that
    could not be worked out and were not among those of the look before."""

    folded: int = 0
    crossed: tuple[Crossing, ...] = ()
    refused: tuple[tuple[Threshold, Refusal], ...] = ()
    opened: tuple[Hole, ...] = ()
    closed: tuple[tuple[Gap, Outcome], ...] = ()
    noticed: Noticed = Noticed()
    failing: frozenset[tuple[str, str]] = frozenset()
    gaps_at: datetime | None = None


def tick(
    database: Database, tenant_id: int, as_of: datetime, writing: Writing, before: Tick
) -> Tick:
    """Looks once, going on from the look before. Thresholds come first: they are to be told within two
    seconds, and they see what is not folded too."""
    checked = watch.check(database, tenant_id, as_of, writing, before.noticed)
    failing = {(threshold.key, refusal.code) for threshold, refusal in checked.refused}
    with database.transaction(tenant_id) as tx:
        folded = metering.fold_step(tx, records=FOLDED_AT_ONCE)
    if folded:
        late.keep_up(database, tenant_id)
    settled = gaps.Settled([], [])
    gaps_at = before.gaps_at
    if gaps_at is None or as_of >= gaps_at + GAPS_EVERY:
        settled = gaps.check(database, tenant_id, as_of, writing)
        gaps_at = as_of
    return Tick(
        folded,
        tuple(checked.crossed),
        tuple(
            (threshold, refusal)
            for threshold, refusal in checked.refused
            if (threshold.key, refusal.code) not in before.failing
        ),
        tuple(settled.opened),
        tuple(settled.closed),
        checked.noticed,
        frozenset(failing),
        gaps_at,
    )
