"""The terms of a phase: where a plan's periods are cut, at the start and after a change of plan."""

from __future__ import annotations

from datetime import date, datetime
from fractions import Fraction

import msgspec

from everycent.catalog.plan import Plan
from everycent.catalog.price import Flat
from everycent.catalog.proration import Anchor, TakesEffect
from everycent.kernel import calendar
from everycent.subscriptions.subscription import Phase
from everycent.subscriptions.timeline import Terms
from everycent.subscriptions.told import NOTHING_TOLD, Told, courses, own_prices, own_term
from everycent.subscriptions.trial import moves_anchor, trial_after

_MONTHS = 12
_DAYS = 365


def terms_of(
    plan: Plan,
    version: int,
    day: date,
    anchor_day: int | None,
    zone: str,
    trial_until: datetime | None = None,
    told: Told = NOTHING_TOLD,
) -> Terms:
    """The plan with periods that are counted from a day on, or from the end of its trial, and with what
    is told in its place. Raises as `told`."""
    interval = calendar.parse_interval(plan.interval)
    if trial_until is not None and moves_anchor(plan.trial):
        day = calendar.local_date(trial_until, zone)
    cycle = calendar.anchored(day, interval, anchor_day, zone)
    return Terms(
        plan.key, version, cycle.anchor, interval.months, interval.days, trial_until,
        courses(plan, told), own_prices(plan, told), own_term(plan, told),
    )  # fmt: skip


def next_terms(
    plan: Plan,
    version: int,
    day: date,
    zone: str,
    running: Phase,
    left: Plan,
    trial_until: datetime | None = None,
    anchor_day: int | None = None,
    told: Told = NOTHING_TOLD,
) -> Terms:
    """The terms of a plan that takes the place of the one that runs.

    `left` is that plan: its `change.anchor` decides whether periods go on as they were cut. A trial that
    ends on another day than it would have moves them, and so does an anchor day of the plan or, before
    it, of the change.
    """
    named = plan.anchor_day if anchor_day is None else anchor_day
    terms = terms_of(plan, version, day, named, zone, trial_until, told)
    is_same = (running.interval_months, running.interval_days) == terms_interval(terms)
    match left.changes.anchor:
        case Anchor.KEEP:
            keeps = True
        case Anchor.RESET:
            keeps = False
        case Anchor.SAME_LENGTH:
            keeps = is_same
    if (
        named is not None
        or not keeps
        or _is_moved(plan, running, terms, calendar.start_of_day(day, zone))
    ):
        return terms
    return msgspec.structs.replace(terms, anchor=running.anchor)


def switched(
    plan: Plan,
    version: int,
    day: date,
    zone: str,
    running: Phase,
    left: Plan,
    started: date,
    anchor_day: int | None = None,
    told: Told = NOTHING_TOLD,
) -> Terms:
    """The terms of a change of plan on a local day of a contract that started on another one; a trial that
    runs then goes on as the new plan says."""
    trial = trial_after(plan.trial, running.trial_until, started, day, zone)
    return next_terms(plan, version, day, zone, running, left, trial, anchor_day, told)


def is_cheaper(plan: Plan, left: Plan) -> bool:
    """Whether the fixed fees of a plan come to less in a year than those of the plan that is left."""
    return _fees_a_year(plan) < _fees_a_year(left)


def _fees_a_year(plan: Plan) -> Fraction:
    interval = calendar.parse_interval(plan.interval)
    times = (
        Fraction(_MONTHS, interval.months) if interval.months else Fraction(_DAYS, interval.days)
    )
    fees = (i.price.scheme for i in plan.items)
    return sum((Fraction(f.amount) * times for f in fees if isinstance(f, Flat)), Fraction(0))


def takes_effect(plan: Plan, left: Plan) -> TakesEffect:
    """When a change from one plan to another one takes effect if nobody names a day."""
    return left.changes.downgrade if is_cheaper(plan, left) else left.changes.upgrade


def terms_interval(terms: Terms) -> tuple[int, int]:
    """Months and days of its periods."""
    return terms.interval_months, terms.interval_days


def _is_moved(plan: Plan, running: Phase, terms: Terms, at: datetime) -> bool:
    """Whether a trial that runs ends on another day than it would have, from which periods are counted."""
    if running.trial_until is None or running.trial_until <= at or not moves_anchor(plan.trial):
        return False
    return terms.trial_until != running.trial_until
