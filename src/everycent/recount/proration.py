"""The part of a full period that a stretch of time is, by a rule of proration: docs/proration.md, to the
letter. A rule is plain data; what it leaves out has its default."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any, NamedTuple

from everycent.recount.clock import (
    DAY,
    MICROSECOND,
    Full,
    clock_of,
    day_of,
    full_period,
    months_after,
    start_of,
)
from everycent.recount.exact import CannotRecountError, rounded

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_UNITS = {
    "millisecond": timedelta(milliseconds=1),
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "day": DAY,
}

Contract = Mapping[str, Any]


class Part(NamedTuple):
    """So many units of time out of so many, and whether more of the same full period follows after a
    change of the contract."""

    units: int
    whole: int
    goes_on: bool = False

    @property
    def share(self) -> Fraction:
        """The part of a full period."""
        return Fraction(self.units, self.whole)


def part_of(contract: Contract, start: datetime, end: datetime, *, is_followed: bool) -> Part:
    """The part of its full period that a span is.

    The contract `follows` another phase where it begins, or not; `is_followed` says the same of the span's
    end. Raises CannotRecountError when the span goes on beyond its full period.
    """
    full = full_period(contract, start)
    rule = contract.get("rule", {})
    unit, ends_inside = rule.get("unit", "day"), end != full.end
    if end > full.end:
        raise CannotRecountError("its time goes beyond the billing period in which it begins")
    if start == end:
        return Part(0, 1)
    if (start, end) == (full.start, full.end):
        return Part(1, 1)
    goes_on = ends_inside and is_followed
    if unit == "none":
        return Part(1, 1, goes_on)
    span = full.first, full.after
    begins_inside = start != full.start
    if begins_inside and not contract.get("follows", False):
        span = _denominator(day_of(start, clock_of(contract["zone"])), span, contract)
    whole = _whole(span, contract)
    begins, ends = start, end
    if unit == "day":
        begins, ends = _days(contract, start, end, full, is_followed=is_followed)
    first = full.first if unit == "day" else full.start
    if rule.get("complement", False) and not ends_inside:
        units = whole - _between(first, begins, contract) * _twelfths(contract)
    else:
        units = _between(begins, ends, contract) * _twelfths(contract)
    return Part(max(0, min(units, whole)), whole, goes_on)


def _days(
    contract: Contract, start: datetime, end: datetime, full: Full, *, is_followed: bool
) -> tuple[Any, Any]:
    """The first local day that is billed, and the first that is not."""
    rule, clock = contract.get("rule", {}), clock_of(contract["zone"])
    of_change = rule.get("change_day", "new")
    begins = full.first if start == full.start else day_of(start, clock)
    ends = full.after if end == full.end else day_of(end, clock)
    begun = day_of(end - MICROSECOND, clock) + DAY
    if start != full.start and contract.get("follows", False) and of_change == "old":
        begins = day_of(start - MICROSECOND, clock) + DAY
    if end == full.end:
        return begins, ends
    if is_followed:
        return begins, {"new": ends, "old": begun, "both": ends + DAY}[of_change]
    return begins, begun if rule.get("end_day") == "billed" else ends


def _denominator(day: date, span: tuple[date, date], contract: Contract) -> tuple[date, date]:
    """What a part is a part of that begins on a day off the boundaries."""
    months, days = contract["months"], contract["days"]
    named = contract.get("rule", {}).get("denominator", "cycle")
    if named == "calendar" and months and 12 % months == 0:
        first = date(day.year, 1, 1)
        while months_after(first, months) <= day:
            first = months_after(first, months)
        return first, months_after(first, months)
    if named == "calendar" and days == 7 and not months:
        while day.isoweekday() != 1:
            day -= DAY
        return day, day + 7 * DAY
    if named == "plan":
        return day, months_after(day, months) if months else day + days * DAY
    return span


def _whole(span: tuple[date, date], contract: Contract) -> int:
    """How many units a full period is held to have."""
    rule, months = contract.get("rule", {}), contract["months"]
    unit, count = rule.get("unit", "day"), rule.get("day_count", "actual")
    a_day = DAY // _UNITS[unit]
    if count == "30" and months:
        return 30 * int(months) * a_day
    if count == "365/366" and months:
        return (months_after(span[0], 12) - span[0]).days * int(months) * a_day
    if unit == "day":
        return _between(*span, contract)
    clock = clock_of(contract["zone"])
    return _between(start_of(span[0], clock), start_of(span[1], clock), contract)


def _twelfths(contract: Contract) -> int:
    is_of_year = contract.get("rule", {}).get("day_count") == "365/366"
    return 12 if is_of_year and contract["months"] else 1


def _between(begins: Any, ends: Any, contract: Contract) -> int:
    """Units of time from one day to another, or from one instant to another."""
    rule = contract.get("rule", {})
    unit = rule.get("unit", "day")
    if unit != "day":
        return int((ends - _EPOCH) // _UNITS[unit] - (begins - _EPOCH) // _UNITS[unit])
    if rule.get("day_count") == "30/360":
        years, months = ends.year - begins.year, ends.month - begins.month
        days = min(ends.day, 30) - min(begins.day, 30)
        return int(360 * years + 30 * months + days)
    return int((ends - begins).days)


def given_back(
    terms: Mapping[str, Any],
    amount: Fraction,
    charged: int,
    shares: tuple[Fraction, Fraction],
    places: int,
) -> int:
    """What a change gives back of what was charged, in minor units, where it is not the difference. `terms`
    has the `credit` and the `rounding`; the shares were charged, and are used now."""
    was, used = shares
    if was == used:
        return 0
    found = Fraction(charged) * (was - used) / was
    if terms["credit"] == "unused_part":
        found = amount * 10**places * (was - used)
    whole = int(rounded(found, 0, terms["rounding"]))
    return max(0, min(whole, charged))
