"""What a change clashes with, where the fold of those before it stands. Everything is pure."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec

from everycent.catalog.term import Leaving, Term
from everycent.kernel.calendar import local_date, start_of_day
from everycent.subscriptions import term
from everycent.subscriptions.clash import Clash, Rule
from everycent.subscriptions.state import Running, State, touched
from everycent.subscriptions.timeline import (
    MAIN,
    OF,
    Agree,
    Begin,
    Cancel,
    Change,
    Course,
    End,
    Pause,
    Resume,
    Terms,
)


def clash_of(state: State, change: Change) -> Clash | None:
    """Why a change does not fit where the fold stands; None if it does."""
    action = change.action
    if state.cancelled is not None:
        return Clash(Rule.CANCELLED_BEFORE, change, state.cancelled)
    if MAIN in state.over:
        by = state.over[MAIN]
        return Clash(Rule.TERM_OVER, change, by, str(term.closes_on(state.bounds[MAIN])))
    if MAIN not in state.running and not (isinstance(action, Begin) and action.track == MAIN):
        return Clash(Rule.NOT_STARTED, change, state.by_no.get(0))
    same = _at_the_same_instant(state, change)
    if same is not None:
        return Clash(Rule.SAME_INSTANT, change, same)
    match action:
        case Begin():
            return _of_begin(state, change, action)
        case End(track):
            return _of_end(state, change, track)
        case Agree():
            return _of_quantity(state, change, action)
        case Cancel():
            return _of_cancellation(state, change)
        case Pause() if state.paused is not None:
            return Clash(Rule.PAUSED_BEFORE, change, state.paused)
        case Resume() if state.paused is None:
            return Clash(Rule.NOT_PAUSED, change, state.resumed or state.running[MAIN].by)
        case _:
            return None


def _at_the_same_instant(state: State, change: Change) -> Change | None:
    """The change that touches the same at the same instant. What begins as the contract ends is nothing."""
    if isinstance(change.action, Cancel):
        same = [
            other
            for (at, _), other in state.touched.items()
            if at == change.effective_at and not isinstance(other.action, End)
        ]
        return same[-1] if same else None
    return state.touched.get((change.effective_at, touched(change.action)))


def _of_begin(state: State, change: Change, action: Begin) -> Clash | None:
    running = state.running.get(action.track)
    if action.goes_on and (running is None or running.terms.plan_key != action.terms.plan_key):
        return Clash(Rule.OTHER_PLAN, change, running and running.by, action.terms.plan_key)
    if running is not None and not action.new_term and _is_so(state, running, action):
        return Clash(Rule.NOTHING_CHANGES, change, running.by)
    agreed = _agreed_in_vain(state, change, action)
    if agreed is not None:
        return Clash(Rule.SAME_INSTANT, change, agreed)
    for course in action.terms.courses:
        found = _of_course(state, change, action, course)
        if found is not None:
            return found
    return _of_new_term(state, change, action)


def _agreed_in_vain(state: State, change: Change, action: Begin) -> Change | None:
    """The change of a quantity at the same instant that the terms do not go on with."""
    going_on = {c.price_key for c in action.terms.courses if c.is_agreed and c.quantity is None}
    for (at, name), other in state.touched.items():
        track, of, price_key = name.partition(OF)
        if at == change.effective_at and of and track == action.track and price_key not in going_on:
            return other
    return None


def _is_so(state: State, running: Running, action: Begin) -> bool:
    """Whether the terms run already, with the same quantities."""
    if _without_courses(running.terms) != _without_courses(action.terms):
        return False
    for course in action.terms.courses:
        own = state.running.get(f"{action.track}{OF}{course.price_key}")
        held = None if own is None or own.course is None else own.course.quantity
        if course.quantity is not None and held not in (None, course.quantity):
            return False
    return True


def _of_course(state: State, change: Change, action: Begin, course: Course) -> Clash | None:
    """The quantity of a price with which terms begin: told, or as it was agreed before."""
    if not course.is_agreed:
        return None
    name = f"{action.track}{OF}{course.price_key}"
    before = state.running.get(name)
    held = None if before is None or before.course is None else before.course.quantity
    quantity = course.quantity or held or course.usual
    if quantity is None:
        return Clash(Rule.QUANTITY_NOT_TOLD, change, before and before.by, course.price_key)
    by = None if before is None or course.quantity is not None else before.by
    return _of_limits(change, course, quantity, by) or _of_decrease(state, change, name, quantity)


def _of_limits(change: Change, course: Course, quantity: str, other: Change | None) -> Clash | None:
    value = Decimal(quantity)
    if value >= Decimal(course.least) and (course.most is None or value <= Decimal(course.most)):
        return None
    limits = f"at least {course.least}"
    if course.most is not None:
        limits = f"from {course.least} to {course.most}"
    about = f"{quantity} × {course.price_key}, and then it has to be {limits}"
    return Clash(Rule.QUANTITY_LIMITS, change, other, about)


def _of_quantity(state: State, change: Change, action: Agree) -> Clash | None:
    running = state.running.get(action.track)
    if running is None:
        return _no_add_on(state, change, action.track)
    name = f"{action.track}{OF}{action.price_key}"
    own = state.running.get(name)
    if own is None or own.course is None or not own.course.is_agreed:
        return Clash(Rule.NO_QUANTITY, change, running.by, action.price_key)
    if own.course.quantity == action.quantity:
        return Clash(Rule.NOTHING_CHANGES, change, own.by)
    if own.by.effective_at == change.effective_at:
        return Clash(Rule.SAME_INSTANT, change, own.by)
    return _of_limits(change, own.course, action.quantity, running.by) or _of_decrease(
        state, change, name, action.quantity
    )


def _of_end(state: State, change: Change, track: str) -> Clash | None:
    running = state.running.get(MAIN)
    if track == MAIN:
        return Clash(Rule.PLAN_NOT_DROPPED, change, running and running.by)
    if track not in state.running:
        return _no_add_on(state, change, track)
    return _of_leaving(state, change, track)


def _no_add_on(state: State, change: Change, track: str) -> Clash:
    other = state.over.get(track) or state.ended.get(track) or state.begins.get(track)
    return Clash(Rule.NO_SUCH_ADD_ON, change, other, track)


def _of_cancellation(state: State, change: Change) -> Clash | None:
    """A contract ends with everything that it has, add-ons with terms of their own included."""
    for track in sorted(state.bounds):
        if track in state.running:
            found = _of_leaving(state, change, track)
            if found is not None:
                return found
    return None


def _of_leaving(state: State, change: Change, track: str) -> Clash | None:
    ran = term.inside(state.bounds.get(track, ()), _day(state, change))
    if ran is None or change.breaks_term or ran.rule.leave is Leaving.ANY_TIME:
        return None
    by = state.by_no[ran.bound.change_no]
    return Clash(Rule.WITHIN_TERM, change, by, str(ran.ends_on))


def _of_new_term(state: State, change: Change, action: Begin) -> Clash | None:
    """A term that takes the place of one that runs does not end before it."""
    if not action.new_term or action.terms.term is None or change.breaks_term:
        return None
    day = _day(state, change)
    bounds = state.bounds.get(action.track, ())
    ran = term.inside(bounds, day)
    if ran is None or ran.rule.leave is Leaving.ANY_TIME:
        return None
    made = term.begun(bounds, change.change_no, action.terms.term, day, day, anew=True)
    if made[-1].boundary(1) >= ran.ends_on and not _is_weaker(action.terms.term, ran.rule):
        return None
    return Clash(Rule.TERM_SHORTENED, change, state.by_no[ran.bound.change_no], str(ran.ends_on))


def _is_weaker(rule: Term, than: Term) -> bool:
    """Whether a term lets somebody do at any time what another one binds to its end."""
    pairs = (
        (rule.leave, than.leave),
        (rule.downgrade, than.downgrade),
        (rule.decrease, than.decrease),
    )
    return any(new is Leaving.ANY_TIME and old is Leaving.END_OF_TERM for new, old in pairs)


def _of_decrease(state: State, change: Change, name: str, quantity: str) -> Clash | None:
    """Less than what was agreed as the term began that runs, or than what was agreed first within it."""
    ran = term.inside(state.bounds.get(name.partition(OF)[0], ()), _day(state, change))
    history = state.agreed.get(name)
    if ran is None or not history or change.breaks_term or ran.rule.decrease is Leaving.ANY_TIME:
        return None
    begins = start_of_day(ran.starts_on, state.zone)
    held = [one for one in history if one.since <= begins]
    least = held[-1] if held else history[0]
    if Decimal(quantity) >= Decimal(least.quantity):
        return None
    price = name.partition(OF)[2]
    about = f"less than {least.quantity} × {price}, as was agreed for the term until {ran.ends_on}"
    return Clash(Rule.QUANTITY_BELOW_TERM, change, least.by, about)


def _day(state: State, change: Change) -> date:
    return local_date(change.effective_at, state.zone)


def _without_courses(terms: Terms) -> Terms:
    return msgspec.structs.replace(terms, courses=())
