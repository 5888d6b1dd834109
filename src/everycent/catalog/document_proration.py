"""What a plan says of parts of periods and of its trial, checked."""

from __future__ import annotations

from everycent.catalog.document_refusals import wrong
from everycent.catalog.proration import DayCount, Proration, Trial, Unit

_MAX_DAYS = 3660


def check_proration(given: Proration, place: str) -> None:
    """Refuses a rule whose parts do not go together, with Invalid `catalog.wrong_value`."""
    if given.day_count is DayCount.THIRTY_360 and given.unit not in (Unit.DAY, Unit.NONE):
        raise wrong(
            f"{place}.day_count",
            f"30/360 counts whole days, and the unit is {given.unit.value}",
            "leave the unit out, or use another day_count",
        )
    if given.complement and given.unit is Unit.NONE:
        raise wrong(f"{place}.complement", "with the unit none every part is billed in full")


def check_trial(given: Trial, place: str) -> None:
    """Refuses a trial without an end, or with two, with Invalid `catalog.wrong_value`."""
    if (given.days is None) == (given.until is None):
        raise wrong(place, "a trial has `days`, or it ends `until` a day: one of the two")
    if given.days is not None and not 0 < given.days <= _MAX_DAYS:
        raise wrong(f"{place}.days", f"{given.days} is not between 1 and {_MAX_DAYS}")
