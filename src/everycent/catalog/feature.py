"""Features: what a customer may do, and how much of it, as plans include it."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from everycent.catalog.meter import Measure


class Kind(StrEnum):
    """SWITCH: it is there or not. LIMIT: so many at most, which the application counts. METERED: so
    much of what a meter measures, until it is reset. GRADE: one of several grades, the last the best."""

    SWITCH = "switch"
    LIMIT = "limit"
    METERED = "metered"
    GRADE = "grade"


class Reset(StrEnum):
    """When use is counted anew. PERIOD: with every billing period of the contract. DAY, WEEK (Monday),
    MONTH, YEAR: on the contract's clock and calendar. NEVER: everything since the contract began; of
    what comes and goes (a level) what is there now."""

    PERIOD = "period"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"
    NEVER = "never"


class AfterSwitch(StrEnum):
    """What becomes of the use before a change of plan. KEEP: it counts on. RESTART: it is forgotten."""

    KEEP = "keep"
    RESTART = "restart"


class Feature(msgspec.Struct, frozen=True, omit_defaults=True):
    """A feature. `measure` (the meter), `reset` and `after_switch` belong to METERED, `grades`, in
    ascending order, to GRADE."""

    key: str
    name: str
    kind: Kind
    measure: Measure | None = None
    reset: Reset = Reset.PERIOD
    after_switch: AfterSwitch = AfterSwitch.KEEP
    grades: tuple[str, ...] = ()


class Included(msgspec.Struct, frozen=True, omit_defaults=True):
    """A feature as a version of a plan includes it. `limit` (plain decimal text; None: no limit) belongs
    to LIMIT and METERED, `is_soft` to METERED: beyond the limit use goes on. `grade` belongs to GRADE."""

    feature: Feature
    limit: str | None = None
    is_soft: bool = False
    grade: str | None = None
