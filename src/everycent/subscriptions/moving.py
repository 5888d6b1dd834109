"""Contracts that go over to the newest version of the plan that they have. Everything here is pure."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import NamedTuple

from everycent.catalog.offer import Offer, check_offer
from everycent.catalog.plan import Plan
from everycent.catalog.policies import DEFAULTS, Policies
from everycent.kernel.calendar import local_date, start_of_day
from everycent.kernel.errors import Conflict, Refusal
from everycent.subscriptions.agreeing import Billed, agreed
from everycent.subscriptions.changing import going_on
from everycent.subscriptions.clash import told
from everycent.subscriptions.currencies import check_currency
from everycent.subscriptions.leaving import period_of
from everycent.subscriptions.phases import Plans
from everycent.subscriptions.state import touched
from everycent.subscriptions.subscription import Changed, Subscription
from everycent.subscriptions.terms import switched
from everycent.subscriptions.timeline import Begin, Change, begun_by
from everycent.subscriptions.told import NOTHING_TOLD


class Wanted(NamedTuple):
    """What contracts are to go over to: the newest version of a plan, from a local day on, or (None) when
    the period ends that runs as it is agreed; only those on `from_version`, if that is told. `policies` are
    those of the tenant."""

    offer: Offer
    on: date | None = None
    from_version: int | None = None
    policies: Policies = DEFAULTS

    @property
    def version(self) -> int:
        """The newest version."""
        return self.offer.version

    @property
    def plan(self) -> Plan:
        """The plan as it is then."""
        return self.offer.plan


class Moved(NamedTuple):
    """What became of a contract: the changes, none where there is nothing to be changed, or the reason why
    it is left as it is. `from_versions` are those that it goes over from."""

    key: str
    changes: tuple[Changed, ...] = ()
    refused: Refusal | None = None
    from_versions: tuple[int, ...] = ()


def moved(
    held: Subscription, wanted: Wanted, plans: Plans, billed: Billed, at: datetime, reason: str
) -> Moved:
    """The contract with its plan, and all of its add-ons that are of this plan, on the newest version; all
    of it or nothing. `plans` holds those of all its phases, and the newest version."""
    key = held.key
    tracks = {c.action.track for c in held.changes if isinstance(c.action, Begin)}
    changes: list[Changed] = []
    versions = []
    try:
        check_currency(wanted.plan, held.currency, key, wanted.policies)
        for track in sorted(tracks):
            found = _change(held, track, wanted, plans, at)
            if found is not None:
                version, change = found
                changes.append(agreed(held, change, plans, billed, reason))
                held = changes[-1].subscription
                versions.append(version)
    except Refusal as refusal:
        return Moved(key, refused=refusal)
    return Moved(key, tuple(changes), None, tuple(versions))


def _change(
    held: Subscription, track: str, wanted: Wanted, plans: Plans, at: datetime
) -> tuple[int, Change] | None:
    """The version that a track has on the day of the change, and the change; None where there is none.

    Raises Conflict `subscription.planned_version`, and what the new version's terms raise.
    """
    phases = sorted(
        (phase for phase in held.phases if phase.track == track and phase.takes_place),
        key=lambda phase: phase.starts_at,
    )
    if not phases:
        return None
    zone = held.time_zone
    begun_by_now = [phase for phase in phases if phase.starts_at <= at]
    day = wanted.on or period_of([phases[0], *begun_by_now][-1], held, at)[1]
    starts_at = start_of_day(day, zone)
    _check_planned(held, track, wanted, starts_at)
    begun = begun_by(held.changes, track, starts_at)
    running = next((p for p in phases if p.change_no == begun.change_no), None)
    is_over = all(p.ends_at is not None and p.ends_at <= starts_at for p in phases)
    if (
        running is None
        or is_over
        or begun.effective_at >= starts_at
        or not _is_meant(begun, wanted)
    ):
        return None
    check_offer(wanted.offer, day, zone)
    version = running.plan_version
    left = plans[running.plan_key, version]
    first = begun_by(held.changes, track, datetime.min.replace(tzinfo=UTC))
    terms = switched(
        wanted.plan, wanted.version, day, zone, running, left,
        local_date(first.effective_at, zone), told=going_on(held, running, left, NOTHING_TOLD),
    )  # fmt: skip
    return version, Change(
        held.changes_made, starts_at, Begin(terms, track, goes_on=True, is_move=True)
    )


def _is_meant(change: Change, wanted: Wanted) -> bool:
    """Whether a change brings about a version that is to be left."""
    if not isinstance(change.action, Begin):
        return False
    terms = change.action.terms
    return (
        terms.plan_key == wanted.plan.key
        and terms.plan_version < wanted.version
        and wanted.from_version in (None, terms.plan_version)
    )


def _check_planned(held: Subscription, track: str, wanted: Wanted, starts_at: datetime) -> None:
    """Refuses where the plan begins on that day or later, in a version that is not the newest any more."""
    for change in held.changes:
        is_later = touched(change.action) == track and change.effective_at >= starts_at
        if is_later and _is_meant(change, wanted):
            raise Conflict(
                "subscription.planned_version",
                f"{told(change, held.time_zone)} was agreed before version {wanted.version} came",
                field="change",
                value=str(change.change_no),
                hint="withdraw it and agree on it again, which takes the newest version",
            )
