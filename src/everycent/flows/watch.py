"""Watch: thresholds are crossed once per billing period, however many processes look.

A check reads everything in one snapshot with a few statements, decides, and writes what was crossed
in a transaction of its own, where the key of `usage_crossing` has the last word. What has fallen back
below a threshold and reaches it again is not told again in the same period.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from everycent.catalog.meter import Measure, series_of
from everycent.consumption.usage import is_level
from everycent.customers import queries as customers
from everycent.db.connection import Database, Tx
from everycent.flows import meters
from everycent.flows.watched import Watched, reached_by
from everycent.kernel.calendar import local_date
from everycent.kernel.errors import NotFound, Refusal
from everycent.kernel.period import Period
from everycent.metering import operations as metering
from everycent.subscriptions import queries as subscriptions
from everycent.subscriptions.subscription import Subscription
from everycent.watching import operations, queries
from everycent.watching.operations import Writing
from everycent.watching.queries import Seen
from everycent.watching.threshold import Crossing, Threshold, crossing


class Basis(NamedTuple):
    """What the usage that is watched depends on beside records: contracts with their phases, and so the
    versions of their plans, and the meter."""

    period: Period
    held: tuple[Subscription, ...]
    measure: Measure | None


class Noticed(NamedTuple):
    """What a watcher keeps from one check to the next, safe to lose: how far it has seen what came in,
    and which thresholds it looked at in which period, on which basis."""

    seen: Seen = Seen()
    looked: Mapping[tuple[str, int, datetime], Basis] = MappingProxyType({})


class Checked(NamedTuple):
    """What a check found: crossings that nobody had written down, and thresholds that could not be
    worked out."""

    crossed: list[Crossing]
    refused: list[tuple[Threshold, Refusal]]
    noticed: Noticed


def define(tx: Tx, wanted: Threshold, writing: Writing) -> Threshold:
    """Sets a threshold whose meter and owner exist. Raises NotFound `meter.unknown`,
    `threshold.no_subscription`."""
    if wanted.meter is not None:
        measure = meters.measure(tx, wanted.meter)
        metering.know_names(tx, [], {series.meter for _, series in series_of(measure)})
    owner = [] if wanted.customer_id is None else [wanted.customer_id]
    subject = [] if wanted.subject is None else [wanted.subject]
    if not subscriptions.owned(tx, owner, subject):
        raise NotFound(
            "threshold.no_subscription",
            "nobody has subscribed to anything there, so no period could be watched",
            field="customer" if owner else "subject",
            value=wanted.subject,
            hint="start a subscription first: everycent subscription start",
        )
    return operations.set_threshold(tx, wanted, **writing)


def check(
    database: Database,
    tenant_id: int,
    as_of: datetime,
    writing: Writing,
    noticed: Noticed = Noticed(),  # noqa: B008 - never changed
) -> Checked:
    """Looks at every threshold in its running period and writes down what is crossed.

    With what an earlier check `noticed` it passes over usage of which nothing new came while contracts and
    meter stayed as they were; cost and what is weighed by time it looks at every time. Any number of
    processes may check at once.
    """
    with database.snapshot(tenant_id) as tx:
        tx.look_up_by_key()
        held, wanted = _wanted(tx, as_of)
        subjects = {one.subject for one in held}
        fresh, seen = queries.news(tx, noticed.seen, subjects)
        known = queries.crossed_already(tx, [one.name for one in wanted])
        measures = meters.measures(tx) if wanted else {}
        bases = {one.name: _basis(one, measures) for one in wanted}
        due = [
            one
            for one in wanted
            if one.name not in known
            and (noticed.looked.get(one.name) != bases[one.name] or _moves(one, fresh, measures))
        ]
        reached, refused = reached_by(tx, due, measures, as_of)
    found = [
        made
        for one, value, unit in reached
        if (made := crossing(one.threshold, one.period, value, unit, as_of)) is not None
    ]
    crossed: list[Crossing] = []
    if found:
        with database.transaction(tenant_id) as tx:
            crossed = operations.cross(tx, found, **writing)
    failed = {threshold.key for threshold, _ in refused}
    looked = {one.name: bases[one.name] for one in wanted if one.threshold.key not in failed}
    return Checked(crossed, refused, Noticed(seen, looked))


def _wanted(tx: Tx, as_of: datetime) -> tuple[list[Subscription], list[Watched]]:
    """Every threshold with the subscriptions that it looks at, by the period in which they are."""
    thresholds = queries.thresholds(tx)
    owners = {t.customer_id for t in thresholds if t.customer_id is not None}
    subjects = {t.subject for t in thresholds if t.subject is not None}
    if not thresholds:
        return [], []
    held = [
        (one, period)
        for one in subscriptions.owned(tx, sorted(owners), sorted(subjects))
        if (period := _period(one, as_of)) is not None
    ]
    by_owner: dict[UUID | str, list[tuple[Subscription, Period]]] = {}
    for one, period in held:
        by_owner.setdefault(one.customer_id, []).append((one, period))
        by_owner.setdefault(one.subject, []).append((one, period))
    wanted: list[Watched] = []
    for threshold in thresholds:
        by_period: dict[Period, list[Subscription]] = {}
        for one, period in by_owner.get(threshold.customer_id or threshold.subject or "", []):
            by_period.setdefault(period, []).append(one)
        # Contracts of one customer that are cut on different days are watched each in its own period;
        # of those that begin together and end apart, together.
        starts: dict[datetime, Watched] = {}
        for period, own in sorted(by_period.items()):
            before = starts.get(period.start)
            starts[period.start] = Watched(
                threshold, period, (() if before is None else before.held) + tuple(own)
            )
        wanted.extend(starts.values())
    return [one for one, _ in held], wanted


def _period(one: Subscription, as_of: datetime) -> Period | None:
    """The billing period in which the contract is, None outside its term and while it is paused."""
    phase = one.phase_at(as_of)
    if phase is None:
        return None
    cycle = phase.cycle(one.time_zone)
    full = cycle.period(cycle.index(local_date(as_of, one.time_zone)))
    end = full.end if one.ends_at is None else min(full.end, one.ends_at)
    return Period(max(full.start, one.starts_at), end)


def _basis(one: Watched, measures: Mapping[str, Measure]) -> Basis:
    meter = one.threshold.meter
    return Basis(one.period, one.held, None if meter is None else measures.get(meter))


def _moves(one: Watched, fresh: set[str], measures: Mapping[str, Measure]) -> bool:
    """Whether what is watched can have changed though its basis has not."""
    if one.threshold.meter is None or any(held.subject in fresh for held in one.held):
        return True
    measure = measures.get(one.threshold.meter)
    return measure is not None and any(is_level(series) for _, series in series_of(measure))


def owner_text(threshold: Threshold, names: Mapping[UUID, str]) -> str:
    """Who is watched, for people: 'customer acme' or 'subject 4711'; `names` are customers' keys."""
    if threshold.customer_id is not None:
        return f"customer {names.get(threshold.customer_id, threshold.customer_id)}"
    return f"subject {threshold.subject}"


