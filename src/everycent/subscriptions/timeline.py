"""What was agreed of a contract and every change to it: what a contract is folded from.

A change holds the instant at which it takes effect; whether that is in the past or in the future makes no
difference (docs/decisions/0014). folding.py makes a course of time of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import NamedTuple

import msgspec

from everycent.catalog.price import Price
from everycent.catalog.term import Term

MAIN = ""
"""The track of the plan itself; add-ons have tracks of their own."""
OF = "#"
"""Stands between a track and the price that has a course of its own on it; no key has it."""


class Course(msgspec.Struct, frozen=True, omit_defaults=True):
    """A price whose course is not that of its plan: a quantity is agreed, its periods have another length,
    or it is sold once and lasts a day.

    `quantity` is what is agreed with the terms; None leaves it at what runs (the same price of the plan
    before), and where there is none at `usual`. It is from `least` to `most`.
    """

    price_key: str
    interval_months: int
    interval_days: int
    is_once: bool = False
    is_agreed: bool = False
    quantity: str | None = None
    usual: str | None = None
    least: str = "0"
    most: str | None = None


class Terms(msgspec.Struct, frozen=True, omit_defaults=True):
    """What holds during a phase: a version of a plan, where its periods are cut, and until when it is a
    trial (None: it is none). `courses` are of prices that do not go with the plan, and `prices` those that
    were agreed in the place of the plan's, by key; `term` is how long it is agreed for (None: as long as
    nobody ends it)."""

    plan_key: str
    plan_version: int
    anchor: date
    interval_months: int
    interval_days: int
    trial_until: datetime | None = None
    courses: tuple[Course, ...] = ()
    prices: dict[str, Price] = {}
    term: Term | None = None


class Begin(msgspec.Struct, frozen=True, tag="begin", omit_defaults=True):
    """From now on a track is on these terms: the plan at the start, another plan, or an add-on. A term that
    runs goes on, unless there is to be a `new_term`. With `goes_on` they are another version of the plan
    that runs; one that `is_move` was not asked for by the contract and gives way to what is."""

    terms: Terms
    track: str = MAIN
    new_term: bool = False
    goes_on: bool = False
    is_move: bool = False


class End(msgspec.Struct, frozen=True, tag="end", omit_defaults=True):
    """From now on a track is on no terms: an add-on is dropped."""

    track: str


class Agree(msgspec.Struct, frozen=True, tag="agree", omit_defaults=True):
    """From now on another quantity of a price is agreed."""

    price_key: str
    quantity: str
    track: str = MAIN


class Cancel(msgspec.Struct, frozen=True, tag="cancel"):
    """The whole contract ends."""


class Pause(msgspec.Struct, frozen=True, tag="pause"):
    """Nothing is provided and nothing is billed from now on, until it is resumed."""


class Resume(msgspec.Struct, frozen=True, tag="resume"):
    """What was paused goes on, on the terms that hold by then and with the periods as they were cut."""


Action = Begin | End | Agree | Cancel | Pause | Resume


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """A change of a contract, numbered from 0 (its start) in the order in which they were agreed.

    Time that was paid in advance and that a change cuts off is given back, unless it `keeps_paid`. With
    `breaks_term` it was agreed although a term that runs would not allow it.
    """

    change_no: int
    effective_at: datetime
    action: Action
    keeps_paid: bool = False
    breaks_term: bool = False


class Stretch(NamedTuple):
    """A stretch of time on the same terms. It is known by its track and where it starts, and by the
    change that brought its terms about. `keeps_paid` is as the change that ended it says. `course` is of
    the only price that it has; None: it has all that have none."""

    track: str
    change_no: int
    terms: Terms
    starts_at: datetime
    ends_at: datetime | None
    keeps_paid: bool = False
    course: Course | None = None


def in_order(changes: Iterable[Change]) -> list[Change]:
    """In the order in which they take effect; those of one instant as they were agreed."""
    return sorted(changes, key=lambda change: (change.effective_at, change.change_no))


def begun_by(changes: Iterable[Change], track: str, at: datetime) -> Change:
    """The change that brought the plan about which a track has at an instant, or its first one."""
    begins = [
        change
        for change in in_order(changes)
        if isinstance(change.action, Begin) and change.action.track == track
    ]
    return next((one for one in reversed(begins) if one.effective_at <= at), begins[0])
