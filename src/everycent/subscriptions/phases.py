"""The phases of a contract: what its changes amount to. What was billed keeps its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import count

import msgspec

from everycent.catalog.plan import Plan
from everycent.catalog.proration import DEFAULT
from everycent.kernel.errors import Conflict
from everycent.kernel.period import instant_text
from everycent.subscriptions.subscription import Phase, SubscribedItem
from everycent.subscriptions.timeline import (
    Action,
    Begin,
    Cancel,
    Change,
    Clash,
    End,
    Pause,
    Resume,
    Stretch,
    fold,
)
from everycent.subscriptions.trial import is_free
from everycent.subscriptions.unused import is_given_back

Plans = Mapping[tuple[str, int], Plan]


def phases_of(
    changes: Sequence[Change], before: Sequence[Phase], plans: Plans
) -> tuple[Phase, ...]:
    """The phases of a contract with these changes. Those that are there already keep their numbers and
    items; one that does not take place any more ends where it starts.

    `plans` holds the plans of all phases. Raises Conflict `subscription.clash`.
    """
    timeline = fold(changes)
    if timeline.clashes:
        raise _refusal(timeline.clashes[0])
    known = {(phase.track, phase.change_no, phase.starts_at): phase for phase in before}
    numbers = count(1 + max((phase.phase_no for phase in before), default=0))
    items = count(1 + max((i.item_no for phase in before for i in phase.items), default=0))
    found: dict[int, Phase] = {}
    for stretch in timeline.stretches:
        phase = known.get((stretch.track, stretch.change_no, stretch.starts_at))
        if phase is None:
            phase = _new(stretch, next(numbers), items, plans)
        ended = msgspec.structs.replace(phase, ends_at=stretch.ends_at, keeps=())
        if stretch.keeps_paid:
            ended = msgspec.structs.replace(ended, keeps=tuple(i.item_no for i in phase.items))
        found[phase.phase_no] = ended
    running = list(found.values())
    for phase in running:
        if phase.ends_at is not None and not phase.keeps:
            kept = _kept(phase, running, plans[phase.plan_key, phase.plan_version])
            found[phase.phase_no] = msgspec.structs.replace(phase, keeps=kept)
    for phase in before:
        found.setdefault(
            phase.phase_no, msgspec.structs.replace(phase, ends_at=phase.starts_at, keeps=())
        )
    return tuple(found[number] for number in sorted(found))


def _kept(phase: Phase, phases: Sequence[Phase], plan: Plan) -> tuple[int, ...]:
    """The items of a phase that ends of which, by the plan's policy, paid time is not given back."""
    after = [p for p in phases if p.track == phase.track and p.starts_at == phase.ends_at]
    policy = plan.changes.unused if after else plan.changes.unused_at_end
    keys = frozenset(item.price_key for other in after for item in other.items)
    return tuple(
        item.item_no for item in phase.items if not is_given_back(policy, item.price_key, keys)
    )


def _new(stretch: Stretch, phase_no: int, items: count[int], plans: Plans) -> Phase:
    terms = stretch.terms
    plan = plans[terms.plan_key, terms.plan_version]
    opens_at = terms.trial_until
    if opens_at is not None and opens_at <= stretch.starts_at:
        opens_at = None
    return Phase(
        phase_no, stretch.change_no, terms.plan_key, terms.plan_version, terms.anchor,
        terms.interval_months, terms.interval_days, stretch.starts_at,
        tuple(
            SubscribedItem(
                next(items), number, item.price.key, item.price.in_advance,
                opens_at if is_free(plan.trial, item) else None,
                None if plan.rule(item) == DEFAULT else plan.rule(item),
            )
            for number, item in enumerate(plan.items, start=1)
        ),
        stretch.track,
    )  # fmt: skip


def ends_of(phases: Sequence[Phase]) -> datetime | None:
    """When the last phase ends; None while one has no end."""
    ends = [phase.ends_at for phase in phases]
    return None if None in ends else max(end for end in ends if end is not None)


def _refusal(clash: Clash) -> Conflict:
    other = "" if clash.other is None else f"; it clashes with {told(clash.other)}"
    return Conflict(
        "subscription.clash",
        f"{told(clash.change)} can't be: {clash.rule}{other}",
        field="change",
        value=str(clash.change.change_no),
        hint="withdraw one of the two, or choose another time; see `everycent subscription show`",
    )


def told(change: Change) -> str:
    """A change in a few words."""
    at = instant_text(change.effective_at)
    return f"change {change.change_no} ({what(change.action)} at {at})"


def what(action: Action) -> str:
    """What a change does, in a few words."""
    if isinstance(action, Begin):
        return f"{action.terms.plan_key} version {action.terms.plan_version} begins"
    if isinstance(action, End):
        return f"{action.track} is dropped"
    return {Cancel: "the contract ends", Pause: "paused", Resume: "resumed"}[type(action)]
