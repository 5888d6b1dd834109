"""The stretch of time in which what is metered is counted, until it is counted anew."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import NamedTuple

from everycent.catalog.feature import AfterSwitch, Feature, Reset
from everycent.entitlements.standing import Standing, track_of
from everycent.kernel.calendar import Cycle, Interval, local_date
from everycent.kernel.period import Period
from everycent.subscriptions.subscription import Phase

_INTERVALS = {
    Reset.DAY: Interval(0, 1),
    Reset.WEEK: Interval(0, 7),
    Reset.MONTH: Interval(1, 0),
    Reset.YEAR: Interval(12, 0),
}
_A_MONDAY = date(2024, 1, 1)
"""Also the first day of a month and of a year."""


class Window(NamedTuple):
    """Use counts from `starts_at` on; the `whole` window is the period from which it is cut, at the end of
    which use is counted anew (None: it never is)."""

    starts_at: datetime
    whole: Period | None

    @property
    def resets_at(self) -> datetime | None:
        """When use is counted anew."""
        return None if self.whole is None else self.whole.end


def window(feature: Feature, standing: Standing, at: datetime) -> Window:
    """The window of a metered feature in which an instant lies, for a phase that runs then.

    It is cut by the contract's beginning, and after a change of plan by that if the feature says so.
    """
    contract = standing.contract
    since = contract.starts_at
    if feature.after_switch is AfterSwitch.RESTART:
        since = _since_change(standing)
    if feature.reset is Reset.NEVER:
        return Window(since, None)
    cycle = _cycle(feature.reset, standing, at)
    whole = cycle.period(cycle.index(local_date(at, contract.time_zone)))
    return Window(max(since, whole.start), whole)


def _cycle(reset: Reset, standing: Standing, at: datetime) -> Cycle:
    """What cuts the windows: the periods of the contract's own plan for add-ons too, so that what they
    add lasts as long as what it is added to; or the calendar."""
    contract = standing.contract
    if reset is Reset.PERIOD:
        phase = contract.phase_at(at) or standing.phase
        return phase.cycle(contract.time_zone)
    return Cycle(_A_MONDAY, _INTERVALS[reset], contract.time_zone)


def _since_change(standing: Standing) -> datetime:
    """When the terms of the phase began to hold; a pause between does not matter."""
    own = standing.phase

    def is_same(phase: Phase) -> bool:
        return (
            phase.takes_place
            and phase.change_no == own.change_no
            and track_of(phase) == track_of(own)
        )

    return min(phase.starts_at for phase in standing.contract.phases if is_same(phase))


def cut_at(window: Window, at: datetime) -> Period:
    """The window as a period with an end: one that has none is cut after what may be recorded ahead of
    time, a whole day after the instant."""
    if window.whole is not None:
        return Period(window.starts_at, window.whole.end)
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return Period(window.starts_at, max(midnight, window.starts_at) + timedelta(days=2))
