"""What a plan, or a contract in its place, says of its term, checked."""

from __future__ import annotations

from everycent.catalog.document_refusals import Strict, placed, wrong
from everycent.catalog.term import Leaving, Term
from everycent.kernel.calendar import parse_interval

NEVER = "never"
"""In place of the interval by which it renews: the contract ends with its term."""
NONE = "none"
"""In place of the length, for a contract that has no term though its plan has one."""
_MAX_DAYS = 36_600
_DAYS_A_MONTH = 31


class TermShape(Strict):
    """A plan's `term`, or what a contract has in its place. What a contract leaves out is the plan's."""

    length: str | None = None
    renews: str | None = None
    notice: str | None = None
    reminder: str | None = None
    leave: Leaving | None = None
    downgrade: Leaving | None = None
    decrease: Leaving | None = None


def term(given: TermShape, place: str, of_plan: Term | None = None) -> Term | None:
    """The term; None where a contract says that it has none.

    Without `renews` it renews as the plan's term does, or by its own length where the plan has none;
    without `downgrade` that is as `leave` says. Raises Invalid with the place of what is wrong.
    """
    if given.length == NONE and of_plan is None:
        raise wrong(f"{place}.length", "there is no term to be left out", "leave the term out")
    if given.length == NONE:
        return None
    length = given.length or (of_plan.length if of_plan is not None else None)
    if length is None:
        raise wrong(f"{place}.length", "nothing says how long it is", "such as `length: year`")
    usual = of_plan if of_plan is not None else Term(length, length)
    renews = usual.renews if given.renews is None else given.renews
    renews = None if renews == NEVER else renews
    leave = given.leave or usual.leave
    ends_alone = renews is None and leave is Leaving.END_OF_TERM
    found = Term(
        length,
        renews,
        given.notice or (None if ends_alone else usual.notice),
        given.reminder or usual.reminder,
        leave,
        given.downgrade or given.leave or usual.downgrade,
        given.decrease or usual.decrease,
    )
    for field in ("length", "renews", "notice", "reminder"):
        text = getattr(found, field)
        if text is not None:
            _check_interval(text, f"{place}.{field}")
    if found.notice and ends_alone:
        raise wrong(
            f"{place}.notice",
            "the contract ends with its term, and before that nobody can leave: there is no notice",
            "leave it out, or let the term renew",
        )
    return found


def _check_interval(text: str, place: str) -> None:
    interval = placed(place, parse_interval, text)
    if interval.months * _DAYS_A_MONTH + interval.days > _MAX_DAYS:
        raise wrong(place, f"{text} is longer than a term may be", "up to 98 years")
