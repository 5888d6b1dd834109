"""A contract as it stands with a change, or without it; unless that would touch what was billed.

Everything here is pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from everycent.kernel.calendar import local_date
from everycent.kernel.errors import Conflict
from everycent.subscriptions.clash import Asked, told
from everycent.subscriptions.phases import Plans, ends_of, phases_of
from everycent.subscriptions.subscription import Changed, Phase, Subscription
from everycent.subscriptions.timeline import Begin, Cancel, Change, End


class Billed(NamedTuple):
    """What was billed of a contract: until when phases are billed in arrears, and until when those are
    charged of which time was given back; by their numbers."""

    until: Mapping[int, datetime] = {}
    given_back: Mapping[int, datetime] = {}


NOTHING_BILLED = Billed()


def versions_of(changes: Sequence[Change]) -> set[tuple[str, int]]:
    """The keys and versions of all plans that changes are about."""
    return {
        (change.action.terms.plan_key, change.action.terms.plan_version)
        for change in changes
        if isinstance(change.action, Begin)
    }


def agreed(
    held: Subscription, change: Change, plans: Plans, billed: Billed, reason: str
) -> Changed:
    """The contract with one more change. `plans` holds those of all its phases.

    Raises Conflict `subscription.clash`, `subscription.billed_beyond`, `subscription.given_back`.
    """
    changes = (*_without_moves(held.changes, change), change)
    return _changed(held, changes, Asked(change), plans, billed, reason)


def _without_moves(changes: Sequence[Change], wanted: Change) -> list[Change]:
    """The changes without moves to another version that come to nothing: the contract, or what they are
    about, ends or goes over to another plan by then. A later move finds what is still to be moved."""
    return [one for one in changes if not _gives_way(one, wanted)]


def _gives_way(one: Change, wanted: Change) -> bool:
    action = wanted.action
    if not isinstance(one.action, Begin) or not one.action.is_move:
        return False
    if wanted.effective_at > one.effective_at:
        return False
    if isinstance(action, Begin | End):
        return action.track == one.action.track
    return isinstance(action, Cancel)


def withdrawn(
    held: Subscription, change: Change, plans: Plans, billed: Billed, reason: str
) -> Changed:
    """The contract without one of its changes. Raises as `agreed`."""
    changes = tuple(one for one in held.changes if one is not change)
    return _changed(held, changes, Asked(change, is_withdrawn=True), plans, billed, reason)


def _changed(
    held: Subscription,
    changes: tuple[Change, ...],
    asked: Asked,
    plans: Plans,
    billed: Billed,
    reason: str,
) -> Changed:
    phases = phases_of(changes, held.phases, plans, held.time_zone, held.currency, asked)
    check_billed(held, phases, asked.change, billed)
    ends_at = ends_of(phases)
    made = msgspec.structs.replace(
        held,
        changes=changes,
        phases=phases,
        changes_made=max(held.changes_made, asked.change.change_no + 1),
        ends_on=None if ends_at is None else local_date(ends_at, held.time_zone),
        ends_at=ends_at,
    )
    return Changed(made, asked.change, len(held.phases), asked.is_withdrawn, reason)


def check_billed(
    held: Subscription, phases: Sequence[Phase], change: Change, billed: Billed
) -> None:
    """No change touches usage that is billed, and none needs time again that was given back. Time that is
    paid in advance may be cut off."""
    zone = held.time_zone
    before = {phase.phase_no: phase.ends_at for phase in held.phases}
    ends = {phase.phase_no: phase.ends_at for phase in phases}
    for phase_no, until in billed.given_back.items():
        end = ends[phase_no]
        if end is None or end > until:
            raise Conflict(
                "subscription.given_back",
                f"what was paid beyond {local_date(until, zone)} was given back;"
                f" {told(change, zone)} would need it",
                field="change",
                value=str(change.change_no),
                hint="leave that change, and agree on a new one that goes on from there",
            )
    for phase_no, until in billed.until.items():
        end = ends[phase_no]
        if end is not None and end != before[phase_no] and until > end:
            raise Conflict(
                "subscription.billed_beyond",
                f"its usage is billed up to {local_date(until, zone)}, beyond {told(change, zone)}",
                field="on",
                value=str(local_date(end, zone)),
                hint=f"choose {local_date(until, zone)} or a later day, and credit the invoice if the"
                " customer should not pay it",
            )
