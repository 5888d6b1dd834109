"""The sentences of an answer: what contracts give or don't, and how much is used. Days are those of the
contract's clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from everycent.catalog.feature import Kind, Reset
from everycent.entitlements.pools import Counted, Source
from everycent.entitlements.standing import Standing, State, paused_since
from everycent.kernel.calendar import local_date
from everycent.kernel.quantity import plain


def gives(source: Source) -> str:
    """What a phase that runs includes: 'acme: plan pro version 2 (phase 1) includes 100 call a month'."""
    standing, included = source
    feature = included.feature
    unit = "" if feature.measure is None else f" {feature.measure.unit}"
    what = "it"
    if feature.kind is Kind.GRADE:
        what = f"the grade {included.grade}"
    elif feature.kind is Kind.LIMIT:
        what = "any number" if included.limit is None else f"up to {included.limit}"
    elif feature.kind is Kind.METERED:
        every = "in all" if feature.reset is Reset.NEVER else f"a {feature.reset}"
        what = "any use" if included.limit is None else f"{included.limit}{unit} {every}"
    text = f"{_place(standing)} includes {what}"
    if standing.state is State.TRIAL and standing.phase.trial_until is not None:
        text += f", on trial until {_day(standing, standing.phase.trial_until)}"
    return text


def gives_nothing(standing: Standing, at: datetime) -> str:
    """Why a phase whose plan includes the feature does not give it."""
    phase = standing.phase
    if standing.state is State.PLANNED:
        return f"{_place(standing)} includes it from {_day(standing, phase.starts_at)} on"
    since = paused_since(standing.contract, at)
    if standing.state is State.PAUSED and since is not None:
        return f"{_place(standing)} includes it, and is paused since {_day(standing, since)}"
    ended = (
        "" if phase.ends_at is None else f" until {_day(standing, phase.ends_at)}, and has ended"
    )
    return f"{_place(standing)} included it{ended}"


def gives_not(standing: Standing) -> str:
    """That a phase that runs does not include the feature."""
    return f"{_place(standing)} does not include it"


def used_up(counted: Sequence[Counted], used: Decimal, limit: Decimal | None) -> str:
    """'80 of 100 call used since 2026-01-01, counted anew on 2026-02-01', '2 of 3 seat in use'."""
    pool = counted[0].pool
    of = "" if limit is None else f" of {plain(limit)}"
    text = f"{plain(used)}{of} {pool.measure.unit}"
    if len(counted) > 1:
        return f"{text} used in {len(counted)} windows"
    if pool.is_standing:
        return f"{text} in use"
    text += f" used since {local_date(pool.window.starts_at, pool.time_zone)}"
    if pool.window.resets_at is not None:
        text += f", counted anew on {local_date(pool.window.resets_at, pool.time_zone)}"
    return text


def _place(standing: Standing) -> str:
    phase = standing.phase
    return (
        f"{standing.contract.key}: plan {phase.plan_key} version {phase.plan_version}"
        f" (phase {phase.phase_no})"
    )


def _day(standing: Standing, at: datetime) -> str:
    return local_date(at, standing.contract.time_zone).isoformat()
