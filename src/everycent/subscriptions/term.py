"""Terms of a contract in time: when each begins and ends, and until when somebody can say that he leaves.

Pure arithmetic on local dates. Every term is counted from the day on which the first one began, never
from the one before: of terms of a month from 31 January on the first ends on 28 February, and the next on
31 March.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from everycent.catalog.term import Term
from everycent.kernel.calendar import Interval, add_months, parse_interval

_DAY = timedelta(days=1)
_FEWEST_DAYS, _MOST_DAYS = 28, 31
"""Of a month."""
_NOTHING = Interval(0, 0)


class Bound(NamedTuple):
    """Terms one after the other, agreed by the change `change_no`. The first begins so many months and days
    after `anchor` and lasts for `first`; the others are as long as the rule says. No term goes beyond
    `until`; with `closes` the contract ends then, as it does where the rule renews nothing."""

    change_no: int
    rule: Term
    anchor: date
    begins: Interval
    first: Interval
    until: date | None = None
    closes: bool = False

    @property
    def each(self) -> Interval:
        """How long the terms after the first one are; nothing where there are none."""
        return _NOTHING if self.rule.renews is None else parse_interval(self.rule.renews)

    def place(self, number: int) -> Interval:
        """How long after the anchor term `number` begins, counted from 0."""
        if number == 0:
            return self.begins
        each = self.each
        return Interval(
            self.begins.months + self.first.months + (number - 1) * each.months,
            self.begins.days + self.first.days + (number - 1) * each.days,
        )

    def boundary(self, number: int) -> date:
        """The first day of term `number`, which is the first one after the term before."""
        return after(self.anchor, self.place(number))

    def number(self, day: date) -> int:
        """The number of the last boundary on or before a day; -1 before the first one."""
        if day < self.boundary(1):
            return -1 if day < self.boundary(0) else 0
        if self.rule.renews is None:
            return 1
        low = 1
        least = self.each.months * _FEWEST_DAYS + self.each.days
        high = 2 + (day - self.boundary(1)).days // least
        while high - low > 1:
            middle = (low + high) // 2
            if self.boundary(middle) <= day:
                low = middle
            else:
                high = middle
        return low


class Ran(NamedTuple):
    """One term: its first day, the first one after it, and what holds in it."""

    starts_on: date
    ends_on: date
    bound: Bound
    number: int

    @property
    def rule(self) -> Term:
        """What was agreed."""
        return self.bound.rule

    @property
    def closes(self) -> bool:
        """Whether the contract ends with it by itself."""
        if self.ends_on == self.bound.until:
            return self.bound.closes
        return self.rule.renews is None

    @property
    def notice_begins(self) -> date:
        """The first day on which it is too late to say that one leaves when the term ends."""
        return before(self.ends_on, self.rule.notice)

    @property
    def remind_on(self) -> date | None:
        """The day on which somebody is to be reminded of that, if any is."""
        if self.rule.reminder is None:
            return None
        return before(self.notice_begins, self.rule.reminder)

    def is_late(self, asked: date, day: date) -> bool:
        """Whether it is too late on one day to say that one leaves on another one."""
        return self.rule.notice is not None and asked >= before(day, self.rule.notice)


def begun(
    bounds: Sequence[Bound],
    change_no: int,
    rule: Term | None,
    day: date,
    opens: date,
    *,
    anew: bool,
) -> tuple[Bound, ...]:
    """The terms of a contract for which a plan with this rule begins on a day.

    Where no term runs, one begins when the plan's trial `opens` it. One that runs goes on to its end and
    then renews by the plan's rule, unless another one is to begin `anew`.
    """
    running = inside(bounds, day)
    if running is None or (anew and rule is not None):
        kept = _cut(bounds, day, closes=False)
        if rule is None:
            return kept
        return *kept, Bound(change_no, rule, opens, _NOTHING, parse_interval(rule.length))
    if rule == running.rule and running.bound is bounds[-1] and running.bound.until is None:
        return tuple(bounds)
    ends_alone = rule is not None and rule.renews is None
    kept = _cut(bounds, running.ends_on, closes=ends_alone)
    if rule is None or rule.renews is None:
        return kept
    place = running.bound.place(running.number + 1)
    return *kept, Bound(change_no, rule, running.bound.anchor, place, parse_interval(rule.renews))


def _cut(bounds: Sequence[Bound], day: date, *, closes: bool) -> tuple[Bound, ...]:
    """The terms up to a day."""
    return tuple(
        bound
        if bound.until is not None and bound.until < day
        else bound._replace(until=day, closes=closes)
        for bound in bounds
        if bound.boundary(0) < day
    )


def term_on(bounds: Sequence[Bound], day: date) -> Ran | None:
    """The term that runs on a day; None where none does."""
    for bound in reversed(bounds):
        number = bound.number(day)
        if number < 0:
            continue
        if (bound.until is not None and day >= bound.until) or (
            number > 0 and bound.rule.renews is None
        ):
            return None
        ends_on = bound.boundary(number + 1)
        if bound.until is not None:
            ends_on = min(ends_on, bound.until)
        return Ran(bound.boundary(number), ends_on, bound, number)
    return None


def inside(bounds: Sequence[Bound], day: date) -> Ran | None:
    """The term of which a day is neither the first one nor the first one after it."""
    found = term_on(bounds, day)
    return None if found is None or found.starts_on == day else found


def ending_by(bounds: Sequence[Bound], day: date) -> Ran | None:
    """The term of which somebody has had something who leaves on a day."""
    return term_on(bounds, day - _DAY)


def terms_from(bounds: Sequence[Bound], day: date) -> Iterator[Ran]:
    """The term that runs on a day or begins after it, and all that follow; they may go on for ever."""
    found = term_on(bounds, day)
    if found is None:
        later = [bound.boundary(0) for bound in bounds if bound.boundary(0) > day]
        found = term_on(bounds, min(later)) if later else None
    while found is not None:
        yield found
        found = None if found.closes else term_on(bounds, found.ends_on)


def closes_on(bounds: Sequence[Bound]) -> date | None:
    """The first day on which the contract is over by itself, if it ever is."""
    if not bounds:
        return None
    last = bounds[-1]
    end = last.boundary(1) if last.rule.renews is None else None
    if last.until is not None and (end is None or last.until <= end):
        return last.until if last.closes else None
    return end


def after(day: date, span: Interval) -> date:
    """The day so many months and then days later."""
    return add_months(day, span.months) + timedelta(days=span.days)


def before(day: date, span: str | None) -> date:
    """The day so many months or days earlier; where that month is shorter, its last one."""
    if span is None:
        return day
    months, days = parse_interval(span)
    return add_months(day, -months) - timedelta(days=days)


def lead_days(rule: Term) -> int:
    """At least so many days before the end of a term the first sign of it comes."""
    spans = [parse_interval(text) for text in (rule.notice, rule.reminder) if text is not None]
    return sum(span.months * _MOST_DAYS + span.days for span in spans)
