"""Named policies for parts of periods, changes and trials: the names, what they may be, and the defaults.

A plan carries them, a price may have its own proration, and both are frozen with the plan's version.
docs/proration.md has a formula and an example for each; subscriptions/proration.py counts by them.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum

import msgspec


class Unit(StrEnum):
    """`proration.unit`: what a period is counted in. NONE bills every part in full."""

    MILLISECOND = "millisecond"
    SECOND = "second"
    MINUTE = "minute"
    DAY = "day"
    NONE = "none"


class DayCount(StrEnum):
    """`proration.day_count`: how long a period is held to be."""

    ACTUAL = "actual"
    THIRTY = "30"
    THIRTY_360 = "30/360"
    YEAR = "365/366"


class Denominator(StrEnum):
    """`proration.denominator`: what a part is a part of, where it begins off the boundaries."""

    CYCLE = "cycle"
    CALENDAR = "calendar"
    PLAN = "plan"


class EndDay(StrEnum):
    """`proration.end_day`: whether the day on which a contract is ended is billed."""

    NOT_BILLED = "not_billed"
    BILLED = "billed"


class ChangeDay(StrEnum):
    """`proration.change_day`: on which plan the day of a change is billed."""

    NEW = "new"
    OLD = "old"
    BOTH = "both"


class Minimum(StrEnum):
    """`minimum.prorate`: the minimum of a price is due for each part of a period (in that part of it, or
    in full, as its `prorate_limits` says), or once, with the part after which the contract has no more
    of the period."""

    EACH_PART = "each_part"
    LAST_PART = "last_part"


class Credit(StrEnum):
    """`proration.credit`: how much of what was paid is given back for unused time."""

    DIFFERENCE = "difference"
    UNUSED_PART = "unused_part"
    PAID_PART = "paid_part"


class Proration(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """How a part of a period is counted and paid for.

    With `complement` the last part of a period is what the parts before it leave. `round_per_line`
    rounds credit and charge of a change each for itself, else their sum is rounded once.
    `round_daily_rate` rounds the price of one unit of time before it is multiplied.
    """

    unit: Unit = Unit.DAY
    day_count: DayCount = DayCount.ACTUAL
    denominator: Denominator = Denominator.CYCLE
    end_day: EndDay = EndDay.NOT_BILLED
    change_day: ChangeDay = ChangeDay.NEW
    complement: bool = False
    round_per_line: bool = True
    round_daily_rate: bool = False
    minimum: Minimum = Minimum.EACH_PART
    credit: Credit = Credit.DIFFERENCE


class Unused(StrEnum):
    """`termination.unused`, `change.unused`: what becomes of time that is paid and not used. SAME_ITEM
    takes it off what the price of the same key costs after the change, and keeps it where there is
    none."""

    CREDIT = "credit"
    SAME_ITEM = "same_item"
    NOTHING = "nothing"


class TakesEffect(StrEnum):
    """`change.downgrade`, `change.upgrade`: when a change to a cheaper or another plan takes effect if
    nobody names a day: when the period ends that runs, or with the day on which it is agreed."""

    PERIOD_END = "period_end"
    NOW = "now"


class Anchor(StrEnum):
    """`change.anchor`: where periods are cut after a change of plan."""

    SAME_LENGTH = "same_length"
    KEEP = "keep"
    RESET = "reset"


class Decrease(StrEnum):
    """`advance.decrease`: what happens when a quantity paid in advance is lowered."""

    CREDIT = "credit"
    KEEP = "keep"


class ChangePolicy(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a change of the contract does with time that is paid for, with the plan that was left."""

    unused: Unused = Unused.CREDIT
    unused_at_end: Unused = Unused.CREDIT
    upgrade: TakesEffect = TakesEffect.PERIOD_END
    downgrade: TakesEffect = TakesEffect.PERIOD_END
    anchor: Anchor = Anchor.SAME_LENGTH
    decrease: Decrease = Decrease.CREDIT


class TrialMode(StrEnum):
    """`trial.mode`: the first paid period begins when the trial ends, or the trial's days are taken off
    the period in which it ends."""

    OWN_PHASE = "own_phase"
    DAYS_OFF = "days_off_first_period"


class TrialUsage(StrEnum):
    """`trial.usage`: whether what is used within a trial is billed."""

    FREE = "free"
    BILLED = "billed"


class TrialChange(StrEnum):
    """`trial.change`: what becomes of a running trial when the plan is changed: it ends when it would
    have, it lasts the new plan's days from the first start or from the change, or it is over."""

    KEEP = "keep"
    FROM_START = "from_start"
    RESTART = "restart"
    END = "end"


class Trial(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Time at the start that costs nothing: so many local `days`, or `until` the start of a day."""

    days: int | None = None
    until: date | None = None
    mode: TrialMode = TrialMode.OWN_PHASE
    usage: TrialUsage = TrialUsage.FREE
    change: TrialChange = TrialChange.KEEP


DEFAULT = Proration()
DEFAULT_CHANGES = ChangePolicy()
