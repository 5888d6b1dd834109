"""What a plan says of parts of periods, of changes, of its trial and its term, in words."""

from __future__ import annotations

from everycent.catalog.plan import Plan
from everycent.catalog.proration import (
    DEFAULT,
    DEFAULT_CHANGES,
    ChangeDay,
    DayCount,
    Denominator,
    EndDay,
    Proration,
    Trial,
    TrialMode,
    TrialUsage,
    Unit,
)
from everycent.catalog.term import Leaving, Term

_COUNTS = {
    DayCount.THIRTY: "every month has 30 days",
    DayCount.THIRTY_360: "all months have 30 days (30/360)",
    DayCount.YEAR: "a year has 365 or 366 days",
}
_PARTS_OF = {
    Denominator.CALENDAR: "the first part is one of the calendar's period",
    Denominator.PLAN: "the first part is one of a full length from its start on",
}


def rule_text(rule: Proration | None) -> str:
    """How parts of periods are counted, where it is not the default: 'every month has 30 days'."""
    if rule is None or rule == DEFAULT:
        return ""
    if rule.unit is Unit.NONE:
        return "every part is billed in full"
    told = [] if rule.unit is Unit.DAY else [f"counted by {rule.unit.value}s"]
    told += [_COUNTS[rule.day_count]] if rule.day_count in _COUNTS else []
    told += [_PARTS_OF[rule.denominator]] if rule.denominator in _PARTS_OF else []
    if rule.end_day is EndDay.BILLED:
        told.append("the last day of the contract is billed")
    if rule.change_day is not ChangeDay.NEW:
        plans = "the old plan" if rule.change_day is ChangeDay.OLD else "both plans"
        told.append(f"the day of a change is billed on {plans}")
    if rule.complement:
        told.append("the last part is what the others leave")
    if rule.round_daily_rate:
        told.append(f"the price of one {rule.unit.value} is rounded first")
    if not rule.round_per_line:
        told.append("credit and charge of a change are rounded together")
    return ", ".join(told)


def trial_text(trial: Trial) -> str:
    """'14 days free of charge, then the first period begins'."""
    length = f"{trial.days} days" if trial.days is not None else f"until {trial.until}"
    kept = "free of charge" if trial.usage is TrialUsage.FREE else "without fees, usage is billed"
    after = "then the first period begins"
    if trial.mode is TrialMode.DAYS_OFF:
        after = "taken off the period in which it ends"
    return f"{length} {kept}, {after}"


def term_text(term: Term) -> str:
    """'year, then year by year, notice 3 months, reminder 60 days before that'."""
    then = "the contract ends" if term.renews is None else f"{term.renews} by {term.renews}"
    told = [f"{term.length}, then {then}"]
    if term.notice is not None:
        told.append(f"notice {term.notice}")
    if term.reminder is not None:
        told.append(f"reminder {term.reminder} before that")
    usual = {"leave": Leaving.END_OF_TERM, "downgrade": term.leave, "decrease": Leaving.ANY_TIME}
    for field, value in usual.items():
        held: Leaving = getattr(term, field)
        if held is not value:
            told.append(f"{field} {held.value.replace('_', ' ')}")
    return ", ".join(told)


def policies_told(plan: Plan) -> list[tuple[str, str]]:
    """What a plan says of its term, its trial, parts of periods and changes, where it says something."""
    told = [] if plan.term is None else [("term", term_text(plan.term))]
    told += [] if plan.trial is None else [("trial", trial_text(plan.trial))]
    if rule_text(plan.proration):
        told.append(("proration", rule_text(plan.proration)))
    if plan.changes != DEFAULT_CHANGES:
        fields = [
            f"{name} {getattr(plan.changes, name).value}"
            for name in plan.changes.__struct_fields__
            if getattr(plan.changes, name) is not getattr(DEFAULT_CHANGES, name)
        ]
        told.append(("changes", ", ".join(fields)))
    return told
