"""Subscriptions as rows. Each item opens its chain of billed periods where its phase starts, or where a
trial ends that gives it away. Terms are there to be found by when they end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from everycent.journal.event import Event
from everycent.kernel.calendar import local_date
from everycent.kernel.canonical import encode
from everycent.kernel.table import Rows, table
from everycent.subscriptions.folding import fold
from everycent.subscriptions.subscription import (
    NOTHING_OWN,
    Changed,
    OwnTerms,
    Phase,
    Subscription,
)
from everycent.subscriptions.term import lead_days
from everycent.subscriptions.timeline import Begin, Change

SUBSCRIPTION = table(
    "subscription",
    "tenant_id int4, subscription_id uuid, customer_id uuid, key text, currency text, subject text,"
    " time_zone text, starts_on date, ends_on date, starts_at timestamptz, ends_at timestamptz,"
    " changes text, changes_made int2",
    key="tenant_id, subscription_id",
)
PHASE = table(
    "subscription_phase",
    "tenant_id int4, subscription_id uuid, phase_no int2, track text, change_no int2, plan_key text,"
    " plan_version int4, anchor date, interval_months int4, interval_days int4, starts_at timestamptz,"
    " ends_at timestamptz, keeps int2[]",
    key="tenant_id, subscription_id, phase_no",
)
ITEM = table(
    "subscription_item",
    "tenant_id int4, subscription_id uuid, item_no int2, phase_no int2, plan_item_no int2,"
    " price_key text, in_advance bool, opens_at timestamptz, own text,"
    " is_commitment bool",
    key="tenant_id, subscription_id, item_no",
)
TERM = table(
    "subscription_term",
    "tenant_id int4, subscription_id uuid, change_no int2, ends_on date, every_months int4,"
    " every_days int4, lead_days int4, until date",
    key="tenant_id, subscription_id, change_no",
)
BILLED_PERIOD = table(
    "billed_period",
    "tenant_id int4, subscription_id uuid, item_no int2, starts_at timestamptz,"
    " ends_at timestamptz, charged int8, prepaid int8, invoice_id uuid, line_no int4",
    key="tenant_id, subscription_id, item_no, ends_at",
)
PERIOD_CORRECTION = table(
    "period_correction",
    "tenant_id int4, subscription_id uuid, item_no int2, starts_at timestamptz, step int2,"
    " ends_before timestamptz, ends_at timestamptz, charged_before int8, charged int8,"
    " prepaid_before int8, prepaid int8, taken_back bool, invoice_id uuid, line_no int4",
    key="tenant_id, subscription_id, item_no, starts_at, step",
)


def started(event: Event, rows: Rows, tenant_id: int) -> None:
    """A new contract with its phases and items."""
    s: Subscription = event.payload
    rows.of(SUBSCRIPTION).append(_row(s, tenant_id))
    for phase in s.phases:
        rows.of(PHASE).append(_phase(s, phase, tenant_id))
    _add_items(s, s.phases, rows, tenant_id)
    for row in _terms(s, s.changes, tenant_id):
        rows.of(TERM).append(row)


def changed(event: Event, rows: Rows, tenant_id: int) -> None:
    """A contract whose phases are others now; those that are there already may end otherwise."""
    payload: Changed = event.payload
    s = payload.subscription
    rows.put(SUBSCRIPTION, *_row(s, tenant_id))
    for phase in s.phases:  # in one statement, so that they are compared as they are in the end
        rows.put(PHASE, *_phase(s, phase, tenant_id))
    _add_items(s, s.phases[payload.phases_before :], rows, tenant_id)
    for row in _terms(s, [*s.changes, payload.change], tenant_id):
        rows.put(TERM, *row)


def _add_items(s: Subscription, phases: Iterable[Phase], rows: Rows, tenant_id: int) -> None:
    for phase in phases:
        for item in phase.items:
            opens_at = item.opens_at or phase.starts_at
            rows.of(ITEM).append(
                (tenant_id, s.subscription_id, item.item_no, phase.phase_no, item.plan_item_no,
                 item.price_key, item.in_advance, opens_at, own_text(item.own),
                 item.is_commitment)
            )  # fmt: skip
            rows.of(BILLED_PERIOD).append(
                (tenant_id, s.subscription_id, item.item_no, None, opens_at, None, 0, None, None)
            )


def _terms(
    s: Subscription, changes: Iterable[Change], tenant_id: int
) -> Iterator[tuple[object, ...]]:
    """The terms that changes have brought about; those of one that was withdrawn end as they begin."""
    told = [c for c in changes if isinstance(c.action, Begin) and c.action.terms.term is not None]
    if not told:
        return
    by_track = fold(s.changes, s.time_zone).bounds.values()
    held = {bound.change_no: bound for bounds in by_track for bound in bounds}
    for change in told:
        day = local_date(change.effective_at, s.time_zone)
        row: tuple[object, ...] = (day, 0, 0, 0, day)
        bound = held.get(change.change_no)
        if bound is not None:
            row = bound.boundary(1), *bound.each, lead_days(bound.rule), bound.until
        yield tenant_id, s.subscription_id, change.change_no, *row


def own_text(own: OwnTerms) -> str:
    """What an item has of its own as it is stored; '' for nothing."""
    return "" if own == NOTHING_OWN else encode(own).decode()


def _row(s: Subscription, tenant_id: int) -> tuple[object, ...]:
    return (
        tenant_id, s.subscription_id, s.customer_id, s.key, s.currency, s.subject, s.time_zone,
        s.starts_on, s.ends_on, s.starts_at, s.ends_at, msgspec.json.encode(s.changes).decode(),
        s.changes_made,
    )  # fmt: skip


def _phase(s: Subscription, phase: Phase, tenant_id: int) -> tuple[object, ...]:
    return (
        tenant_id, s.subscription_id, phase.phase_no, phase.track, phase.change_no, phase.plan_key,
        phase.plan_version, phase.anchor, phase.interval_months, phase.interval_days,
        phase.starts_at, phase.ends_at, list(phase.keeps),
    )  # fmt: skip
