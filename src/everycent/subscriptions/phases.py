"""The phases of a contract: what its changes amount to. What was billed keeps its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import count

import msgspec

from everycent.catalog.plan import Plan
from everycent.catalog.price import Commitment
from everycent.catalog.proration import DEFAULT
from everycent.catalog.term import Leaving
from everycent.kernel.calendar import start_of_day
from everycent.subscriptions.clash import Asked, Clash, Rule, refusal
from everycent.subscriptions.currencies import is_below
from everycent.subscriptions.folding import fold
from everycent.subscriptions.subscription import Phase, SubscribedItem
from everycent.subscriptions.term import Ran
from everycent.subscriptions.timeline import (
    MAIN,
    OF,
    Begin,
    Change,
    Course,
    Stretch,
    Terms,
    begun_by,
)
from everycent.subscriptions.trial import is_free
from everycent.subscriptions.unused import is_given_back

Plans = Mapping[tuple[str, int], Plan]


def phases_of(
    changes: Sequence[Change],
    before: Sequence[Phase],
    plans: Plans,
    zone: str,
    currency: str,
    asked: Asked | None = None,
) -> tuple[Phase, ...]:
    """The phases of a contract with these changes. Those that are there already keep their numbers and
    items; one that does not take place any more ends where it starts.

    `plans` holds the plans of all phases, `currency` is that of the contract. Raises Conflict
    `subscription.clash`, with a clash of what is `asked` for rather than with another one.
    """
    timeline = fold(changes, zone)
    clashes = (
        timeline.clashes
        or unfit_add_ons(timeline.stretches, changes, plans)
        or plans_below_term(timeline.within, changes, plans, zone, currency)
    )
    if clashes:
        raise refusal(_first_of(clashes, asked), zone, asked)
    known = {(*_place(phase), _quantity(phase)): phase for phase in before}
    numbers = count(1 + max((phase.phase_no for phase in before), default=0))
    items = count(1 + max((i.item_no for phase in before for i in phase.items), default=0))
    found: dict[int, Phase] = {}
    for stretch in timeline.stretches:
        quantity = None if stretch.course is None else stretch.course.quantity
        phase = known.get((*_place(stretch), quantity))
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


def _first_of(clashes: Sequence[Clash], asked: Asked | None) -> Clash:
    """The first clash in time that has to do with what is asked for, or the first one."""
    if asked is not None:
        for clash in clashes:
            if asked.change in (clash.change, clash.other):
                return clash
    return clashes[0]


def _place(one: Phase | Stretch) -> tuple[str, int, datetime]:
    return one.track, one.change_no, one.starts_at


def _quantity(phase: Phase) -> str | None:
    """What is agreed of the price that has a phase of its own."""
    return phase.items[0].quantity if phase.items else None


def unfit_add_ons(
    stretches: Sequence[Stretch], changes: Sequence[Change], plans: Plans
) -> tuple[Clash, ...]:
    """Every add-on that runs beside a plan that it does not add to."""
    told = {change.change_no: change for change in changes}
    mains = [one for one in stretches if one.track == MAIN]
    found = []
    for one in stretches:
        adds_to = plans[one.terms.plan_key, one.terms.plan_version].adds_to
        if not adds_to or OF in one.track:
            continue
        for main in mains:
            if main.terms.plan_key not in adds_to and _meet(one, main):
                later, other = sorted((one.change_no, main.change_no), reverse=True)
                about = f"{one.terms.plan_key} is no add-on to {main.terms.plan_key}"
                both = told[later], told[other] if later != other else None
                found.append(Clash(Rule.NOT_AN_ADD_ON, *both, about))
    return tuple(found)


def plans_below_term(
    within: Sequence[tuple[Change, Ran]],
    changes: Sequence[Change],
    plans: Plans,
    zone: str,
    currency: str,
) -> tuple[Clash, ...]:
    """Every plan that begins inside a term and is cheaper than the one with which that term began. Another
    version of the same plan is none that is cheaper."""
    found = []
    for change, ran in within:
        assert isinstance(change.action, Begin), "only a plan begins inside a term"
        wanted, track = change.action.terms, change.action.track
        if change.breaks_term or ran.rule.downgrade is Leaving.ANY_TIME:
            continue
        first = begun_by(changes, track, start_of_day(ran.starts_on, zone))
        assert isinstance(first.action, Begin), "a term runs on a plan"
        held = first.action.terms
        plan, other = (plans[one.plan_key, one.plan_version] for one in (wanted, held))
        if wanted.plan_key != held.plan_key and is_below(plan, other, currency):
            about = (
                f"{wanted.plan_key} is cheaper than {held.plan_key}, with which the term began that"
            )
            found.append(
                Clash(Rule.PLAN_BELOW_TERM, change, first, f"{about} runs until {ran.ends_on}")
            )
    return tuple(found)


def _meet(one: Stretch, other: Stretch) -> bool:
    return (other.ends_at is None or one.starts_at < other.ends_at) and (
        one.ends_at is None or other.starts_at < one.ends_at
    )


def _kept(phase: Phase, phases: Sequence[Phase], plan: Plan) -> tuple[int, ...]:
    """The items of a phase that ends of which, by the plan's policy, paid time is not given back."""
    after = [p for p in phases if p.track == phase.track and p.starts_at == phase.ends_at]
    if any(_is_other_quantity(phase, other) for other in after):
        return ()
    policy = plan.changes.unused if after else plan.changes.unused_at_end
    keys = frozenset(item.price_key for other in after for item in other.items)
    return tuple(
        item.item_no for item in phase.items if not is_given_back(policy, item.price_key, keys)
    )


def _is_other_quantity(phase: Phase, other: Phase) -> bool:
    """Whether one goes on with another quantity of the same price: what is paid for counts for it."""
    return (
        (phase.plan_key, phase.plan_version) == (other.plan_key, other.plan_version)
        and _quantity(phase) is not None
        and _quantity(phase) != _quantity(other)
    )


def _new(stretch: Stretch, phase_no: int, items: count[int], plans: Plans) -> Phase:
    terms, course = stretch.terms, stretch.course
    plan = plans[terms.plan_key, terms.plan_version]
    opens_at = terms.trial_until
    if opens_at is not None and opens_at <= stretch.starts_at:
        opens_at = None
    return Phase(
        phase_no, stretch.change_no, terms.plan_key, terms.plan_version, terms.anchor,
        *_interval(terms, course), stretch.starts_at,
        tuple(
            SubscribedItem(
                next(items), number, item.price.key, item.price.in_advance,
                opens_at if is_free(plan.trial, item) else None,
                None if plan.rule(item) == DEFAULT else plan.rule(item),
                None if course is None else course.quantity,
                terms.prices.get(item.price.key),
                isinstance(item.price.scheme, Commitment),
            )
            for number, item in enumerate(plan.items, start=1)
            if (not item.has_course if course is None else item.price.key == course.price_key)
        ),
        stretch.track,
    )  # fmt: skip


def _interval(terms: Terms, course: Course | None) -> tuple[int, int]:
    """Months and days of the periods of a phase."""
    told = terms if course is None else course
    return told.interval_months, told.interval_days


def ends_of(phases: Sequence[Phase]) -> datetime | None:
    """When the last phase ends of those that take place; None while one has no end."""
    lived = [phase for phase in phases if phase.takes_place] or list(phases)
    ends = [phase.ends_at for phase in lived]
    return None if None in ends else max(end for end in ends if end is not None)
