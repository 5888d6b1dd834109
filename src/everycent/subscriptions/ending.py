"""Which terms end soon, or can soon not be left any more, and what happens then. Everything is pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from enum import StrEnum
from typing import NamedTuple

from everycent.kernel.calendar import Interval, local_date, parse_interval, start_of_day
from everycent.kernel.errors import Invalid
from everycent.subscriptions import term
from everycent.subscriptions.folding import fold
from everycent.subscriptions.subscription import Subscription
from everycent.subscriptions.term import Bound, Ran
from everycent.subscriptions.timeline import MAIN, Begin, Cancel, End, begun_by

_DAY = timedelta(days=1)
_DAYS = re.compile(r"([0-9]{1,3})d")


class Sign(StrEnum):
    """What comes up: the day of the reminder, the last day of notice, the first day after the term."""

    REMINDER = "reminder"
    NOTICE = "notice"
    END = "end"


class Then(StrEnum):
    """What happens when a term ends: another one begins, or the contract goes on without one, or it ends,
    by itself or because somebody has said so."""

    RENEWS = "renews"
    GOES_ON = "goes on"
    ENDS = "ends"
    CANCELLED = "cancelled"


class Ending(NamedTuple):
    """A term of a contract, or of its add-on `track`, on a plan; the sign that comes up on a day; and what
    happens when it ends, if it is renewed until when."""

    subscription: Subscription
    track: str
    plan_key: str
    ran: Ran
    sign: Sign
    day: date
    then: Then
    renews_until: date | None = None


def endings(held: Subscription, today: date, until: date) -> Iterator[Ending]:
    """The terms of a contract of which a sign comes up from a day up to another one, both included, each
    with the first of its signs."""
    by_track = fold(held.changes, held.time_zone).bounds
    for track, bounds in sorted(by_track.items()):
        over = _over_on(held, track, by_track)
        for ran in term.terms_from(bounds, today):
            lead = timedelta(days=term.lead_days(ran.rule))
            if ran.ends_on - lead > until or (over is not None and over < ran.ends_on):
                break
            then, renewed = _then(held, track, ran, bounds, over)
            signs = [(day, sign) for day, sign in _signs(ran, then) if today <= day <= until]
            if signs:
                day, sign = min(signs)
                yield Ending(held, track, _plan(held, track, ran), ran, sign, day, then, renewed)


def _signs(ran: Ran, then: Then) -> Iterator[tuple[date, Sign]]:
    """Nobody is reminded of what was said already, and what ends by itself needs no notice."""
    yield ran.ends_on, Sign.END
    if then is Then.CANCELLED:
        return
    if ran.remind_on is not None:
        yield ran.remind_on, Sign.REMINDER
    if ran.rule.notice is not None and then is not Then.ENDS:
        yield ran.notice_begins - _DAY, Sign.NOTICE


def _over_on(held: Subscription, track: str, by_track: dict[str, tuple[Bound, ...]]) -> date | None:
    """The first day on which a track is no more."""
    left = [
        local_date(change.effective_at, held.time_zone)
        for change in held.changes
        if isinstance(change.action, Cancel)
        or (isinstance(change.action, End) and change.action.track == track)
    ]
    closes = [term.closes_on(by_track.get(name, ())) for name in {MAIN, track}]
    return min([*left, *(day for day in closes if day is not None)], default=None)


def _then(
    held: Subscription, track: str, ran: Ran, bounds: tuple[Bound, ...], over: date | None
) -> tuple[Then, date | None]:
    if over == ran.ends_on:
        at = start_of_day(over, held.time_zone)
        is_said = any(
            change.effective_at == at
            and (isinstance(change.action, Cancel) or change.action == End(track))
            for change in held.changes
        )
        return (Then.CANCELLED if is_said else Then.ENDS), None
    following = term.term_on(bounds, ran.ends_on)
    if following is None:
        return Then.GOES_ON, None
    return Then.RENEWS, following.ends_on


def _plan(held: Subscription, track: str, ran: Ran) -> str:
    """The plan that runs as the term ends."""
    last = begun_by(held.changes, track, start_of_day(ran.ends_on - _DAY, held.time_zone))
    assert isinstance(last.action, Begin), "a term is that of a plan"
    return last.action.terms.plan_key


def parse_within(text: str) -> Interval:
    """How far to look ahead: '60d', '2 months'. Raises Invalid `interval.…` with the field `within`."""
    days = _DAYS.fullmatch(text)
    if days is not None:
        return Interval(0, int(days[1]))
    try:
        return parse_interval(text)
    except Invalid as refusal:
        refusal.field = "within"
        raise
