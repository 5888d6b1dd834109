"""Offer: the version of a plan that a contract begins with, and the days on which it is the one to take."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

from everycent.catalog.plan import Plan
from everycent.kernel.calendar import local_date
from everycent.kernel.errors import Conflict


class Offer(NamedTuple):
    """A version of a plan: the newest, or one that `is_named`. `since` is (version, since when it holds) of
    all that there are, in their order."""

    version: int
    plan: Plan
    since: tuple[tuple[int, datetime], ...]
    is_named: bool = False


def check_offer(offer: Offer, day: date, zone: str) -> None:
    """Refuses a version for a local day before it came, where another one held by then, with Conflict
    `plan.version_later`. Before the first version that one may be taken, and always one that is named."""
    dated = [(version, local_date(at, zone)) for version, at in offer.since]
    held = [version for version, since in dated if since <= day]
    right = held[-1] if held else dated[0][0]
    if offer.is_named or right == offer.version:
        return
    came = dict(dated)[offer.version]
    raise Conflict(
        "plan.version_later",
        f"version {offer.version} of {offer.plan.key} holds from {came} on;"
        f" on {day} it was version {right}",
        field="plan",
        value=offer.version,
        hint=f"choose {came} or a later day, or take the other version: --plan-version {right}",
    )
