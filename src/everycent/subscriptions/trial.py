"""Trials: how long one lasts, where the periods after it are cut, and what it gives away.

A trial is no phase of its own but the beginning of one: what it gives away is billed from the day on
which it ends, and its chain of billed periods begins there. So a change, a pause or an end within the
trial is one like any other.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from everycent.catalog.plan import Item
from everycent.catalog.proration import Trial, TrialChange, TrialMode, TrialUsage
from everycent.kernel.calendar import start_of_day


def is_free(trial: Trial | None, item: Item) -> bool:
    """Whether the trial gives the item away: fees always, usage where the trial says so, what is sold once
    never. A plan without a trial of its own, entered within another plan's, gives all else away."""
    if item.price.is_once:
        return False
    return item.measure is None or trial is None or trial.usage is TrialUsage.FREE


def last_day(trial: Trial, start: date) -> date:
    """The first local day after the trial."""
    if trial.until is not None:
        return max(trial.until, start)
    assert trial.days is not None, "a trial has days or an end"
    return start + timedelta(days=trial.days)


def first_trial(trial: Trial | None, start: date, zone: str) -> datetime | None:
    """When the trial of a contract ends that starts on a day; None without one."""
    if trial is None or last_day(trial, start) <= start:
        return None
    return start_of_day(last_day(trial, start), zone)


def trial_after(
    trial: Trial | None, running: datetime | None, started: date, changed: date, zone: str
) -> datetime | None:
    """When the trial ends of a contract that goes over to a plan with this trial on the day `changed`.

    Only a trial that runs then goes on; `running` is when it would have ended.
    """
    now = start_of_day(changed, zone)
    if running is None or running <= now:
        return None
    match TrialChange.KEEP if trial is None else trial.change:
        case TrialChange.FROM_START:
            ends_at = first_trial(trial, started, zone)
        case TrialChange.RESTART:
            ends_at = first_trial(trial, changed, zone)
        case TrialChange.END:
            ends_at = None
        case TrialChange.KEEP:
            ends_at = running
    return ends_at if ends_at is not None and ends_at > now else None


def moves_anchor(trial: Trial | None) -> bool:
    """Whether the periods are counted from the end of the trial on."""
    return trial is None or trial.mode is TrialMode.OWN_PHASE
