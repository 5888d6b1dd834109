"""What a change asks for, and what it comes to: on which day, on which terms. Everything here is pure."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from itertools import count
from typing import NamedTuple

import msgspec

from everycent.catalog.plan import Plan
from everycent.catalog.proration import Decrease, TakesEffect
from everycent.kernel import calendar
from everycent.kernel.errors import Conflict, Invalid, NotFound
from everycent.metering.record import check_name
from everycent.subscriptions.currencies import comparable
from everycent.subscriptions.leaving import end_of_term, first_day, period_of
from everycent.subscriptions.subscription import Phase, Subscription
from everycent.subscriptions.terms import takes_effect, terms_of
from everycent.subscriptions.timeline import (
    MAIN,
    OF,
    Action,
    Agree,
    Begin,
    Cancel,
    Terms,
    begun_by,
)
from everycent.subscriptions.told import Told
from everycent.subscriptions.trial import first_trial


class When(NamedTuple):
    """When a change takes effect: at the start of a local day, or (None) when the period ends that runs
    as it is agreed, or as a term that binds says. What was paid beyond is given back, unless it
    `keeps_paid`. With `breaks_term` a term that binds is broken on agreement."""

    on: date | None = None
    keeps_paid: bool = False
    breaks_term: bool = False


def day_of_switch(held: Subscription, plan: Plan, left: Plan, at: datetime) -> date:
    """The day on which a change of plan takes effect that was asked for without one."""
    if takes_effect(*comparable(plan, left, held.currency)) is TakesEffect.NOW:
        return today(held, at)
    return end_of_period(held, at)


def day_of_quantity(
    held: Subscription, plan: Plan, running: Phase, quantity: str, asked: datetime, when: When
) -> date:
    """The day from which on another quantity holds of the price that runs; where a term binds to as much as
    was agreed, the day on which it ends. Raises Invalid `subscription.decrease_kept`."""
    item = running.items[0]
    is_less = Decimal(quantity) < Decimal(item.quantity or "0")
    begins, following = period_of(running, held, asked)
    keeps = is_less and item.in_advance and plan.changes.decrease is Decrease.KEEP
    on = when.on
    if on is not None:
        if keeps and on != begins:
            raise Invalid(
                "subscription.decrease_kept",
                f"less begins with a period, by the plan's rule `decrease: keep`; {on} is within one",
                field="on",
                value=on,
                hint=f"choose {following}",
            )
        return on
    takes = plan.changes.downgrade if is_less else plan.changes.upgrade
    day = today(held, asked) if takes is TakesEffect.NOW and not keeps else following
    if when.breaks_term:
        return day
    track, _, price_key = running.track.partition(OF)
    return end_of_term(held, Agree(price_key, quantity, track), day)


def addition(
    held: Subscription, plan: Plan, version: int, name: str | None, day: date, told: Told
) -> Begin:
    """An add-on from a day on. Its periods are cut where those of the contract's plan are, where both are
    months or both days and it has no anchor or trial of its own.

    Raises Conflict `subscription.name_taken`, Invalid, and as `told`.
    """
    track = _free_name(held, plan.key) if name is None else name
    check_name(track, "name")
    if OF in track or _is_taken(held, track):
        raise Conflict(
            "subscription.name_taken",
            f"{track!r} can't be the name of another add-on to {held.key}",
            field="name",
            value=track,
            hint=f"choose one that it has not had, without {OF}",
        )
    zone = held.time_zone
    trial = first_trial(plan.trial, day, zone)
    terms = terms_of(plan, version, day, plan.anchor_day, zone, trial, told)
    running = held.phase_at(calendar.start_of_day(day, zone)) or last(held)
    is_alike = bool(terms.interval_months) == bool(running.interval_months)
    if is_alike and plan.anchor_day is None and trial is None:
        terms = msgspec.structs.replace(terms, anchor=running.anchor)
    return Begin(terms, track, new_term=told.begins_term)


def day_of_drop(held: Subscription, name: str, at: datetime) -> date | None:
    """When an add-on ends that is dropped without a day: with its period that runs, or with its term. None:
    it does not run now. Raises NotFound `subscription.no_add_on`."""
    if name == MAIN or not _is_taken(held, name):
        raise no_track(held, name)
    running = held.phase_at(max(at, held.starts_at), name)
    return None if running is None else first_day(held, running, at)


def no_track(held: Subscription, name: str) -> NotFound:
    """The refusal of what runs on no track of the contract."""
    names = sorted({c.action.track for c in held.changes if isinstance(c.action, Begin)} - {MAIN})
    return NotFound(
        "subscription.no_add_on",
        f"{held.key} has no add-on {name!r} then" if name else f"{held.key} has no plan then",
        field="name",
        value=name,
        hint=f"it has {', '.join(names)}" if names else "add one with `everycent subscription add`",
    )


def _free_name(held: Subscription, name: str) -> str:
    """The key of the plan, or with a number where it was added before."""
    if not _is_taken(held, name):
        return name
    return next(f"{name}-{n}" for n in count(2) if not _is_taken(held, f"{name}-{n}"))


def _is_taken(held: Subscription, name: str) -> bool:
    return any(isinstance(c.action, Begin) and c.action.track == name for c in held.changes)


def day_of(held: Subscription, wanted: Action, at: datetime, *, breaks_term: bool = False) -> date:
    """The day of a change that was asked for without one: when the period ends that runs, and of an end
    when the contract may be left."""
    if isinstance(wanted, Cancel) and not breaks_term:
        return first_day(held, held.phase_at(max(at, held.starts_at)) or last(held), at)
    return end_of_period(held, at)


def terms_at(held: Subscription, at: datetime, track: str = MAIN) -> Terms:
    """What was agreed for a track by an instant, whether or not it is paused then."""
    action = begun_by(held.changes, track, at).action
    assert isinstance(action, Begin), "a track begins with terms"
    return action.terms


def going_on(held: Subscription, running: Phase, left: Plan, told: Told) -> Told:
    """What is told of another version of the same plan: prices and a term of the contract's own go on, and
    nothing is sold once more. A contract without a term stays so, whatever the new version has."""
    terms = terms_at(held, running.starts_at, running.track)
    told = told._replace(prices={**running.own_prices, **told.prices}, sells_again=False)
    if told.term is not None or (terms.term is not None and terms.term == left.term):
        return told
    return told._replace(term=terms.term, has_no_term=terms.term is None)


def today(held: Subscription, at: datetime) -> date:
    """The day on the contract's clock, or its first one."""
    return max(calendar.local_date(at, held.time_zone), held.starts_on)


def end_of_period(held: Subscription, at: datetime) -> date:
    """The first day after the period of the plan that runs at an instant, or that runs first."""
    return period_of(held.phase_at(max(at, held.starts_at)) or last(held), held, at)[1]


def last(held: Subscription) -> Phase:
    """The last phase of the plan itself."""
    return max((p for p in held.phases if p.track == MAIN), key=lambda phase: phase.starts_at)
