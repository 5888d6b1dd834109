"""When somebody may leave who is bound by a term, and on which day. Everything here is pure."""

from __future__ import annotations

from datetime import date, datetime

from everycent.catalog.term import Leaving
from everycent.kernel.calendar import local_date, start_of_day
from everycent.kernel.errors import Invalid
from everycent.subscriptions import term
from everycent.subscriptions.clash import Clash, Rule, refusal
from everycent.subscriptions.folding import fold
from everycent.subscriptions.subscription import Phase, Subscription
from everycent.subscriptions.term import Bound, Ran
from everycent.subscriptions.timeline import MAIN, Agree, Cancel, Change, End


def period_of(phase: Phase, held: Subscription, at: datetime) -> tuple[date, date]:
    """The first day of the period of a phase that runs at an instant, or that runs first, and the first
    after it."""
    cycle = phase.cycle(held.time_zone)
    first = local_date(max(at, phase.starts_at), cycle.zone)
    number = cycle.index(first)
    return cycle.boundary(number), cycle.boundary(number + 1)


def bounds_of(held: Subscription, track: str = MAIN) -> tuple[Bound, ...]:
    """The terms of a contract, or of an add-on."""
    return fold(held.changes, held.time_zone).bounds.get(track, ())


def first_day(held: Subscription, phase: Phase, asked_at: datetime) -> date:
    """The first day on which the track of a phase may be left by somebody who says so at an instant: the
    end of a term that its notice allows, or of a period where no term binds."""
    bounds = bounds_of(held, phase.track)
    asked = local_date(asked_at, held.time_zone)
    day = period_of(phase, held, asked_at)[1]
    ran = term.term_on(bounds, asked)
    if ran is not None and ran.rule.leave is Leaving.END_OF_TERM:
        day = ran.ends_on
    while (ran := term.ending_by(bounds, day)) is not None:
        if ran.rule.leave is Leaving.END_OF_TERM:
            day = ran.ends_on
        if not ran.is_late(asked, day) or (ran.closes and day == ran.ends_on):
            break
        following = term.term_on(bounds, day)
        if following is not None and following.rule.leave is Leaving.END_OF_TERM:
            day = following.ends_on
        else:
            day = period_of(phase, held, start_of_day(day, held.time_zone))[1]
    return day


def end_of_term(held: Subscription, wanted: Agree, day: date) -> date:
    """The day itself, or the end of the term that runs then if that binds to more than is wanted."""
    at = start_of_day(day, held.time_zone)
    change = Change(held.changes_made, at, wanted)
    clashes = fold((*held.changes, change), held.time_zone).clashes
    ran = term.inside(bounds_of(held, wanted.track), day)
    is_bound = any(clash.rule is Rule.QUANTITY_BELOW_TERM for clash in clashes)
    return ran.ends_on if ran is not None and is_bound else day


def binds_plan(held: Subscription, day: date) -> Ran | None:
    """The term within which a day lies, if the plan can't be left for a cheaper one in it."""
    ran = term.inside(bounds_of(held), day)
    return None if ran is None or ran.rule.downgrade is Leaving.ANY_TIME else ran


def check_notice(held: Subscription, change: Change, phase: Phase, asked_at: datetime) -> None:
    """Refuses an end that is told too late, with Conflict `subscription.clash`. An end that was agreed on
    although the term would not allow it needs no notice."""
    if change.breaks_term or not isinstance(change.action, Cancel | End):
        return
    zone = held.time_zone
    day = local_date(change.effective_at, zone)
    asked = local_date(asked_at, zone)
    ran = term.ending_by(bounds_of(held, phase.track), day)
    if ran is None or not ran.is_late(asked, day):
        return
    if day == ran.ends_on:
        needs_none = ran.closes
    else:
        needs_none = ran.rule.leave is Leaving.END_OF_TERM  # it is refused for a better reason
    if needs_none:
        return
    by = next(one for one in held.changes if one.change_no == ran.bound.change_no)
    first = first_day(held, phase, asked_at)
    about = (
        f"the notice is {ran.rule.notice}, so that it had to be told before"
        f" {term.before(day, ran.rule.notice)}; the next day is {first}"
    )
    raise refusal(Clash(Rule.NOTICE_LATE, change, by, about), zone)


def check_reason(change: Change, reason: str) -> None:
    """Refuses to break a term without a word, with Invalid `subscription.no_reason`."""
    if change.breaks_term and not reason.strip():
        raise Invalid(
            "subscription.no_reason",
            "a term is broken on agreement, and nothing says what was agreed",
            field="reason",
            hint="say in the reason what was agreed",
        )
