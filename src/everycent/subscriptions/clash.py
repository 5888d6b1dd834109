"""Clashes: why changes of a contract do not make one course of time, as rules with stable names.

docs/contracts.md has a table of them with an example for each, which runs as a test.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import NamedTuple

from everycent.kernel.calendar import local_date, start_of_day
from everycent.kernel.errors import Conflict
from everycent.kernel.period import instant_text
from everycent.subscriptions.timeline import (
    MAIN,
    Action,
    Agree,
    Begin,
    Cancel,
    Change,
    End,
    Pause,
    Resume,
)


class Rule(StrEnum):
    """What changes of a contract have to keep to. A refusal names it as its value."""

    NOT_STARTED = "not_started"
    CANCELLED_BEFORE = "cancelled_before"
    TERM_OVER = "term_over"
    SAME_INSTANT = "same_instant"
    NOTHING_CHANGES = "nothing_changes"
    OTHER_PLAN = "other_plan"
    PAUSED_BEFORE = "paused_before"
    NOT_PAUSED = "not_paused"
    NO_SUCH_ADD_ON = "no_such_add_on"
    PLAN_NOT_DROPPED = "plan_not_dropped"
    NOT_AN_ADD_ON = "not_an_add_on"
    NO_QUANTITY = "no_quantity"
    QUANTITY_NOT_TOLD = "quantity_not_told"
    QUANTITY_LIMITS = "quantity_limits"
    WITHIN_TERM = "within_term"
    NOTICE_LATE = "notice_late"
    PLAN_BELOW_TERM = "plan_below_term"
    QUANTITY_BELOW_TERM = "quantity_below_term"
    TERM_SHORTENED = "term_shortened"


class Clash(NamedTuple):
    """A rule, the change that breaks it, the one with which it clashes (None: there is none), and what it
    is about: a price, a day, limits."""

    rule: Rule
    change: Change
    other: Change | None
    about: str = ""


class Asked(NamedTuple):
    """The change that somebody asks for, or wants withdrawn."""

    change: Change
    is_withdrawn: bool = False


_BREAK = "or break the term on agreement, with --break-term and a --reason"
_SAYS = {
    Rule.NOT_STARTED: ("the contract has not started by then", "choose a day after {other_day}"),
    Rule.CANCELLED_BEFORE: (
        "the contract is over by then", "withdraw {other}, or choose a day before {other_day}",
    ),
    Rule.TERM_OVER: (
        "the contract ends by itself with its term on {about}",
        "choose a day before, or begin a new term by then: `switch … --on {about} --term year`",
    ),
    Rule.SAME_INSTANT: (
        "two changes to the same thing at the same instant",
        "{withdraw}choose another day than {other_day}",
    ),
    Rule.NOTHING_CHANGES: (
        "nothing would change: it is so since {other}", "leave it out",
    ),
    Rule.OTHER_PLAN: (
        "it goes on from another version of {about}, which does not run then",
        "choose a day on which it runs, or withdraw {other}",
    ),
    Rule.PAUSED_BEFORE: (
        "the contract is paused by then", "resume it before that day, or withdraw {other}",
    ),
    Rule.NOT_PAUSED: (
        "the contract is not paused then", "choose a day within a pause, or agree on one before it",
    ),
    Rule.NO_SUCH_ADD_ON: (
        "there is no add-on {about} then", "choose a day on which it runs, or add it before that day",
    ),
    Rule.PLAN_NOT_DROPPED: (
        "the plan itself is cancelled, not dropped", "use `everycent subscription cancel`",
    ),
    Rule.NOT_AN_ADD_ON: (
        "{about}", "drop the add-on when the plan changes, or choose a plan to which it belongs",
    ),
    Rule.NO_QUANTITY: (
        "no quantity of {about} is agreed then", "choose a day on which a plan with that price runs",
    ),
    Rule.QUANTITY_NOT_TOLD: ("how much of {about} is not told", "say it: --quantity {about}=…"),
    Rule.QUANTITY_LIMITS: (
        "{about}", "agree on another quantity by then, or say it with the switch: --quantity …",
    ),
    Rule.WITHIN_TERM: (
        "the term runs until {about}", "let it end on {about}, " + _BREAK,
    ),
    Rule.NOTICE_LATE: ("{about}", "leave the day out to get the next one, " + _BREAK),
    Rule.PLAN_BELOW_TERM: ("{about}", "wait for the end of the term, " + _BREAK),
    Rule.QUANTITY_BELOW_TERM: ("{about}", "wait for the end of the term, " + _BREAK),
    Rule.TERM_SHORTENED: (
        "the term that runs binds to more, until {about}",
        "take one that is as long and binds as much, " + _BREAK,
    ),
}  # fmt: skip
"""Every rule in words, and the ways out."""


def refusal(clash: Clash, zone: str, asked: Asked | None = None) -> Conflict:
    """The refusal of a change that somebody asked for, or of a withdrawal, because of a clash: it names
    the rule, both changes and the ways out. Days are those on the clock of `zone`."""
    says, ways = (text.format(**_named(clash, zone)) for text in _SAYS[clash.rule])
    subject = told(clash.change, zone)
    with_other = "" if clash.other is None else f"; it clashes with {told(clash.other, zone)}"
    message = f"{subject} can't be: {says}{with_other}"
    if asked is not None and asked.is_withdrawn:
        asked_for = told(asked.change, zone)
        message = f"{asked_for} can't be withdrawn: {subject} stands on it; without it {says}"
        ways = f"withdraw {number(clash.change)} first"
    elif asked is not None and asked.change.change_no != clash.change.change_no:
        message = f"{told(asked.change, zone)} can't be agreed, because then {message}"
        ways = f"withdraw {number(clash.change)} first, or choose another day"
    return Conflict(
        "subscription.clash", message, field="change", value=clash.rule.value, hint=ways
    )


def _named(clash: Clash, zone: str) -> dict[str, str]:
    other = clash.other
    can_go = other is not None and other.change_no > 0  # the start is cancelled, not withdrawn
    return {
        "withdraw": f"withdraw {number(other)}, or " if other is not None and can_go else "",
        "about": clash.about,
        "other": "the other one" if other is None else number(other),
        "other_day": "that" if other is None else day_text(other, zone),
    }


def number(change: Change) -> str:
    """'change 2', or what the first one is."""
    return "the start" if change.change_no == 0 else f"change {change.change_no}"


def told(change: Change, zone: str) -> str:
    """A change in a few words: 'change 2 (the contract ends on 2026-05-01)'."""
    return f"{number(change)} ({what(change.action)} on {day_text(change, zone)})"


def day_text(change: Change, zone: str) -> str:
    """The local day on which a change takes effect, or the instant where that is within one."""
    day: date = local_date(change.effective_at, zone)
    is_whole = start_of_day(day, zone) == change.effective_at
    return str(day) if is_whole else instant_text(change.effective_at)


def what(action: Action) -> str:
    """What a change does, in a few words."""
    if isinstance(action, Begin):
        named = f" as {action.track}" if action.track not in (MAIN, action.terms.plan_key) else ""
        return f"{action.terms.plan_key} version {action.terms.plan_version} begins{named}"
    if isinstance(action, End):
        return f"{action.track} is dropped"
    if isinstance(action, Agree):
        of = f" of {action.track}" if action.track else ""
        return f"{action.quantity} × {action.price_key}{of}"
    return {Cancel: "the contract ends", Pause: "paused", Resume: "resumed"}[type(action)]
