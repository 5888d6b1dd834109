"""Bounds: what an intake policy says a record of its meter may look like, checked before it is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import msgspec

from everycent.catalog.intake import IntakePolicy
from everycent.kernel.errors import Invalid
from everycent.metering.record import UsageRecord

_DIMENSIONS = msgspec.json.Decoder(dict[str, str])


class _Bounds(NamedTuple):
    """A policy as it holds now; None is no bound."""

    low: Decimal | None
    high: Decimal | None
    earliest: datetime | None
    latest: datetime | None
    policy: IntakePolicy


def refusals_of(
    records: Sequence[UsageRecord], policies: Mapping[str, IntakePolicy], now: datetime
) -> dict[int, Invalid]:
    """Which of the records are out of the bounds of their meter's policy, by their position, and why.

    The codes are `usage.value_out_of_bounds`, `usage.too_old`, `usage.too_far_ahead`,
    `usage.dimension_missing` and `usage.dimension_unknown`. Records of meters without a policy cost
    one look-up.
    """
    bounds = {meter: _bounds(policy, now) for meter, policy in policies.items()}
    bounds = {meter: found for meter, found in bounds.items() if _binds(found)}
    if not bounds:
        return {}
    found: dict[int, Invalid] = {}
    sound: set[tuple[str, str]] = set()  # meters and dimensions that were looked at
    for position, record in enumerate(records):
        if record.meter not in bounds:
            continue
        refusal = _refusal(record, bounds[record.meter], sound)
        if refusal is not None:
            found[position] = refusal
    return found


def _bounds(policy: IntakePolicy, now: datetime) -> _Bounds:
    days, minutes = policy.accept_days, policy.ahead_minutes
    return _Bounds(
        None if policy.value_min is None else Decimal(policy.value_min),
        None if policy.value_max is None else Decimal(policy.value_max),
        None if days is None else now - timedelta(days=days),
        None if minutes is None else now + timedelta(minutes=minutes),
        policy,
    )


def _binds(bounds: _Bounds) -> bool:
    *limits, policy = bounds
    has_limit = any(limit is not None for limit in limits)
    return has_limit or bool(policy.required) or policy.allowed is not None


def _refusal(record: UsageRecord, bounds: _Bounds, sound: set[tuple[str, str]]) -> Invalid | None:
    low, high, earliest, latest, policy = bounds
    if low is not None or high is not None:
        value = Decimal(record.value)
        if (low is not None and value < low) or (high is not None and value > high):
            return _value_out_of_bounds(record, policy)
    if earliest is not None and record.at < earliest:
        return Invalid(
            "usage.too_old",
            f"records of {record.meter} are taken for {policy.accept_days} days;"
            f" this one is of {record.at.isoformat()}",
            field="at",
            value=record.at.isoformat(),
            hint="correct the time; what really is that old goes in with `everycent usage backfill`,"
            " or under a policy that accepts more days",
        )
    if latest is not None and record.at > latest:
        return Invalid(
            "usage.too_far_ahead",
            f"records of {record.meter} may lie {policy.ahead_minutes} minutes ahead;"
            f" this one is of {record.at.isoformat()}",
            field="at",
            value=record.at.isoformat(),
            hint="correct the time, or the clock that it comes from",
        )
    key = (record.meter, record.dimensions)
    if key in sound:
        return None
    refusal = _dimensions_refusal(record, policy)
    if refusal is None:
        sound.add(key)
    return refusal


def _value_out_of_bounds(record: UsageRecord, policy: IntakePolicy) -> Invalid:
    told = [
        f"at least {policy.value_min}" if policy.value_min is not None else "",
        f"at most {policy.value_max}" if policy.value_max is not None else "",
    ]
    return Invalid(
        "usage.value_out_of_bounds",
        f"a value of {record.meter} is {' and '.join(filter(None, told))}, not {record.value}",
        field="value",
        value=record.value,
        hint="correct the value, or the policy in the catalogue's section intake",
    )


def _dimensions_refusal(record: UsageRecord, policy: IntakePolicy) -> Invalid | None:
    if not policy.required and policy.allowed is None:
        return None
    told = _DIMENSIONS.decode(record.dimensions)
    for name in policy.required:
        if name not in told:
            return Invalid(
                "usage.dimension_missing",
                f"a record of {record.meter} tells the dimension {name!r}",
                field=f"dimensions.{name}",
                hint="required are " + ", ".join(policy.required),
            )
    if policy.allowed is None:
        return None
    known = {*policy.required, *policy.allowed}
    for name in told:
        if name not in known:
            return Invalid(
                "usage.dimension_unknown",
                f"{record.meter} has no dimension {name[:60]!r}",
                field=f"dimensions.{name[:60]}",
                hint="allowed are " + ", ".join(sorted(known)),
            )
    return None