def customer_names(tx: Tx, thresholds: Iterable[Threshold]) -> dict[UUID, str]:
    """The keys of the customers that are watched."""
    wanted = {t.customer_id for t in thresholds if t.customer_id is not None}
    return {found: made.key for found, made in customers.by_ids(tx, sorted(wanted)).items()}


class Listed(NamedTuple):
    """Thresholds with their newest crossings and the keys of the customers that are watched."""

    thresholds: list[Threshold]
    crossings: list[Crossing]
    names: dict[UUID, str]


def listed(tx: Tx, limit: int = 1000) -> Listed:
    """What is watched, and when it was crossed; the newest crossings first, so many of them."""
    found = queries.thresholds(tx)
    return Listed(found, queries.crossings(tx, limit=limit), customer_names(tx, found))


def as_data(found: Listed) -> dict[str, Any]:
    """The same as a program gets it."""
    return {
        "thresholds": [threshold_data(one, found.names) for one in found.thresholds],
        "crossings": [msgspec.to_builtins(one) for one in found.crossings],
    }


def threshold_data(threshold: Threshold, names: Mapping[UUID, str]) -> dict[str, Any]:
    """One threshold."""
    return {
        "key": threshold.key,
        "version": threshold.version,
        "customer": None if threshold.customer_id is None else names.get(threshold.customer_id),
        "subject": threshold.subject,
        "meter": threshold.meter,
        "value": threshold.value,
    }
